"""What the history of a number changes: every state of our books against every word of it."""

from itertools import product
from typing import Final

import pytest

from worker.domain.activation import ProviderState
from worker.domain.history_check import (
    BookedNumber,
    ExposureState,
    HistoryCorrection,
    check_history,
)
from worker.domain.price_fate import PriceFate

OPEN, CANCELLING, CANCELLED, FINISHING, FINISHED, CHARGED, GONE, DISPUTED = ProviderState
KEPT, GIVEN_BACK, UNKNOWN, NOT_YET = PriceFate

#: Where our books stand: the state, and what it was before its open dispute.
PLACES: Final = (
    *((state, None) for state in ProviderState),
    *((DISPUTED, before) for before in ProviderState if before is not DISPUTED),
)
#: What it becomes, whether or not it is exposed.
ALWAYS: Final = {
    # Nobody could tell us who has the price: the history's word is taken.
    (GONE, None, KEPT): CHARGED,
    (GONE, None, GIVEN_BACK): CANCELLED,
    (DISPUTED, GONE, KEPT): CHARGED,
    (DISPUTED, GONE, GIVEN_BACK): CANCELLED,
    # Both say who has the price, and differ.
    (CANCELLED, None, KEPT): DISPUTED,
    (FINISHED, None, GIVEN_BACK): DISPUTED,
    (CHARGED, None, GIVEN_BACK): DISPUTED,
    # They agree again.
    (DISPUTED, CANCELLED, GIVEN_BACK): CANCELLED,
    (DISPUTED, FINISHED, KEPT): FINISHED,
    (DISPUTED, CHARGED, KEPT): CHARGED,
}
#: What it becomes only while it is exposed: it costs nothing after all.
EXPOSED: Final = {
    (CANCELLED, None, GIVEN_BACK): CANCELLED,
    (DISPUTED, None, GIVEN_BACK): CANCELLED,
}
#: The exposure of a number whose customer has the price back, by what the number becomes.
EXPOSURES: Final = {
    (DISPUTED, KEPT): ExposureState.OPEN,
    (FINISHED, KEPT): ExposureState.OPEN,
    (CHARGED, KEPT): ExposureState.LOSS,
    (CANCELLED, GIVEN_BACK): ExposureState.RESOLVED,
    (DISPUTED, GIVEN_BACK): None,
}


@pytest.mark.parametrize("fate", PriceFate, ids=lambda fate: fate.value)
@pytest.mark.parametrize(("state", "before"), PLACES)
@pytest.mark.parametrize("refunded", [False, True], ids=["kept by us", "refunded"])
@pytest.mark.parametrize("exposed", [False, True], ids=["not exposed", "exposed"])
def test_every_state_of_our_books_against_every_word_of_the_history(
    *,
    state: ProviderState,
    before: ProviderState | None,
    refunded: bool,
    exposed: bool,
    fate: PriceFate,
) -> None:
    place = state, before, fate
    becomes = (ALWAYS | EXPOSED if exposed else ALWAYS).get(place)

    correction = check_history(BookedNumber(state, before, refunded, exposed), fate)

    if becomes is None:
        assert correction is None
    else:
        exposure = EXPOSURES[becomes, fate]
        if not refunded and exposure is not ExposureState.RESOLVED:
            exposure = None
        assert correction == HistoryCorrection(becomes, exposure)


@pytest.mark.parametrize("fate", [KEPT, GIVEN_BACK], ids=lambda fate: fate.value)
@pytest.mark.parametrize(("state", "before"), PLACES)
def test_told_again_it_changes_nothing(
    state: ProviderState, before: ProviderState | None, fate: PriceFate
) -> None:
    for refunded, exposed in product((False, True), repeat=2):
        first = check_history(BookedNumber(state, before, refunded, exposed), fate)
        if first is None:
            continue
        held = state if first.becomes is DISPUTED else None
        still = exposed if first.exposure is None else first.exposure is not ExposureState.RESOLVED

        assert check_history(BookedNumber(first.becomes, held, refunded, still), fate) is None


@pytest.mark.parametrize("fate", [UNKNOWN, NOT_YET], ids=lambda fate: fate.value)
def test_a_history_that_does_not_tell_who_has_the_price_changes_nothing(fate: PriceFate) -> None:
    for state, before in PLACES:
        for refunded, exposed in product((False, True), repeat=2):
            assert check_history(BookedNumber(state, before, refunded, exposed), fate) is None
