"""A world for acceptance tests: real processes over real sockets on loopback."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from worker.adapters.store.postgres import PostgresStore
from worker.entrypoints.cli.client import Daemon, Target, connected

TOKEN = "acceptance-token-on-loopback-only"
#: With which a shop's own backend passes on what its customers do.
SHOP_TOKEN = "acceptance-shop-on-loopback-only"
PROVIDER = "sim"
START_SECONDS = 90.0  # Nobody promises how soon a program is up: the machine may be busy.


@dataclass
class Process:
    """One of our own commands, running; ended by its pid and nobody else's."""

    popen: subprocess.Popen[bytes]
    log: Path

    def kill(self) -> None:
        self.popen.kill()
        self.popen.wait()

    def terminate(self) -> int:
        self.popen.send_signal(signal.SIGTERM)
        return self.popen.wait(timeout=60)

    def end(self) -> None:
        if self.popen.poll() is None:
            self.kill()

    def line(self, start: str) -> str | None:
        lines = self.log.read_text(errors="replace").splitlines()
        return next((line for line in lines if line.startswith(start)), None)


@dataclass
class World:
    database_url: str
    redis_url: str
    home: Path
    simulator_url: str
    provider: Daemon  #: The simulator's control API.
    settings: Mapping[str, str] = field(default_factory=dict)
    daemons: list[Process] = field(default_factory=list)

    def environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        base = f"AW_PROVIDERS__{PROVIDER.upper()}__"
        return {
            **kept,
            "AW_DATABASE__URL": self.database_url,
            "AW_REDIS__URL": self.redis_url,
            "AW_API__LISTEN": "127.0.0.1:0",
            "AW_ADMIN__LISTEN": "127.0.0.1:0",
            "AW_API__TOKENS": f"test:operate+decide:{TOKEN},shop:operate:{SHOP_TOKEN}",
            "AW_DEFAULTS__CREDIT_GRACE_SECONDS": "5",
            f"{base}FAMILY": "handler_api",
            f"{base}BASE_URL": self.simulator_url,
            f"{base}API_KEY": "sim-key",
            f"{base}POLL_SECONDS": "1",
            f"{base}MIN_CANCEL_AGE_SECONDS": "0",
            f"{base}REQUESTS_PER_SECOND": "200",
            **self.settings,
        }

    async def start_daemon(self) -> Process:
        log = self.home / f"daemon-{len(self.daemons)}.log"
        process = spawn(["run"], log, self.environment())
        self.daemons.append(process)
        await until(lambda: process.line("activation-worker: ready") is not None, process)
        return process

    def end_all(self) -> None:
        for daemon in self.daemons:
            daemon.end()

    def shop(self, daemon: Process) -> Any:
        line = daemon.line("activation-worker: api")
        assert line is not None
        return connected(Target(line.split()[-1], TOKEN))

    async def admin(self, daemon: Process) -> str:
        line = daemon.line("activation-worker: admin")
        assert line is not None
        return line.split()[2]

    async def metrics(self, daemon: Process) -> str:
        url = f"{await self.admin(daemon)}/metrics"
        async with aiohttp.ClientSession() as http, http.get(url) as response:
            return await response.text()

    async def hand_over(
        self, shop: Daemon, count: int, service: str = "timeout", window: int = 8
    ) -> list[dict[str, Any]]:
        """Rent *count* numbers at the simulator and hand them over in bulk."""
        await shop.put("/v1/accounts/acme", {"currency": "USD"})
        reference = f"topup-{service}-{count}"
        body = {"reference": reference, "amount_minor": count * 100}
        await shop.post("/v1/accounts/acme/topups", body)
        order = {"count": count, "service": service, "country": "0"}
        rented = (await self.provider.post("/_sim/rent", order))["numbers"]
        items = [
            {
                "account": "acme",
                "provider": PROVIDER,
                "provider_ref": str(one["id"]),
                "phone": str(one["phone"]),
                "service": service,
                "country": "0",
                "price_minor": 100,
                "window_seconds": window,
            }
            for one in rented
        ]
        found: list[dict[str, Any]] = []
        for start in range(0, len(items), 1000):
            bulk = {"activations": items[start : start + 1000]}
            results = (await shop.post("/v1/activations/bulk", bulk))["results"]
            assert {one["status"] for one in results} == {201}
            found += [one["activation"] for one in results]
        return found

    async def counts(self) -> dict[str, int]:
        """How many activations are in which state, straight from the database."""
        store = PostgresStore(self.database_url, pool_size=2)
        try:
            found = await store.activations.activations(limit=100_000)
        finally:
            await store.close()
        counted: dict[str, int] = {}
        for one in found:
            counted[one.state.value] = counted.get(one.state.value, 0) + 1
        return counted

    async def until_known(self, numbers: int) -> None:
        while sum((await self.counts()).values()) < numbers:  # noqa: ASYNC110 - another process's
            await asyncio.sleep(0.1)

    async def all_final(self, seconds: float) -> list[Any]:
        """Wait until every activation is final and its provider's axis is at rest."""
        store = PostgresStore(self.database_url, pool_size=2)
        latest = time.monotonic() + seconds
        try:
            while owed := await store.db.read(_owed):
                assert time.monotonic() < latest, f"not at rest: {owed}"
                await asyncio.sleep(0.25)  # Other processes work; there is nothing to await.
            return list(await store.activations.activations(limit=100_000))
        finally:
            await store.close()

    async def audit(self) -> None:
        store = PostgresStore(self.database_url, pool_size=2)
        try:
            broken = [f for f in await store.books.audit() if f.violations]
        finally:
            await store.close()
        assert not broken, {one.invariant: one.offenders for one in broken}

    async def charged(self) -> set[str]:
        """The refs for which the provider kept our money, by its own books."""
        page = await self.provider.get("/_sim/books", limit=10_000)
        return {str(row["id"]) for row in page["numbers"] if row["net_minor"] > 0}


