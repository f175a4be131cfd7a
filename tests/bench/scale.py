"""How many: a hundred thousand live numbers of every age, one daemon, all servers beside it.

Half of them get a code. While they end as they do in life, it is measured how late each ended
after its deadline, how long a code took from the provider's books to ours, and what the daemon
uses. Then it is killed, the next one goes on, and the books are proven over all of them.
"""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from math import inf
from pathlib import Path
from random import Random
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from tests.acceptance.two_providers import pay_in
from tests.acceptance.world import PROVIDER, Process, World
from tests.bench.stage import cpu_seconds, stage
from worker.adapters.store.postgres import PostgresStore
from worker.entrypoints.cli.client import Daemon

PRICE = 100
ALIKE = 20  #: Numbers rented in one call; their codes come at one instant.
BULK = 1000
WITH_CODE = 0.5
EARLIEST, LATEST = 0.02, 0.95  #: Of the window, when it comes.
OPENING = 2000.0  #: Numbers a second that are opened at least: the oldest must still be live then.
SETTLING = 10.0  #: Seconds between the first deadline and the measuring.
EVERY = 10.0


@dataclass(frozen=True)
class Spread:
    """Seconds."""

    count: int
    p50: float
    p99: float
    max: float


@dataclass(frozen=True)
class Scale:
    live: int
    opened_per_second: float
    seconds: float  #: Measured for so long.
    lateness: Spread  #: From the deadline to the settlement.
    code: Spread  #: From the SMS in the provider's books to the code in ours.
    daemon_cpu: float  #: Share of a core.
    daemon_mib: float  #: At most, resident.
    recovered_seconds: (
        float  #: From SIGKILL until the next daemon had nobody left past his deadline.
    )
    audit_seconds: float
    violations: Mapping[str, int]


async def measure(live: int, window: int, seconds: float, poll: float) -> Scale:
    settings = {
        f"AW_PROVIDERS__{PROVIDER.upper()}__POLL_SECONDS": str(poll),
        f"AW_PROVIDERS__{PROVIDER.upper()}__REQUESTS_PER_SECOND": "1000",
        "AW_DEFAULTS__CREDIT_GRACE_SECONDS": "60",
    }
    simulator = ["--lifetime", str(2 * window)]
    async with stage("scale", simulator=simulator, settings=settings) as made:
        daemon = await made.start_daemon()
        began = time.monotonic()
        async with made.shop(daemon) as shop:
            await _open(made, shop, live, window)
        took = time.monotonic() - began
        assert took < live / OPENING, "too slow for so many: the oldest are over already"
        opened = live / took
        tell(f"{live:,} numbers are live, {opened:,.0f} a second were handed over")
        await asyncio.sleep(max(0.0, began + live / OPENING + SETTLING - time.monotonic()))
        store = PostgresStore(made.database_url, pool_size=2)
        try:
            since, cpu = datetime.now(UTC), cpu_seconds(daemon.popen.pid)
            await _progress(store, seconds)
            until, spent = datetime.now(UTC), cpu_seconds(daemon.popen.pid) - cpu
            peak = _peak_mib(daemon.popen.pid)
            recovered = await _killed(made, daemon, store)
            shown, seen_by = await store.db.read(_shown), until - timedelta(seconds=3 * poll)
            audit = time.monotonic()
            findings = await store.books.audit()
            return Scale(
                live=live,
                opened_per_second=opened,
                seconds=seconds,
                lateness=_spread(await _lateness(store, since, until)),
                code=_spread(await _code_waits(made, shown, since, seen_by)),
                daemon_cpu=spent / seconds,
                daemon_mib=peak,
                recovered_seconds=recovered,
                audit_seconds=time.monotonic() - audit,
                violations={each.invariant: each.violations for each in findings},
            )
        finally:
            await store.close()


async def _open(made: World, shop: Daemon, live: int, window: int) -> None:
    await pay_in(shop, live * PRICE)
    rng = Random(1)
    items: list[dict[str, Any]] = []
    for age in _ages(live, window):
        items += await _rent(made, rng, window, age)
        if len(items) >= BULK or age == 0:
            results = (await shop.post("/v1/activations/bulk", {"activations": items}))["results"]
            assert {one["status"] for one in results} == {201}
            items = []


def _ages(live: int, window: int) -> Iterator[float]:
    """Oldest first; as old as they may be and be live still when all are handed over."""
    oldest = window - live / OPENING
    groups = live // ALIKE
    for group in range(groups):
        yield oldest * (1 - (group + 1) / groups)


async def _rent(made: World, rng: Random, window: int, age: float) -> list[dict[str, Any]]:
    after = window * rng.uniform(EARLIEST, LATEST) - age
    coded = rng.random() < WITH_CODE and after > 0
    rented_at = datetime.now(UTC) - timedelta(seconds=age)
    behaviour = f"code-arrives:{after}" if coded else "timeout"
    order = {"count": ALIKE, "service": "tg", "behaviour": behaviour}
    rented = (await made.provider.post("/_sim/rent", order))["numbers"]
    return [
        {
            "account": "acme",
            "provider": PROVIDER,
            "provider_ref": str(one["id"]),
            "phone": str(one["phone"]),
            "service": "tg",
            "country": "0",
            "price_minor": PRICE,
            "rented_at": rented_at.isoformat(),
            "window_seconds": window,
        }
        for one in rented
    ]


