"""Next looks: put numbers that were looked at back on the schedule, in groups, as looks end."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from worker.lifecycle.clock import wait_at_most
from worker.ports.schedule import NextLook

MOST: Final = 500  #: Numbers per group: beyond it nothing gets cheaper per number.
#: How long one waits for others where a look goes on. Less than after a last look that told
#: nothing (`worker.domain.cadence.LAST_LOOK_AGAIN`): the one after it must not be late.
GATHER: Final = timedelta(milliseconds=100)


@dataclass(slots=True, kw_only=True)
class NextLooks:
    """Of one run. A number that hangs holds up the scheduling of none of the others."""

    release: Callable[[Sequence[NextLook]], Awaitable[object]]
    sleep: Callable[[float], Awaitable[None]]
    count: int = 0  #: Of looks.
    _looks: list[NextLook] = field(default_factory=list)
    _under_way: int = 0
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _enough: asyncio.Event = field(default_factory=asyncio.Event)  #: No more is to be waited for.
    _closed: bool = False
    _running: "asyncio.Task[None] | None" = None

    def expect(self, numbers: int) -> None:
        """So many more are looked at or handed back."""
        self._under_way += numbers

    def add(self, look: NextLook) -> None:
        self._looks.append(look)
        self._under_way -= 1
        self.count += 1
        self._news.set()
        if self._under_way == 0 or len(self._looks) >= MOST:
            self._enough.set()

    def start(self) -> None:
        self._running = asyncio.ensure_future(self._run())

    def takes(self) -> bool:
        """Whether numbers still get back on the schedule: else no look is worth its request."""
        return self._running is not None and not self._running.done()

    async def finish(self) -> None:
        """Release what is left; raises what the releases failed with."""
        self._closed = True
        self._enough.set()
        self._news.set()
        assert self._running is not None
        await self._running

    async def _run(self) -> None:
        while not self._closed or self._looks:
            await self._news.wait()
            if not self._enough.is_set():
                await wait_at_most(GATHER, self._enough.wait(), self.sleep)
            self._news.clear()
            if not self._closed:
                self._enough.clear()
            looks, self._looks = self._looks, []
            if looks:
                await self.release(looks)
