"""Adopt: give a purchase of unknown outcome the number that the provider turns out to have sold.

While its customer waits, the number is watched like any other. Once the customer is settled, it is
cancelled: pursued until the provider gives it back or keeps the price.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from worker.domain.activation import State
from worker.domain.ids import ProviderName
from worker.lifecycle.accept import Accept
from worker.lifecycle.provider_terms import ProviderTerms
from worker.lifecycle.purchase_matching import AnyOrphan, Orphan, matched
from worker.ports.reporter import Reporter
from worker.ports.store.purchases import Bought, OpenPurchase, PurchaseStore

WAITING = frozenset({State.WAITING, State.EXPIRING, State.RECEIVED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Adopt:
    purchases: PurchaseStore
    reporter: Reporter
    accept: Accept
    terms: Mapping[ProviderName, ProviderTerms]

    async def __call__(
        self,
        provider: ProviderName,
        purchases: Sequence[OpenPurchase],
        orphans: Sequence[AnyOrphan],
    ) -> list[tuple[OpenPurchase, AnyOrphan]]:
        """Which purchase has which number now."""
        pairs = matched(purchases, orphans)
        for purchase, orphan in pairs:
            await self._adopt(provider, purchase, orphan)
        return pairs

    async def _adopt(self, provider: ProviderName, purchase: OpenPurchase, orphan: Orphan) -> None:
        bought = Bought(
            ref=orphan.ref,
            phone=orphan.phone or "",
            cost_minor=orphan.cost_minor,
            cost_currency=orphan.currency,
        )
        min_age = self.terms[provider].min_cancel_age
        activation = await self.purchases.purchase_bought(purchase.id, bought, min_age)
        if activation is None or activation.ref != orphan.ref:
            return  # Another order was given it at the same time.
        if activation.state in WAITING:
            await self.accept.watch([activation])
        self.reporter.trouble("rent.adopted", provider=provider, detail=activation.state.value)
