"""`python -m tests.bench.lives`: what PostgreSQL works for one number, from its hold to its credit.

CPU of all processes of the server by number, and by step: handed over, leased, settled, in batches
of a thousand, on the same server after as many that only warm it up. `--other FOLDER` takes turns
with another checkout of this project, run after run, and prints both: a ratio of one run means
something on any machine, its microseconds on none but this one.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Final

import asyncpg

from tests.integration.store.shop import DEADLINE, LEASE, RENTED, SIM, TICK, Shop, ending, intake
from worker.adapters.store.migrate import upgrade
from worker.adapters.store.postgres import PostgresStore
from worker.entrypoints.embedded import embedded

BATCH: Final = 1_000
STEPS: Final = ("handed over", "leased", "settled")
_TICKS: Final = os.sysconf("SC_CLK_TCK")
_ALONE: Final = "--alone"


def cpu_s(postmaster: int) -> float:
    """What the server's processes used: those that run, and those that have ended."""
    total = sum(_used(postmaster)[1:])
    for process in Path("/proc").iterdir():
        if process.name.isdecimal():
            try:
                parent, user, system, *_ = _used(int(process.name))
            except OSError:
                continue  # It ended meanwhile.
            if parent == postmaster:
                total += user + system
    return total / _TICKS


def _used(pid: int) -> tuple[int, int, int, int, int]:
    """The parent; user and system time; those of ended children, in ticks."""
    after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    parent, *times = (int(after_name[at]) for at in (1, 11, 12, 13, 14))
    return parent, times[0], times[1], times[2], times[3]


async def live(shop: Shop, postmaster: int, first: int, count: int) -> list[float]:
    """Microseconds of the server's CPU for each number, by step."""
    used = [cpu_s(postmaster)]
    numbers = [intake(f"{number:08}") for number in range(first, first + count)]
    batches = [numbers[at : at + BATCH] for at in range(0, count, BATCH)]
    ids = []
    for batch in batches:
        taken = await shop.store.activations.accept(batch, now=RENTED)
        ids.append([one.activation.id for one in taken if one.activation is not None])
    used.append(cpu_s(postmaster))
    now = DEADLINE + TICK
    for _ in batches:
        await shop.store.settlements.lease_cancels(SIM, BATCH, LEASE, now=now)
    used.append(cpu_s(postmaster))
    for batch_ids in ids:
        endings = [ending(id_) for id_ in batch_ids]
        done = await shop.store.settlements.settle(endings, now=now)
        assert len(done.settled) == len(batch_ids)
    used.append(cpu_s(postmaster))
    return [(now - then) * 1e6 / count for then, now in pairwise(used)]


async def measured(folder: Path, count: int) -> list[float]:
    async with embedded(folder, durable=False) as servers:
        await upgrade(servers.database_url)
        admin = await asyncpg.connect(servers.database_url)
        postmaster = _used(await admin.fetchval("SELECT pg_backend_pid()"))[0]
        store = PostgresStore(servers.database_url, events_wanted=True)
        shop = Shop(store, admin, servers.database_url)
        try:
            await shop.open(amount_minor=10**9)
            await live(shop, postmaster, 0, count)
            await admin.execute("VACUUM ANALYZE")
            await admin.execute("CHECKPOINT")
            return await live(shop, postmaster, count, count)
        finally:
            await store.close()
            await admin.close()


def alone(count: int) -> list[float]:
    with TemporaryDirectory(prefix="aw-lives-", dir="/dev/shm") as folder:
        Path(folder).chmod(0o755)  # The server runs as a user of its own.
        return asyncio.run(measured(Path(folder) / "servers", count))


def in_turn(folders: Sequence[Path], runs: int, numbers: int) -> dict[Path, list[list[float]]]:
    found: dict[Path, list[list[float]]] = {folder: [] for folder in folders}
    for _ in range(runs):
        for folder in folders:
            command = [sys.executable, __file__, _ALONE, f"--numbers={numbers}"]
            environ = {**os.environ, "PYTHONPATH": str(folder)}
            done = subprocess.run(
                command, cwd=folder, env=environ, capture_output=True, text=True, check=True
            )
            found[folder].append(json.loads(done.stdout))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.lives", description=__doc__)
    parser.add_argument("--numbers", type=int, default=20_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--other", type=Path, help="another checkout, measured in turn")
    parser.add_argument(_ALONE, action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.alone:
        sys.stdout.write(json.dumps(alone(given.numbers)))
        return
    here = Path(__file__).parents[2]
    folders = [here] if given.other is None else [given.other.resolve(), here]
    for folder, runs in in_turn(folders, given.runs, given.numbers).items():
        steps = [f"{name} {median(run[at] for run in runs):.1f}" for at, name in enumerate(STEPS)]
        sums = sorted(sum(run) for run in runs)
        spread = f"({sums[0]:.1f} to {sums[-1]:.1f})"
        sys.stdout.write(f"{folder}: {median(sums):.1f} µs {spread}: {', '.join(steps)}\n")


if __name__ == "__main__":
    main()
