"""Watch: one tick looks at every number that is due at one provider, for as long as it may run.

A provider with a list is asked for the list, and each of its numbers once more just before its
deadline; a provider without one is asked number by number, oldest due first, inside its rate.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, TypeVar

from worker.domain.backoff import AWAY
from worker.domain.cadence import LAST_LOOK
from worker.domain.ids import ProviderName
from worker.lifecycle.budget import ProviderTerms
from worker.lifecycle.clock import Clock
from worker.lifecycle.lanes import Lanes, lease_safely
from worker.lifecycle.listing import Listing
from worker.lifecycle.look import Look
from worker.lifecycle.provider_return import until_reachable
from worker.ports.errors import ScheduleUnavailable
from worker.ports.provider import Circuit, Provider
from worker.ports.reporter import Reporter
from worker.ports.schedule import Leased, NextLook, Schedule
from worker.ports.store.activations import LiveNumber

T = TypeVar("T")

LEASE_SIZE: Final = 500  #: Numbers per lease.
LEASE: Final = timedelta(seconds=30)  #: Then the numbers of a dead process are due again.
#: Between two leases, where nothing rings. Shorter than from the last look to the deadline: a ring
#: that is lost, or that older code does not give, costs no last look.
LONGEST_NAP: Final = timedelta(milliseconds=400)
LIST_NAP: Final = timedelta(milliseconds=200)  #: How late it is seen that a list is due at once.
AGAIN: Final = timedelta(milliseconds=200)  #: Until Redis is asked again that has just failed.
TRIES: Final = 12  #: Longer than it takes until it is gone on without.
GATHER: Final = timedelta(milliseconds=50)  #: What falls due within it shares one lease.


def first_look(
    number: LiveNumber, terms: ProviderTerms, *, listed: bool, now: datetime
) -> datetime:
    """When a new number is looked at first; a listed one only once, just before its deadline."""
    last = number.deadline_at - LAST_LOOK
    return last if listed else min(now + terms.poll, last)


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    schedule: Schedule
    reporter: Reporter
    look: Look
    listing: Listing
    clock: Clock
    terms: Mapping[ProviderName, ProviderTerms]
    _read_at: dict[ProviderName, float] = field(default_factory=dict)

    async def tick(self, provider: Provider, keep_going: Callable[[], bool]) -> int:
        """Look while *keep_going* says so; how many looks and list rows there were.

        The list is read beside the looks: a long list must not delay the last look at a number.
        """
        async with asyncio.TaskGroup() as group:
            looks = group.create_task(self._looks(provider, keep_going))
            lists = group.create_task(self._lists(provider, keep_going))
        return looks.result() + lists.result()

    async def _looks(self, provider: Provider, keep_going: Callable[[], bool]) -> int:
        looked, napped = 0, False
        terms = self.terms[provider.name]
        limit = min(LEASE_SIZE, max(1, int(terms.requests_per_second)))
        while keep_going():
            if provider.circuit is Circuit.OPEN:
                napped = await self._pass_on(provider, napped=napped)
                await until_reachable(provider, self.clock)
                continue
            began = self.clock.monotonic()
            lease = await lease_safely(
                lambda: self._patiently(lambda: self.schedule.lease(provider.name, limit, LEASE)),
                lambda lease: self._hand_back(provider, lease.numbers),
            )
            if lease.numbers:
                looked += await self._look(provider, terms, lease.numbers)
            if len(lease.numbers) < limit:
                spent = timedelta(seconds=self.clock.monotonic() - began)
                # The wait was told before the looks; what they made due sooner rings.
                wait = max(lease.wait - spent, GATHER - spent)
                await self._nap(provider, wait)
                napped = True
        await self._pass_on(provider, napped=napped)
        return looked

    async def _pass_on(self, provider: Provider, *, napped: bool) -> bool:
        """Ring for others who nap, where the ring may have been for this process, which leaves."""
        if napped:
            with contextlib.suppress(ScheduleUnavailable):  # Their naps are short.
                await self.schedule.ring(provider.name)
        return False

    async def _nap(self, provider: Provider, wait: timedelta) -> None:
        longest = min(LONGEST_NAP, wait)
        await self._patiently(lambda: self.schedule.nap(provider.name, longest, self.clock.sleep))

    async def _patiently(self, ask: Callable[[], Awaitable[T]]) -> T:
        """Ask Redis, again where it fails for a moment.

        A tick that ended by it would leave the looks to the next one, seconds later, and those that
        it had leased to the end of their leases.
        """
        for _ in range(TRIES):
            try:
                return await ask()
            except ScheduleUnavailable:
                await self.clock.sleep(AGAIN.total_seconds())
        return await ask()

    async def _hand_back(self, provider: Provider, leased: Sequence[Leased]) -> None:
        now = self.clock.now()
        await self.schedule.release(provider.name, [NextLook(number, now) for number in leased])

    async def _lists(self, provider: Provider, keep_going: Callable[[], bool]) -> int:
        """Read the list when it is due, and only while a number can be on it."""
        if provider.capabilities.list_page_size is None:
            return 0
        rows = 0
        terms = self.terms[provider.name]
        poll = terms.poll.total_seconds()
        while keep_going():
            if provider.circuit is Circuit.OPEN:
                await until_reachable(provider, self.clock)
                self._read_at.pop(provider.name, None)  # It is read as soon as it can be.
                continue
            if not self.listing.unfinished(provider.name):
                since = self.clock.monotonic() - self._read_at.get(provider.name, float("-inf"))
                unanswered = self.listing.unanswered(provider.name)
                wait = min(poll, AWAY.longest.total_seconds()) if unanswered else poll
                if since < wait:
                    await self.clock.sleep(min(wait - since, LIST_NAP.total_seconds()))
                    continue
                if provider.name in self._read_at:
                    self.reporter.look_late(provider.name, timedelta(seconds=since - wait))
                self._read_at[provider.name] = self.clock.monotonic()
            live = await self._patiently(lambda: self.schedule.size(provider.name))
            rows += await self.listing.read(provider, terms, live, keep_going)
        return rows

    async def _look(
        self, provider: Provider, terms: ProviderTerms, leased: Sequence[Leased]
    ) -> int:
        """Look at a leased batch, `max_in_flight` at once; each was paid for by the lease."""
        nexts: list[NextLook] = []
        leased_at = self.clock.monotonic()
        listed = provider.capabilities.list_page_size is not None

        def next_look(number: Leased, at: datetime | None) -> None:
            nexts.append(NextLook(number, self._listed_once(number.number, at, listed=listed)))

        async def act(number: Leased) -> None:
            if self.clock.now() > number.number.deadline_at:
                next_look(number, None)  # Too late to be shown: the ending finds out.
            else:
                waited = timedelta(seconds=self.clock.monotonic() - leased_at)
                self.reporter.look_late(provider.name, number.late + waited, number.number.id)
                next_look(number, await self.look.once(provider, number.number, terms))

        def quarantine(number: Leased, error: Exception) -> None:
            next_look(number, self.look.failed(number.number, terms, error))

        async def release() -> None:
            await self._patiently(lambda: self.schedule.release(provider.name, nexts))

        lanes = Lanes(
            queue=deque(sorted(leased, key=lambda number: number.number.deadline_at)),
            width=terms.max_in_flight,
            act=act,
            hand_back=lambda number: nexts.append(NextLook(number, self.clock.now())),
            quarantine=quarantine,
            finish=release,
            # What is left when the provider goes away is due as soon as it is back.
            useful=lambda: provider.circuit is not Circuit.OPEN,
        )
        await lanes.run()
        self.reporter.looked(provider.name, len(nexts))
        return len(nexts)

    @staticmethod
    def _listed_once(number: LiveNumber, at: datetime | None, *, listed: bool) -> datetime | None:
        """A listed number is on the schedule for its last look only."""
        if at is None or not listed:
            return at
        return max(at, number.deadline_at - LAST_LOOK)
