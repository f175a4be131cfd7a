"""What people look for: a number by what is known of it, and what the pages of the desk ask.

100,000 numbers are stored, 10,000 of them live and watched, and 1,000 wait for a human. Calls come
one after the other, as a person's do; each is measured from its first byte to its last.
"""

import re
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from hashlib import md5
from statistics import quantiles
from typing import Any, Final
from uuid import UUID

import aiohttp
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from tests.acceptance.two_providers import pay_in
from tests.acceptance.world import TOKEN, World, spawn, until
from tests.bench.stage import stage
from worker.adapters.store.postgres import PostgresStore
from worker.entrypoints.cli.client import Daemon

CALLS: Final = 200  #: Of each kind.
SEARCH_S, PAGE_S = 0.020, 0.050
#: What ended long ago, each with its own phone and order; the first thousand wait for a human.
STORED: Final = """
INSERT INTO activation (id, provider, provider_ref, account, phone, service, country, price_minor,
        currency, policy, policy_version, charge, state, provider_state, settled, rented_at,
        window_seconds, deadline_at, ending_at, order_ref)
    SELECT md5('stored' || n)::uuid, 'sim', 'stored-' || n, 'acme', '7999' || lpad(n::text, 7, '0'),
           'tg', '0', 100, 'USD', 'P3', 'none', 'external',
           CASE WHEN n <= :reviews THEN 'in_review' ELSE 'refunded' END, 'cancelled', n > :reviews,
           now() - make_interval(days => 30, secs => n), 1200,
           now() - make_interval(days => 30, secs => n - 1200),
           CASE WHEN n <= :reviews THEN 'infinity' ELSE now() - interval '29 days' END,
           'order-' || n
      FROM generate_series(1, :stored) n;
INSERT INTO transition (activation_id, at, what, state, detail)
    SELECT id, deadline_at, CASE WHEN settled THEN 'settled' ELSE 'in_review' END, state,
           jsonb_build_object('reason', 'sms_not_displayed')
      FROM activation WHERE provider_ref LIKE 'stored-%';
INSERT INTO settlement (activation_id, outcome, amount_minor, reason, at)
    SELECT id, 'refunded', 100, 'timeout', deadline_at FROM activation
     WHERE settled AND provider_ref LIKE 'stored-%';
"""


@dataclass(frozen=True)
class Asked:
    what: str
    p50_ms: float
    p95_ms: float
    p99_ms: float
    most_ms: float
    percent: int  #: So many of a hundred may take that: of searches 99, of pages 95.

    @property
    def ratio(self) -> float:
        return self.most_ms / (self.p95_ms if self.percent == 95 else self.p99_ms)


async def measure(*, stored: int, live: int, reviews: int) -> list[Asked]:
    async with stage("searches", simulator=["--lifetime", "3000"]) as made:
        daemon = await made.start_daemon()
        line = daemon.line("activation-worker: api")
        assert line is not None
        async with made.shop(daemon) as shop:
            await _fill(made, shop, stored, live, reviews)
        headers = {"Authorization": f"Bearer {TOKEN}"}
        api_url = line.split()[-1]
        async with aiohttp.ClientSession(api_url, headers=headers) as http:
            searches = [
                await _asked(http, what, SEARCH_S, [path(n) for n in range(CALLS)], 99)
                for what, path in _searches(stored, reviews)
            ]
        async with _desk(made, api_url) as http:
            return searches + [
                await _asked(http, what, PAGE_S, [path(n) for n in range(CALLS)], 95)
                for what, path in _pages(stored, reviews)
            ]


@asynccontextmanager
async def _desk(made: World, api_url: str) -> AsyncIterator[aiohttp.ClientSession]:
    """The desk in a process of its own, with somebody signed in."""
    where = ["desk", "--listen", "127.0.0.1:0", "--api", api_url]
    process = spawn(where, made.home / "desk.log", made.environment())
    try:
        await until(lambda: process.line("ready") is not None, process)
        address = (process.line("desk  ") or "").split()[1]
        jar = aiohttp.CookieJar(unsafe=True)  # Of an address instead of a name.
        async with aiohttp.ClientSession(address, cookie_jar=jar) as http:
            async with http.get("/sign-in") as page:
                csrf = re.search(r'name="csrf" value="([0-9a-f]+)"', await page.text())
            assert csrf is not None
            fields = {"csrf": csrf[1], "token": TOKEN}
            async with http.post("/sign-in", data=fields, allow_redirects=False) as response:
                assert response.status == 303
            yield http
    finally:
        process.end()


def _place(n: int, stored: int, reviews: int) -> int:
    return reviews + 1 + n * 37 % (stored - reviews)


def _searches(stored: int, reviews: int) -> Iterator[tuple[str, Any]]:
    def place(n: int) -> int:
        return _place(n, stored, reviews)

    searches: Mapping[str, Any] = {
        "whole phone": lambda n: f"phone=%2B7999{place(n):07}",
        "last digits": lambda n: f"phone={place(n):07}",
        "order id": lambda n: f"order_ref=order-{place(n)}",
        "reference": lambda n: f"provider_ref=stored-{place(n)}",
        "end of an id": lambda n: f"id_tail={n:08x}",
    }
    for what, query in searches.items():
        yield f"find by {what}", lambda n, query=query: f"/v1/activations?{query(n)}"


def _pages(stored: int, reviews: int) -> Iterator[tuple[str, Any]]:
    yield "page: waiting for you", lambda _: "/"
    yield "page: found", lambda n: f"/find?q={_place(n, stored, reviews) % 10_000:04}"
    yield "page: a number", lambda n: f"/a/{_id(_place(n, stored, reviews))}"
    yield "page: an account", lambda _: "/accounts/acme"
    yield "page: providers", lambda _: "/providers"
    yield "page: events", lambda _: "/events"


def _id(n: int) -> UUID:
    """As `STORED` makes it."""
    return UUID(md5(f"stored{n}".encode(), usedforsecurity=False).hexdigest())


async def _asked(
    http: aiohttp.ClientSession, what: str, most: float, paths: list[str], percent: int
) -> Asked:
    taken = []
    for path in paths:
        started = time.perf_counter()
        async with http.get(path) as response:
            await response.read()
            assert response.status == 200, path
        taken.append((time.perf_counter() - started) * 1000)
    cuts = quantiles(taken, n=100)
    return Asked(what, cuts[49], cuts[94], cuts[98], most * 1000, percent)


async def _execute(connection: AsyncConnection, *, sql: str, asked: Mapping[str, int]) -> None:
    await connection.execute(text(sql), asked)


async def _fill(made: World, shop: Daemon, stored: int, live: int, reviews: int) -> None:
    await pay_in(shop, 100)
    await made.hand_over(shop, live, window=1200)
    store = PostgresStore(made.database_url, pool_size=1)
    try:
        for statement in STORED.strip().split(";\n"):
            about = {"stored": stored, "reviews": reviews}
            asked = {name: about[name] for name in about if f":{name}" in statement}
            fills = partial(_execute, sql=statement.rstrip(";"), asked=asked)
            await store.db.write(fills)
        async with store.db.connection() as connection:
            await connection.execute(text("VACUUM ANALYZE activation"))
    finally:
        await store.close()
