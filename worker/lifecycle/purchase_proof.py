"""Prove purchases of unknown outcome sold or unsold, by the provider's list and history.

A number that nobody here knows and that fits is the purchase's: it is adopted. That nothing was
sold is proven by absence, and absence is proof only when the purchase cannot be carried out any
more and would be seen if it had been:

- a reading begins `CARRIED_OUT_WITHIN` after the purchase was asked for, or later: our request
  ended within `ANSWER_WITHIN`, the rest is the provider's time to carry out what it had received;
- a reading counts when the provider told all of its list, and all of its history since then;
- two of them, `READINGS_APART`, show no number that may be the purchase's. One that nobody here
  knows counts as such where its service is not given, or is the purchase's.

A provider that has not both proves nothing unsold. A number that is sold later than that is adopted
all the same, and given back: nothing is lost by the proof but time.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, TypeAlias

from worker.domain.activation import ProviderState, State
from worker.domain.backoff import PROOF
from worker.domain.ids import ActivationId, ProviderName, ProviderRef
from worker.domain.price_fate import PriceFate
from worker.lifecycle.accept import Accept
from worker.lifecycle.adopt import ANSWER_WITHIN, CLOCKS_DIFFER, Adopt
from worker.lifecycle.budget import Budget, ProviderTerms
from worker.lifecycle.clock import Clock
from worker.lifecycle.reconcile import HistorySpan
from worker.lifecycle.settle import Settle
from worker.ports.errors import ProviderError
from worker.ports.provider import ActiveRow, Circuit, PastNumber, Provider
from worker.ports.reporter import Reporter
from worker.ports.schedule import Schedule
from worker.ports.store.purchases import OpenPurchase, PurchaseStore
from worker.ports.store.settlements import DueNumber, Ending, SettlementStore

#: After a purchase was asked for. Seen: a provider that holds purchases back for 170 s.
CARRIED_OUT_WITHIN: Final = timedelta(minutes=3)
READINGS_APART: Final = timedelta(seconds=20)
HANDED_OVER_WITHIN: Final = timedelta(seconds=3)  #: What the shop rents by itself.
#: A number that was sold later than that after it was asked for is not looked for.
SOLD_WITHIN: Final = timedelta(hours=1)
OLDEST: Final = timedelta(days=29)  #: Histories go back thirty days.
LIST_PAGES_MAX: Final = 1000
HISTORY_PAGES_MAX: Final = 200

assert ANSWER_WITHIN < CARRIED_OUT_WITHIN < SOLD_WITHIN < OLDEST

AnyRow: TypeAlias = ActiveRow | PastNumber


@dataclass(frozen=True, slots=True, kw_only=True)
class PurchaseProof:
    purchases: PurchaseStore
    settlements: SettlementStore
    schedule: Schedule
    reporter: Reporter
    accept: Accept
    settle: Settle
    clock: Clock
    terms: Mapping[ProviderName, ProviderTerms]
    #: Orphans of the last reading: what the shop rented by itself is handed over by the next.
    _orphans: dict[ProviderName, set[ProviderRef]] = field(default_factory=dict)
    #: How many readings in a row could prove nothing, and until when none is made for proof.
    _fruitless: dict[ProviderName, tuple[int, float]] = field(default_factory=dict)

    async def tick(self, provider: Provider) -> None:
        """One reading, where a purchase is in doubt."""
        if provider.capabilities.list_page_size is None:
            return
        lifetime = self.terms[provider.name].lifetime
        recent = await self.purchases.open_purchases(provider.name, settled_for=lifetime)
        began = self.clock.now()
        old = await self._provable(provider, began)
        if recent or old:
            await self._read(provider, began, recent, old)

    async def _provable(self, provider: Provider, now: datetime) -> list[OpenPurchase]:
        """Purchases that a reading which begins now may prove unsold."""
        if not provider.capabilities.history:
            return []
        _, not_before = self._fruitless.get(provider.name, (0, float("-inf")))
        if self.clock.monotonic() < not_before:
            return []
        in_doubt = await self.purchases.purchases_in_doubt(provider.name, OLDEST)
        return [each for each in in_doubt if now - each.asked_at >= CARRIED_OUT_WITHIN]

    async def _read(
        self,
        provider: Provider,
        began: datetime,
        recent: Sequence[OpenPurchase],
        old: Sequence[OpenPurchase],
    ) -> None:
        before = self._orphans.pop(provider.name, set())
        listed = await self.listed(provider)
        if listed is None:
            return
        past = await self._past(provider, old, began)
        unknown = await self._unknown(provider.name, [*(past or ()), *listed], wait=bool(old))
        self._orphans[provider.name] = {row.ref for row in unknown}
        found = await self._adopt(provider.name, recent, old, unknown, before)
        if old and past is not None:
            left = [each for each in old if each.id not in found]
            await self._judge(provider.name, began, left, unknown)

    async def _adopt(
        self,
        provider: ProviderName,
        recent: Sequence[OpenPurchase],
        old: Sequence[OpenPurchase],
        unknown: Sequence[AnyRow],
        before: set[ProviderRef],
    ) -> set[ActivationId]:
        """Give purchases the numbers that were there the last time, too; those that have one now.

        The list tells of numbers that live, the history of old ones by their service.
        """
        adopt = Adopt(
            purchases=self.purchases, reporter=self.reporter, accept=self.accept, terms=self.terms
        )
        seen = [row for row in unknown if row.ref in before]
        live = [row for row in seen if isinstance(row, ActiveRow)]
        past = [row for row in seen if isinstance(row, PastNumber) and row.service is not None]
        pairs = await adopt(provider, recent, live)
        found = {purchase.id for purchase, _ in pairs}
        left = [each for each in old if each.id not in found]
        return found | {purchase.id for purchase, _ in await adopt(provider, left, past)}

    async def _judge(
        self,
        provider: ProviderName,
        began: datetime,
        in_doubt: Sequence[OpenPurchase],
        unknown: Sequence[AnyRow],
    ) -> None:
        """Keep what a whole reading says, and end what is proven."""
        absent = [each for each in in_doubt if not any(may_be(each, row) for row in unknown)]
        ids = {each.id for each in absent}
        await self.purchases.note_absence(began, {each.id: each.id in ids for each in in_doubt})
        proven = [each.id for each in absent if _is_proven(each, began)]
        if proven:
            await self._end(provider, proven)
        self._remember(provider, fruitless=bool(in_doubt) and not absent)

    async def _end(self, provider: ProviderName, ids: Sequence[ActivationId]) -> None:
        """Customers who still wait have their price back first, then nothing is at risk."""
        waiting = await self.settlements.end_unsold(ids)
        await self.settle([unsold(number) for number in waiting])
        ended = await self.purchases.prove_unsold(ids)
        if ended:
            self.reporter.trouble("rent.proven_unsold", provider=provider, detail=str(len(ended)))

    def _remember(self, provider: ProviderName, *, fruitless: bool) -> None:
        """Read less and less often where strangers' numbers hide what is to be proven."""
        if not fruitless:
            self._fruitless.pop(provider, None)
            return
        times, _ = self._fruitless.get(provider, (0, 0.0))
        wait = PROOF.wait(times, self.clock.chance())
        self._fruitless[provider] = times + 1, self.clock.monotonic() + wait.total_seconds()

    async def _unknown(
        self, provider: ProviderName, rows: Sequence[AnyRow], *, wait: bool
    ) -> list[AnyRow]:
        """The numbers that are none of ours; with *wait*, not even a little later."""
        by_ref = {row.ref: row for row in rows}  # What the list says of a number goes before.
        unknown = await self.purchases.unknown_refs(provider, list(by_ref.values()))
        if unknown and wait:
            await self.clock.sleep(HANDED_OVER_WITHIN.total_seconds())
            again = [by_ref[ref] for ref in unknown]
            unknown = await self.purchases.unknown_refs(provider, again)
        return [by_ref[ref] for ref in unknown]

    async def listed(self, provider: Provider) -> list[ActiveRow] | None:
        """The whole list; None where a page tells nothing: then nothing is known."""
        budget = Budget(self.schedule, self.terms[provider.name], self.clock)
        rows: list[ActiveRow] = []
        for number in range(LIST_PAGES_MAX):
            if provider.circuit is not Circuit.CLOSED:
                return None
            await budget.take()
            try:
                page = await provider.list_whole(number)
            except ProviderError:
                return None
            rows += page.rows
            if page.last:
                return rows
        return None

    async def _past(
        self, provider: Provider, in_doubt: Sequence[OpenPurchase], now: datetime
    ) -> list[PastNumber] | None:
        """All of the history in which they may have been sold; None where it is not all."""
        budget = Budget(self.schedule, self.terms[provider.name], self.clock, most=1)
        rows: list[PastNumber] = []
        pages = 0
        for first in spans(in_doubt, now):
            span: HistorySpan | None = first
            while span is not None:
                if (pages := pages + 1) > HISTORY_PAGES_MAX:
                    return None
                if provider.circuit is not Circuit.CLOSED:
                    return None
                await budget.take()
                try:
                    page = await provider.history(span.since, span.until, span.skip)
                except ProviderError:
                    return None
                rows += page.rows
                following = span.after(page)
                if following is None and page.next is not None and page.rows:
                    return None  # The same page again: it turns none, and may have more.
                span = following
        return rows


