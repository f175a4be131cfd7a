"""Rentals that were given back are closed at their provider, until it has definitely answered."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.integration.cases.office import DAY, HOUR, MONDAY, Office
from tests.integration.store.shop import TICK
from worker.ports.errors import ProviderRefused, ProviderUnavailable, UnknownReply
from worker.ports.long_rental import CloseReply, Ended, NotClosed, Refund
from worker.ports.provider import NotKnown, Refusal
from worker.ports.store.case_view import CaseState, TimerKind
from worker.ports.store.cases import Rental

CLOSE = ("close", "long")
BLOCK: Mapping[str, Any] = {"client_caused": False}


async def given_back(office: Office, *answers: CloseReply | Exception) -> Rental:
    await office.open(amount_minor=1000)
    rental = await office.book()
    office.there.answers = list(answers)
    await office.claim_rental(rental, "cannot_provide")
    return rental


async def told(office: Office, rental: Rental) -> list[str]:
    return [
        row[0]
        for row in await office.rows(
            "SELECT payload ->> 'at_provider' FROM event WHERE subject = $1", str(rental.id)
        )
    ]


async def test_a_rental_that_was_given_back_is_ended_and_closed_once(office: Office) -> None:
    rental = await given_back(office, Ended(Refund.GIVEN_BACK))
    assert (await office.the_rental()).ended_at == office.hands.now
    assert office.there.asked == [], "nobody is asked while the books are open"

    await office.ring(MONDAY + TICK)
    await office.ring(MONDAY + 20 * DAY)

    assert office.there.asked == [CLOSE]
    assert await told(office, rental) == ["given_back"]
    assert await office.money() == (1000, 0)


@pytest.mark.parametrize(
    ("answer", "how"),
    [
        (Ended(Refund.KEPT), "kept"),
        (Ended(), "not_told"),
        (NotKnown(), "not_known"),
        (NotClosed(Refusal.NOT_CANCELLABLE), "runs_on"),
    ],
)
async def test_a_definite_answer_is_told_and_ends_the_asking(
    office: Office, answer: CloseReply, how: str
) -> None:
    rental = await given_back(office, answer)

    await office.ring(MONDAY + TICK)
    await office.ring(MONDAY + DAY)

    assert office.there.asked == [CLOSE]
    assert await told(office, rental) == [how]


@pytest.mark.parametrize(
    "answer",
    [
        ProviderUnavailable("sim", "HTTP 500"),
        ProviderRefused("sim", "bad key"),
        UnknownReply("sim", "nobody can read it"),
        TimeoutError(),
        NotClosed(Refusal.UNCLEAR),
        NotClosed(Refusal.EARLY),
    ],
    ids=lambda answer: str(getattr(answer, "why", type(answer).__name__)),
)
async def test_no_definite_answer_is_asked_for_again_and_moves_no_money(
    office: Office, answer: CloseReply | Exception
) -> None:
    rental = await given_back(office, answer, answer)

    await office.ring(MONDAY + TICK)
    assert await office.money() == (1000, 0)
    assert await told(office, rental) == []
    await office.ring(MONDAY + timedelta(seconds=20))
    assert office.there.asked == [CLOSE], "not at once"
    await office.ring(MONDAY + timedelta(minutes=1))
    await office.ring(MONDAY + HOUR)

    assert office.there.asked == [CLOSE] * 3
    assert await told(office, rental) == ["not_told"]
    assert await office.money() == (1000, 0)


async def test_one_that_is_too_young_is_asked_about_when_it_is_old_enough(office: Office) -> None:
    young = NotClosed(Refusal.EARLY, min_age=2 * HOUR)
    rental = await given_back(office, young)
    await office.ring(MONDAY + TICK)

    assert await office.pending(TimerKind.RENTAL_CLOSE, rental.id) == MONDAY + 2 * HOUR


async def test_a_provider_that_says_when_is_asked_then(office: Office) -> None:
    busy = ProviderUnavailable("sim", "429", retry_after=timedelta(minutes=7))
    rental = await given_back(office, busy)
    now = MONDAY + TICK
    await office.ring(now)

    due = await office.pending(TimerKind.RENTAL_CLOSE, rental.id)
    assert due == now + timedelta(minutes=7)
    assert [what for what, *_ in office.reporter.of("trouble")] == ["rental.close_failed"]


async def test_unread_messages_are_read_before_it_is_asked_again(office: Office) -> None:
    rental = await given_back(office, NotClosed(Refusal.CODE_ARRIVED))

    await office.ring(MONDAY + TICK)
    await office.ring(MONDAY + HOUR)

    assert office.there.asked == [CLOSE, ("messages", "long"), CLOSE]
    assert await told(office, rental) == ["not_told"]


async def test_asking_ends_with_the_time_that_was_paid(office: Office) -> None:
    rental = await given_back(office, *[ProviderUnavailable("sim", "HTTP 500")] * 20)
    for day in range(12):
        await office.ring(MONDAY + day * DAY + TICK)

    assert await told(office, rental) == ["time_over"]
    assert len(office.there.asked) == 10


async def test_where_nobody_can_be_asked_the_shop_is_told(office: Office) -> None:
    timers = office.timers
    rental = await given_back(office)
    office.at(MONDAY + TICK)
    (timer,) = await office.store.cases.lease_timers(10, list(TimerKind))
    object.__setattr__(timers.closing, "rentals", {})

    await timers.fire(timer)

    assert await told(office, rental) == ["not_offered"]
    assert office.there.asked == []


async def test_what_keeps_running_is_not_closed(office: Office) -> None:
    await office.open(amount_minor=1000)
    rental = await office.book()
    await office.outage()
    office.at(MONDAY + 2 * DAY)
    await office.restored()
    await office.claim_rental(rental, "changed_mind")

    await office.ring(MONDAY + 3 * DAY)

    assert office.there.asked == []
    assert (await office.the_rental()).ended_at is None


async def test_a_blocked_number_is_closed_though_its_first_days_are_paid(office: Office) -> None:
    await office.open(amount_minor=1000)
    rental = await office.book()
    office.at(MONDAY + 4 * DAY)
    await office.claim_rental(rental, **BLOCK)

    await office.ring(MONDAY + 4 * DAY + TICK)

    assert office.there.asked == [CLOSE]
    assert await office.money() == (600, 0)


async def test_without_budget_nobody_is_asked_and_nothing_is_wrong(office: Office) -> None:
    rental = await given_back(office)
    office.there.affordable = False
    await office.ring(MONDAY + TICK)

    assert office.there.asked == []
    assert office.reporter.of("trouble") == []
    due = await office.pending(TimerKind.RENTAL_CLOSE, rental.id)
    assert due == MONDAY + TICK + timedelta(seconds=30)

    office.there.affordable = True
    await office.ring(MONDAY + HOUR)
    assert await told(office, rental) == ["not_told"]


async def test_a_provider_that_hangs_holds_up_no_other_timer(office: Office) -> None:
    rental = await given_back(office)
    await office.top_up("second", 1000, MONDAY)
    claims = [
        await office.claim(await office.delivered("P1", f"{n}"), "invalid_number") for n in range(2)
    ]
    office.there.hangs = asyncio.Event()
    office.at(MONDAY + 8 * DAY)

    tick = asyncio.create_task(replace(office.timers, batch=1).tick())
    await office.there.begun.wait()

    assert [await office.state(one.id) for one in claims] == [CaseState.DENIED] * 2
    assert await told(office, rental) == []
    office.there.hangs.set()
    await tick
    assert await told(office, rental) == ["not_told"]
