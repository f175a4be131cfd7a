"""Numbers that stay live: as many as were opened, each renewed when its window is over."""

import asyncio
import heapq
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from time import monotonic
from typing import Any

from tests.acceptance.two_providers import Simulated, pay_in
from worker.entrypoints.cli.client import Daemon

WINDOW = 300  #: Seconds; shorter than in life, so that there is more renting and ending to do.
WITH_CODE = 0.5  #: Share of numbers that get one.
EARLIEST, LATEST = 0.02, 0.95  #: Of the window, when it comes.
AT_ONCE = 50
PRICE = 100
PAID_IN = 10**12


@dataclass
class Load:
    """Deadlines are kept here: what is renewed does not hang on how its ending went."""

    shop: Daemon
    providers: Sequence[Simulated]
    rng: Random = field(default_factory=lambda: Random(1))
    _ends: list[tuple[float, int]] = field(default_factory=list)  #: And at which provider.

    @property
    def live(self) -> int:
        return sum(end > monotonic() for end, _ in self._ends)

    async def open(self, count: int) -> None:
        """Numbers of every age, as from now on: how often one is looked at hangs on its age.

        What the young do not have yet the old have behind them: from the start it is a steady load.
        """
        await pay_in(self.shop, PAID_IN)
        each = count // len(self.providers)
        for at in range(len(self.providers)):
            await self._take(at, [WINDOW * n / each for n in range(each)])

    async def renew(self) -> None:
        gone: Counter[int] = Counter()
        while self._ends and self._ends[0][0] <= monotonic():
            gone[heapq.heappop(self._ends)[1]] += 1
        for at, count in gone.items():
            await self._take(at, [0.0] * count)

    async def _take(self, at: int, ages: Sequence[float]) -> None:
        """Rent a number of each age at one provider, and hand them over."""
        provider = self.providers[at]
        for start in range(0, len(ages), AT_ONCE):
            some = ages[start : start + AT_ONCE]
            now = monotonic()
            items = await asyncio.gather(*(self._rent(provider, age) for age in some))
            bulk = {"activations": items}
            results = (await self.shop.post("/v1/activations/bulk", bulk))["results"]
            assert {one["status"] for one in results} == {201}
            for age in some:
                heapq.heappush(self._ends, (now + WINDOW - age, at))

    async def _rent(self, provider: Simulated, age: float) -> dict[str, Any]:
        after = WINDOW * self.rng.uniform(EARLIEST, LATEST) - age
        coded = self.rng.random() < WITH_CODE and after > 0  # Else it was before we came.
        rented_at = datetime.now(UTC) - timedelta(seconds=age)
        order = {"service": "tg", "behaviour": f"code-arrives:{after}" if coded else "timeout"}
        (one,) = (await provider.control.post("/_sim/rent", order))["numbers"]
        return {
            "account": "acme",
            "provider": provider.name,
            "provider_ref": str(one["id"]),
            "phone": str(one["phone"]),
            "service": "tg",
            "country": "0",
            "price_minor": PRICE,
            "rented_at": rented_at.isoformat(),
            "window_seconds": WINDOW,
        }