def spans(in_doubt: Iterable[OpenPurchase], now: datetime) -> list[HistorySpan]:
    """The time in which each of them may have been sold, oldest first; no time twice."""
    merged: list[HistorySpan] = []
    for each in in_doubt:
        since = each.asked_at - CLOCKS_DIFFER
        until = min(each.asked_at + SOLD_WITHIN, now) + CLOCKS_DIFFER
        if merged and since <= merged[-1].until:
            merged[-1] = merged[-1]._replace(until=until)
        else:
            merged.append(HistorySpan(since, until))
    return merged


def may_be(purchase: OpenPurchase, row: AnyRow) -> bool:
    """Whether this number may be what was sold; country and cost are left out: names differ."""
    if isinstance(row, PastNumber) and row.fate is PriceFate.GIVEN_BACK:
        return False  # Whosever it was, it costs nothing.
    if row.service is not None and row.service != purchase.service:
        return False
    if row.rented_at is None:
        return True
    after = row.rented_at - purchase.asked_at
    return -CLOCKS_DIFFER <= after <= SOLD_WITHIN + CLOCKS_DIFFER


def unsold(due: DueNumber) -> Ending:
    """The price goes back whatever the policy says: it is about numbers, and there was none."""
    return Ending(
        id=due.id,
        account=due.account,
        source=State.EXPIRING,
        outcome=State.REFUNDED,
        provider_state=ProviderState.CANCELLED,
        reason="provider",
    )


def _is_proven(purchase: OpenPurchase, began: datetime) -> bool:
    return purchase.absent_at is not None and began - purchase.absent_at >= READINGS_APART
