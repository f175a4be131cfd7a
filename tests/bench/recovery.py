"""The recovery: two providers are away while thousands fall due there, and then they return.

Measured from the moment each answers again: to its first credit, then how fast all are credited by
both together against a bare aiohttp loop at one of them, and how many calls a number took.
"""

import asyncio
import tempfile
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from tests.acceptance.two_providers import (
    OTHER,
    Simulated,
    hand_over,
    own,
    settings_for,
    simulated,
)
from tests.acceptance.world import PROVIDER, World
from tests.bench import burst
from tests.bench.stage import STATE, stage

BULK = 1_000  #: Numbers in one call of the API.
LIFETIME = ("--lifetime", "3000")
#: Of an ending: the cancel, and the look that a refused one needs.
ENDING = ("cancel", "look")


@dataclass(frozen=True)
class Recovery:
    numbers: int
    away_seconds: float
    first_credit_seconds: Sequence[float]  #: At each provider.
    calls_per_number: float
    ours_seconds: float  #: From the first credit to the last.
    bare_seconds: float

    @property
    def ratio(self) -> float:
        """Our numbers per second by the bare loop's."""
        return self.bare_seconds / self.ours_seconds


async def measure(numbers: int, *, away: int = 14, daemons: int = 1) -> Recovery:
    STATE.mkdir(parents=True, exist_ok=True)
    fast = {"REQUESTS_PER_SECOND": "10000", "MAX_IN_FLIGHT": str(burst.IN_FLIGHT)}
    async with AsyncExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=STATE)))
        other = await stack.enter_async_context(simulated(home, *LIFETIME))
        settings = {
            **settings_for(OTHER, other.url, **fast),
            **{f"AW_PROVIDERS__{PROVIDER.upper()}__{name}": value for name, value in fast.items()},
            "AW_DEFAULTS__CREDIT_GRACE_SECONDS": "120",
        }
        made = await stack.enter_async_context(
            stage("recovery", simulator=LIFETIME, settings=settings)
        )
        bare = [await burst.bare(made, numbers)]
        recovery = await recover(made, [own(made), other], numbers, away, daemons)
        bare.append(await burst.bare(made, numbers))
    return replace(recovery, bare_seconds=median(bare))


async def recover(
    made: World, providers: Sequence[Simulated], numbers: int, away: int, daemons: int = 1
) -> Recovery:
    """Let *numbers* fall due at providers that answer 503 meanwhile, and end when all are final."""
    started = [await made.start_daemon() for _ in range(daemons)]
    each = numbers // len(providers)
    window = max(5, numbers // 600)  # Nobody is due before all are handed over.
    async with made.shop(started[0]) as shop:
        for provider in providers:
            for first in range(0, each, BULK):
                await hand_over(shop, provider, min(BULK, each - first), "timeout", window)
    for provider in providers:
        await provider.fault("unavailable", 600)
    await asyncio.sleep(max(away, window + 1))
    calls = [await _calls(provider) for provider in providers]
    returned: dict[str, datetime] = {}
    for provider in providers:
        await provider.heal()
        returned[provider.name] = datetime.now(UTC)
    found = await made.all_final(120)
    made_calls = sum([await _calls(provider) for provider in providers]) - sum(calls)
    for daemon in started:
        daemon.terminate()
    credited = {name: sorted(_credited(found, name)) for name in returned}
    every = sorted(at for several in credited.values() for at in several)
    return Recovery(
        numbers=len(every),
        away_seconds=max(away, window + 1),
        first_credit_seconds=[
            (credited[name][0] - at).total_seconds() for name, at in returned.items()
        ],
        calls_per_number=made_calls / len(every),
        ours_seconds=(every[-1] - every[0]).total_seconds(),
        bare_seconds=0.0,
    )


def _credited(found: Sequence[Any], provider: str) -> list[datetime]:
    return [one.settlement.at for one in found if one.provider == provider]


async def _calls(provider: Simulated) -> int:
    requests = (await provider.summary())["requests"]
    return sum(requests.get(operation, 0) for operation in ENDING)
