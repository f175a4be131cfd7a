"""Renting: bought once or not at all, and what nobody knows is looked for, never repeated."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from tests.fakes.schedules import mark_rebuilt
from tests.fakes.turns import until
from tests.integration.lifecycle.world import (
    ALICE,
    GRACE,
    PRICE,
    SECOND,
    SIM,
    WINDOW,
    World,
    handed_over,
    order,
    utc_now,
)
from tests.unit.lifecycle.scripted import terms
from worker.domain.activation import ProviderState, State
from worker.domain.backoff import SAME_ORDER
from worker.domain.families import Capabilities
from worker.domain.ids import AccountId, ProviderName, ProviderRef, purchase_id
from worker.domain.price_fate import PriceFate
from worker.lifecycle.adopt import ANSWER_WITHIN
from worker.ports.errors import CircuitOpen, ProviderRefused, ProviderUnavailable, UnknownReply
from worker.ports.provider import ActivePage, ActiveRow, Circuit, Ended, NoRent, Rented
from worker.ports.service import PurchaseOutcome
from worker.ports.store.activations import Activation

ALL = 100_000
RENTED = Rented(ProviderRef("77"), "15550077", cost_minor=20, currency="USD")
LOST = ProviderUnavailable("sim", "timeout")


@pytest.fixture
def listed(world: World) -> World:
    world.provider.capabilities = Capabilities(list_page_size=100)
    return world


def page(*rows: ActiveRow) -> ActivePage:
    return ActivePage(rows, last=True)


def row(ref: str, service: str = "any") -> ActiveRow:
    return ActiveRow(ProviderRef(ref), (), "15550077", service)


async def pending(world: World, key: str = "order-1") -> Activation:
    world.provider._answers["rent", None].clear()
    world.provider.will("rent", LOST)
    result = await world.service.rent(order(key))
    assert result.how is PurchaseOutcome.PENDING
    assert result.activation is not None
    return result.activation


async def test_a_number_is_bought_and_watched(world: World) -> None:
    world.provider.will("rent", RENTED)

    result = await world.service.rent(order(max_cost_minor=30))

    assert result.how is PurchaseOutcome.RENTED
    assert result.activation is not None
    assert (result.activation.ref, result.activation.phone) == ("77", "15550077")
    assert await world.money() == (ALL - PRICE, PRICE)
    assert await world.schedule.size(SIM) == 1
    (request,) = world.provider.asked("rent")
    assert request.max_cost_minor == 30
    assert request.order == str(purchase_id(ALICE, "order-1"))


async def test_the_same_order_again_buys_nothing(world: World) -> None:
    world.provider.will("rent", RENTED)

    results = await asyncio.gather(*(world.service.rent(order()) for _ in range(4)))
    again = await world.service.rent(order())

    assert len(world.provider.asked("rent")) == 1
    assert again.how is PurchaseOutcome.SAME
    assert {result.how for result in results} <= {
        PurchaseOutcome.RENTED,
        PurchaseOutcome.SAME,
        PurchaseOutcome.PENDING,
    }
    assert await world.money() == (ALL - PRICE, PRICE)


async def test_another_order_under_the_same_key_is_refused(world: World) -> None:
    world.provider.will("rent", RENTED)
    await world.service.rent(order())

    assert (await world.service.rent(order(service="other"))).how is PurchaseOutcome.OTHER_CONTENT


@pytest.mark.parametrize(
    ("wanted", "how"),
    [
        ({"provider": ProviderName("nobody")}, PurchaseOutcome.UNKNOWN_PROVIDER),
        ({"policy": "yesterday"}, PurchaseOutcome.UNKNOWN_POLICY),
        ({"account": AccountId("nobody")}, PurchaseOutcome.UNKNOWN_ACCOUNT),
        ({"price_minor": ALL + 1}, PurchaseOutcome.BALANCE_TOO_LOW),
    ],
)
async def test_an_order_that_cannot_be_is_refused_before_anybody_is_asked(
    world: World, wanted: dict[str, Any], how: PurchaseOutcome
) -> None:
    assert (await world.service.rent(order(**wanted))).how is how

    assert world.provider.calls == []
    assert await world.money() == (ALL, 0)


@pytest.mark.parametrize(
    ("reply", "how"),
    [
        (NoRent.NO_NUMBERS, PurchaseOutcome.NO_NUMBERS),
        (NoRent.NO_BALANCE, PurchaseOutcome.PROVIDER_BALANCE_TOO_LOW),
        (NoRent.PRICE_ABOVE_MAX, PurchaseOutcome.PRICE_ABOVE_MAX),
        (NoRent.BAD_REQUEST, PurchaseOutcome.BAD_SERVICE),
        (CircuitOpen("sim"), PurchaseOutcome.PROVIDER_UNAVAILABLE),
        (ProviderRefused("sim", "BAD_KEY"), PurchaseOutcome.PROVIDER_UNAVAILABLE),
    ],
)
async def test_what_was_certainly_not_bought_gives_the_hold_back(
    world: World, reply: Any, how: PurchaseOutcome
) -> None:
    world.provider.will("rent", reply)

    failed = await world.service.rent(order())
    again = await world.service.rent(order())

    assert (failed.how, again.how) == (how, how), "it stays what this key stands for"
    assert len(world.provider.asked("rent")) == 1
    assert await world.money() == (ALL, 0)
    assert failed.activation == again.activation is not None
    assert world.reporter.of("purchase_refused") == [(SIM, how.value)]


async def test_a_provider_we_are_too_exposed_to_gets_no_new_business(world: World) -> None:
    world.their_terms = terms(exposure_limit_minor=PRICE)
    await world.take_forgotten()
    await world.sweep.tick()

    assert (await world.service.rent(order())).how is PurchaseOutcome.EXPOSURE_LIMIT

    assert world.provider.calls == []
    assert await world.money() == (ALL, 0)


async def test_a_provider_that_is_being_drained_gets_no_new_business(world: World) -> None:
    await world.store.purchases.drain(SIM)

    assert (await world.service.rent(order())).how is PurchaseOutcome.PROVIDER_UNAVAILABLE

    assert world.provider.calls == []
    assert await world.money() == (ALL, 0)


async def test_who_waits_too_long_for_his_turn_has_bought_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.lifecycle.rent.BUDGET_TIMEOUT", timedelta(milliseconds=20))

    async def nothing(*_: object) -> int:
        return 0

    monkeypatch.setattr(world.schedule, "spend", nothing)

    assert (await world.service.rent(order())).how is PurchaseOutcome.PROVIDER_UNAVAILABLE

    assert world.provider.calls == []
    assert await world.money() == (ALL, 0)


async def test_a_limit_of_nothing_is_no_limit(world: World) -> None:
    world.their_terms = terms(exposure_limit_minor=0)
    world.provider.will("rent", RENTED)
    await world.take_forgotten()
    await world.sweep.tick()

    assert (await world.service.rent(order())).how is PurchaseOutcome.RENTED


@pytest.mark.parametrize("error", [LOST, UnknownReply("sim", "HTML")])
async def test_an_outcome_nobody_knows_is_never_bought_again(
    world: World, error: Exception
) -> None:
    world.provider.will("rent", error, RENTED)

    first = await world.service.rent(order())
    second = await world.service.rent(order())

    assert (first.how, second.how) == (PurchaseOutcome.PENDING, PurchaseOutcome.PENDING)
    assert len(world.provider.asked("rent")) == 1
    assert first.activation is not None
    assert first.activation.ref is None
    assert await world.money() == (ALL - PRICE, PRICE)
    assert world.reporter.troubles == ["rent.outcome_unknown"]


async def test_the_providers_own_expiry_shortens_the_window(world: World) -> None:
    expires_at = utc_now() + timedelta(minutes=5)
    world.provider.will("rent", Rented(ProviderRef("77"), "1555", expires_at=expires_at))

    result = await world.service.rent(order())

    assert result.activation is not None
    assert result.activation.deadline_at == expires_at


async def test_a_provider_whose_clock_is_an_hour_behind_ends_no_number_early(world: World) -> None:
    expires_at = utc_now() - timedelta(minutes=40)
    world.provider.will("rent", Rented(ProviderRef("77"), "1555", expires_at=expires_at))

    result = await world.service.rent(order())

    assert result.activation is not None
    assert result.activation.deadline_at == result.activation.rented_at + WINDOW
    assert world.reporter.troubles == ["rent.expiry_unbelievable"]


async def test_an_expiry_given_as_a_span_counts_from_the_reply(world: World) -> None:
    span = timedelta(minutes=5)
    world.provider.will("rent", Rented(ProviderRef("77"), "1555", expires_in=span))

    result = await world.service.rent(order())

    assert result.activation is not None
    off = result.activation.deadline_at - result.activation.rented_at - span
    assert abs(off) < 5 * SECOND


async def test_a_buyer_that_died_is_found_out(world: World) -> None:
    asked = asyncio.Event()

    async def never(_: object) -> None:
        asked.set()
        await asyncio.Event().wait()

    world.provider.will("rent", never)
    buying = asyncio.ensure_future(world.service.rent(order()))
    await asyncio.wait_for(asked.wait(), 10)
    buying.cancel()
    await asyncio.gather(buying, return_exceptions=True)
    await world.admin.execute(
        "UPDATE purchase SET asked_at = now() - $1::interval", ANSWER_WITHIN + SECOND
    )

    await world.repair.tick(world.provider)

    assert (await world.service.rent(order())).how is PurchaseOutcome.PENDING
    assert len(world.provider.asked("rent")) == 1
    assert await world.money() == (ALL - PRICE, PRICE)


async def test_a_buyer_that_only_takes_his_time_is_left_alone(world: World) -> None:
    await world.store.purchases.begin_purchase(
        purchase_id(ALICE, "x"), order("x"), "default", "1", WINDOW
    )

    await world.repair.tick(world.provider)

    assert await world.one("SELECT state FROM purchase") == "asked"


async def test_an_answer_that_comes_after_all_gives_the_number_its_ref(world: World) -> None:
    """Repair found the purchase forgotten while its reply was still on its way."""
    arrived = asyncio.Event()

    async def late(_: object) -> Rented:
        await world.store.purchases.purchase_unknown(purchase_id(ALICE, "order-1"))
        arrived.set()
        return RENTED

    world.provider.will("rent", late)
    result = await world.service.rent(order())

    assert arrived.is_set()
    assert result.how is PurchaseOutcome.RENTED
    assert result.activation is not None
    assert result.activation.ref == "77"
    assert await world.money() == (ALL - PRICE, PRICE)


async def test_a_lost_purchase_is_adopted_only_when_it_was_an_orphan_twice(listed: World) -> None:
    number = await pending(listed)
    listed.provider.will("list", page(row("77", "any")))

    await listed.repair.tick(listed.provider)
    assert (await listed.number(number)).ref is None
    await listed.repair.tick(listed.provider)

    found = await listed.number(number)
    assert (found.ref, found.phone, found.state) == ("77", "15550077", State.WAITING)
    assert await listed.schedule.size(SIM) == 1
    assert "rent.adopted" in listed.reporter.troubles


async def test_an_orphan_that_was_handed_over_meanwhile_is_given_to_nobody(listed: World) -> None:
    number = await pending(listed)
    listed.provider.will("list", page(row("77", "any")))
    await listed.repair.tick(listed.provider)
    await listed.service.accept([handed_over("77")])

    await listed.repair.tick(listed.provider)

    assert (await listed.number(number)).ref is None


async def test_an_orphan_of_another_service_is_given_to_nobody(listed: World) -> None:
    number = await pending(listed)
    listed.provider.will("list", page(row("77", "other")))

    for _ in range(3):
        await listed.repair.tick(listed.provider)

    assert (await listed.number(number)).ref is None


async def test_two_lost_purchases_get_two_numbers(listed: World) -> None:
    one, other = await pending(listed, "one"), await pending(listed, "other")
    listed.provider.will("list", page(row("77"), row("78")))

    for _ in range(2):
        await listed.repair.tick(listed.provider)

    refs = {(await listed.number(one)).ref, (await listed.number(other)).ref}
    assert refs == {"77", "78"}


async def test_a_lost_purchase_is_looked_for_on_every_page(listed: World) -> None:
    number = await pending(listed)
    first, second = page(row("1", "other")), page(row("77", "any"))
    listed.provider.will("list", ActivePage(first.rows, last=False), of=0).will("list", second)

    for _ in range(2):
        await listed.repair.tick(listed.provider)

    assert (await listed.number(number)).ref == "77"


async def test_a_list_without_an_end_is_read_no_further_than_it_may_be(
    listed: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.lifecycle.purchase_proof.LIST_PAGES_MAX", 3)
    await pending(listed)
    listed.provider.will("list", ActivePage((row("77"),), last=False))

    await listed.repair.tick(listed.provider)

    assert listed.provider.asked("list") == [0, 1, 2]


async def test_a_list_that_could_not_be_had_adopts_nobody(listed: World) -> None:
    number = await pending(listed)
    listed.provider.will("list", page(row("77")), LOST, page(row("77")), page(row("77")))

    for _ in range(3):
        await listed.repair.tick(listed.provider)
    assert (await listed.number(number)).ref is None  # Seen twice, but not twice in a row.
    await listed.repair.tick(listed.provider)

    assert (await listed.number(number)).ref == "77"


async def test_while_the_provider_is_away_nothing_is_looked_for(listed: World) -> None:
    await pending(listed)
    listed.provider.circuit = Circuit.OPEN

    await listed.repair.tick(listed.provider)

    assert listed.provider.asked("list") == []


async def test_without_a_list_a_lost_purchase_ends_with_its_grace(world: World) -> None:
    number = await pending(world)
    await world.repair.tick(world.provider)
    await world.age(number, WINDOW + GRACE + SECOND)

    await world.sweep.tick()

    assert await world.ended(number) == (State.REFUNDED, ProviderState.CANCELLING)
    assert await world.money() == (ALL, 0)


async def test_cancel_of_a_lost_purchase_waits_for_its_number(listed: World) -> None:
    number = await pending(listed)
    await listed.service.cancel(number.id)
    assert await listed.end_all() == 0
    listed.provider.will("list", page(row("77"))).will("cancel", Ended(PriceFate.GIVEN_BACK))

    for _ in range(2):
        await listed.repair.tick(listed.provider)
    await listed.end_all()

    assert await listed.ended(number) == (State.REFUNDED, ProviderState.CANCELLED)
    assert listed.provider.asked("cancel") == ["77"]


# --- the schedule, put back from the database


async def test_what_a_flushed_schedule_forgot_is_put_back_and_told(world: World) -> None:
    for number in range(3):
        await world.take(str(number))
    await mark_rebuilt(world.schedule, SIM)
    world.schedule.clear()

    assert await world.repair.tick(world.provider) == 3
    assert await world.repair.tick(world.provider) == 0

    assert await world.schedule.size(SIM) == 3
    assert await world.schedule.intact(SIM)
    assert world.reporter.troubles == ["schedule.rebuilt"]


async def test_the_schedule_is_put_back_page_by_page(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.lifecycle.repair.PAGE", 2)
    for number in range(5):
        await world.take(str(number))
    world.schedule.clear()

    assert await world.repair.reschedule(SIM) == 5


async def test_who_was_cut_off_goes_on_where_he_was(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A million numbers take longer than a tick may: each tick must come further than the last."""
    monkeypatch.setattr("worker.lifecycle.repair.PAGE", 2)
    for number in range(6):
        await world.take(str(number))
    world.schedule.clear()
    add = world.schedule.add
    calls: list[int] = []

    async def cut_off_after_one(*given: Any) -> int:
        calls.append(len(calls))
        if len(calls) % 2 == 0:
            raise TimeoutError
        return await add(*given)

    monkeypatch.setattr(world.schedule, "add", cut_off_after_one)
    for _ in range(2):
        with pytest.raises(TimeoutError):
            await world.repair.reschedule(SIM)
    await world.repair.reschedule(SIM)

    assert await world.schedule.size(SIM) == 6


async def test_ended_numbers_are_not_put_back(world: World) -> None:
    await world.take_expired()
    world.provider.will("cancel", Ended(PriceFate.GIVEN_BACK))
    await world.end_all()
    world.schedule.clear()

    assert await world.repair.reschedule(SIM) == 0


async def test_who_repeats_an_order_that_is_not_answered_waits_for_it_only_so_long(
    world: World,
) -> None:
    let_go = asyncio.Event()

    async def slow(_: object) -> Rented:
        await let_go.wait()
        return RENTED

    world.provider.will("rent", slow)
    first = asyncio.ensure_future(world.service.rent(order()))
    await until(lambda: bool(world.provider.calls))
    second = asyncio.ensure_future(world.service.rent(order()))
    await until(lambda: world.sleeps > 1)
    assert SAME_ORDER.within is not None
    world.elapsed += SAME_ORDER.within.total_seconds()

    impatient = await second

    assert impatient.how is PurchaseOutcome.PENDING
    assert impatient.activation is not None
    let_go.set()
    assert (await first).how is PurchaseOutcome.RENTED
    assert (await world.number(impatient.activation)).ref == "77"
    assert len(world.provider.asked("rent")) == 1
