"""A rental that was given back is closed at its provider, until a definite answer comes."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.integration.cases.case_shop import DAY, HOUR, MONDAY, CaseShop
from tests.integration.store.shop import TICK
from worker.domain.price_fate import PriceFate
from worker.ports.errors import ProviderRefused, ProviderUnavailable, UnknownReply
from worker.ports.long_rental import CloseReply, NotClosed
from worker.ports.provider import Ended, NotKnown, Refusal
from worker.ports.store.case_view import CaseState, TimerKind
from worker.ports.store.rentals import Rental

CLOSE = ("close", "long")
BLOCK: Mapping[str, Any] = {"client_caused": False}


async def given_back(shop: CaseShop, *answers: CloseReply | Exception) -> Rental:
    await shop.open_account(amount_minor=1000)
    rental = await shop.book_rental()
    shop.provider_rentals.answers = list(answers)
    await shop.open_rental_claim(rental, client_caused=False)
    return rental


async def reported_outcomes(shop: CaseShop, rental: Rental) -> list[str]:
    return [
        row[0]
        for row in await shop.fetch_rows(
            "SELECT payload ->> 'at_provider' FROM event WHERE subject = $1", str(rental.id)
        )
    ]


async def test_a_rental_that_was_given_back_is_ended_and_closed_once(shop: CaseShop) -> None:
    rental = await given_back(shop, Ended(PriceFate.GIVEN_BACK))
    assert (await shop.long_rental()).ended_at == shop.clock.now
    assert shop.provider_rentals.requests == [], (
        "no provider is asked in the transaction of the claim"
    )

    await shop.fire_due_timers(MONDAY + TICK)
    await shop.fire_due_timers(MONDAY + 20 * DAY)

    assert shop.provider_rentals.requests == [CLOSE]
    assert await reported_outcomes(shop, rental) == ["given_back"]
    assert await shop.balances() == (1000, 0)


@pytest.mark.parametrize(
    ("answer", "how"),
    [
        (Ended(PriceFate.KEPT), "kept"),
        (Ended(), "not_told"),
        (NotKnown(), "not_known"),
        (NotClosed(Refusal.NOT_CANCELLABLE), "runs_on"),
    ],
)
async def test_a_definite_answer_is_reported_and_ends_the_attempts(
    shop: CaseShop, answer: CloseReply, how: str
) -> None:
    rental = await given_back(shop, answer)

    await shop.fire_due_timers(MONDAY + TICK)
    await shop.fire_due_timers(MONDAY + DAY)

    assert shop.provider_rentals.requests == [CLOSE]
    assert await reported_outcomes(shop, rental) == [how]


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
async def test_without_a_definite_answer_it_is_tried_again_and_no_money_moves(
    shop: CaseShop, answer: CloseReply | Exception
) -> None:
    rental = await given_back(shop, answer, answer)

    await shop.fire_due_timers(MONDAY + TICK)
    assert await shop.balances() == (1000, 0)
    assert await reported_outcomes(shop, rental) == []
    await shop.fire_due_timers(MONDAY + timedelta(seconds=20))
    assert shop.provider_rentals.requests == [CLOSE], "not at once"
    await shop.fire_due_timers(MONDAY + timedelta(minutes=1))
    await shop.fire_due_timers(MONDAY + HOUR)

    assert shop.provider_rentals.requests == [CLOSE] * 3
    assert await reported_outcomes(shop, rental) == ["not_told"]
    assert await shop.balances() == (1000, 0)


async def test_a_rental_that_is_too_young_is_closed_when_it_is_old_enough(shop: CaseShop) -> None:
    young = NotClosed(Refusal.EARLY, min_age=2 * HOUR)
    rental = await given_back(shop, young)
    await shop.fire_due_timers(MONDAY + TICK)

    assert await shop.timer_due_at(TimerKind.RENTAL_CLOSE, rental.id) == MONDAY + 2 * HOUR


async def test_the_next_attempt_is_when_the_provider_says(shop: CaseShop) -> None:
    busy = ProviderUnavailable("sim", "429", retry_after=timedelta(minutes=7))
    rental = await given_back(shop, busy)
    now = MONDAY + TICK
    await shop.fire_due_timers(now)

    due = await shop.timer_due_at(TimerKind.RENTAL_CLOSE, rental.id)
    assert due == now + timedelta(minutes=7)
    assert [what for what, *_ in shop.reporter.of("trouble")] == ["rental.close_failed"]


async def test_unread_messages_are_read_before_the_next_attempt(shop: CaseShop) -> None:
    rental = await given_back(shop, NotClosed(Refusal.CODE_ARRIVED))

    await shop.fire_due_timers(MONDAY + TICK)
    await shop.fire_due_timers(MONDAY + HOUR)

    assert shop.provider_rentals.requests == [CLOSE, ("messages", "long"), CLOSE]
    assert await reported_outcomes(shop, rental) == ["not_told"]


async def test_the_attempts_end_with_the_paid_time(shop: CaseShop) -> None:
    rental = await given_back(shop, *[ProviderUnavailable("sim", "HTTP 500")] * 20)
    for day in range(12):
        await shop.fire_due_timers(MONDAY + day * DAY + TICK)

    assert await reported_outcomes(shop, rental) == ["time_over"]
    assert len(shop.provider_rentals.requests) == 10


async def test_where_the_provider_cannot_be_asked_the_event_says_so(shop: CaseShop) -> None:
    closer = replace(shop.timers.rental_closer, rentals={})
    rental = await given_back(shop)
    shop.set_time(MONDAY + TICK)
    (timer,) = await shop.store.cases.lease_timers(10, list(TimerKind))

    await replace(shop.timers, rental_closer=closer).fire(timer)

    assert await reported_outcomes(shop, rental) == ["not_offered"]
    assert shop.provider_rentals.requests == []


async def test_a_rental_that_goes_on_is_not_closed(shop: CaseShop) -> None:
    await shop.open_account(amount_minor=1000)
    rental = await shop.book_rental()
    await shop.report_outage()
    shop.set_time(MONDAY + 2 * DAY)
    await shop.restore_rental()
    await shop.open_rental_claim(rental, "changed_mind")

    await shop.fire_due_timers(MONDAY + 3 * DAY)

    assert shop.provider_rentals.requests == []
    assert (await shop.long_rental()).ended_at is None


async def test_a_blocked_rental_is_closed_though_its_first_days_are_paid(shop: CaseShop) -> None:
    await shop.open_account(amount_minor=1000)
    rental = await shop.book_rental()
    shop.set_time(MONDAY + 4 * DAY)
    await shop.open_rental_claim(rental, **BLOCK)

    await shop.fire_due_timers(MONDAY + 4 * DAY + TICK)

    assert shop.provider_rentals.requests == [CLOSE]
    assert await shop.balances() == (600, 0)


async def test_without_rate_budget_no_request_goes_out_and_no_trouble_is_reported(
    shop: CaseShop,
) -> None:
    rental = await given_back(shop)
    shop.provider_rentals.budget_left = False
    await shop.fire_due_timers(MONDAY + TICK)

    assert shop.provider_rentals.requests == []
    assert shop.reporter.of("trouble") == []
    due = await shop.timer_due_at(TimerKind.RENTAL_CLOSE, rental.id)
    assert due == MONDAY + TICK + timedelta(seconds=30)

    shop.provider_rentals.budget_left = True
    await shop.fire_due_timers(MONDAY + HOUR)
    assert await reported_outcomes(shop, rental) == ["not_told"]


async def test_a_provider_that_hangs_delays_no_other_timer(shop: CaseShop) -> None:
    rental = await given_back(shop)
    await shop.top_up("second", 1000, MONDAY)
    claims = [
        await shop.open_claim(await shop.delivered_activation("P1", f"{n}"), "invalid_number")
        for n in range(2)
    ]
    shop.provider_rentals.answer_after = asyncio.Event()
    shop.set_time(MONDAY + 8 * DAY)

    tick = asyncio.create_task(replace(shop.timers, batch=1).tick())
    await shop.provider_rentals.close_started.wait()

    assert [await shop.state_of(claim.id) for claim in claims] == [CaseState.DENIED] * 2
    assert await reported_outcomes(shop, rental) == []
    shop.provider_rentals.answer_after.set()
    await tick
    assert await reported_outcomes(shop, rental) == ["not_told"]
