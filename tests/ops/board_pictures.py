"""Makes the pictures of the boards for the README: `python -m tests.ops.board_pictures`.

Real daemons, providers, customers and Prometheus, with outages; eight minutes.
"""

import asyncio
import contextlib
import itertools
import shutil
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml
from aiohttp import web

from deploy.grafana.pictures import draw
from tests.acceptance.two_providers import OTHER, Simulated, own, settings_for, simulated
from tests.acceptance.world import PROVIDER, TOKEN, Process, World, spawn_command, until, world
from tests.ops.conftest import STATE, tool
from tests.ops.prometheus_server import free_port, shipped_config
from tests.ops.queries import DEPLOY
from worker.adapters.store.migrate import upgrade
from worker.client import ApiError, Client
from worker.entrypoints.embedded import embedded

PICTURES: Final = DEPLOY / "screenshots"
IN_README: Final = ("overview", "provider")
BYTES_MAX: Final = 200_000
SCRAPE_SECONDS: Final = 5
LASTS_SECONDS: Final = 450
SHOWN_MINUTES: Final = 6
ACCOUNT: Final = "customer"
WINDOW_SECONDS: Final = 40
PRICE_MINOR: Final = 12
BALANCE_MINOR: Final = 250_000  #: What we have at each provider.
CANCELS: Final = 5  #: The turn of ten whose customer cancels.
CLAIMS: Final = 1  #: The turn of fifty whose customer claims.
#: What becomes of the numbers that are rented each second, turn by turn.
SERVICES: Final = (
    *("code-arrives:9", "code-arrives:4", "timeout", "code-arrives:15", "two-codes:6"),
    *("code-arrives:25", "provider-cancels:12", "code-arrives:7", "timeout", "code-late:45"),
)


@dataclass
class Endpoint:
    """The shop's address for events."""

    url: str
    is_down: bool = False


async def main() -> None:
    home = STATE / "boards"
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    async with embedded(home / "servers", durable=False) as servers, AsyncExitStack() as stack:
        await upgrade(servers.database_url)
        endpoint = await stack.enter_async_context(events_endpoint())
        script = home / "provider.toml"
        script.write_text(f"balance_minor = {BALANCE_MINOR}\n")
        other = await stack.enter_async_context(simulated(home, "--seed=2", f"--script={script}"))
        site = await stack.enter_async_context(
            world(servers.database_url, servers.redis_url, home, simulator=[f"--script={script}"])
        )
        site.settings = settings(endpoint, other)
        daemons = [await site.start_daemon() for _ in range(2)]
        url = await stack.enter_async_context(prometheus(home, site, daemons))
        async with asyncio.TaskGroup() as group:
            group.create_task(outages(own(site), other, endpoint))
            for provider, daemon in zip((PROVIDER, OTHER), daemons, strict=True):
                group.create_task(shop(provider, daemon))
        draw(url, STATE, minutes=SHOWN_MINUTES, scrape_seconds=SCRAPE_SECONDS)
    for name in IN_README:
        picture = (STATE / f"{name}.png").read_bytes()
        assert len(picture) <= BYTES_MAX, f"{name} is too large for a README"
        (PICTURES / f"{name}.png").write_bytes(picture)


