"""`make bench-peers`: the same work by us and by queues that others use, on the same servers.

Every number is past its deadline; it is cancelled at its provider and credited exactly once. Each
queue is used as its documentation says, in an environment of its own, with a job per number; all
jobs are queued before the clock starts. It runs from the first cancel that the provider confirms
to the last credit committed. What is compared is the rate, and the CPU of the worker's process and
of PostgreSQL and Valkey.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any, Final

import asyncpg
import psutil

from tests.bench.burst import IN_FLIGHT, WINDOW, first_confirmed
from tests.bench.stage import STATE, cpu_seconds, stage
from tests.own_environment import python_of, without_ours

HERE: Final = Path(__file__).parent / "peers" / "queues"
CHECKOUT: Final = Path(__file__).parents[2]
PROGRAMS: Final = "tests.bench.peers.queues"
OURS: Final = "activation-worker"
QUEUES: Final = ("arq", "saq", "streaq", "taskiq", "procrastinate", "dbos")
SERVERS: Final = ("postgres", "valkey-server")
AWAY: Final = WINDOW + 5  #: Seconds that the provider of our own daemon does not answer.
ENOUGH_SECONDS: Final = 600  #: For the slowest.
ACCOUNTS: Final = 100  #: Of the queues' numbers: a row that all of them wait for is no fair guess.
TABLES: Final = """
    CREATE TABLE peer_accounts (account text PRIMARY KEY, balance_minor bigint NOT NULL);
    CREATE TABLE peer_numbers (
        ref text PRIMARY KEY, account text NOT NULL, price_minor bigint NOT NULL,
        ended_at timestamptz
    );
    CREATE TABLE peer_credits (
        ref text PRIMARY KEY, account text NOT NULL, amount_minor bigint NOT NULL,
        at timestamptz NOT NULL
    );
