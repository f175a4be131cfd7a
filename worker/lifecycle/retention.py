"""Retention: what was kept long enough is forgotten, a batch with each tick of the timers.

Each batch reads what is due and nothing else, so its cost grows with what is due. What a policy, an
open case, a review, an exposure, a pursuit or the audit may still ask for stays until none does.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from worker.lifecycle.clock import Clock
from worker.ports.store.activations import ActivationStore, SettledPlace
from worker.ports.store.books import BookStore
from worker.ports.store.outbox import OutboxStore

BATCH: Final = 1000  #: Of each kind, in one tick.
#: Limits of a policy count what an account did within a year: whatever it did then stays.
LIMITS_REACH: Final = timedelta(days=366)
#: Old numbers that have to stay are looked at again after so long.
AGAIN: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionTimes:
    """How long each kind is kept; None: for ever."""

    texts: timedelta | None
    phones: timedelta | None
    events: timedelta | None
    settled: timedelta | None


@dataclass(slots=True, kw_only=True)
class Retention:
    activations: ActivationStore
    books: BookStore
    outbox: OutboxStore
    clock: Clock
    times: RetentionTimes
    batch: int = BATCH
    _place: SettledPlace | None = None  #: How far old numbers were looked at.
    _rests_until: float = field(default=float("-inf"))

    async def forget(self) -> None:
        await self.books.forget_answers(self.batch)
        await self._after(self.times.texts, self.activations.forget_texts)
        await self._after(self.times.phones, self.activations.forget_phones)
        await self._after(self.times.events, self.outbox.forget_events)
        await self._after(self.times.settled, self._forget_numbers)

    async def _after(
        self, time: timedelta | None, forget: Callable[[timedelta, int], Awaitable[object]]
    ) -> None:
        if time is not None:
            await forget(time, self.batch)

    async def _forget_numbers(self, time: timedelta, limit: int) -> None:
        """From number to number, as most of the oldest may have to stay."""
        if self.clock.monotonic() < self._rests_until:
            return
        age = max(time, LIMITS_REACH)
        self._place = await self.activations.forget_settled(age, limit, after=self._place)
        if self._place is None:
            self._rests_until = self.clock.monotonic() + AGAIN.total_seconds()
