"""Every reply to a cancel, and what follows from it: never more than it says."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from tests.unit.lifecycle.scripted import (
    RENTED,
    SECOND,
    SIM,
    OwnTime,
    ScriptedProvider,
    due,
    free,
)
from worker.domain.backoff import CANCEL
from worker.domain.families import Capabilities
from worker.domain.price_fate import PriceFate
from worker.lifecycle.budget import unconditional
from worker.lifecycle.cancel import (
    REFUSED_RETRY,
    SOONEST,
    AskAgain,
    CancelAtProvider,
    CancelOutcome,
    PriceKnown,
)
from worker.ports.errors import (
    CallOvertaken,
    CircuitOpen,
    ProviderRefused,
    ProviderUnavailable,
    UnknownReply,
)
from worker.ports.provider import (
    Circuit,
    CodesArrived,
    Ended,
    NotKnown,
    Refusal,
    Refused,
    Sms,
    Waiting,
)
from worker.ports.store.settlements import DueNumber

SMS = (Sms("1234", "Your code is 1234"),)
HALF = CANCEL.first / 2  #: The shortest first wait, for `chance` 0.


@pytest.fixture
def provider() -> ScriptedProvider:
    return ScriptedProvider()


@pytest.fixture
def careful() -> ScriptedProvider:
    """Of a family whose calls can change more than they say."""
    return ScriptedProvider(capabilities=Capabilities(look_changes_things=True))


async def end(
    provider: ScriptedProvider, number: DueNumber, time: OwnTime | None = None
) -> CancelOutcome:
    clock = (time or OwnTime()).clock()
    return await CancelAtProvider(clock=clock, pay=free)(provider, number)


def operations(provider: ScriptedProvider) -> list[str]:
    return [operation for operation, _ in provider.calls]


async def test_a_confirmed_cancel_gave_the_number_back(provider: ScriptedProvider) -> None:
    provider.will("cancel", Ended(PriceFate.GIVEN_BACK))

    assert await end(provider, due()) == PriceKnown(PriceFate.GIVEN_BACK)
    assert operations(provider) == ["cancel"]


async def test_a_code_in_the_refusal_needs_no_further_question(provider: ScriptedProvider) -> None:
    provider.will("cancel", Refused(Refusal.CODE_ARRIVED, sms=SMS))

    assert await end(provider, due()) == PriceKnown(PriceFate.KEPT, SMS)
    assert operations(provider) == ["cancel"]


REFUSALS = [Refusal.CODE_ARRIVED, Refusal.NOT_CANCELLABLE, Refusal.UNCLEAR]


@pytest.mark.parametrize("why", REFUSALS)
@pytest.mark.parametrize(
    ("seen", "outcome"),
    [
        (Ended(PriceFate.GIVEN_BACK), PriceKnown(PriceFate.GIVEN_BACK)),
        (CodesArrived(SMS), PriceKnown(PriceFate.KEPT, SMS)),
        (Ended(PriceFate.KEPT, SMS), PriceKnown(PriceFate.KEPT, SMS)),
        (Ended(PriceFate.KEPT), PriceKnown(PriceFate.KEPT)),
        (NotKnown(), AskAgain(HALF, unknown_reads=1)),
    ],
)
async def test_after_a_refusal_the_status_decides(
    provider: ScriptedProvider, why: Refusal, seen: Any, outcome: CancelOutcome
) -> None:
    provider.will("cancel", Refused(why)).will("look", seen)

    assert await end(provider, due()) == outcome
    assert operations(provider) == ["cancel", "look"]


@pytest.mark.parametrize("why", [Refusal.CODE_ARRIVED, Refusal.UNCLEAR])
async def test_a_refused_number_that_waits_is_asked_again(
    provider: ScriptedProvider, why: Refusal
) -> None:
    provider.will("cancel", Refused(why)).will("look", Waiting())

    assert await end(provider, due()) == AskAgain(HALF)


async def test_a_refusal_for_good_is_charged_though_the_number_waits(
    provider: ScriptedProvider,
) -> None:
    provider.will("cancel", Refused(Refusal.NOT_CANCELLABLE)).will("look", Waiting())

    assert await end(provider, due()) == PriceKnown(PriceFate.KEPT)


async def test_an_early_refusal_names_its_wait(provider: ScriptedProvider) -> None:
    provider.will("cancel", Refused(Refusal.EARLY, retry_after=7 * SECOND))

    assert await end(provider, due()) == AskAgain(7 * SECOND, too_early=True)
    assert operations(provider) == ["cancel"]


async def test_an_early_refusal_names_its_age(provider: ScriptedProvider) -> None:
    provider.will("cancel", Refused(Refusal.EARLY, min_age=120 * SECOND))

    outcome = await end(provider, due(), OwnTime(RENTED, elapsed=100.0))

    assert outcome == AskAgain(20 * SECOND, too_early=True)


@pytest.mark.parametrize(
    "reply",
    [
        Refused(Refusal.EARLY, retry_after=timedelta(0)),
        Refused(Refusal.EARLY, retry_after=-SECOND),
        Refused(Refusal.EARLY, min_age=timedelta(0)),
        Refused(Refusal.EARLY, min_age=30 * SECOND),
    ],
)
async def test_an_early_refusal_that_is_over_never_makes_a_busy_loop(
    provider: ScriptedProvider, reply: Refused
) -> None:
    provider.will("cancel", reply)

    outcome = await end(provider, due(), OwnTime(RENTED, elapsed=1200.0))

    assert outcome == AskAgain(SOONEST, too_early=True)


async def test_an_early_refusal_without_a_word_backs_off(provider: ScriptedProvider) -> None:
    provider.will("cancel", Refused(Refusal.EARLY))

    assert await end(provider, due()) == AskAgain(HALF, too_early=True)


async def test_a_second_attempt_acts_at_once(provider: ScriptedProvider) -> None:
    provider.will("cancel", Ended(PriceFate.GIVEN_BACK))

    assert await end(provider, due(attempts=1)) == PriceKnown(PriceFate.GIVEN_BACK)
    assert operations(provider) == ["cancel"]


@pytest.mark.parametrize("why", REFUSALS)
@pytest.mark.parametrize(
    ("seen", "outcome"),
    [
        (Ended(PriceFate.GIVEN_BACK), PriceKnown(PriceFate.GIVEN_BACK)),
        (CodesArrived(SMS), PriceKnown(PriceFate.KEPT, SMS)),
        (Ended(PriceFate.KEPT), PriceKnown(PriceFate.KEPT)),
        (NotKnown(), AskAgain(SOONEST, unknown_reads=1)),
    ],
)
async def test_a_second_attempt_that_is_refused_is_followed_by_a_read(
    provider: ScriptedProvider, why: Refusal, seen: Any, outcome: CancelOutcome
) -> None:
    provider.will("cancel", Refused(why)).will("look", seen)

    assert await end(provider, due(attempts=1)) == outcome
    assert operations(provider) == ["cancel", "look"]


async def test_a_number_whose_refusals_end_in_two_unknown_reads_is_gone(
    provider: ScriptedProvider,
) -> None:
    provider.will("cancel", Refused(Refusal.UNCLEAR)).will("look", NotKnown())

    assert await end(provider, due(attempts=1, unknown_reads=1)) == PriceKnown(PriceFate.UNKNOWN)


async def test_a_number_that_waits_in_between_is_not_gone(provider: ScriptedProvider) -> None:
    provider.will("cancel", Refused(Refusal.UNCLEAR)).will("look", Waiting())

    outcome = await end(provider, due(attempts=1, unknown_reads=1))

    assert outcome == AskAgain(2 * HALF, unknown_reads=0)


@pytest.mark.parametrize("attempts", [0, 4])
async def test_a_provider_that_is_away_costs_a_short_wait(
    provider: ScriptedProvider, attempts: int
) -> None:
    provider.will("cancel", ProviderUnavailable("sim", "HTTP 503"))

    assert await end(provider, due(attempts=attempts)) == AskAgain(HALF)


async def test_a_cancel_that_was_overtaken_is_due_at_once(provider: ScriptedProvider) -> None:
    provider.will("cancel", CallOvertaken("sim", "overtaken"))

    assert await end(provider, due(attempts=9)) == AskAgain(timedelta(0))


async def test_the_length_of_an_outage_plays_no_part(provider: ScriptedProvider) -> None:
    provider.circuit = Circuit.OPEN
    provider.will("cancel", ProviderUnavailable("sim", "HTTP 503"))

    assert await end(provider, due(attempts=100)) == AskAgain(HALF)


async def test_a_number_that_fails_while_others_are_answered_waits_ever_longer(
    provider: ScriptedProvider,
) -> None:
    provider.will("cancel", ProviderUnavailable("sim", "HTTP 503"))

    waits = [await end(provider, due(attempts=attempts)) for attempts in (5, 6, 7, 40)]

    assert waits == [AskAgain(HALF * times) for times in (1, 2, 4, 60)]


async def test_where_calls_change_things_a_second_attempt_reads_first(
    careful: ScriptedProvider,
) -> None:
    careful.will("look", Waiting()).will("cancel", Ended(PriceFate.GIVEN_BACK))

    assert await end(careful, due(attempts=1)) == PriceKnown(PriceFate.GIVEN_BACK)
    assert operations(careful) == ["look", "cancel"]


@pytest.mark.parametrize(
    ("seen", "outcome"),
    [
        (Ended(PriceFate.GIVEN_BACK), PriceKnown(PriceFate.GIVEN_BACK)),
        (CodesArrived(SMS), PriceKnown(PriceFate.KEPT, SMS)),
        (Ended(PriceFate.KEPT), PriceKnown(PriceFate.KEPT)),
        (NotKnown(), AskAgain(SOONEST, unknown_reads=1)),
    ],
)
async def test_what_the_read_settles_is_never_cancelled_again(
    careful: ScriptedProvider, seen: Any, outcome: CancelOutcome
) -> None:
    careful.will("look", seen)

    assert await end(careful, due(attempts=1)) == outcome
    assert operations(careful) == ["look"]


async def test_a_number_unknown_twice_in_a_row_is_gone(careful: ScriptedProvider) -> None:
    careful.will("look", NotKnown())

    assert await end(careful, due(attempts=1, unknown_reads=1)) == PriceKnown(PriceFate.UNKNOWN)


@pytest.mark.parametrize("again", [NotKnown(), ProviderUnavailable("sim", "HTTP 500")])
async def test_a_number_known_in_between_is_not_gone(
    careful: ScriptedProvider, again: NotKnown | ProviderUnavailable
) -> None:
    careful.will("look", Waiting(), again).will("cancel", Refused(Refusal.UNCLEAR))

    outcome = await end(careful, due(attempts=3, unknown_reads=1))

    known_again = isinstance(again, NotKnown)
    wait = 8 * HALF if known_again else HALF
    assert outcome == AskAgain(wait, unknown_reads=1 if known_again else 0)


@pytest.mark.parametrize("operation", ["look", "cancel"])
@pytest.mark.parametrize(
    "error",
    [ProviderUnavailable("sim", "HTTP 500"), UnknownReply("sim", "HTML"), CircuitOpen("sim")],
)
async def test_no_usable_answer_is_no_information(
    careful: ScriptedProvider, operation: str, error: Exception
) -> None:
    careful.will("look", Waiting()).will("cancel", Ended(PriceFate.GIVEN_BACK))
    careful._answers[operation, None].clear()
    careful.will(operation, error)

    outcome = await end(careful, due(attempts=2, unknown_reads=1))

    still_unknown = 1 if operation == "look" else 0  # A read that answered ends the row.
    wait = HALF if isinstance(error, ProviderUnavailable) else 2 * SOONEST
    assert outcome == AskAgain(wait, unknown_reads=still_unknown)


async def test_a_named_wait_is_kept_and_a_shorter_one_is_not_a_reason_to_hurry(
    provider: ScriptedProvider,
) -> None:
    provider.will(
        "cancel",
        ProviderUnavailable("sim", "429", retry_after=40 * SECOND),
        ProviderUnavailable("sim", "429", retry_after=timedelta(0)),
    )

    assert await end(provider, due()) == AskAgain(40 * SECOND)
    assert await end(provider, due()) == AskAgain(HALF)


async def test_a_bad_key_is_not_hammered(provider: ScriptedProvider) -> None:
    provider.will("cancel", ProviderRefused("sim", "BAD_KEY"))

    assert await end(provider, due()) == AskAgain(REFUSED_RETRY)


async def test_every_request_is_paid_for_before_it_is_sent(careful: ScriptedProvider) -> None:
    careful.will("look", Waiting()).will("cancel", Refused(Refusal.UNCLEAR))
    paid: list[int] = []

    async def pay(check: Callable[[], None] = unconditional) -> None:
        check()
        paid.append(len(careful.calls))

    await CancelAtProvider(clock=OwnTime().clock(), pay=pay)(careful, due(attempts=1))

    assert paid == [0, 1, 2]
    assert operations(careful) == ["look", "cancel", "look"]


async def test_a_mistake_of_ours_is_not_taken_for_an_answer(provider: ScriptedProvider) -> None:
    provider.will("cancel", KeyError("status"))

    with pytest.raises(KeyError):
        await end(provider, due())


async def test_a_purchase_without_a_number_is_never_asked_about(provider: ScriptedProvider) -> None:
    with pytest.raises(AssertionError):
        await end(provider, due(ref=None))

    assert provider.calls == []
    assert provider.name == SIM