async def _owed(connection: AsyncConnection) -> list[Any]:
    """Who is not at rest, counted cheaply: whoever waits must not slow down what he waits for."""
    sql = """
        SELECT state, provider_state, count(*) FROM activation
         WHERE NOT settled OR provider_state IN ('open', 'cancelling', 'finishing')
         GROUP BY 1, 2
    """
    return list((await connection.execute(text(sql))).all())


async def until(met: Callable[[], bool], process: Process, seconds: float = START_SECONDS) -> None:
    latest = time.monotonic() + seconds
    while not met():
        ended = process.popen.poll()
        assert ended is None, f"ended with {ended}:\n{process.log.read_text()[-2000:]}"
        assert time.monotonic() < latest, process.log.read_text()[-2000:]
        await asyncio.sleep(0.05)


def spawn(arguments: Sequence[str], log: Path, environment: Mapping[str, str]) -> Process:
    return spawn_command([sys.executable, "-m", "worker", *arguments], log, environment)


def spawn_command(command: Sequence[str], log: Path, environment: Mapping[str, str]) -> Process:
    with log.open("wb") as out:
        popen = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env=dict(environment),
            process_group=0,  # Ctrl-C is for us, who end them in the right order.
        )
    return Process(popen, log)


@asynccontextmanager
async def world(
    database_url: str,
    redis_url: str,
    home: Path,
    *,
    simulator: Sequence[str] = (),
    settings: Mapping[str, str] | None = None,
) -> AsyncIterator[World]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    options = ["--min-cancel-age", "0", "--lifetime", "300", "--window", "8", *simulator]
    provider = spawn(["simulate-provider", *options], home / "simulator.log", kept)
    async with AsyncExitStack() as stack:
        stack.callback(provider.end)
        await until(lambda: provider.line('{"url"') is not None, provider)
        url = str(json.loads(provider.line('{"url"') or "")["url"])
        control = await stack.enter_async_context(connected(Target(url, None)))
        made = World(database_url, redis_url, home, url, control, settings or {})
        stack.callback(made.end_all)
        yield made
