"""Retention: what was kept long enough is forgotten, a batch with each tick of the timers.

Each batch reads what is due and nothing else, so its cost grows with what is due. What a policy, an
open case, a review, an exposure, a pursuit or the audit may still ask for stays until none does.

It has days of time: what fails is reported and rests, and stops no other kind and no timer.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from worker.domain.activation import WINDOW_MAX
from worker.lifecycle.clock import Clock
from worker.ports.errors import StoreError
from worker.ports.reporter import Kept, Reporter
from worker.ports.store.activations import ActivationStore, SettledPlace
from worker.ports.store.books import BookStore
from worker.ports.store.outbox import OutboxStore
from worker.ports.store.purchases import PurchaseStore

BATCH: Final = 1000  #: Of each kind, in one tick.
#: Limits of a policy count what an account did within a year: whatever it did then stays.
LIMITS_REACH: Final = timedelta(days=366)
#: A push may come before its number is handed over, which is no later than the number's window.
PUSHES_KEPT: Final = 2 * WINDOW_MAX
#: Old numbers that have to stay are looked at again after so long; so is a kind that failed.
AGAIN: Final = timedelta(hours=1)
NOTHING_DUE: Final = timedelta(minutes=1)  #: The rest of a kind of which nothing was old enough.


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
    purchases: PurchaseStore
    reporter: Reporter
    clock: Clock
    times: RetentionTimes
    batch: int = BATCH
    _place: SettledPlace | None = None  #: How far old numbers were looked at.
    _rest_until: dict[Kept, float] = field(default_factory=dict)  #: By kind.

    async def forget(self) -> None:
        await self._each(Kept.ANSWERS, timedelta(0), self._forget_answers)
        await self._each(Kept.PUSHES, PUSHES_KEPT, self.purchases.forget_pushes)
        await self._each(Kept.TEXTS, self.times.texts, self.activations.forget_texts)
        await self._each(Kept.PHONES, self.times.phones, self.activations.forget_phones)
        await self._each(Kept.EVENTS, self.times.events, self.outbox.forget_events)
        await self._each(Kept.SETTLED, self.times.settled, self._forget_numbers)

    async def _each(
        self,
        kind: Kept,
        time: timedelta | None,
        forget: Callable[[timedelta, int], Awaitable[object]],
    ) -> None:
        """A statement that is too slow once would be at the next tick, too: its kind rests.

        Shorter where nothing was due: it has days of time, and ticks come every five seconds.
        """
        if time is None or self.clock.monotonic() < self._rest_until.get(kind, float("-inf")):
            return
        try:
            if await forget(time, self.batch) == 0:
                self._rest(kind, NOTHING_DUE)
        except Exception as error:  # noqa: BLE001 - nothing that is only forgotten may stop a timer
            self._rest(kind)
            detail = f"retention: {kind}: {type(error).__name__}"
            self.reporter.trouble("job.failed", detail=detail)
            self.reporter.retention_failed(kind)

    def _rest(self, kind: Kept, span: timedelta = AGAIN) -> None:
        self._rest_until[kind] = self.clock.monotonic() + span.total_seconds()

    async def _forget_answers(self, _: timedelta, limit: int) -> int:
        return await self.books.forget_answers(limit)

    async def _forget_numbers(self, time: timedelta, limit: int) -> None:
        """From number to number, as most of the oldest may have to stay."""
        age = max(time, LIMITS_REACH)
        try:
            self._place = await self.activations.forget_settled(age, limit, after=self._place)
        except StoreError:
            # One of these numbers may fail each time: those after it go all the same.
            self._place = await self.activations.settled_place(limit, after=self._place)
            raise
        if self._place is None:
            self._rest(Kept.SETTLED)
