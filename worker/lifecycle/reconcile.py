"""Reconcile: hold what the provider says of our money and our numbers against our books, hourly.

Number by number where it tells its history, and all together by its balance, which must have moved
by what we bought and gave back, and by nothing else. What it lists as active must not be given back
already: such a number is pursued again. A number that fits a purchase whose reply was lost is that
purchase's. Any other number that was not handed over costs money, but it is only reported, never
cancelled: it may be on its way to us, or belong to another program with the same key.

The last day of the history is read every time, so that each number is compared often enough for
late changes of mind; older than that only around the numbers that are disputed or that it may still
charge us for, until they are not. Each of the two has its own time: some companies tell of an old
number only after all the newer ones.
"""

import enum
from collections import deque
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from worker.domain.activation import ProviderState
from worker.domain.ids import ProviderName, ProviderRef
from worker.domain.price_fate import PriceFate
from worker.lifecycle.accept import Accept
from worker.lifecycle.adopt import Adopt
from worker.lifecycle.budget import Budget, ProviderTerms
from worker.lifecycle.clock import Clock
from worker.lifecycle.lanes import Lanes, Places
from worker.ports.errors import ProviderError, StoreError
from worker.ports.provider import ActiveRow, Balance, Circuit, HistoryPage, PastNumber, Provider
from worker.ports.reporter import Reporter
from worker.ports.schedule import Need, Schedule
from worker.ports.store.purchases import (
    BalanceDifference,
    HistoryComparison,
    OpenPurchase,
    PurchaseStore,
    ReopenedNumbers,
)

COMPARE_FOR: Final = timedelta(seconds=5)  #: Each part, per run; where it ended, the next goes on.
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
    before: Sequence[PastNumber] = ()  #: The page before this one.

    def after(self, page: HistoryPage) -> "HistorySpan | None":
        """What follows this page; the same page again ends it: such a provider turns no pages."""
        if page.next is None or (self.before and page.rows == self.before):
            return None
        return self._replace(skip=page.next, before=page.rows)


