"""Reconcile: hold what the provider says of our money and our numbers against our books, hourly.

Number by number where it tells its history, and all together by its balance, which must have moved
by what we bought and gave back, and by nothing else. What it lists as active must not be given back
already: such a number is pursued again. A number that fits a purchase whose reply was lost is that
purchase's. Any other number that was not handed over costs money, but it is only reported, never
cancelled: it may be on its way to us, or belong to another program with the same key.
"""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from worker.domain.ids import ProviderName, ProviderRef
from worker.lifecycle.accept import Accept
from worker.lifecycle.adopt import Adopt
from worker.lifecycle.budget import Budget
from worker.lifecycle.clock import Clock
from worker.lifecycle.history import CompareHistory, HistoryPart, HistorySpan
from worker.lifecycle.provider_terms import ProviderTerms
from worker.ports.errors import ProviderError, StoreError
from worker.ports.provider import ActiveRow, Balance, Circuit, Provider
from worker.ports.reporter import Reporter
from worker.ports.schedule import Schedule
from worker.ports.store.purchases import BalanceDifference, PurchaseStore, ReopenedNumbers

READ_FOR: Final = timedelta(seconds=10)  #: Of the list, per run: a row means what it says alone.
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
                page = await provider.list_active(number)
            except ProviderError:
                return
            yield page.rows
            if page.last:
                return
            number += 1

    async def _unknown(self, provider: Provider, rows: Sequence[ActiveRow]) -> list[ProviderRef]:
        return await self.purchases.unknown_refs(provider.name, [row.ref for row in rows])

    def _report(self, provider: ProviderName, reopened: ReopenedNumbers) -> None:
        if reopened.pursued:
            detail = str(reopened.pursued)
            self.reporter.trouble("provider.lists_ended", provider=provider, detail=detail)
        if reopened.disputed:
            detail = str(reopened.disputed)
            self.reporter.trouble("provider.disputed", provider=provider, detail=detail)

    def _budget(self, provider: Provider) -> Budget:
        return Budget(self.schedule, self.terms[provider.name], self.clock, most=1)
