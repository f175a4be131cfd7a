"""Sweep: the endings that need no provider, straight from the database.

Deliveries whose window is over, deadlines that no provider was asked about, and credits whose grace
is over: whatever else is down, the customer has the price back a few seconds after the grace.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from worker.domain.backoff import ACCOUNT_LOCKED, PURSUIT
from worker.domain.ids import ActivationId
from worker.domain.price_fate import PriceFate
from worker.lifecycle.clock import Clock
from worker.lifecycle.failure_backoff import FailureBackoff, describe_safely
from worker.lifecycle.outcome import OutcomeRules, ending, without_number
from worker.lifecycle.settle import BATCH, Settle, delivery
from worker.ports.errors import StoreError
from worker.ports.reporter import Reporter
from worker.ports.store.settlements import DueNumber, Ending, SettlementStore

BEHIND: Final = timedelta(seconds=2)  #: What the normal path may take to act on a deadline.
STUCK_MAX: Final = 10_000  #: Numbers that cannot be settled, past which we read no further.

#: One tick looks so often, so far apart: for as long as its slot lasts. A late ending is late by
#: what is between two looks, also where the job of the next slot comes late.
LOOKS: Final = 4
APART: Final = timedelta(milliseconds=250)

FOREIGN_ROWS_EVERY: Final = timedelta(minutes=1)
NEWER_CODE_TAKES: Final = timedelta(minutes=1)  #: To end a number, where it runs.
REPORTED_MAX: Final = 100  #: At once: it is a deploy gone wrong, and each line says the same.


@dataclass(slots=True)
class ForeignRows:
    """Reports numbers that are left alone because their rows have words of newer code.

    While versions run side by side, or after a rollback, only the newer worker ends its numbers: no
    statement leases them here, so they cost the others nothing. Where no such worker runs they wait
    for one, or for a person, who must know of them.
    """

    _next: float = 0.0  #: On the process's clock.
    _reported: set[ActivationId] = field(default_factory=set)

    async def report(self, settlements: SettlementStore, reporter: Reporter, now: float) -> None:
        """Report each number once, and how many there are at every check."""
        if now < self._next:
            return
        self._next = now + FOREIGN_ROWS_EVERY.total_seconds()
        rows = await settlements.foreign_rows(NEWER_CODE_TAKES, REPORTED_MAX)
        for row in rows:
            if row.id not in self._reported:
                reporter.quarantined(row.id, f"unread: {row.column}")
        self._reported = {row.id for row in rows}
        for provider, count in Counter(row.provider for row in rows).items():
            reporter.trouble("activation.unread", provider=provider, detail=str(count))


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    settlements: SettlementStore
    reporter: Reporter
    settle: Settle
    rules: OutcomeRules
    clock: Clock
    grace: timedelta
    _failures: FailureBackoff[ActivationId] = field(default_factory=FailureBackoff)
    _foreign: ForeignRows = field(default_factory=ForeignRows)

    async def tick(self) -> int:
        """Everything that is due, or falls due in this slot, in batches; how many were settled."""
        settled = 0
        for left in reversed(range(LOOKS)):
            wait = await self._due_in()
            if wait <= timedelta(0):
                settled += await self._end_all()
            if wait > APART * left or not left:
                break
            await self.clock.sleep(APART.total_seconds())
        await self._foreign.report(self.settlements, self.reporter, self.clock.monotonic())
        return settled

    async def _due_in(self) -> timedelta:
        """One cheap question, which is all there is to do most of the time."""
        try:
            wait = await self.settlements.due_in()
        except StoreError:
            return timedelta(0)  # Those who act have patience, and report what is the matter.
        return timedelta.max if wait is None else wait

    async def _end_all(self) -> int:
        try:
            delivered = await self._each(self.settlements.due_deliveries, delivery)
        finally:  # An error in the deliveries must not hold up the credits.
            credited = await self._credit()
        return delivered + credited

    async def end_sold_again(self, ids: Sequence[ActivationId]) -> bool:
        """End what is past its deadline and whose ref was sold again: no answer can come any more.

        Whether one of them ended.
        """
        while await self.settlements.mark_expired(timedelta(0), BATCH) == BATCH:
            pass
        due = await self.settlements.expired(ids)
        await self.rules.load(due)
        return await self._settle(due, self._overdue) > 0

    async def _credit(self) -> int:
        while await self.settlements.mark_expired(BEHIND, BATCH) == BATCH:
            pass
        credited = await self._each(self._past_grace, self._overdue)
        if credited:
            self.reporter.trouble("credit.after_grace", detail=str(credited))
        return credited

    async def _past_grace(self, limit: int) -> list[DueNumber]:
        due = await self.settlements.past_grace(self.grace, limit)
        await self.rules.load(due)
        return due

    async def _each(
        self, read: Callable[[int], Awaitable[list[DueNumber]]], end: Callable[[DueNumber], Ending]
    ) -> int:
        """Settle what is due, batch by batch, past those that cannot be settled."""
        done = stuck = 0
        while stuck <= STUCK_MAX:
            # They are not leased, so those that stay are read again every time, oldest first.
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
        tried = [number for number in due if self._failures.over(number.id, now)]
        endings = [each for number in tried if (each := self._ending(number, end, now)) is not None]
        outcome = await self.settle.batch(endings)
        settled = {number.id for number in outcome.settled}
        for each in endings:
            if each.id in settled:
                self._failures.clear(each.id)
            elif each.id in outcome.busy:
                self._failures.add(each.id, "settle.account_locked", now, ACCOUNT_LOCKED)
            else:  # Refused, as `settle` reported; or settled by another, and never due again.
                self._failures.add(each.id, "settle.refused", now)
        return len(settled)

    def _ending(
        self, due: DueNumber, end: Callable[[DueNumber], Ending], now: float
    ) -> Ending | None:
        try:
            return end(due)
        except Exception as error:  # noqa: BLE001 - a bug about one must not stop every other
            why = f"sweep: {describe_safely(error)}"
            if self._failures.add(due.id, why, now):
                self.reporter.quarantined(due.id, why)
            return None

    def _overdue(self, due: DueNumber) -> Ending:
        """The provider gave no definite answer in time: it is pursued, and the exposure is ours."""
        wait = PURSUIT.wait(0, self.clock.chance())
        if due.ref is None:
            return without_number(due, wait)
        return ending(due, self.rules, PriceFate.NOT_YET, act_after=wait)
