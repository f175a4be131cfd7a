"""One demo from the first server to the report."""

import time
from collections import Counter
from typing import Any

from worker.adapters.store.postgres import PostgresStore
from worker.entrypoints.cli.client import Daemon, connected
from worker.entrypoints.cli.output import say
from worker.entrypoints.cli.target import Target
from worker.entrypoints.demo.cast import cast
from worker.entrypoints.demo.play import Play
from worker.entrypoints.demo.proof import (
    Report,
    endings_of,
    lateness_of,
    summary_of,
    wrong_at_provider,
    wrong_balances,
    wrong_endings,
)
from worker.entrypoints.demo.stage import GRACE_SECONDS, TOKEN, stage
from worker.ports.store.books import Finding

BOOKS_PAGE = 1000


async def run_demo(*, numbers: int, window: float, seed: int) -> Report:
    started = time.monotonic()
    say("starting PostgreSQL, Valkey, a simulated provider and the daemon")
    async with (
        stage(window, seed) as set_,
        connected(Target(set_.api_url, TOKEN)) as shop,
        connected(Target(set_.simulator_url, None)) as provider,
    ):
        say(f"all up after {time.monotonic() - started:.1f} s; the daemon's API: {set_.api_url}")
        play = Play(shop, provider, cast(numbers, window, seed), window, say)
        ended = await play.perform()
        findings = await _audit(set_.servers.database_url)
        return await _report(play, ended, findings, started)


async def _report(
    play: Play, ended: list[dict[str, Any]], findings: list[Finding], started: float
) -> Report:
    after = {name: await play.shop.get(f"/v1/accounts/{name}") for name in play.balances}
    late = lateness_of(ended)
    at_provider, losses = wrong_at_provider(ended, await _books(play.provider))
    return Report(
        numbers=len(ended),
        endings=endings_of(ended, play.rented),
        reasons=Counter(one["settlement"]["reason"] for one in ended),
        lateness=summary_of(late),
        by_grace=sum(seconds > GRACE_SECONDS for seconds in late),
        late_codes=losses,
        wrong=[
            *wrong_endings(ended, play.rented),
            *wrong_balances(play.balances, after, ended),
            *at_provider,
        ],
        findings=findings,
        seconds=time.monotonic() - started,
    )


async def _books(provider: Daemon) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    while True:
        page = await provider.get("/_sim/books", offset=len(rows), limit=BOOKS_PAGE)
        rows += page["numbers"]
        if len(rows) >= page["total"] or not page["numbers"]:
            return rows


async def _audit(database_url: str) -> list[Finding]:
    store = PostgresStore(database_url, pool_size=2)
    try:
        return await store.books.audit()
    finally:
        await store.close()
