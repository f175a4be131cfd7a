"""A second simulated provider beside the world's own, and numbers rented at either of them."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.acceptance.world import PROVIDER, World, spawn, until
from worker.entrypoints.cli.client import Daemon, Target, connected

OTHER = "other"
_top_ups = itertools.count()


@dataclass(frozen=True)
class Simulated:
    """A provider of the test: how the daemon calls it, and its control API."""

    name: str
    url: str
    control: Daemon

    async def fault(self, kind: str, seconds: float) -> None:
        await self.control.post("/_sim/faults", {"kind": kind, "seconds": seconds})

    async def gone(self, seconds: float) -> None:
        """Nobody listens there, from when this returns on."""
        await self.fault("refuse", seconds)
        port = self.url.rpartition(":")[2]
        while True:  # The listener closes a moment after it was told to.
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", int(port))
            except ConnectionRefusedError:
                return
            except ConnectionResetError:
                continue
            writer.close()

    async def heal(self) -> None:
        await self.control.post("/_sim/faults", {"clear": True})

    async def books(self) -> dict[str, Any]:
        """Every number as the provider knows it, by its ref."""
        page = await self.control.get("/_sim/books", limit=10_000)
        return {str(row["id"]): row for row in page["numbers"]}

    async def summary(self) -> dict[str, Any]:
        return dict(await self.control.get("/_sim/summary"))


@asynccontextmanager
async def simulated(home: Path, *options: str) -> AsyncIterator[Simulated]:
    """Another simulator, for the length of the block."""
    kept = {"PATH": "/usr/bin:/bin"}
    given = ["--min-cancel-age", "0", "--lifetime", "300", "--window", "8", *options]
    process = spawn(["simulate-provider", *given], home / "other.log", kept)
    try:
        await until(lambda: process.line('{"url"') is not None, process)
        url = str(json.loads(process.line('{"url"') or "")["url"])
        async with connected(Target(url, None)) as control:
            yield Simulated(OTHER, url, control)
    finally:
        process.end()


def settings_for(provider: str, url: str, **other: str) -> Mapping[str, str]:
    """What the daemon's environment says about one more provider."""
    base = f"AW_PROVIDERS__{provider.upper()}__"
    values = {
        "FAMILY": "handler_api",
        "BASE_URL": url,
        "API_KEY": "sim-key",
        "POLL_SECONDS": "1",
        "MIN_CANCEL_AGE_SECONDS": "0",
        "REQUESTS_PER_SECOND": "200",
        **other,
    }
    return {base + name: value for name, value in values.items()}


def own(world: World) -> Simulated:
    """The world's own provider, seen as one of two."""
    return Simulated(PROVIDER, world.simulator_url, world.provider)


async def hand_over(
    shop: Daemon, provider: Simulated, count: int, service: str, window: int
) -> set[str]:
    """Rent *count* numbers at the simulator, hand them over in bulk; their ids."""
    await pay_in(shop, count * 100)
    order = {"count": count, "service": service, "country": "0"}
    rented = (await provider.control.post("/_sim/rent", order))["numbers"]
    items = [
        {
            "account": "acme",
            "provider": provider.name,
            "provider_ref": str(one["id"]),
            "phone": str(one["phone"]),
            "service": service,
            "country": "0",
            "price_minor": 100,
            "window_seconds": window,
        }
        for one in rented
    ]
    results = (await shop.post("/v1/activations/bulk", {"activations": items}))["results"]
    assert {one["status"] for one in results} == {201}
    return {str(one["activation"]["id"]) for one in results}


async def pay_in(shop: Daemon, amount_minor: int) -> None:
    await shop.put("/v1/accounts/acme", {"currency": "USD"})
    body = {"reference": f"topup-{next(_top_ups)}", "amount_minor": amount_minor}
    await shop.post("/v1/accounts/acme/topups", body)


def waits_for_codes(found: Sequence[Any], books: Mapping[str, Any]) -> list[float]:
    """Seconds between an SMS at the provider and the code at the shop, shortest first."""
    return sorted(
        (code.received_at - datetime.fromisoformat(books[one.ref]["sms"][0]["at"])).total_seconds()
        for one in found
        for code in one.codes
    )


def lateness(found: Sequence[Any]) -> list[float]:
    """Seconds between the deadline and the credit, shortest first."""
    return sorted(
        (one.settlement.at - one.deadline_at).total_seconds()
        for one in found
        if one.state.value == "refunded"
    )


def most_of(sorted_values: Sequence[float]) -> float:
    """What nineteen of twenty stay below."""
    return sorted_values[len(sorted_values) * 19 // 20]
