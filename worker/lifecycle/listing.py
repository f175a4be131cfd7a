"""Read the provider's list of active numbers: one request tells of a whole page of them.

A code on a row is a code. A number that no page names is only looked at: lists lag, lie and shift
between pages, and some cannot be read at all.
"""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from worker.domain.ids import ActivationId, ProviderName, ProviderRef
from worker.lifecycle.budget import Budget, ProviderTerms
from worker.lifecycle.clock import Clock
from worker.lifecycle.look import Look
from worker.ports.errors import ProviderError, ProviderUnavailable, ScheduleUnavailable
from worker.ports.provider import ActivePage, Circuit, Provider
from worker.ports.reporter import Reporter
from worker.ports.schedule import Schedule
from worker.ports.store.activations import ActivationStore, SeenSms

PAGES_AT_ONCE: Final = 8
PAGES_MAX: Final = 20_000  #: Two million numbers: a longer list is taken for endless.
ABSENT_EVERY: Final = timedelta(seconds=15)  #: Where the list can be read.
UNREAD_POLLS: Final = 3  #: Then numbers are looked at that stand on pages which cannot be read.
ABSENT_SHARE: Final = 0.02  #: Of the time, at most, that a comparison of a long list may take.
ABSENT_AGE: Final = timedelta(seconds=10)  #: What a fresh rental may take to get on the list.
#: Made due per comparison, where half of the rate is less than that until the next one: an empty
#: list must not become a flood of looks.
ABSENT_LEAST: Final = 50
ABSENT_RATE: Final = 0.5


@dataclass(slots=True)
class _Reading:
    """One reading of a list: a long one takes many ticks."""

    started: datetime
    page: int = 0  #: The next one.
    ended: bool = False
    whole: bool = True  #: No page was lost so far.
    answered: bool = False  #: A page could be had.
    # Nothing else of its rows is kept: whole, those of a million numbers are half a gigabyte.
    refs: list[ProviderRef] = field(default_factory=list)


@dataclass(slots=True)
class _Memory:
    """What one process remembers of a provider's list between two ticks."""

    pages: int = 1  #: Of the last reading.
    unanswered: bool = False  #: No page of the last reading could be had.
    compare_at: float = float("-inf")  #: When the next comparison may be, on the process's clock.
    #: Since when no reading was whole, or numbers were made due because of that.
    unread_since: float | None = None
    named: list[ProviderRef] = field(default_factory=list)  #: By the pages read since then.
    looked_at: ActivationId | None = None  #: The number that was made due last.
    reading: _Reading | None = None  #: Which was not at its end when its tick was.


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    activations: ActivationStore
    schedule: Schedule
    reporter: Reporter
    look: Look
    clock: Clock
    _memory: dict[ProviderName, _Memory] = field(default_factory=dict)

    def unfinished(self, provider: ProviderName) -> bool:
        """Whether a reading was left before its end."""
        memory = self._memory.get(provider)
        return memory is not None and memory.reading is not None

    def unanswered(self, provider: ProviderName) -> bool:
        """Whether the last reading got no page at all."""
        memory = self._memory.get(provider)
        return memory is not None and memory.unanswered

    async def read(
        self, provider: Provider, terms: ProviderTerms, live: int, keep_going: Callable[[], bool]
    ) -> int:
        """Read the list to its end, or while *keep_going* says so; how many rows there were.

        *live* is how many numbers we think are on it. The next tick reads what is left of a list
        that is longer than one tick.
        """
        memory = self._memory.setdefault(provider.name, _Memory())
        reading = memory.reading or _Reading(self.clock.now())
        memory.reading = None  # If an error ends this reading, the next one begins anew.
        if live == 0 or provider.circuit is Circuit.OPEN:
            return 0
        before = len(reading.refs)
        size = provider.capabilities.list_page_size or live
        memory.pages = min(PAGES_MAX, max(memory.pages, -(-live // size)))
        # Requests that are bought beyond the end of the list are lost.
        budget = Budget(self.schedule, terms, self.clock, most=memory.pages)
        await self._pages(provider, terms, budget, memory.pages, reading)
        while not reading.ended and keep_going():
            await self._pages(provider, terms, budget, memory.pages, reading)
        self.reporter.looked(provider.name, len(reading.refs) - before)
        memory.unanswered = not reading.answered
        if not reading.ended:
            memory.reading = reading
        elif reading.whole:
            memory.pages, memory.unread_since, memory.named = reading.page, None, []
            await self._absent(provider, terms, reading.refs, reading.started, ABSENT_EVERY)
        elif provider.circuit is Circuit.CLOSED:
            await self._unread(provider, terms, memory, reading)
        return len(reading.refs) - before

    async def _unread(
        self, provider: Provider, terms: ProviderTerms, memory: _Memory, reading: _Reading
    ) -> None:
        """Pages are lost now and then; for a while none may have named a number."""
        now, wait = self.clock.monotonic(), UNREAD_POLLS * terms.poll
        if memory.unread_since is None:
            memory.unread_since = now
        memory.named += reading.refs
        if now - memory.unread_since >= wait.total_seconds():
            named, memory.unread_since, memory.named = memory.named, None, []
            await self._absent(provider, terms, named, reading.started, wait)

    async def _pages(
        self,
        provider: Provider,
        terms: ProviderTerms,
        budget: Budget,
        known: int,
        reading: _Reading,
    ) -> None:
        """The next pages, several at once as far as the list is known to go.

        A page that cannot be had costs only its own numbers this reading, not all after it: of a
        provider that fails half of its calls the rest of a long list would never be read.
        """
        # No more than one second of the rate: a tick that is over must not wait long for pages.
        width = max(1, min(PAGES_AT_ONCE, known - reading.page, int(terms.requests_per_second)))
        numbers = range(reading.page, reading.page + width)
        pages = (self._page(provider, budget, number) for number in numbers)
        for page in await asyncio.gather(*pages):
            if page is None:
                reading.whole = False
                continue
            reading.answered = True
            reading.refs += [row.ref for row in page.rows]
            reading.ended |= page.last
        reading.page += width
        if not reading.whole and provider.circuit is not Circuit.CLOSED:
            reading.ended = True
        # The length of a list that lost a page is not known: read as far as the last reading went.
        reading.ended |= reading.page >= (PAGES_MAX if reading.whole else known)

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
        terms: ProviderTerms,
        named: Sequence[ProviderRef],
        at: datetime,
        every: timedelta,
    ) -> None:
        """Make numbers due that no page has named by *at*; seldom, as every live one is compared.

        They are looked at beside the next reading: one that hangs must not hold that up. Where they
        are many, each has its turn.
        """
        memory, began = self._memory[provider.name], self.clock.monotonic()
        if began < memory.compare_at:
            return
        memory.compare_at = began + every.total_seconds()
        most = int(terms.requests_per_second * every.total_seconds() * ABSENT_RATE)
        missing = await self.activations.missing_from(
            provider.name, named, at - ABSENT_AGE, max(ABSENT_LEAST, most), after=memory.looked_at
        )
        memory.looked_at = missing[-1].id if missing else None
        took = self.clock.monotonic() - began
        memory.compare_at = max(memory.compare_at, began + took / ABSENT_SHARE)
        with contextlib.suppress(ScheduleUnavailable):  # They are compared again soon.
            await self.schedule.hint(provider.name, *missing)
