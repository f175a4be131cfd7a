"""The worker's own number on a real database: once a slot, to its end, and remembered."""

import asyncio
from datetime import datetime, timedelta

import pytest

from tests.integration.lifecycle.world import GRACE, SIM, World
from worker.adapters.store.postgres import PostgresStore
from worker.domain.activation import State
from worker.domain.ids import ProviderRef
from worker.domain.price_fate import PriceFate
from worker.lifecycle.canary import Canary
from worker.ports.provider import Ended, NoRent, Rented
from worker.ports.store.activations import Activation
from worker.ports.store.purchases import CANARY_ACCOUNT
from worker.settings import Settings
from worker.settings.model import CanarySettings

EVERY = timedelta(minutes=5)
SETTINGS = Settings(canary=CanarySettings(provider=SIM, service="any", country="7"))
REF = "77"


def canary_of(world: World) -> Canary:
    """A process's; each has a memory of its own."""
    world.settings = SETTINGS
    canary = world.new_worker().steps.canary
    assert canary is not None
    return canary


@pytest.fixture
def canary(world: World) -> Canary:
    """At a provider that sells one number after the other."""
    world.provider.will("rent", *(Rented(ProviderRef(str(n)), "15550077") for n in range(77, 99)))
    return canary_of(world)


async def canaries(world: World) -> list[Activation]:
    """Newest first."""
    return await world.store.activations.activations(account=CANARY_ACCOUNT)


async def success(world: World) -> datetime | None:
    return (await world.store.books.queue_stats(GRACE)).canary_success


async def test_it_is_rented_finished_with_its_code_and_remembered(
    world: World, canary: Canary, database_url: str
) -> None:
    await canary.tick()
    assert await success(world) is None
    await world.record(REF, "1234")

    await canary.tick()

    (ended,) = await canaries(world)
    assert (ended.state, ended.price_minor) == (State.DELIVERED, 0)
    assert ended.settlement is not None
    assert await success(world) == ended.settlement.at
    restarted = PostgresStore(database_url)
    assert (await restarted.books.queue_stats(GRACE)).canary_success == ended.settlement.at
    await restarted.close()
    account = await world.store.books.account(CANARY_ACCOUNT)
    assert account is not None
    assert (account.available_minor, account.held_minor) == (0, 0)


async def test_hosts_that_tick_at_the_same_moment_rent_one_number(
    world: World, canary: Canary
) -> None:
    await asyncio.gather(canary.tick(), *(canary_of(world).tick() for _ in range(5)))

    assert len(world.provider.asked("rent")) == len(await canaries(world)) == 1
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
    world.provider.will("cancel", Ended(PriceFate.GIVEN_BACK))
    await world.age((await canaries(world))[0], canary.order.window + moment)
    await world.end_all()
    world.skew += EVERY

    await canary_of(world).tick()

    assert sorted(one.state.value for one in await canaries(world)) == [
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
    (order,) = await canaries(world)
    assert (order.state, order.ref) == (State.REFUNDED, None)
    assert len(world.provider.asked("rent")) == 1


async def test_customers_numbers_are_no_canaries(world: World) -> None:
    number = await world.take(REF)
    await world.record(REF, "1234")
    await world.service.finish(number.id)

    assert (await world.number(number)).state is State.DELIVERED
    assert await success(world) is None
