"""Repair: put back on the schedule what Redis lost, and find out what a crash left open.

Everything here starts from the database; running it twice, or at once, changes nothing more.
"""

from dataclasses import dataclass, field
from typing import Final, NamedTuple

from worker.domain.ids import ActivationId, ProviderName
from worker.lifecycle.accept import Accept
from worker.lifecycle.adopt import ANSWER_WITHIN
from worker.lifecycle.purchase_proof import PurchaseProof
from worker.ports.provider import Provider
from worker.ports.reporter import Reporter
from worker.ports.schedule import RebuildToken, Schedule
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
    _reached: "dict[ProviderName, _Reached]" = field(default_factory=dict)

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
        A rebuild does so only while the pages before are still on the schedule: it may have been
        lost again, or be another one.
        """
        token, reached = None, self._reached.get(provider)
        if not await self.schedule.intact(provider):
            token = await self.schedule.begin_rebuild(provider)
            if reached is not None and reached.token != token:
                reached = None
        added, after = 0, None if reached is None else reached.after
        while page := await self.activations.live_numbers(provider, after=after, limit=PAGE):
            added += await self.schedule.add(provider, self.accept.looks(provider, page))
            after = page[-1].id
            self._reached[provider] = _Reached(after, token)
            if len(page) < PAGE:
                break
        self._reached.pop(provider, None)
        rebuilt = token is not None and await self.schedule.rebuilt(provider, token)
        if rebuilt and added:  # Else there was nothing to lose: it is a new one.
            self.reporter.trouble("schedule.rebuilt", provider=provider, detail=str(added))
        return added


class _Reached(NamedTuple):
    """How far the live numbers were put on the schedule."""

    after: ActivationId
    token: RebuildToken | None  #: Of the rebuild that did; None: the schedule was whole then.
