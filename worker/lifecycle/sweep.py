"""Sweep: the endings that need no provider, straight from the database.

Deliveries whose window is over, deadlines nobody could act on, and credits that may not wait any
longer: whatever else is down, a customer is whole a few seconds after the grace.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from worker.domain.activation import ProviderState
from worker.lifecycle.clock import Clock
from worker.lifecycle.ending import FIRST_RETRY
from worker.lifecycle.rules import AtProvider, Rules, ending
from worker.lifecycle.settle import BATCH, Settle, delivery
from worker.ports.endings import Due, Ending
from worker.ports.reporter import Reporter
from worker.ports.store import ActivationStore

BEHIND: Final = timedelta(seconds=2)  #: What the normal path may take to act on a deadline.


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    store: ActivationStore
    reporter: Reporter
    settle: Settle
    rules: Rules
    clock: Clock
    grace: timedelta

    async def tick(self) -> int:
        """Everything that is due, in batches; how many numbers were settled."""
        return await self._deliver() + await self._credit()

    async def _deliver(self) -> int:
        done = 0
        while due := await self.store.due_deliveries(BATCH):
            settled = await self.settle([delivery(one) for one in due])
            done += len(settled)
            if len(due) < BATCH or not settled:
                break  # Those left are somebody else's by now, or stand in quarantine.
        return done

    async def _credit(self) -> int:
        done = 0
        while await self.store.mark_expired(BEHIND, BATCH) == BATCH:
            pass
        while due := await self.store.past_grace(self.grace, BATCH):
            self.reporter.trouble("credit.after_grace", detail=str(len(due)))
            settled = await self.settle([self._overdue(one) for one in due])
            done += len(settled)
            if len(due) < BATCH or not settled:
                break
        return done

    def _overdue(self, due: Due) -> Ending:
        """The provider gave no definite answer in time: its axis is pursued, the exposure ours."""
        there = AtProvider(
            ProviderState.CANCELLING,
            act_after=FIRST_RETRY * (0.5 + self.clock.chance()),
            may_charge=True,
        )
        return ending(due, self.rules, there)