@dataclass(slots=True)
class _Read:
    """What one run read so far."""

    purchases: list[OpenPurchase]  #: Those of unknown outcome.
    comparisons: list[HistoryComparison] = field(default_factory=list)
    strangers: list[ProviderRef] = field(default_factory=list)
    failures: list[Exception] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareHistory:
    purchases: PurchaseStore
    reporter: Reporter
    adopt: Adopt
    clock: Clock
    budget: Budget
    #: Where a run ended before its time, or was cut off: the next one goes on there.
    unread: dict[tuple[ProviderName, HistoryPart], list[HistorySpan]]

    async def __call__(self, provider: Provider) -> list[ProviderRef]:
        """The refs of numbers that cost money or live, and that no activation has.

        What goes wrong with one page is raised when the others were read.
        """
        purchases = await self.adopt.purchases.open_purchases(provider.name, settled_for=2 * FRESH)
        read = _Read(purchases)
        try:
            for part in HistoryPart:
                await self._read(provider, part, read)
        finally:  # Each page is committed: the next run would find nothing new to report.
            self._report(provider.name, read.comparisons)
        if read.failures:
            raise read.failures[0]
        return read.strangers

    async def _read(self, provider: Provider, part: HistoryPart, read: _Read) -> None:
        """Page by page, until the provider says nothing or it takes too long."""
        this = provider.name, part
        spans = deque(self.unread.pop(this, ()) or await self._spans(*this))
        left: list[HistorySpan] = []
        until = self.clock.monotonic() + COMPARE_FOR.total_seconds()

        async def act(span: HistorySpan) -> None:
            page = await self._page(provider, span)
            if page is None:
                spans.clear()
                return
            await self._compare(provider.name, page.rows, read)
            if (following := span.after(page)) is not None:
                spans.appendleft(following)

        async def keep() -> None:
            if left:
                self.unread[this] = left

        lanes = Lanes(
            queue=spans,
            places=Places(1),  # One page tells where the next begins.
            act=act,
            hand_back=left.append,
            quarantine=lambda _, error: read.failures.append(error),
            finish=keep,
            useful=lambda: self.clock.monotonic() <= until,
        )
        try:
            await lanes.run()
        except ExceptionGroup as failed:
            raise failed.exceptions[0] from failed  # There was one lane, so there is one error.

    async def _compare(
        self, provider: ProviderName, rows: Sequence[PastNumber], read: _Read
    ) -> None:
        read.comparisons.append(
            await self.purchases.compare_history(provider, rows, ended_for=LAGS)
        )
        adopted, strangers = await self._orphans(provider, read.purchases, rows)
        read.purchases = [purchase for purchase in read.purchases if purchase not in adopted]
        read.strangers += strangers

    async def _page(self, provider: Provider, span: HistorySpan) -> HistoryPage | None:
        if provider.circuit is not Circuit.CLOSED:
            return None
        await self.budget.take()
        try:
            return await provider.history(span.since, span.until, span.skip)
        except ProviderError:
            return None  # Counted where it was sent; the next hour reads again.

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
        """Purchases that have their number now, and the refs that no activation has."""
        orphans = await self.adopt.purchases.unknown_rows(provider, rows)
        # An old number is recognised by its service: a time alone also fits the number of another.
        named = [row for row in orphans if row.service is not None]
        pairs = await self.adopt(provider, purchases, named)
        adopted = {row.ref for _, row in pairs}
        costly = {PriceFate.KEPT, PriceFate.NOT_YET}
        strangers = [r.ref for r in orphans if r.fate in costly and r.ref not in adopted]
        return [purchase for purchase, _ in pairs], strangers

    def _report(self, provider: ProviderName, comparisons: Sequence[HistoryComparison]) -> None:
        disputed = _sums(comparison.disputed for comparison in comparisons)
        for currency, (numbers, minor) in disputed.items():
            detail = f"{numbers} numbers, {minor} minor units of {currency}"
            self.reporter.trouble("provider.disputed", provider=provider, detail=detail)
            self.reporter.resolved(provider, ProviderState.DISPUTED, numbers)
        if agreed := sum(comparison.agreed for comparison in comparisons):
            self.reporter.trouble("provider.dispute_ended", provider=provider, detail=str(agreed))


def _sums(several: Iterable[Mapping[str, tuple[int, int]]]) -> dict[str, tuple[int, int]]:
    """By currency: (numbers, minor units) of all pages together."""
    sums: dict[str, tuple[int, int]] = {}
    for disputed in several:
        for currency, (numbers, minor) in disputed.items():
            so_far = sums.get(currency, (0, 0))
            sums[currency] = (so_far[0] + numbers, so_far[1] + minor)
    return sums


