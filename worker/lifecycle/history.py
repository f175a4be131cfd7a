"""Read what a provider says became of past numbers, and hold it against our books, one by one.

The last day is read every time, so that each number is compared often enough for late changes of
mind; older than that only around the numbers that are disputed or that it may still charge us for,
until they are not. Each of the two has its own time: some companies tell of an old number only
after all the newer ones.
"""

import enum
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from worker.domain.activation import ProviderState
from worker.domain.ids import ProviderName, ProviderRef
from worker.lifecycle.adopt import Adopt
from worker.lifecycle.budget import Budget
from worker.lifecycle.clock import Clock
from worker.ports.errors import ProviderError
from worker.ports.history import Fate, HistoryPage, PastNumber
from worker.ports.provider import Circuit, Provider
from worker.ports.reporter import Reporter
from worker.ports.store.purchases import HistoryComparison, OpenPurchase, PurchaseStore

READ_FOR: Final = timedelta(seconds=5)  #: Each part, per run; where it ended, the next goes on.
FRESH: Final = timedelta(days=1)
OLDEST: Final = timedelta(days=29)  #: Providers tell of thirty days.
AROUND: Final = timedelta(minutes=30)  #: Of a disputed number's rental, by anybody's clock.
LAGS: Final = timedelta(minutes=10)  #: What it says of younger numbers may not be true yet.

assert AROUND < FRESH < OLDEST


class HistoryPart(enum.Enum):
    LAST_DAY = enum.auto()
    DISPUTES = enum.auto()


class HistorySpan(NamedTuple):
    since: datetime
    until: datetime
    skip: int = 0


@dataclass(slots=True)
class _Found:
    """What one run learnt."""

    told: list[HistoryComparison] = field(default_factory=list)
    strangers: list[ProviderRef] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareHistory:
    purchases: PurchaseStore
    reporter: Reporter
    adopt: Adopt
    clock: Clock
    budget: Budget
    unread: dict[
        tuple[ProviderName, HistoryPart], Sequence[HistorySpan]
    ]  #: Where a run ended before its time.

    async def __call__(self, provider: Provider) -> list[ProviderRef]:
        """Numbers that cost money or live, and that nobody handed over."""
        found = _Found()
        purchases = await self.adopt.purchases.open_purchases(provider.name, settled_for=2 * FRESH)
        try:
            async for rows in self._parts(provider):
                told = await self.purchases.compare_history(provider.name, rows, ended_for=LAGS)
                found.told.append(told)
                adopted, strangers = await self._orphans(provider.name, purchases, rows)
                purchases = [one for one in purchases if one not in adopted]
                found.strangers += strangers
        finally:  # Each page is committed: the next run would find nothing new to tell.
            self._tell(provider.name, found.told)
        return found.strangers

    async def _parts(self, provider: Provider) -> AsyncIterator[Sequence[PastNumber]]:
        for part in HistoryPart:
            async for rows in self._read(provider, part):
                yield rows

    async def _read(
        self, provider: Provider, part: HistoryPart
    ) -> AsyncIterator[Sequence[PastNumber]]:
        """Page by page, until it says nothing or takes too long."""
        this = provider.name, part
        spans = [*(self.unread.pop(this, ()) or await self._spans(*this))]
        until = self.clock.monotonic() + READ_FOR.total_seconds()
        before: Sequence[PastNumber] = ()
        while spans:
            if self.clock.monotonic() > until:
                self.unread[this] = spans
                return
            page = await self._page(provider, spans[0])
            if page is None:
                return
            yield page.rows
            # The same page again: this one does not turn its pages.
            turned = page.next is not None and (not before or page.rows != before)
            before = page.rows if turned else ()
            spans[:1] = [spans[0]._replace(skip=page.next or 0)] if turned else []

    async def _page(self, provider: Provider, span: HistorySpan) -> HistoryPage | None:
        if provider.circuit is not Circuit.CLOSED:
            return None
        await self.budget.take()
        try:
            return await provider.history(*span)
        except ProviderError:
            return None  # CountedSums where it was sent; the next hour reads again.

    async def _spans(self, provider: ProviderName, part: HistoryPart) -> list[HistorySpan]:
        """The last day, or the time around each older dispute; no time twice."""
        if part is HistoryPart.LAST_DAY:
            now = self.clock.now()
            return [HistorySpan(now - FRESH, now - LAGS)]
        spans: list[HistorySpan] = []
        for at in await self.purchases.disputed_since(provider, OLDEST, FRESH):
            if spans and at - AROUND <= spans[-1].until:
                spans[-1] = spans[-1]._replace(until=at + AROUND)
            else:
                spans.append(HistorySpan(at - AROUND, at + AROUND))
        return spans

    async def _orphans(
        self,
        provider: ProviderName,
        purchases: Sequence[OpenPurchase],
        rows: Sequence[PastNumber],
    ) -> tuple[list[OpenPurchase], list[ProviderRef]]:
        """Purchases that have their number now, and the refs of those that belong to nobody."""
        refs = [row.ref for row in rows]
        unknown = set(await self.adopt.purchases.unknown_refs(provider, refs))
        orphans = [row for row in rows if row.ref in unknown]
        # Its service is what an old number is told by; a time alone fits a stranger's too.
        named = [row for row in orphans if row.service is not None]
        pairs = await self.adopt(provider, purchases, named)
        adopted = {row.ref for _, row in pairs}
        costly = {Fate.CHARGED, Fate.LIVE}
        strangers = [r.ref for r in orphans if r.fate in costly and r.ref not in adopted]
        return [purchase for purchase, _ in pairs], strangers

    def _tell(self, provider: ProviderName, told: Sequence[HistoryComparison]) -> None:
        disputed = _together(one.disputed for one in told)
        for currency, (numbers, minor) in disputed.items():
            detail = f"{numbers} numbers, {minor} minor units of {currency}"
            self.reporter.trouble("provider.disputed", provider=provider, detail=detail)
            self.reporter.resolved(provider, ProviderState.DISPUTED, numbers)
        if agreed := sum(one.agreed for one in told):
            self.reporter.trouble("provider.dispute_ended", provider=provider, detail=str(agreed))


def _together(several: Iterable[Mapping[str, tuple[int, int]]]) -> dict[str, tuple[int, int]]:
    sums: dict[str, tuple[int, int]] = {}
    for each in several:
        for currency, (numbers, minor) in each.items():
            so_far = sums.get(currency, (0, 0))
            sums[currency] = (so_far[0] + numbers, so_far[1] + minor)
    return sums
