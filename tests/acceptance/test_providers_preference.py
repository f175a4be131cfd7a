"""An order names several providers: the first that sells, and never a second one by mistake."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.two_providers import (
    OTHER,
    Simulated,
    own,
    pay_in,
    settings_for,
    simulated,
)
from tests.acceptance.world import PROVIDER, World, world
from worker.entrypoints.cli.client import Daemon
from worker.entrypoints.cli.exit_codes import Failure

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(120)]

BOTH = [PROVIDER, OTHER]
PRICE = 100


@dataclass(frozen=True)
class Market:
    world: World
    shop: Daemon
    first: Simulated
    second: Simulated

    async def order(self, key: str, provider: object = BOTH, **other: Any) -> dict[str, Any]:
        body = {
            "account": "acme",
            "provider": provider,
            "service": "timeout",
            "country": "0",
            "price_minor": PRICE,
            "window_seconds": 60,
            **other,
        }
        return dict(await self.shop.post("/v1/activations", body, key=key))

    async def sold(self) -> tuple[int, int]:
        """How many numbers each of them sold, by its own books."""
        first, second = await self.first.summary(), await self.second.summary()
        return first["purchases"], second["purchases"]


@pytest.fixture
async def market(database_url: str, redis_url: str, tmp_path: Path) -> AsyncIterator[Market]:
    async with (
        simulated(tmp_path) as second,
        world(
            database_url, redis_url, tmp_path, settings=settings_for(OTHER, second.url)
        ) as a_world,
        _opened(a_world) as shop,
    ):
        await pay_in(shop, 20 * PRICE)
        yield Market(a_world, shop, own(a_world), second)
        await a_world.audit()


@asynccontextmanager
async def _opened(a_world: World) -> AsyncIterator[Daemon]:
    async with a_world.shop(await a_world.start_daemon()) as shop:
        yield shop


async def test_the_next_provider_is_asked_only_where_certainly_nothing_was_bought(
    market: Market,
) -> None:
    assert (await market.order("preferred"))["provider"] == PROVIDER

    await market.first.control.post("/_sim/balance", {"balance_minor": 0})
    bought = await market.order("no balance")
    assert bought["provider"] == OTHER
    assert await market.sold() == (1, 1)
    again = await market.order("no balance")
    assert again["id"] == bought["id"], "the same key takes the same way"
    with pytest.raises(Failure, match="does not suffice"):
        await market.order("alone", PROVIDER)
    with pytest.raises(Failure, match="used for something else"):
        await market.order("no balance", [PROVIDER])
    await market.first.control.post("/_sim/balance", {"balance_minor": 10_000})
    assert (await market.order("no balance"))["id"] == bought["id"], "whatever sells meanwhile"
    assert await market.sold() == (1, 1)

    account = await market.shop.get("/v1/accounts/acme")
    assert account["held_minor"] == 2 * PRICE, "what was not bought holds no money"


async def test_a_purchase_nobody_knows_the_end_of_is_never_made_elsewhere(market: Market) -> None:
    await market.first.fault("error-after-effect", 600)

    unclear = await market.order("unclear")
    again = await market.order("unclear")

    assert (unclear["provider"], unclear["provider_ref"]) == (PROVIDER, None)
    assert again["id"] == unclear["id"]
    assert await market.sold() == (1, 0)


async def test_a_provider_nobody_listens_at_is_passed_over(market: Market) -> None:
    await market.first.gone(60)

    for number in range(8):  # The circuit opens on the way, and changes nothing.
        assert (await market.order(f"away-{number}"))["provider"] == OTHER


async def test_the_same_order_many_times_at_once_is_bought_once(market: Market) -> None:
    await market.first.control.post(
        "/_sim/faults", {"kind": "slow", "seconds": 60, "delay_seconds": 1}
    )

    async with asyncio.TaskGroup() as group:
        asked = [group.create_task(market.order("at once")) for _ in range(6)]

    assert len({each.result()["id"] for each in asked}) == 1
    assert await market.sold() == (1, 0)


async def test_a_name_nobody_configured_is_refused_before_anybody_is_asked(market: Market) -> None:
    with pytest.raises(Failure, match="No such provider"):
        await market.order("typo", [PROVIDER, "othre"])

    assert await market.sold() == (0, 0)
