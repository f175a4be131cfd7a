"""The worker's own number on a real database: once a slot, to its end, and remembered."""

import asyncio
from datetime import datetime, timedelta

import pytest

from tests.integration.lifecycle.world import GRACE, SIM, World
from worker.adapters.store.postgres import PostgresStore
from worker.domain.activation import State
from worker.domain.ids import ProviderRef
from worker.lifecycle.canary import Canary, CanaryOrder
from worker.ports.provider import Cancelled, NoRent, Rented
from worker.ports.store.activations import Activation
from worker.ports.store.purchases import ACCOUNT

EVERY = timedelta(minutes=5)
ERRAND = CanaryOrder(provider=SIM, service="any", country="7", every=EVERY, currency="USD")
REF = "77"


def canary_of(world: World) -> Canary:
    """A process's; each has a memory of its own."""
    return Canary(
        purchases=world.store.purchases,
        books=world.store.books,
        activations=world.store.activations,
        desk=world.desk,
        reporter=world.reporter,
        clock=world.clock,
        order=ERRAND,
    )


@pytest.fixture
def canary(world: World) -> Canary:
    """At a provider that sells one number after the other."""
    world.provider.will("rent", *(Rented(ProviderRef(str(n)), "15550077") for n in range(77, 99)))
    return canary_of(world)


async def flights(world: World) -> list[Activation]:
    """Newest first."""
    return await world.store.activations.activations(account=ACCOUNT)


async def success(world: World) -> datetime | None:
    return (await world.store.books.queue_stats(GRACE)).canary_success


async def test_it_is_rented_finished_with_its_code_and_remembered(
    world: World, canary: Canary, database_url: str
) -> None:
    await canary.tick()
    assert await success(world) is None
    await world.record(REF, "1234")

    await canary.tick()

    (flown,) = await flights(world)
    assert (flown.state, flown.price_minor) == (State.DELIVERED, 0)
    assert flown.settlement is not None
    assert await success(world) == flown.settlement.at
    restarted = PostgresStore(database_url)
    assert (await restarted.books.queue_stats(GRACE)).canary_success == flown.settlement.at
    await restarted.close()
    account = await world.store.books.account(ACCOUNT)
    assert account is not None
    assert (account.available_minor, account.held_minor) == (0, 0)


async def test_hosts_that_tick_at_the_same_moment_rent_one_number(
    world: World, canary: Canary
) -> None:
    await asyncio.gather(canary.tick(), *(canary_of(world).tick() for _ in range(5)))

    assert len(world.provider.asked("rent")) == len(await flights(world)) == 1
    assert world.reporter.troubles == []


async def test_one_without_a_code_is_told_of_and_leaves_the_last_success_where_it_was(
    world: World, canary: Canary
) -> None:
    moment = timedelta(seconds=5)
    world.skew = -EVERY - moment
    await canary.tick()
    await world.record(REF, "1234")
    await canary.tick()
    before = await success(world)
    world.skew += EVERY
    await canary.tick()
    world.provider.will("cancel", Cancelled())
    await world.age((await flights(world))[0], ERRAND.window + moment)
    await world.end_all()
    world.skew += EVERY

    await canary_of(world).tick()

    assert sorted(one.state.value for one in await flights(world)) == [
        "delivered",
        "refunded",
        "waiting",
    ]
    assert world.reporter.of("trouble") == [("canary.failed", SIM, "refunded")]
    assert before is not None
    assert await success(world) == before


async def test_one_that_is_not_sold_is_on_record_for_all_hosts(world: World) -> None:
    world.provider.will("rent", NoRent.NO_NUMBERS)

    for host in (canary_of(world), canary_of(world)):
        await host.tick()

    assert world.reporter.of("trouble") == [("canary.failed", SIM, "no_numbers")]
    assert await flights(world) == []
    assert len(world.provider.asked("rent")) == 1


async def test_customers_numbers_are_no_canaries(world: World) -> None:
    number = await world.take(REF)
    await world.record(REF, "1234")
    await world.desk.finish(number.id)

    assert (await world.number(number)).state is State.DELIVERED
    assert await success(world) is None
