"""Sweep: the endings that need no provider, straight from the database.

Deliveries whose window is over, deadlines nobody could act on, and credits that may not wait any
longer: whatever else is down, a customer is whole a few seconds after the grace.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from worker.domain.ids import ActivationId
from worker.lifecycle.cancel import FIRST_RETRY
from worker.lifecycle.clock import Clock
from worker.lifecycle.failure_backoff import FailureBackoff, describe_safely
from worker.lifecycle.foreign_rows import ForeignRows
from worker.lifecycle.outcome import OutcomeRules, ending, not_heard
from worker.lifecycle.settle import BATCH, Settle, delivery
from worker.ports.reporter import Reporter
from worker.ports.store.settlements import DueNumber, Ending, SettlementStore

BEHIND: Final = timedelta(seconds=2)  #: What the normal path may take to act on a deadline.
STUCK_MAX: Final = 10_000  #: Numbers that cannot be settled, past which we read no further.


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    settlements: SettlementStore
    reporter: Reporter
    settle: Settle
    rules: OutcomeRules
    clock: Clock
    grace: timedelta
    _setbacks: FailureBackoff[ActivationId] = field(default_factory=FailureBackoff)
    _unread: ForeignRows = field(default_factory=ForeignRows)

    async def tick(self) -> int:
        """Everything that is due, in batches; how many numbers were settled."""
        try:
            delivered = await self._each(self.settlements.due_deliveries, delivery)
        finally:  # Whatever is wrong with the deliveries, the credits wait for nobody.
            credited = await self._credit()
        await self._unread.tell(self.settlements, self.reporter, self.clock.monotonic())
        return delivered + credited

    async def _credit(self) -> int:
        while await self.settlements.mark_expired(BEHIND, BATCH) == BATCH:
            pass
        credited = await self._each(self._past_grace, self._overdue)
        if credited:
            self.reporter.trouble("credit.after_grace", detail=str(credited))
        return credited

    async def _past_grace(self, limit: int) -> list[DueNumber]:
        return await self.settlements.past_grace(self.grace, limit)

    async def _each(
        self, read: Callable[[int], Awaitable[list[DueNumber]]], end: Callable[[DueNumber], Ending]
    ) -> int:
        """Settle what is due, batch by batch, past those that cannot be settled."""
        done = stuck = 0
        while stuck <= STUCK_MAX:
            # Nobody leases them, so those that stay are read again every time, oldest first.
            asked = BATCH + stuck
            due = await read(asked)
            settled = await self._settle(due, end)
            done += settled
            if len(due) < asked:
                break
            stuck = len(due) - settled
        return done

    async def _settle(self, due: Sequence[DueNumber], end: Callable[[DueNumber], Ending]) -> int:
        now = self.clock.monotonic()
        tried = [one for one in due if self._setbacks.over(one.id, now)]
        endings = [made for one in tried if (made := self._made(one, end, now)) is not None]
        settled = {one.id for one in await self.settle(endings)}
        for made in endings:
            if made.id in settled:
                self._setbacks.clear(made.id)
            else:  # Refused, as `settle` has told; or somebody else's by now, and never due again.
                self._setbacks.add(made.id, "settle.refused", now)
        return len(settled)

    def _made(
        self, due: DueNumber, end: Callable[[DueNumber], Ending], now: float
    ) -> Ending | None:
        try:
            return end(due)
        except Exception as error:  # noqa: BLE001 - a bug about one must not stop every other
            why = f"sweep: {describe_safely(error)}"
            if self._setbacks.add(due.id, why, now):
                self.reporter.quarantined(due.id, why)
            return None

    def _overdue(self, due: DueNumber) -> Ending:
        """The provider gave no definite answer in time: its axis is pursued, the exposure ours."""
        there = not_heard(FIRST_RETRY * (0.5 + self.clock.chance()))
        return ending(due, self.rules, there)
