"""Thousands of customers press Cancel and wait: each answer comes at once, other calls too."""

import asyncio
import json
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from tests.acceptance.world import PROVIDER, SHOP_TOKEN
from tests.chaos.api import Api, api_of
from tests.chaos.report import Line, seconds
from tests.chaos.stage import ProviderPlan, Scale, hand_over_new, settled, staged

CUSTOMERS = Path(__file__).parents[1] / "customers.py"
DESCRIPTORS = 16_384  #: What the promise asks for.
PRESS_MAX, OTHERS_MAX = 2.0, 1.0
OTHERS_EVERY = 0.1
CUSTOMERS_SECONDS = 150


async def measure(scale: Scale) -> list[Line]:
    count = scale.pick(5_000, 500)
    # So many a second that all of them take 25 s at the provider.
    plan = ProviderPlan(PROVIDER, settings={"REQUESTS_PER_SECOND": str(count // 25)})
    async with staged("rush", plan) as (stage, _):
        daemon = await stage.start_daemon(descriptors=DESCRIPTORS)
        async with api_of(daemon) as api:
            await stage.open_account(api, "acme")
            numbers = await hand_over_new(api, stage.sim, "acme", count, "timeout", 600)
            others: list[float] = []
            calling = asyncio.create_task(_call(api, others))
            try:
                answers = await _press(api, [number.id for number in numbers])
            finally:
                calling.cancel()
                await asyncio.gather(calling, return_exceptions=True)
            all_settled = await settled(api, ["acme"], 120.0)
            proof = await stage.proof(api)
    statuses = Counter(status for status, _ in answers)
    waits = sorted(took for _, took in answers)
    p50, p99 = _share(waits, 0.5), _share(waits, 0.99)
    other_p99 = _share(sorted(others), 0.99)
    good = statuses.keys() <= {200, 202}
    told = ", ".join(f"{count} x {status}" for status, count in sorted(statuses.items()))
    return [
        Line(
            f"{count:,} customers press Cancel at once",
            "p50 32.6 s, other calls wait too",
            f"p50 {seconds(p50)}, p99 {seconds(p99)} ({told}); other calls p99"
            f" {seconds(other_p99)}; {'all' if all_settled else 'NOT all'} credited; {proof}",
            "each answer within 2 s (p99), other calls within 1 s",
            good and p99 <= PRESS_MAX and other_p99 <= OTHERS_MAX and all_settled and proof.holds,
            {"p50_seconds": p50, "p99_seconds": p99, "others_p99_seconds": other_p99},
        )
    ]


def _share(sorted_values: Sequence[float], share: float) -> float:
    """What that share of the values does not exceed."""
    return sorted_values[min(len(sorted_values) - 1, int(len(sorted_values) * share))]


async def _call(api: Api, took: list[float]) -> None:
    """Somebody else's calls, one after the other."""
    while True:
        answer = await api.call("GET", "/v1/accounts/acme")
        took.append(answer.seconds)
        await asyncio.sleep(OTHERS_EVERY)


async def _press(api: Api, ids: Sequence[str]) -> list[tuple[int, float]]:
    """Status and seconds of every press; in a process of its own, so that it is as fast as many."""
    parts = urlsplit(api.url)
    command = [sys.executable, str(CUSTOMERS), str(parts.hostname), str(parts.port), SHOP_TOKEN]
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        process_group=0,
    )
    try:
        async with asyncio.timeout(CUSTOMERS_SECONDS):
            printed, _ = await process.communicate("\n".join(ids).encode())
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return [(int(status), float(took)) for status, took in json.loads(printed)]