async def _progress(store: PostgresStore, seconds: float) -> None:
    began = time.monotonic()
    while (gone := time.monotonic() - began) < seconds:
        live, codes, overdue = await store.db.read(_counts)
        tell(f"{gone:4.0f} of {seconds:.0f} s: {live:,} live, {codes:,} codes, {overdue:,} overdue")
        await asyncio.sleep(min(EVERY, seconds - gone))


async def _killed(made: World, daemon: Process, store: PostgresStore) -> float:
    """Kill the daemon; seconds until the next one has nobody left who is past his deadline."""
    began = time.monotonic()
    daemon.kill()
    await made.start_daemon()
    while True:
        _, _, overdue = await store.db.read(_counts)
        if not overdue:
            return time.monotonic() - began
        await asyncio.sleep(0.1)


async def _counts(connection: AsyncConnection) -> tuple[int, int, int]:
    sql = """
        SELECT count(*) FILTER (WHERE NOT settled),
               (SELECT count(*) FROM code),
               count(*) FILTER (WHERE NOT settled AND deadline_at < now() - interval '1 second')
          FROM activation
    """
    live, codes, overdue = (await connection.execute(text(sql))).one()
    return live, codes, overdue


async def _lateness(store: PostgresStore, since: datetime, until: datetime) -> Sequence[float]:
    sql = """
        SELECT extract(epoch FROM coalesce(at, now()) - deadline_at)::float8
          FROM activation LEFT JOIN settlement ON activation_id = id
         WHERE deadline_at BETWEEN :since AND :until
    """

    async def read(connection: AsyncConnection) -> Sequence[float]:
        found = await connection.execute(text(sql), {"since": since, "until": until})
        return list(found.scalars())

    return await store.db.read(read)


async def _code_waits(
    made: World, shown: Mapping[str, datetime], since: datetime, until: datetime
) -> Sequence[float]:
    """Infinite where it was not shown, two lists later."""
    waits: list[float] = []
    offset, total = 0, 1
    while offset < total:
        page = await made.provider.get("/_sim/books", offset=offset, limit=5_000)
        total, offset = page["total"], offset + len(page["numbers"])
        for row in page["numbers"]:
            came = datetime.fromisoformat(row["sms"][0]["at"]) if row["sms"] else None
            if came is not None and since <= came < until:
                at = shown.get(str(row["id"]))
                waits.append((at - came).total_seconds() if at else inf)
    return waits


async def _shown(connection: AsyncConnection) -> dict[str, datetime]:
    sql = """
        SELECT provider_ref, min(received_at)
          FROM code JOIN activation ON id = activation_id GROUP BY 1
    """
    found = (await connection.execute(text(sql))).all()
    return {str(ref): at for ref, at in found}


def _peak_mib(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM"))


def _spread(seconds: Sequence[float]) -> Spread:
    values = sorted(seconds)
    p50, p99 = (values[int(len(values) * share)] for share in (0.5, 0.99))
    return Spread(len(values), p50, p99, values[-1])


def tell(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def as_text(found: Scale) -> str:
    broken = [f"{name}: {count}" for name, count in found.violations.items() if count]
    rows = [
        ("numbers live", f"{found.live:,}, handed over at {found.opened_per_second:,.0f} a second"),
        ("settled after the deadline", _told(found.lateness)),
        ("code after its SMS", _told(found.code)),
        ("daemon", f"{found.daemon_cpu:.0%} of a core, {found.daemon_mib:.0f} MiB"),
        ("nobody overdue after SIGKILL", f"{found.recovered_seconds:.1f} s"),
        ("audit of all", f"{found.audit_seconds:.1f} s, {', '.join(broken) or 'all hold'}"),
    ]
    return "\n".join(f"{what:30} {value}" for what, value in rows)


def _told(spread: Spread) -> str:
    return (
        f"p50 {spread.p50:.2f} s, p99 {spread.p99:.2f} s, max {spread.max:.2f} s ({spread.count:,})"
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.scale", description=__doc__)
    parser.add_argument("--live", type=int, default=100_000, help="numbers (%(default)s)")
    parser.add_argument("--window", type=int, default=1200, help="seconds (%(default)s)")
    parser.add_argument("--seconds", type=float, default=120.0, help="measured (%(default)g)")
    parser.add_argument("--poll", type=float, default=10.0, help="seconds between two lists")
    parser.add_argument("--output", choices=["text", "json"], default="text")
    options = parser.parse_args()
    found = asyncio.run(measure(options.live, options.window, options.seconds, options.poll))
    told = json.dumps(asdict(found), indent=2) if options.output == "json" else as_text(found)
    sys.stdout.write(told + "\n")
    sys.exit(any(found.violations.values()))


if __name__ == "__main__":
    main()
