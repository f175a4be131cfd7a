"""However many daemons work at one provider, together they stay below its requests per second."""

import asyncio
from pathlib import Path

import pytest

from tests.acceptance.two_providers import hand_over, own, pay_in
from tests.acceptance.world import PROVIDER, Process, World, world
from worker.entrypoints.cli.client import Daemon

pytestmark = [pytest.mark.nightly, pytest.mark.acceptance, pytest.mark.timeout(180)]

RATE = 20
DAEMONS = 4
EACH = 10  #: Numbers of each kind per daemon; their looks alone would take far more than the rate.
SETTINGS = {
    f"AW_PROVIDERS__{PROVIDER.upper()}__REQUESTS_PER_SECOND": str(RATE),
    # A company without a list: every look is a request.
    f"AW_PROVIDERS__{PROVIDER.upper()}__DIALECT": "smsbower",
    "AW_DEFAULTS__CREDIT_GRACE_SECONDS": "60",
}


async def _use(daemon: Process, a_world: World) -> None:
    """Numbers handed over, rented and given back early: whatever costs requests, at once."""
    async with a_world.shop(daemon) as shop:
        await _rent(shop, a_world)


async def _rent(shop: Daemon, a_world: World) -> None:
    ids = await hand_over(shop, own(a_world), EACH, "timeout", window=12)
    await hand_over(shop, own(a_world), EACH, "code-arrives:4", window=12)
    order = {
        "account": "acme",
        "provider": PROVIDER,
        "service": "timeout",
        "country": "0",
        "price_minor": 100,
        "window_seconds": 12,
    }
    await pay_in(shop, EACH * 100)
    for number in range(EACH):
        rented = await shop.post("/v1/activations", order, key=f"{min(ids)}-{number}")
        assert rented["state"] == "waiting"
    for id_ in sorted(ids)[:5]:
        await shop.post(f"/v1/activations/{id_}/cancel", {})


async def test_four_daemons_together_stay_inside_the_rate_of_one_provider(
    database_url: str, redis_url: str, tmp_path: Path
) -> None:
    dialect = ("--dialect", "smsbower")
    async with world(
        database_url, redis_url, tmp_path, simulator=dialect, settings=SETTINGS
    ) as a_world:
        daemons = await asyncio.gather(*(a_world.start_daemon() for _ in range(DAEMONS)))
        async with asyncio.TaskGroup() as customers:
            for daemon in daemons:
                customers.create_task(_use(daemon, a_world))
        found = await a_world.all_final(90)
        asked = await own(a_world).summary()
        await a_world.audit()

    assert len(found) == 3 * EACH * DAEMONS
    assert sum(asked["requests"].values()) > 5 * RATE, "the limit was what held them back"
    assert asked["most_requests_in_a_second"] <= RATE
