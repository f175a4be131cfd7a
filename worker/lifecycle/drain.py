"""Drain: a provider that died for good gets no new numbers, and those it has are brought to an end.

Each is ended at its deadline like any other, and credited by its policy when the grace is over,
with the exposure; an order without a number is credited whatever the policy says. `now` does not
wait for that. What the provider is owed goes on being pursued: if it comes back, it is still asked
to give the numbers back.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from worker.domain.backoff import PURSUIT
from worker.domain.ids import ProviderName
from worker.domain.price_fate import PriceFate
from worker.lifecycle.clock import Clock
from worker.lifecycle.outcome import OutcomeRules, ending, without_number
from worker.lifecycle.settle import Settle
from worker.ports.store.purchases import PurchaseStore
from worker.ports.store.settlements import DueNumber, Ending, SettledNumber, SettlementStore

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
            await self.rules.load(due)
            wait = PURSUIT.wait(0, self.clock.chance())
            outcome = await self.settle.batch([self._ending(number, wait) for number in due])
            if not outcome.settled:
                return  # Settled by another process, in quarantine, or of accounts that are locked.
            yield outcome.settled

    def _ending(self, due: DueNumber, wait: timedelta) -> Ending:
        if due.ref is None:
            return without_number(due, wait)
        return ending(due, self.rules, PriceFate.NOT_YET, act_after=wait)
