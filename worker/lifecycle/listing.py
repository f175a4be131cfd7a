"""Read the provider's list of active numbers: one request tells of a whole page of them.

A code on a row is a code. A number that is missing from a complete list is only looked at: lists
lag, lie and shift between pages.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from worker.domain.ids import ProviderName, ProviderRef
from worker.lifecycle.budget import Budget
from worker.lifecycle.clock import Clock
from worker.lifecycle.look import Look
from worker.lifecycle.terms import Terms
from worker.ports.errors import ProviderError, ProviderUnavailable, StoreError
from worker.ports.provider import ActivePage, Circuit, Provider
from worker.ports.reporter import Reporter
from worker.ports.schedule import Schedule
from worker.ports.store import ActivationStore, SeenSms

PAGES_AT_ONCE: Final = 8
PAGES_MAX: Final = 20_000  #: Two million numbers at one provider: beyond it the list never ends.
ABSENT_EVERY: Final = timedelta(seconds=15)
ABSENT_AGE: Final = timedelta(seconds=10)  #: What a fresh rental may take to get on the list.
ABSENT_MAX: Final = 50  #: Looked at per reading; an empty list must not become a flood of looks.


@dataclass(slots=True)
class _Memory:
    """What one process remembers of a provider's list between two readings."""

    pages: int = 1
    absent_checked: float = float("-inf")


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    store: ActivationStore
    schedule: Schedule
    reporter: Reporter
    look: Look
    clock: Clock
    _memory: dict[ProviderName, _Memory] = field(default_factory=dict)

    async def read(self, provider: Provider, terms: Terms) -> int:
        """Read the whole list once; how many rows there were."""
        if provider.circuit is Circuit.OPEN:
            return 0
        memory = self._memory.setdefault(provider.name, _Memory())
        started = self.clock.now()
        # A list is about as long as the last time: what is bought beyond it is lost.
        budget = Budget(self.schedule, terms, self.clock, most=memory.pages)
        listed, complete = await self._pages(provider, budget, memory)
        self.reporter.looked(provider.name, len(listed))
        due = self.clock.monotonic() - memory.absent_checked >= ABSENT_EVERY.total_seconds()
        if complete and due:
            memory.absent_checked = self.clock.monotonic()
            await self._absent(provider, terms, listed, started, budget)
        return len(listed)

    async def _pages(
        self, provider: Provider, budget: Budget, memory: _Memory
    ) -> tuple[list[ProviderRef], bool]:
        """All pages, as many at once as the last reading had; whether the list is complete.

        Of its rows only the refs are kept: whole, those of a million numbers are half a gigabyte.
        A page that cannot be had costs only its own numbers this reading, not all after it: of a
        provider that fails half of its calls the rest of a long list would never be read.
        """
        listed: list[ProviderRef] = []
        page, last, complete = 0, False, True
        while not last and page < (PAGES_MAX if complete else memory.pages):
            if not complete and provider.circuit is not Circuit.CLOSED:
                break
            # One page is the probe of a provider that may be back: nobody else may be asking.
            at_once = PAGES_AT_ONCE if provider.circuit is Circuit.CLOSED else 1
            width = max(1, min(at_once, memory.pages - page))
            reads = (self._page(provider, budget, number) for number in range(page, page + width))
            for got in await asyncio.gather(*reads):
                if got is None:
                    complete = False
                    continue
                listed += [row.ref for row in got.rows]
                last = last or got.last
            page += width
        # How long an incomplete list is nobody said: at least as far as it was read.
        memory.pages = max(1, page, 0 if complete else memory.pages)
        return listed, complete

    async def _page(self, provider: Provider, budget: Budget, number: int) -> ActivePage | None:
        """One page with its codes recorded, or None where it tells nothing."""
        await budget.take()
        try:
            page = await provider.list_active(number)
        except ProviderUnavailable:
            return None  # Counted where it was sent.
        except ProviderError as error:
            self.reporter.trouble(
                "provider.list_failed", provider=provider.name, detail=type(error).__name__
            )
            return None
        seen = [
            SeenSms(provider.name, row.ref, sms.code, sms.text)
            for row in page.rows
            if row.sms
            for sms in row.sms
        ]
        if seen:
            await self.look.codes(seen)
        return page

    async def _absent(
        self,
        provider: Provider,
        terms: Terms,
        listed: Sequence[ProviderRef],
        started: datetime,
        budget: Budget,
    ) -> None:
        missing = await self.store.missing_from(
            provider.name, listed, started - ABSENT_AGE, ABSENT_MAX
        )
        for number in missing:
            await budget.take()
            try:
                await self.look.safely(provider, number, terms)
            except StoreError as error:
                self.reporter.trouble("watch.store_failed", detail=type(error).__name__)
                return
