"""An order that found no number stays as an order: refunded, and counted as no ending."""

from datetime import timedelta

from tests.integration.lifecycle.world import ALICE, PRICE, SIM, World, order
from worker.domain.activation import ProviderState, State
from worker.ports.provider import NoRent


async def test_an_order_that_failed_stays_as_a_refunded_order(world: World) -> None:
    world.provider.will("rent", NoRent.NO_NUMBERS)

    failed = await world.service.rent(order(order_ref="A-1", order_facts={"operator": "mts"}))

    number = failed.activation
    assert number is not None
    assert (number.state, number.provider_state) == (State.REFUNDED, ProviderState.CANCELLED)
    assert (number.ref, number.phone, number.provider) == (None, None, SIM)
    assert (number.order_ref, number.order_facts) == ("A-1", {"operator": "mts"})
    assert number.settlement is not None
    assert (number.settlement.outcome, number.settlement.reason) == (
        State.REFUNDED,
        "never_provided",
    )
    assert number.settlement.amount_minor == PRICE
    assert [line.what for line in number.timeline] == ["never_provided"]
    entries = await world.store.books.entries(ALICE, before=None, limit=9)
    assert [one.kind for one in entries if one.activation == number.id] == ["release", "hold"]
    assert await world.admin.fetch("SELECT type FROM event") == []
    assert [row.invariant for row in await world.store.books.audit() if row.violations] == []


async def test_an_order_that_failed_is_no_ending_that_anybody_counts(world: World) -> None:
    world.provider.will("rent", NoRent.NO_NUMBERS)
    await world.service.rent(order())

    stats = await world.store.books.queue_stats(timedelta(0))
    assert (stats.cancel_ratio, stats.live) == ({}, {})
    assert world.reporter.of("settled") == world.reporter.of("accepted") == []
