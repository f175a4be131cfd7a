"""Who has the price: each reply is one of four words, and each word ends a number in one way."""

import pytest

from worker.domain.activation import ProviderState
from worker.domain.price_fate import PriceFate, ended_as
from worker.ports.provider import (
    CodesArrived,
    Ended,
    NotKnown,
    Observation,
    Sms,
    Waiting,
    price_fate,
)

SMS = (Sms("1234"),)


@pytest.mark.parametrize(
    ("seen", "fate"),
    [
        (Waiting(), PriceFate.NOT_YET),
        (CodesArrived(SMS), PriceFate.KEPT),
        (Ended(PriceFate.KEPT, SMS), PriceFate.KEPT),
        (Ended(PriceFate.KEPT), PriceFate.KEPT),
        (Ended(PriceFate.GIVEN_BACK), PriceFate.GIVEN_BACK),
        (Ended(), PriceFate.UNKNOWN),
        (NotKnown(), PriceFate.UNKNOWN),
    ],
)
def test_the_status_of_a_number_says_who_has_its_price(seen: Observation, fate: PriceFate) -> None:
    assert price_fate(seen) is fate


@pytest.mark.parametrize(
    ("fate", "state"),
    [
        (PriceFate.KEPT, ProviderState.CHARGED),
        (PriceFate.GIVEN_BACK, ProviderState.CANCELLED),
        (PriceFate.UNKNOWN, ProviderState.GONE),
        (PriceFate.NOT_YET, ProviderState.CANCELLING),
    ],
)
def test_a_number_without_a_code_ends_in_our_books_as_its_price_does(
    fate: PriceFate, state: ProviderState
) -> None:
    assert ended_as(fate) is state
