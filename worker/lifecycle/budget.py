"""The provider's rate budget, bought in small chunks so that a call costs no round trip."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, Protocol

from worker.domain.ids import ProviderName
from worker.lifecycle.clock import Clock
from worker.ports.errors import ScheduleUnavailable
from worker.ports.schedule import Need, Schedule


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderTerms:
    name: ProviderName
    poll: timedelta  #: Between two looks, or two reads of the whole list, at the closest.
    requests_per_second: float
    max_in_flight: int
    min_cancel_age: timedelta
    lifetime: timedelta  #: After which the provider itself ends a number.
    exposure_limit_minor: int
    currency: str
    look_gap: timedelta = timedelta(0)  #: Between two readings at least: the provider demands it.


CHUNK_MAX: Final = 512
CHUNK: Final = timedelta(milliseconds=50)  #: Of the rate, bought at once: what is unspent is lost.
AHEAD_FROM: Final = 16  #: From chunks of this size on the next is bought before the last is gone.
PAUSE_MAX: Final = timedelta(milliseconds=50)


def pause_at(requests_per_second: float) -> float:
    """How long to wait, in seconds, before a budget that granted nothing is asked again.

    What is granted while nobody asks is lost, but for what a burst keeps: a twentieth of a second's
    requests (`Rate`). A tenth of what lies between two costs a twentieth of the rate at most.
    """
    between = 1 / requests_per_second
    kept = CHUNK.total_seconds() - between
    return min(max(between / 10, kept / 2), PAUSE_MAX.total_seconds())


def unconditional() -> None:
    """The check of a request that is wanted whatever happens meanwhile."""


class Pay(Protocol):
    """Buys one request, and waits until it is granted: `Budget.take`."""

    async def __call__(self, check: Callable[[], None] = unconditional, /) -> None: ...


@dataclass(slots=True)
class Budget:
    schedule: Schedule
    terms: ProviderTerms
    clock: Clock
    most: int = CHUNK_MAX  #: Bought at once; 1 for a caller who needs a single request.
    need: Need = Need.DUE
    _chunk_max: int = field(init=False)
    _chunk: int = field(init=False)  #: As many as are used before they expire.
    _left: int = 0
    _good_until: float = float("-inf")
    _buying: "asyncio.Task[None] | None" = None

    def __post_init__(self) -> None:
        wanted = int(self.terms.requests_per_second * CHUNK.total_seconds())
        self._chunk = self._chunk_max = max(1, min(self.most, wanted))

    async def take(self, check: Callable[[], None] = unconditional) -> None:
        """Wait until one more request may go out.

        *check* raises where the request is not wanted any more; nothing is paid for it then.
        """
        check()
        if not self._usable():
            self._fit()
        while not self._usable():
            # A caller that is cancelled must not cancel the purchase that others wait for.
            await asyncio.shield(self._purchase(self._chunk))
            check()
        self._left -= 1
        half = self._chunk // 2
        # Of a caller who wants only so many, one purchase may be all.
        goes_on = self._chunk < self.most or self.most == CHUNK_MAX
        if goes_on and self._left == half >= AHEAD_FROM // 2:
            # Without it, a hundred calls would wait for the round trip of the next purchase.
            self._buying = self._purchase(half)

    def _usable(self) -> bool:
        return self._left > 0 and self.clock.monotonic() <= self._good_until

    def _fit(self) -> None:
        """Buy less at once where some was lost, more where it was gone too soon."""
        if self._buying is not None and not self._buying.done():
            return  # A purchase is under way, and was fitted when it began.
        if self._left > 0:
            self._left = 0
            self._chunk = max(1, self._chunk // 2)
        else:
            self._chunk = min(self._chunk_max, self._chunk * 2)

    def _purchase(self, wanted: int) -> "asyncio.Task[None]":
        if self._buying is None or self._buying.done():
            self._buying = asyncio.ensure_future(self._buy(wanted))
        return self._buying

    async def _buy(self, wanted: int) -> None:
        try:
            granted = await self.schedule.spend(self.terms.name, wanted, self.need)
        except ScheduleUnavailable:
            granted = 0  # Redis fails: the schedule goes on from memory within seconds.
        if granted <= 0:
            await self.clock.sleep(pause_at(self.terms.requests_per_second))
            return
        if not self._usable():
            self._left = 0
        self._left += granted
        # Sent much later, it would exceed the rate: others were granted more meanwhile.
        self._good_until = self.clock.monotonic() + 2 * CHUNK.total_seconds()
