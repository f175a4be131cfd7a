"""What watching costs: CPU of the process per live number and minute, nothing being due.

Against the naive design (one arq job per number that polls and defers itself), at a provider with
a list of active numbers and at one without, with the same pause between looks.
"""

import asyncio
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.acceptance.world import Process, World, until
from tests.bench.stage import cpu_seconds, stage

POLL = 3.0
WARM_UP = 6.0
NAIVE = Path(__file__).parent / "peers" / "naive_arq.py"
LISTED, UNLISTED = "classic", "smsbower"


@dataclass(frozen=True)
class Cost:
    """CPU milliseconds per live number and minute."""

    dialect: str
    numbers: int
    ours: float
    naive_numbers: int
    naive: float

    @property
    def ratio(self) -> float:
        return self.naive / self.ours


async def measure(dialect: str, numbers: int, naive_numbers: int, seconds: float) -> Cost:
    base = "AW_PROVIDERS__SIM__"
    settings = {
        f"{base}DIALECT": dialect,
        f"{base}POLL_SECONDS": str(POLL),
        f"{base}REQUESTS_PER_SECOND": "2000",
    }
    simulator = ["--dialect", dialect, "--lifetime", "3000"]
    async with stage("watch", simulator=simulator, settings=settings) as made:
        ours = await _ours(made, numbers, seconds)
    async with stage("naive", simulator=simulator, settings=settings) as made:
        naive = await _naive(made, naive_numbers, seconds)
    return Cost(dialect, numbers, ours, naive_numbers, naive)


async def _ours(made: World, numbers: int, seconds: float) -> float:
    daemon = await made.start_daemon()
    async with made.shop(daemon) as shop:
        await made.hand_over(shop, numbers, window=1200)
    return await _cpu(daemon, numbers, seconds)


async def _naive(made: World, numbers: int, seconds: float) -> float:
    order = {"count": numbers, "service": "timeout", "country": "0"}
    rented = (await made.provider.post("/_sim/rent", order))["numbers"]
    log = made.home / "naive.log"
    refs = made.home / "refs"
    refs.write_text("\n".join(str(one["id"]) for one in rented))
    command = [str(NAIVE), made.redis_url, made.simulator_url, str(POLL)]
    naive = _start(command, refs, log)
    made.daemons.append(naive)
    await until(lambda: naive.line("ready") is not None, naive)
    return await _cpu(naive, numbers, seconds)


def _start(command: list[str], refs: Path, log: Path) -> Process:
    with refs.open("rb") as given, log.open("wb") as out:
        popen = subprocess.Popen(
            [sys.executable, *command], stdin=given, stdout=out, stderr=subprocess.STDOUT
        )
    return Process(popen, log)


async def _cpu(process: Process, numbers: int, seconds: float) -> float:
    await asyncio.sleep(WARM_UP)
    before = cpu_seconds(process.popen.pid)
    await asyncio.sleep(seconds)
    spent = cpu_seconds(process.popen.pid) - before
    return spent * 1000 / numbers / (seconds / 60)
