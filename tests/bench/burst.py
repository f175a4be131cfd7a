"""The burst: thousands are past their deadline when a provider comes back.

Measured from the first cancel the provider confirms to the last credit committed, against a bare
aiohttp loop that issues as many cancels at the same provider, before and after, in the same run.
"""

import asyncio
import subprocess
import sys
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any

from tests.acceptance.world import World
from tests.bench.stage import stage

IN_FLIGHT = 100
WINDOW = 15
BARE = Path(__file__).parent / "peers" / "bare_loop.py"


@dataclass(frozen=True)
class Burst:
    numbers: int
    ours_seconds: float
    bare_seconds: float

    @property
    def ratio(self) -> float:
        """Our numbers per second by the bare loop's."""
        return self.bare_seconds / self.ours_seconds


async def measure(numbers: int) -> Burst:
    base = "AW_PROVIDERS__SIM__"
    settings = {
        # Out of the way: a budget close to what the bare loop does would be what is measured.
        f"{base}REQUESTS_PER_SECOND": "100000",
        f"{base}MAX_IN_FLIGHT": str(IN_FLIGHT),
        "AW_DEFAULTS__CREDIT_GRACE_SECONDS": "60",
    }
    async with stage("burst", simulator=["--lifetime", "3000"], settings=settings) as made:
        before = await bare(made, numbers)
        ours = await expire(made, numbers)
        after = await bare(made, numbers)
    return Burst(numbers, ours, median([before, after]))


async def bare(made: World, numbers: int) -> float:
    order = {"count": numbers, "service": "timeout", "country": "0"}
    rented = (await made.provider.post("/_sim/rent", order))["numbers"]
    refs = "\n".join(str(one["id"]) for one in rented)
    command = [sys.executable, str(BARE), made.simulator_url, str(IN_FLIGHT)]
    done = await asyncio.to_thread(
        subprocess.run, command, input=refs, capture_output=True, text=True, check=True
    )
    return float(done.stdout)


async def expire(made: World, numbers: int) -> float:
    daemon = await made.start_daemon()
    async with made.shop(daemon) as shop:
        await made.hand_over(shop, numbers, window=WINDOW)
    # Down from before the first deadline until all are past theirs.
    fault = {"kind": "unavailable", "seconds": WINDOW + 5}
    await made.provider.post("/_sim/faults", fault)
    found = await made.all_final(150)
    confirmed = await first_confirmed(made, {one.ref for one in found})
    daemon.terminate()
    last: datetime = max(one.settlement.at for one in found)
    return (last - confirmed).total_seconds()


async def first_confirmed(made: World, refs: set[str]) -> datetime:
    """When the provider first gave one of ours back, by its own books."""
    rows: list[dict[str, Any]] = []
    while True:
        page = await made.provider.get("/_sim/books", offset=len(rows), limit=10_000)
        rows += page["numbers"]
        if len(rows) >= page["total"]:
            break
    return min(datetime.fromisoformat(row["ended_at"]) for row in rows if str(row["id"]) in refs)