@asynccontextmanager
async def events_endpoint() -> AsyncIterator[Endpoint]:
    port = free_port()
    endpoint = Endpoint(f"http://127.0.0.1:{port}/")

    async def take(_: web.Request) -> web.Response:
        return web.Response(status=503 if endpoint.is_down else 204)

    app = web.Application()
    app.router.add_post("/", take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield endpoint
    finally:
        await runner.cleanup()


def settings(endpoint: Endpoint, other: Simulated) -> Mapping[str, str]:
    return {
        **settings_for(OTHER, other.url, EXPOSURE_LIMIT_MINOR="600"),
        f"AW_PROVIDERS__{PROVIDER.upper()}__EXPOSURE_LIMIT_MINOR": "2000",
        "AW_DEFAULTS__CREDIT_GRACE_SECONDS": "60",
        "AW_EVENTS__URL": endpoint.url,
        "AW_EVENTS__SECRET": "whsec_" + "QUFB" * 11,
        "AW_CANARY__PROVIDER": PROVIDER,
        "AW_CANARY__SERVICE": "code-arrives:3",
        "AW_CANARY__COUNTRY": "0",
        "AW_CANARY__EVERY_SECONDS": "60",
    }


@asynccontextmanager
async def prometheus(home: Path, site: World, daemons: list[Process]) -> AsyncIterator[str]:
    config = shipped_config("")
    config["global"] |= {"scrape_interval": f"{SCRAPE_SECONDS}s", "evaluation_interval": "5s"}
    targets = [(await site.admin(daemon)).removeprefix("http://") for daemon in daemons]
    config["scrape_configs"][0]["static_configs"] = [{"targets": targets}]
    (home / "prometheus.yaml").write_text(yaml.safe_dump(config))
    address = f"127.0.0.1:{free_port()}"
    process = spawn_command(
        [
            str(tool("prometheus", "prometheus")),
            f"--config.file={home / 'prometheus.yaml'}",
            f"--storage.tsdb.path={home / 'data'}",
            f"--web.listen-address={address}",
        ],
        home / "prometheus.log",
        {},
    )
    try:
        await until(lambda: "ready to receive" in process.log.read_text(), process)
        yield f"http://{address}"
    finally:
        process.terminate()


async def outages(sim: Simulated, other: Simulated, endpoint: Endpoint) -> None:
    """One after the other: a provider that is slow, one that is down, a shop that is."""
    await asyncio.sleep(110)
    await sim.control.post("/_sim/faults", {"kind": "slow", "seconds": 50, "delay_seconds": 2})
    await asyncio.sleep(100)
    await other.fault("unavailable", 90)
    await asyncio.sleep(120)
    endpoint.is_down = True
    await asyncio.sleep(45)
    endpoint.is_down = False


async def shop(provider: str, daemon: Process) -> None:
    """Customers who rent, cancel and complain, until the time is over."""
    line = daemon.line("activation-worker: api")
    assert line is not None
    ends = time.monotonic() + LASTS_SECONDS
    account = f"{ACCOUNT}-{provider}"
    async with Client(line.split()[-1], TOKEN) as client, asyncio.TaskGroup() as group:
        await client.open_account(account, currency="USD")
        await client.top_up_account(account, reference="first", amount_minor=1_000_000)
        for turn in itertools.takewhile(lambda _: time.monotonic() < ends, itertools.count()):
            group.create_task(customer(client, account, provider, turn))
            await asyncio.sleep(0.5)


async def customer(client: Client, account: str, provider: str, turn: int) -> None:
    """Rents a number; one of ten cancels it, one of fifty says that the code is wrong."""
    with contextlib.suppress(ApiError):  # Nothing is sold while the provider is down.
        order = f"{provider}-{turn}"
        rented = await client.rent_number(
            account=account,
            provider=provider,
            service=SERVICES[turn % len(SERVICES)],
            country="0",
            price_minor=PRICE_MINOR,
            policy="P3",
            window_seconds=WINDOW_SECONDS,
            order_ref=order,
            idempotency_key=order,
        )
        if turn % 10 == CANCELS:
            await asyncio.sleep(3)
            await client.cancel_activation(rented["id"])
        if turn % 50 == CLAIMS:
            await asyncio.sleep(WINDOW_SECONDS + 10)
            await client.open_claim(
                activation=rented["id"],
                claim_kind="wrong_code",
                reason="The site says that this code is wrong.",
                evidence=[{"kind": "screenshot", "reference": "screen-1.png"}],
                request_fields=["service", "reason"],
            )


if __name__ == "__main__":
    asyncio.run(main())
