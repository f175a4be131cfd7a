"""The provider's rate budget, bought in small chunks: a call costs no round trip of its own."""

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from worker.lifecycle.clock import Clock
from worker.lifecycle.terms import Terms
from worker.ports.errors import ScheduleUnavailable
from worker.ports.schedule import Schedule

CHUNK_MAX: Final = 256
CHUNK: Final = timedelta(milliseconds=50)  #: Of the rate, bought at once: what is unspent is lost.
PAUSE: Final = timedelta(milliseconds=50)


@dataclass(slots=True)
class Budget:
    schedule: Schedule
    terms: Terms
    clock: Clock
    most: int = CHUNK_MAX  #: Bought at once; 1 for a caller who needs a single request.
    _left: int = 0
    _good_until: float = float("-inf")
    _buying: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def take(self) -> None:
        """Wait until one more request may go out."""
        while not self._usable():
            async with self._buying:
                if not self._usable():
                    self._left = await self._buy()
                    # Sent much later it would come on top of what was granted to others since.
                    self._good_until = self.clock.monotonic() + 2 * CHUNK.total_seconds()
        self._left -= 1

    def _usable(self) -> bool:
        return self._left > 0 and self.clock.monotonic() <= self._good_until

    async def _buy(self) -> int:
        rate = self.terms.requests_per_second
        chunk = max(1, min(self.most, int(rate * CHUNK.total_seconds())))
        try:
            granted = await self.schedule.spend(self.terms.name, chunk)
        except ScheduleUnavailable:
            granted = 0  # Redis is leaving: the schedule goes on from memory within seconds.
        if granted <= 0:
            await self.clock.sleep(PAUSE.total_seconds())
        return granted
