"""Whatever dies, every number ends exactly once, and credits are at most grace + 15 s late."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from tests.acceptance.world import PROVIDER, Process, World
from tests.conftest import Valkey

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(180)]

GRACE = timedelta(seconds=5)
LATEST = GRACE + timedelta(seconds=15)
NUMBERS = 300


async def _ended_once(world: World, found: Sequence[Any], *, codes: int = 0) -> None:
    """Each number has its one ending, the books balance, and the provider's books agree."""
    assert len(found) == NUMBERS
    delivered = {one.ref for one in found if one.state.value == "delivered"}
    assert len(delivered) == codes
    late = [one.settlement.at - one.deadline_at for one in found if one.ref not in delivered]
    assert max(late) <= LATEST
    await world.audit()
    known_losses = {one.ref for one in found if one.provider_state.value == "charged"}
    assert await world.charged() == delivered | known_losses


async def _figures_as_in_the_books(world: World, daemon: Process) -> None:
    """What ops see of the provider, against what the provider itself sold and kept."""
    books = (await world.provider.get("/_sim/books", limit=10_000))["numbers"]
    sold = Counter(row["service"] for row in books)
    kept = Counter(row["service"] for row in books if row["net_minor"] > 0)
    async with world.shop(daemon) as shop:
        shown = await shop.get(f"/v1/providers/{PROVIDER}")
    week = {one["service"]: (one["rented"], one["delivered"]) for one in shown["services"]}
    assert week == {service: (sold[service], kept[service]) for service in sold}
    day = shown["day"]
    assert (day["rented"], day["delivered"]) == (sold.total(), kept.total())
    assert day["success_ratio"] == pytest.approx(kept.total() / sold.total(), abs=0.001)


async def _some_settled(world: World, at_least: int) -> int:
    """Wait until the expiries are under way."""
    while True:
        settled = (await world.counts()).get("refunded", 0)
        if settled >= at_least:
            return settled
        await asyncio.sleep(0.05)


async def test_a_daemon_killed_in_the_middle_of_300_expiries_loses_nobody(
    a_world: World,
) -> None:
    daemon = await a_world.start_daemon()
    async with a_world.shop(daemon) as shop:
        await a_world.hand_over(shop, NUMBERS)
    await _some_settled(a_world, 20)
    daemon.kill()
    counted = await a_world.counts()
    assert 0 < counted["refunded"] < NUMBERS, "killed in the middle"

    await a_world.start_daemon()

    await _ended_once(a_world, await a_world.all_final(60))


async def test_a_flushed_redis_forgets_nobody(a_world: World, valkey: Valkey) -> None:
    daemon = await a_world.start_daemon()
    async with a_world.shop(daemon) as shop:
        await a_world.hand_over(shop, NUMBERS - 20)
        await a_world.hand_over(shop, 20, service="code-arrives:5")
    valkey.flush()
    await _some_settled(a_world, 20)
    valkey.flush()

    await _ended_once(a_world, await a_world.all_final(60), codes=20)


@pytest.mark.nightly  # The quick parts: tests/integration, and `make chaos` has the whole.
async def test_a_redis_that_is_gone_for_good_stops_nothing(a_world: World, valkey: Valkey) -> None:
    daemon = await a_world.start_daemon()
    async with a_world.shop(daemon) as shop:
        await a_world.hand_over(shop, NUMBERS - 20, window=20)
        valkey.kill()
        # Handed over without Redis, and a code that only looking can find.
        await a_world.hand_over(shop, 20, service="code-arrives:14", window=20)

    await _ended_once(a_world, await a_world.all_final(90), codes=20)


async def test_of_two_daemons_one_dies_and_the_other_ends_all(a_world: World) -> None:
    first = await a_world.start_daemon()
    second = await a_world.start_daemon()
    async with a_world.shop(first) as shop:
        await a_world.hand_over(shop, NUMBERS - 20)
        await a_world.hand_over(shop, 20, service="code-arrives:5")
    await _some_settled(a_world, 20)
    first.kill()

    await _ended_once(a_world, await a_world.all_final(60), codes=20)
    await _figures_as_in_the_books(a_world, second)


@pytest.mark.nightly  # In each run the demo has its outage across the deadline.
async def test_a_provider_that_is_down_across_the_deadline_delays_no_credit(
    a_world: World,
) -> None:
    daemon = await a_world.start_daemon()
    async with a_world.shop(daemon) as shop:
        await a_world.hand_over(shop, NUMBERS)
    await asyncio.sleep(5)
    await a_world.provider.post("/_sim/faults", {"kind": "refuse", "seconds": 20})

    found = await a_world.all_final(120)

    await _ended_once(a_world, found)
    assert max(one.settlement.at - one.deadline_at for one in found) > GRACE, "the grace was needed"


async def test_sigterm_ends_the_daemon_in_order_and_the_next_one_goes_on(
    a_world: World,
) -> None:
    daemon = await a_world.start_daemon()
    async with a_world.shop(daemon) as shop:
        await a_world.hand_over(shop, NUMBERS)
    await _some_settled(a_world, 20)

    assert daemon.terminate() == 0

    await a_world.start_daemon()
    await _ended_once(a_world, await a_world.all_final(60))
