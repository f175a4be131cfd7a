"""Moving in: accounts with their balances and live numbers, killed once in the middle and resumed.

    python -m tests.bench.moving_in --lines 50000

Both files are sent to one daemon by `activation-worker import`, which is killed by its pid when
half of the accounts are there, and started again with the same file. Then the books must hold what
the files say. Ends with 1 where they do not, or where it took longer than the aim.
"""

import argparse
import asyncio
import json
import resource
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import asyncpg
import psutil

from tests.acceptance.world import TOKEN, Process, World, spawn
from tests.bench.stage import cpu_seconds, stage

LINES_PER_SECOND: Final = 4_000  #: Of both files together, the kill and the new start included.
BALANCE, PRICE = 500, 10


def accounts(count: int) -> Iterator[dict[str, Any]]:
    topup = {"reference": "carried-over", "amount_minor": BALANCE, "at": "2024-02-29T12:00:00Z"}
    for at in range(count):
        yield {"account": f"customer-{at:06}", "currency": "USD", "topups": [topup]}


def numbers(count: int) -> Iterator[dict[str, Any]]:
    for at in range(count):
        yield {
            "account": f"customer-{at:06}",
            "provider": "sim",
            "provider_ref": str(90_000_000 + at),
            "phone": f"1555{at:07}",
            "service": "timeout",
            "country": "0",
            "price_minor": PRICE,
            "window_seconds": 1200,
            "order_ref": f"order-{at}",
        }


def _written(file: Path, lines: Iterator[dict[str, Any]]) -> Path:
    with file.open("w") as stream:
        stream.writelines(json.dumps(line) + "\n" for line in lines)
    return file


def _import(world: World, url: str, kind: str, file: Path) -> Process:
    environment = {**world.environment(), "AW_URL": url, "AW_TOKEN": TOKEN}
    log = world.home / f"{kind}-{time.monotonic_ns()}.log"
    return spawn(["import", kind, str(file), "-o", "ndjson"], log, environment)


async def _ended(process: Process) -> dict[str, Any]:
    code = await asyncio.to_thread(process.popen.wait)
    said = process.log.read_text()
    assert code == 0, said
    told: dict[str, Any] = json.loads(said.splitlines()[-1])
    return told


class Worked:
    """The CPU seconds of each part: what a shared machine lets one compare."""

    def __init__(self, daemon: int) -> None:
        self._daemon = daemon
        self._last = self._now()

    def say(self, what: str) -> None:
        now = self._now()
        parts = (f"{name} {now[name] - self._last[name]:.1f} s" for name in now)
        sys.stdout.write(f"{what}: {', '.join(parts)} of CPU\n")
        self._last = now

    def _now(self) -> dict[str, float]:
        ended = resource.getrusage(resource.RUSAGE_CHILDREN)
        database = sum(
            cpu_seconds(child.pid)
            for child in psutil.Process().children(recursive=True)
            if child.name() == "postgres"
        )
        return {
            "the daemon": cpu_seconds(self._daemon),
            "PostgreSQL": database,
            "import": ended.ru_utime + ended.ru_stime,
        }


async def measure(world: World, lines: int) -> tuple[float, list[str]]:
    """The seconds it took, and what does not agree afterwards."""
    daemon = await world.start_daemon()
    line = daemon.line("activation-worker: api")
    assert line is not None
    url = line.split()[-1]
    files = (
        _written(world.home / "accounts.ndjson", accounts(lines)),
        _written(world.home / "numbers.ndjson", numbers(lines)),
    )
    database = await asyncpg.connect(world.database_url)
    worked = Worked(daemon.popen.pid)
    began = time.monotonic()
    killed = _import(world, url, "accounts", files[0])
    there = "SELECT count(*) FROM account"
    while await database.fetchval(there) < lines // 2:  # noqa: ASYNC110 - another process's
        await asyncio.sleep(0.05)
    killed.kill()
    told = [await _ended(_import(world, url, "accounts", files[0]))]
    worked.say("accounts")
    told.append(await _ended(_import(world, url, "numbers", files[1])))
    took = time.monotonic() - began
    worked.say("numbers")
    wrong = [str(each) for each in told if not each["agrees"] or each["refused"]]
    stored = await database.fetchrow(
        "SELECT (SELECT count(*) FROM account WHERE account LIKE 'customer-%'),"
        " (SELECT count(*) FROM activation), (SELECT sum(amount_minor) FROM balance)::bigint,"
        " (SELECT sum(amount_minor) FROM balance WHERE bucket = 'held')::bigint"
    )
    await database.close()
    if tuple(stored) != (lines, lines, lines * BALANCE, lines * PRICE):
        wrong.append(f"the books hold {tuple(stored)}")
    await world.audit()
    return took, wrong


async def main(lines: int) -> int:
    async with stage("moving", simulator=["--lifetime", "3000"]) as made:
        took, wrong = await measure(made, lines)
    pace = 2 * lines / took
    books = "; ".join(wrong) or "the books agree with the files"
    sys.stdout.write(
        f"{lines} accounts and {lines} numbers, killed once: {took:.1f} s, {pace:.0f} lines a"
        f" second (aim {LINES_PER_SECOND}); {books}\n"
    )
    return int(bool(wrong) or pace < LINES_PER_SECOND)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="moving in", description=__doc__)
    parser.add_argument("--lines", type=int, default=50_000)
    sys.exit(asyncio.run(main(parser.parse_args().lines)))
