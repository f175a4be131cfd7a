"""A provider that hangs is a matter of its own numbers; the other's customers notice nothing."""

import asyncio
from pathlib import Path

import pytest

from tests.acceptance.two_providers import (
    OTHER,
    Simulated,
    hand_over,
    lateness,
    most_of,
    own,
    settings_for,
    simulated,
    waits_for_codes,
)
from tests.acceptance.world import World, world
from worker.entrypoints.cli.client import Daemon

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(180)]

NUMBERS = 60  #: Of each kind, at each provider, in each half of the test.
# Spread over the second between two readings of the list, so that a few numbers tell all delays.
ARRIVALS = ("2.0", "2.2", "2.4", "2.6", "2.8", "3.0")
GRACE_SECONDS = 5
WORSE_MAX = 3.0  #: Times longer, before we call it a delay and not chance.


async def _half(shop: Daemon, healthy: Simulated, neighbour: Simulated) -> set[str]:
    """The same load at both; the ids of the healthy provider's numbers."""
    ids: set[str] = set()
    codes = [(f"code-arrives:{after}", NUMBERS // len(ARRIVALS)) for after in ARRIVALS]
    for service, count in (*codes, ("timeout", NUMBERS)):
        await hand_over(shop, neighbour, count, service, window=8)
        ids |= await hand_over(shop, healthy, count, service, window=8)
    return ids


async def _all_settled(a_world: World, count: int) -> None:
    while (await a_world.counts()).get("refunded", 0) < count:  # noqa: ASYNC110 - another process's
        await asyncio.sleep(0.25)


async def test_a_hanging_provider_delays_neither_codes_nor_credits_of_another(
    database_url: str, redis_url: str, tmp_path: Path
) -> None:
    async with (
        simulated(tmp_path) as neighbour,
        world(
            database_url, redis_url, tmp_path, settings=settings_for(OTHER, neighbour.url)
        ) as a_world,
    ):
        healthy = own(a_world)
        daemon = await a_world.start_daemon()
        async with a_world.shop(daemon) as shop:
            before = await _half(shop, healthy, neighbour)
            await _all_settled(a_world, 2 * NUMBERS)
            await neighbour.fault("hang", 120)
            during = await _half(shop, healthy, neighbour)
            # Its codes are there for nobody to see: they end in credits, too.
            await _all_settled(a_world, 5 * NUMBERS)
        await neighbour.heal()
        found = await a_world.all_final(90)
        books = await healthy.books()

        calm = [one for one in found if str(one.id) in before]
        beside = [one for one in found if str(one.id) in during]
        hung = [one for one in found if one.provider == OTHER]
        waited = [most_of(waits_for_codes(half, books)) for half in (calm, beside)]
        assert waited[1] <= WORSE_MAX * waited[0]
        assert [len(lateness(half)) for half in (calm, beside)] == [NUMBERS, NUMBERS]
        grace_taken = lateness(hung)[-2 * NUMBERS]
        assert grace_taken > GRACE_SECONDS, "the neighbour did hang across its deadlines"
        assert lateness(beside)[-1] <= grace_taken / 2
        await a_world.audit()