READ_FOR: Final = timedelta(seconds=5)  #: Of the list, per run: a row means what it says alone.
ENDED_FOR: Final = timedelta(minutes=10)  #: What a list may lag behind a cancel.


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconcile:
    purchases: PurchaseStore
    schedule: Schedule
    reporter: Reporter
    clock: Clock
    terms: Mapping[ProviderName, ProviderTerms]
    accept: Accept
    _unread: dict[tuple[ProviderName, HistoryPart], list[HistorySpan]] = field(default_factory=dict)

    async def tick(self, provider: Provider) -> int:
        """How many numbers the provider names that no activation has.

        What goes wrong with one page of a history fails the job, but only when the rest is done.
        """
        failed: Exception | None = None
        unknown: set[ProviderRef] = set()
        # First what explains a difference of the balance, then the balance.
        try:
            unknown.update(await self.history(provider))
        except StoreError:
            raise  # The others need it too.
        except Exception as error:  # noqa: BLE001 - raised below
            failed = error
        await self.money(provider)
        await self.exposed(provider)
        unknown.update(await self.numbers(provider))
        self._report_unknown(provider.name, unknown)
        await self.purchases.forget_figures()
        if failed is not None:
            raise failed
        return len(unknown)

    def _report_unknown(self, provider: ProviderName, unknown: Collection[ProviderRef]) -> None:
        if unknown:
            self.reporter.trouble(
                "provider.unknown_numbers", provider=provider, detail=str(len(unknown))
            )

    async def history(self, provider: Provider) -> list[ProviderRef]:
        """Compare the history number by number; the refs that cost money and no activation has."""
        compare = CompareHistory(
            purchases=self.purchases,
            reporter=self.reporter,
            adopt=Adopt(
                purchases=self.purchases,
                reporter=self.reporter,
                accept=self.accept,
                terms=self.terms,
            ),
            clock=self.clock,
            budget=self._budget(provider),
            unread=self._unread,
        )
        return await compare(provider) if provider.capabilities.history else []

    async def money(self, provider: Provider) -> BalanceDifference | None:
        """Take a reading of the balance; what it moved by that our books do not know of."""
        currency = self.terms[provider.name].currency
        before = await self.purchases.count_provider(provider.name, currency)
        balance = await self.balance(provider)
        if balance is None:
            return None  # Counted where it was sent; the next hour reads again.
        if balance.currency != currency:
            self.reporter.trouble("provider.currency_differs", provider=provider.name)
            return None
        difference = await self.purchases.keep_reading(provider.name, balance, before)
        if difference is not None:
            self.reporter.trouble(
                "provider.balance_differs",
                provider=provider.name,
                detail=(
                    f"{difference.amount_minor:+} {difference.currency}"
                    f" since {difference.since.isoformat()}"
                ),
            )
        return difference

    async def exposed(self, provider: Provider) -> None:
        """Report what is open in another currency than the provider's limit."""
        limit_in = self.terms[provider.name].currency
        for currency, minor in (await self.purchases.exposure_by_currency(provider.name)).items():
            if currency != limit_in:
                detail = f"{minor} minor units of {currency}"
                self.reporter.trouble(
                    "provider.exposure_uncounted", provider=provider.name, detail=detail
                )

    async def balance(self, provider: Provider) -> Balance | None:
        if provider.circuit is Circuit.OPEN:
            return None
        await self._budget(provider).take()
        try:
            return await provider.balance()
        except ProviderError:
            return None

    async def numbers(self, provider: Provider) -> list[ProviderRef]:
        """Compare the list with our numbers; the refs on it that no activation has."""
        unknown: list[ProviderRef] = []
        async for rows in self._listed(provider):
            reopened = await self.purchases.reopen_listed(provider.name, rows, ended_for=ENDED_FOR)
            self._report(provider.name, reopened)
            unknown += await self._unknown(provider, rows)
        return unknown

    async def unknown_numbers(self, provider: Provider) -> list[ProviderRef]:
        """The same without doing anything about it."""
        return [
            ref
            async for rows in self._listed(provider)
            for ref in await self._unknown(provider, rows)
        ]

    async def _listed(self, provider: Provider) -> AsyncIterator[Sequence[ActiveRow]]:
        """Page by page, until it says nothing or takes too long."""
        if provider.capabilities.list_page_size is None:
            return
        budget = self._budget(provider)
        until = self.clock.monotonic() + READ_FOR.total_seconds()
        number = 0
        while provider.circuit is Circuit.CLOSED and self.clock.monotonic() <= until:
            await budget.take()
            try:
                page = await provider.list_whole(number)  # Without what has ended.
            except ProviderError:
                return
            yield page.rows
            if page.last:
                return
            number += 1

    async def _unknown(self, provider: Provider, rows: Sequence[ActiveRow]) -> list[ProviderRef]:
        return [row.ref for row in await self.purchases.unknown_rows(provider.name, rows)]

    def _report(self, provider: ProviderName, reopened: ReopenedNumbers) -> None:
        if reopened.pursued:
            detail = str(reopened.pursued)
            self.reporter.trouble("provider.lists_ended", provider=provider, detail=detail)
        if reopened.disputed:
            detail = str(reopened.disputed)
            self.reporter.trouble("provider.disputed", provider=provider, detail=detail)

    def _budget(self, provider: Provider) -> Budget:
        return Budget(self.schedule, self.terms[provider.name], self.clock, 1, Need.OWED)