"""


@dataclass(frozen=True)
class Peer:
    name: str
    version: str
    numbers: int
    seconds: float
    worker_us: float  #: Of CPU, each number.
    servers_us: float  #: Of PostgreSQL and Valkey, each number.
    runs: int = 1

    @property
    def per_second(self) -> float:
        return self.numbers / self.seconds

    @property
    def cpu_us(self) -> float:
        return self.worker_us + self.servers_us


async def measure_ours(numbers: int) -> Peer:
    base = "AW_PROVIDERS__SIM__"
    settings = {
        f"{base}REQUESTS_PER_SECOND": "100000",
        f"{base}MAX_IN_FLIGHT": str(IN_FLIGHT),
        "AW_DEFAULTS__CREDIT_GRACE_SECONDS": "60",
    }
    async with stage("peers", simulator=["--lifetime", "3000"], settings=settings) as made:
        daemon = await made.start_daemon()
        async with made.shop(daemon) as shop:
            await made.hand_over(shop, numbers, window=WINDOW)
        await made.provider.post("/_sim/faults", {"kind": "unavailable", "seconds": AWAY})
        await asyncio.sleep(AWAY - 1)  # All are past their deadlines, and the provider is away.
        with counted(daemon.popen.pid) as spent:
            found = await made.all_final(ENOUGH_SECONDS)
        started = await first_confirmed(made, {one.ref for one in found})
        daemon.terminate()
    taken = (max(one.settlement.at for one in found) - started).total_seconds()
    return _peer(OURS, version(OURS), numbers, taken, spent)


async def measure(name: str, numbers: int) -> Peer:
    python = await python_of(HERE / f"{name}.txt", STATE / "peers")
    async with stage("peers", simulator=["--lifetime", "3000"]) as made:
        order = {"count": numbers, "service": "timeout", "country": "0"}
        rented = (await made.provider.post("/_sim/rent", order))["numbers"]
        refs = [str(one["id"]) for one in rented]
        database = await asyncpg.connect(made.database_url)
        await database.execute(TABLES)
        await _fill(database, refs)
        work = {
            "redis_url": made.redis_url,
            "database_url": made.database_url,
            "provider_url": made.simulator_url,
            "refs": refs,
        }
        process = await asyncio.create_subprocess_exec(
            python,
            "-m",
            f"{PROGRAMS}.by_{name}",
            cwd=CHECKOUT,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=without_ours(),
        )
        try:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(json.dumps(work).encode() + b"\n")
            assert await process.stdout.readline() == b"ready\n", f"{name} did not start"
            with counted(process.pid) as spent:
                process.stdin.write(b"\n")
                await _all_credited(database, numbers)
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()
        last = await database.fetchval("SELECT max(at) FROM peer_credits")
        await _check(database, numbers)
        await database.close()
        started = await first_confirmed(made, set(refs))
    [pinned] = [line for line in (HERE / f"{name}.in").read_text().splitlines() if _is(name, line)]
    return _peer(name, pinned.split("==")[1], numbers, (last - started).total_seconds(), spent)


def _is(name: str, line: str) -> bool:
    return line.split("==", maxsplit=1)[0].split("[", maxsplit=1)[0] == name


async def _fill(database: Any, refs: Sequence[str]) -> None:
    accounts = [str(place % ACCOUNTS) for place in range(len(refs))]
    await database.copy_records_to_table(
        "peer_accounts", records=[(account, 0) for account in set(accounts)]
    )
    await database.copy_records_to_table(
        "peer_numbers",
        records=[(ref, account, 100, None) for ref, account in zip(refs, accounts, strict=True)],
    )


async def _all_credited(database: Any, numbers: int) -> None:
    async with asyncio.timeout(ENOUGH_SECONDS):
        while (await _credited(database)) < numbers:  # noqa: ASYNC110 - others work, in processes
            await asyncio.sleep(0.1)


async def _credited(database: Any) -> int:
    return int(await database.fetchval("SELECT count(*) FROM peer_credits"))


async def _check(database: Any, numbers: int) -> None:
    """Every number is credited once, and what is credited is on the balances."""
    credited = await database.fetchval("SELECT sum(amount_minor) FROM peer_credits")
    booked = await database.fetchval("SELECT sum(balance_minor) FROM peer_accounts")
    assert credited == booked == numbers * 100, (credited, booked)


@dataclass
class Spent:
    worker: float = 0.0
    servers: float = 0.0


@contextmanager
def counted(worker: int) -> Iterator[Spent]:
    """The CPU of *worker* with its children, and of the servers below this process."""
    spent = Spent(-_with_children(worker), -_servers())
    yield spent
    spent.worker += _with_children(worker)
    spent.servers += _servers()


def _with_children(pid: int) -> float:
    return cpu_seconds(pid) + sum(map(_of_child, psutil.Process(pid).children(recursive=True)))


def _servers() -> float:
    return sum(_of_child(one, SERVERS) for one in psutil.Process().children(recursive=True))


def _of_child(one: psutil.Process, names: Sequence[str] = ()) -> float:
    """Its CPU, where it has one of the *names*; one that has just ended counts no more."""
    try:
        return cpu_seconds(one.pid) if not names or one.name() in names else 0.0
    except (psutil.NoSuchProcess, FileNotFoundError):
        return 0.0


def _peer(name: str, version_: str, numbers: int, seconds: float, spent: Spent) -> Peer:
    each = 1e6 / numbers
    return Peer(name, version_, numbers, seconds, spent.worker * each, spent.servers * each)


async def measure_all(names: Sequence[str], numbers: int, runs: int) -> list[Peer]:
    """Run by run, each queue once in each, so that a loaded minute meets all of them."""
    found: dict[str, list[Peer]] = {}
    for turn in range(runs):
        for name in (OURS, *names):
            one = await (measure_ours(numbers) if name == OURS else measure(name, numbers))
            found.setdefault(name, []).append(one)
            tell(f"run {turn + 1} of {runs}, {name}: {one.per_second:,.0f} a second")
    return [_middle(each) for each in found.values()]


def _middle(peers: Sequence[Peer]) -> Peer:
    return replace(
        peers[0],
        seconds=median(one.seconds for one in peers),
        worker_us=median(one.worker_us for one in peers),
        servers_us=median(one.servers_us for one in peers),
        runs=len(peers),
    )


def table(peers: Sequence[Peer]) -> str:
    ours = peers[0]
    lines = [f"{'':24} {'a second':>10} {'CPU each':>10} {'faster':>8} {'cheaper':>8}"]
    lines += [
        f"{one.name + ' ' + one.version:24} {one.per_second:10,.0f} {one.cpu_us:7,.0f} us"
        f" {ours.per_second / one.per_second:7.1f}x {one.cpu_us / ours.cpu_us:7.1f}x"
        for one in peers
    ]
    return "\n".join(lines)


def picture(peers: Sequence[Peer], measured: date) -> str:
    """Bars of the rates, as SVG; its colours read on a light and on a dark page."""
    fastest = max(one.per_second for one in peers)
    rows = "".join(
        f'<text x="190" y="{57 + 30 * row}" text-anchor="end">{one.name} {one.version}</text>'
        f'<rect x="200" y="{42 + 30 * row}" width="{400 * one.per_second / fastest:.1f}"'
        f' height="20" fill="{"#2f81f7" if row == 0 else "#8b949e"}"/>'
        f'<text x="{208 + 400 * one.per_second / fastest:.1f}" y="{57 + 30 * row}">'
        f"{one.per_second:,.0f} a second, {one.cpu_us:,.0f} us of CPU each</text>"
        for row, one in enumerate(peers)
    )
    title = (
        f"{peers[0].numbers:,} numbers past their deadline, cancelled and credited exactly once"
        f" ({measured.isoformat()}, middle of {peers[0].runs})"
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="860" height="{50 + 30 * len(peers)}"'
        ' font-family="sans-serif" font-size="14" fill="#768390">'
        f'<text x="10" y="24">{title}</text>{rows}</svg>\n'
    )


def tell(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench-peers", description=__doc__)
    parser.add_argument("--numbers", type=int, default=3_000)
    parser.add_argument("--runs", type=int, default=3, help="the middle one counts")
    parser.add_argument("--only", nargs="*", choices=QUEUES, default=QUEUES, metavar="QUEUE")
    parser.add_argument("--output", choices=["text", "json"], default="text")
    parser.add_argument("--picture", type=Path, metavar="FILE", help="the rates as SVG")
    options = parser.parse_args()
    measured = datetime.now(UTC).date()
    peers = asyncio.run(measure_all(options.only, options.numbers, options.runs))
    if options.picture:
        options.picture.write_text(picture(peers, measured), encoding="utf-8")
    if options.output == "json":
        rows = [{**asdict(one), "measured": measured.isoformat()} for one in peers]
        sys.stdout.write(json.dumps(rows, indent=2) + "\n")
    else:
        sys.stdout.write(table(peers) + "\n")


if __name__ == "__main__":
    main()
