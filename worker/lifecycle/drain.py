"""Drain: a provider that died for good gets no new numbers, and those it has are brought to an end.

Nothing special happens to them: each is ended at its deadline, and credited by its policy when the
grace is over, with the exposure. `now` does not wait for that. The provider's axis goes on being
pursued: should it come back, what it gives back is found out.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from worker.domain.ids import ProviderName
from worker.lifecycle.cancel import FIRST_RETRY
from worker.lifecycle.clock import Clock
from worker.lifecycle.outcome import OutcomeRules, ending, not_heard
from worker.lifecycle.settle import Settle
from worker.ports.store.purchases import PurchaseStore
from worker.ports.store.settlements import SettledNumber, SettlementStore

BATCH: Final = 500  #: Small enough for its progress to be seen.


@dataclass(frozen=True, slots=True, kw_only=True)
class Drain:
    purchases: PurchaseStore
    settlements: SettlementStore
    settle: Settle
    rules: OutcomeRules
    clock: Clock

    async def begin(self, provider: ProviderName) -> datetime:
        """No rentals from now on, in every process; since when."""
        return await self.purchases.drain(provider)

    async def stop(self, provider: ProviderName) -> bool:
        return await self.purchases.resume(provider)

    async def now(self, provider: ProviderName) -> AsyncIterator[list[SettledNumber]]:
        """End what waits, batch by batch, as if the grace were over; what each batch settled.

        Numbers with a code keep it until their window is over: it was paid for.
        """
        while due := await self.settlements.give_up(provider, BATCH):
            there = not_heard(FIRST_RETRY * (0.5 + self.clock.chance()))
            settled = await self.settle([ending(one, self.rules, there) for one in due])
            if not settled:
                return  # Somebody else's by now, or in quarantine.
            yield settled
