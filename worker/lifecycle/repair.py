"""Repair: put back on the schedule what Redis lost, and find out what a crash left open.

Everything here starts from the database; running it twice, or at once, changes nothing more.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from worker.domain.ids import ActivationId, ProviderName, ProviderRef
from worker.lifecycle.accept import Accept
from worker.lifecycle.adopt import ANSWER_WITHIN, Adopt
from worker.lifecycle.budget import Budget, ProviderTerms
from worker.lifecycle.clock import Clock
from worker.ports.errors import ProviderError
from worker.ports.provider import ActiveRow, Circuit, Provider
from worker.ports.reporter import Reporter
from worker.ports.schedule import Schedule
from worker.ports.store.activations import ActivationStore
from worker.ports.store.purchases import OpenPurchase, PurchaseStore

PAGE: Final = 2000  #: Live numbers per read.
PAGES_MAX: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Repair:
    purchases: PurchaseStore
    activations: ActivationStore
    schedule: Schedule
    reporter: Reporter
    accept: Accept
    clock: Clock
    terms: Mapping[ProviderName, ProviderTerms]
    _orphans: dict[ProviderName, set[ProviderRef]] = field(default_factory=dict)
    _reached: dict[ProviderName, ActivationId] = field(default_factory=dict)

    @property
    def _adopt(self) -> Adopt:
        return Adopt(
            purchases=self.purchases, reporter=self.reporter, accept=self.accept, terms=self.terms
        )

    async def tick(self, provider: Provider) -> int:
        """How many numbers were put back."""
        added = await self.reschedule(provider.name)
        for id_ in await self.purchases.forgotten_purchases(ANSWER_WITHIN):
            await self.purchases.purchase_unknown(id_)
        if provider.capabilities.list_page_size is not None and (
            purchases := await self.purchases.open_purchases(
                provider.name, settled_for=self.terms[provider.name].lifetime
            )
        ):
            await self._find(provider, purchases)
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
            self.reporter.trouble("schedule.rebuilt", provider=provider, detail=str(added))
        return added

    async def _find(self, provider: Provider, purchases: list[OpenPurchase]) -> None:
        """Give purchases of unknown outcome the listed numbers that no activation has.

        Only those that had none the last time too: a number that the shop rented by itself is
        handed over within seconds, and must not be given to another order.
        """
        rows = await self.listed(provider)
        unknown = await self.purchases.unknown_refs(provider.name, list(rows))
        before = self._orphans.get(provider.name, set())
        self._orphans[provider.name] = set(unknown)
        orphans = [rows[ref] for ref in unknown if ref in before]
        await self._adopt(provider.name, purchases, orphans)

    async def listed(self, provider: Provider) -> dict[ProviderRef, ActiveRow]:
        """The whole list by ref; empty where a page tells nothing: then nothing is known."""
        budget = Budget(self.schedule, self.terms[provider.name], self.clock)
        rows: dict[ProviderRef, ActiveRow] = {}
        for number in range(PAGES_MAX):
            if provider.circuit is not Circuit.CLOSED:
                return {}
            await budget.take()
            try:
                page = await provider.list_whole(number)
            except ProviderError:
                return {}
            rows |= {row.ref: row for row in page.rows}
            if page.last:
                break
        return rows
