"""A provider that answers again: what it owes goes on at once, and one process asked whether."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.two_providers import OTHER, Simulated, own, settings_for, simulated
from tests.acceptance.world import PROVIDER, World, world
from tests.bench.recovery import recover

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(180)]

NUMBERS = 400  #: Many against those whose calls found out that the provider is away.
PROMISED_S = 1.5
AWAY_S = 8
NARROW = {"MAX_IN_FLIGHT": "10"}


async def _requests(provider: Simulated) -> Any:
    return (await provider.summary())["requests"]


async def test_what_is_owed_to_customers_is_ended_at_once_with_one_call_a_number(
    database_url: str, redis_url: str, tmp_path: Path
) -> None:
    async with simulated(tmp_path) as other:
        settings = {
            **settings_for(OTHER, other.url, **NARROW),
            f"AW_PROVIDERS__{PROVIDER.upper()}__MAX_IN_FLIGHT": "10",
            "AW_DEFAULTS__CREDIT_GRACE_SECONDS": "60",
        }
        async with world(database_url, redis_url, tmp_path, settings=settings) as made:
            recovery = await recover(made, [own(made), other], NUMBERS, AWAY_S)
            await made.audit()

    assert recovery.numbers == NUMBERS
    assert max(recovery.first_credit_seconds) <= PROMISED_S
    assert recovery.calls_per_number <= 1.1


async def test_two_daemons_ask_once_a_second_between_them(a_world: World) -> None:
    daemons = [await a_world.start_daemon() for _ in range(2)]
    provider = own(a_world)
    async with a_world.shop(daemons[0]) as shop:
        await a_world.hand_over(shop, 60, window=2)
    await provider.fault("unavailable", 600)
    await asyncio.sleep(5)  # Both have work there and find out.
    before = await _requests(provider)
    await asyncio.sleep(10)
    after = await _requests(provider)
    await provider.heal()

    await a_world.all_final(60)
    asked = after["balance"] - before.get("balance", 0)
    assert 8 <= asked <= 11


async def test_what_the_provider_is_owed_follows_at_once(a_world: World) -> None:
    daemon = await a_world.start_daemon()
    provider = own(a_world)
    async with a_world.shop(daemon) as shop:
        await a_world.hand_over(shop, 20, service="code-arrives:0.5", window=4)
        await asyncio.sleep(3)
        assert (await a_world.counts()).get("received") == 20
        await provider.fault("unavailable", 600)
        await asyncio.sleep(12)
    assert (await a_world.counts()).get("delivered") == 20
    await provider.heal()

    await a_world.all_final(PROMISED_S + 1)
    await a_world.audit()
