"""What people look for: a number by what is known of it, and what the pages of the desk ask.

100,000 numbers are stored, 10,000 of them live and watched, and 1,000 wait for a human. Calls come
one after the other, as a person's do; each is measured from its first byte to its last.
"""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from statistics import quantiles
from typing import Any, Final

import aiohttp
from sqlalchemy import text

from tests.acceptance.two_providers import pay_in
from tests.acceptance.world import TOKEN, World
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
    p99_ms: float
    most_ms: float  #: What 99 of 100 may take.

    @property
    def ratio(self) -> float:
        return self.most_ms / self.p99_ms


async def measure(*, stored: int, live: int, reviews: int) -> list[Asked]:
    async with stage("searches", simulator=["--lifetime", "3000"]) as made:
        daemon = await made.start_daemon()
        line = daemon.line("activation-worker: api")
        assert line is not None
        async with made.shop(daemon) as shop:
            await _fill(made, shop, stored, live, reviews)
        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with aiohttp.ClientSession(line.split()[-1], headers=headers) as http:
            return [
                await _asked(http, what, most, [path(n) for n in range(CALLS)])
                for what, most, path in _kinds(stored, reviews)
            ]


def _kinds(stored: int, reviews: int) -> Iterator[tuple[str, float, Any]]:
    def place(n: int) -> int:
        return reviews + 1 + n * 37 % (stored - reviews)

    searches: Mapping[str, Any] = {
        "whole phone": lambda n: f"phone=%2B7999{place(n):07}",
        "last digits": lambda n: f"phone={place(n):07}",
        "order id": lambda n: f"order_ref=order-{place(n)}",
        "reference": lambda n: f"provider_ref=stored-{place(n)}",
        "end of an id": lambda n: f"id_tail={n:08x}",
    }
    for what, query in searches.items():
        yield f"find by {what}", SEARCH_S, lambda n, query=query: f"/v1/activations?{query(n)}"
    yield "the start page", PAGE_S, lambda _: "/v1/reviews?brief=true&limit=50"
    yield "ten reviews whole", PAGE_S, lambda _: "/v1/reviews?limit=10"
    yield "an account's numbers", PAGE_S, lambda _: "/v1/activations?account=acme&limit=50"
    yield "the providers", PAGE_S, lambda _: "/v1/providers"


async def _asked(http: aiohttp.ClientSession, what: str, most: float, paths: list[str]) -> Asked:
    taken = []
    for path in paths:
        started = time.perf_counter()
        async with http.get(path) as response:
            await response.read()
            assert response.status == 200, path
        taken.append((time.perf_counter() - started) * 1000)
    cuts = quantiles(taken, n=100)
    return Asked(what, cuts[49], cuts[98], most * 1000)


async def _fill(made: World, shop: Daemon, stored: int, live: int, reviews: int) -> None:
    await pay_in(shop, 100)
    await made.hand_over(shop, live, window=1200)
    store = PostgresStore(made.database_url, pool_size=1)
    try:
        for statement in STORED.strip().split(";\n"):
            about = {"stored": stored, "reviews": reviews}
            asked = {name: about[name] for name in about if f":{name}" in statement}
            await store.db.write(
                lambda c, sql=statement, asked=asked: c.execute(text(sql.rstrip(";")), asked)
            )
        async with store.db.connection() as connection:
            await connection.execute(text("VACUUM ANALYZE activation"))
    finally:
        await store.close()
