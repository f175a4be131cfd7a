"""Webhooks: how fast a backlog of events leaves, and how soon a code that is pushed is told.

The endpoint answers after a tenth of a second. The backlog is measured from the first event that
comes to the last, against a bare loop that posts as often to the same endpoint. A code is measured
from the provider's push to the shop's webhook, against the second that a tick alone would take.
"""

import asyncio
import base64
import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles
from typing import Any

import aiohttp
import asyncpg

from tests.acceptance.world import Process, World, spawn_command, until
from tests.bench.stage import STATE, cpu_seconds, stage
from worker.adapters.events.webhook import CONNECTIONS_MAX

PAUSE = 0.1
PEERS = Path(__file__).parent / "peers"
SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef01234567").decode()
HOOK_SECRET = "bench-hook-secret-on-loopback-only"
TICK_S = 1.0  #: At the latest so long after its commit a tick sends an event.
LONGEST_S = 120.0

#: Events of different numbers, as large as those of an ending.
BACKLOG = """
INSERT INTO event (subject, type, account, payload)
SELECT id::text, 'activation.refunded', 'acme',
       jsonb_build_object('id', id, 'provider', 'sim', 'provider_ref', n::text, 'account', 'acme',
                          'state', 'refunded', 'amount_minor', 100, 'currency', 'USD',
                          'charge', 'hold', 'reason', 'timeout')
  FROM (SELECT n, gen_random_uuid() AS id FROM generate_series(1, $1) n) made
"""


@dataclass(frozen=True)
class Backlog:
    events: int
    ours_seconds: float
    bare_seconds: float
    cpu_us: float  #: Of the daemon, for each event.

    @property
    def ratio(self) -> float:
        """Our events per second by the bare loop's posts."""
        return self.bare_seconds / self.ours_seconds


@dataclass(frozen=True)
class Told:
    codes: int
    p50_seconds: float
    p99_seconds: float

    @property
    def ratio(self) -> float:
        """How many times sooner than by a tick alone."""
        return TICK_S / self.p99_seconds


class Endpoint:
    """The endpoint's process, by its own address."""

    def __init__(self, url: str) -> None:
        self.url = url

    async def call(self, path: str, body: str = "") -> Any:
        async with aiohttp.ClientSession() as http, http.post(self.url + path, data=body) as reply:
            assert reply.status == 200
            text = await reply.text()
            return json.loads(text) if text else None

    async def all_came(self, count: int) -> dict[str, Any]:
        latest = time.monotonic() + LONGEST_S
        while True:
            seen: dict[str, Any] = await self.call("/seen")
            if seen["count"] >= count:
                return seen
            assert time.monotonic() < latest, f"{seen['count']} of {count} came"
            await asyncio.sleep(0.25)  # Another process counts.


@asynccontextmanager
async def endpoint() -> AsyncIterator[Endpoint]:
    STATE.mkdir(parents=True, exist_ok=True)
    log = STATE / "endpoint.log"
    process = spawn_command([sys.executable, str(PEERS / "endpoint.py"), str(PAUSE)], log, {})
    try:
        await until(lambda: process.line("ready") is not None, process)
        yield Endpoint((process.line("ready") or "").split()[1])
    finally:
        process.end()


def settings_for(shop: Endpoint) -> dict[str, str]:
    return {
        "AW_EVENTS__URL": shop.url + "/event",
        "AW_EVENTS__SECRET": SECRET,
        "AW_PROVIDERS__SIM__HOOK_SECRET": HOOK_SECRET,
        "AW_PROVIDERS__SIM__POLL_SECONDS": "10",  # It is the push that brings the code.
    }


async def backlog(events: int) -> Backlog:
    async with endpoint() as shop, stage("webhooks", settings=settings_for(shop)) as made:
        before = await asyncio.to_thread(bare, shop, events)
        admin = await asyncpg.connect(made.database_url)
        await admin.execute(BACKLOG, events)
        await admin.execute("ANALYZE event")
        await shop.call("/forget")
        daemon = await made.start_daemon()
        ready = cpu_seconds(daemon.popen.pid)
        ours = float((await shop.all_came(events))["seconds"])
        spent = cpu_seconds(daemon.popen.pid) - ready
        daemon.terminate()
        assert await admin.fetchval("SELECT count(*) FROM event WHERE state <> 'sent'") == 0
        await admin.close()
        after = await asyncio.to_thread(bare, shop, events)
    return Backlog(events, ours, (before + after) / 2, spent / events * 1e6)


def bare(shop: Endpoint, posts: int) -> float:
    command = [sys.executable, str(PEERS / "bare_posts.py"), shop.url + "/event"]
    done = subprocess.run(
        [*command, str(posts), str(CONNECTIONS_MAX)], capture_output=True, text=True, check=True
    )
    return float(done.stdout)


async def told(waves: int, each: int) -> Told:
    """*waves* of codes, *each* so many at once, while nothing else is going on."""
    async with endpoint() as shop:
        simulator = ["--push-url", shop.url + "/push"]
        async with stage("told", simulator=simulator, settings=settings_for(shop)) as made:
            daemon = await made.start_daemon()
            await shop.call("/forward", hook_url(daemon))
            await _codes(made, daemon, waves, each)
            seen = await shop.all_came(waves * each)
            daemon.terminate()
    cuts = quantiles(seen["latencies"], n=100)
    return Told(waves * each, cuts[49], cuts[98])


async def _codes(made: World, daemon: Process, waves: int, each: int) -> None:
    async with made.shop(daemon) as caller:
        for wave in range(waves):
            # A third of a second apart: neither on the tick's second nor on one another's heels.
            service = f"code-arrives:{5 + wave * 0.37:.2f}"
            await made.hand_over(caller, each, service=service, window=60)


def hook_url(daemon: Process) -> str:
    line = daemon.line("activation-worker: api")
    assert line is not None
    return f"{line.split()[-1]}/v1/hooks/sim/{HOOK_SECRET}"
