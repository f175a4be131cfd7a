"""Repair: put back on the schedule what Redis lost, and find out what a crash left open.

Everything here starts from the database; running it twice, or at once, changes nothing more.
"""

from dataclasses import dataclass, field
from typing import Final

from worker.domain.ids import ActivationId, ProviderName
from worker.lifecycle.accept import Accept
from worker.lifecycle.adopt import ANSWER_WITHIN
from worker.lifecycle.purchase_proof import PurchaseProof
from worker.ports.provider import Provider
from worker.ports.reporter import Reporter
from worker.ports.schedule import Schedule
from worker.ports.store.activations import ActivationStore
from worker.ports.store.purchases import PurchaseStore

PAGE: Final = 2000  #: Live numbers per read.


@dataclass(frozen=True, slots=True, kw_only=True)
class Repair:
    purchases: PurchaseStore
    activations: ActivationStore
    schedule: Schedule
    reporter: Reporter
    accept: Accept
    proof: PurchaseProof
    _reached: dict[ProviderName, ActivationId] = field(default_factory=dict)

    async def tick(self, provider: Provider) -> int:
        """How many numbers were put back."""
        added = await self.reschedule(provider.name)
        for id_ in await self.purchases.forgotten_purchases(ANSWER_WITHIN):
            await self.purchases.purchase_unknown(id_)
        await self.proof.tick(provider)
        return added

    async def reschedule(self, provider: ProviderName) -> int:
        """Every live number that is not on the schedule, page by page.

        A tick that was cut off goes on where it was: a million numbers take longer than one tick.
        """
        lost = not await self.schedule.intact(provider)
        added = 0
        after = self._reached.get(provider)
        while page := await self.activations.live_numbers(provider, after=after, limit=PAGE):
            added += await self.schedule.add(provider, self.accept.looks(provider, page))
            after = self._reached[provider] = page[-1].id
            if len(page) < PAGE:
                break
        self._reached.pop(provider, None)
        if lost:
            await self.schedule.rebuilt(provider)
            if added:  # Else there was nothing to lose: it is a new one.
                self.reporter.trouble("schedule.rebuilt", provider=provider, detail=str(added))
        return added
