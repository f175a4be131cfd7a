"""Watch: one tick looks at every number that is due at one provider, for as long as it may run.

A provider with a list is asked for the list, and each of its numbers once more just before its
deadline; a provider without one is asked number by number, oldest due first, inside its rate.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Final, NamedTuple, TypeVar

from worker.domain.backoff import AWAY
from worker.domain.cadence import LAST_LOOK
from worker.domain.ids import ProviderName
from worker.lifecycle.budget import ProviderTerms
from worker.lifecycle.clock import Clock, free_while, wait_at_most
from worker.lifecycle.lanes import HANGS, Lanes, Pace, Places, lease_safely
from worker.lifecycle.listing import Listing
from worker.lifecycle.look import Look
from worker.lifecycle.next_looks import NextLooks
from worker.lifecycle.provider_return import until_reachable
from worker.ports.errors import ScheduleUnavailable
from worker.ports.provider import Circuit, Provider
from worker.ports.reporter import Reporter
from worker.ports.schedule import LeaseBatch, Leased, NextLook, Schedule
from worker.ports.store.activations import LiveNumber

T = TypeVar("T")

LEASE_SIZE: Final = 500  #: Numbers per lease.
LEASE: Final = timedelta(seconds=30)  #: Then the numbers of a dead process are due again.
#: Between two leases, where nothing rings. Shorter than from the last look to the deadline: a ring
#: that is lost, or that older code does not give, costs no last look.
LONGEST_NAP: Final = timedelta(milliseconds=400)
LIST_NAP: Final = timedelta(milliseconds=200)  #: How late it is seen that a list is due at once.
LIST_LATE: Final = timedelta(seconds=1)  #: How late it is read before others take over.
#: While it is read: its pages may be slow, and wait for their requests.
LIST_READ_WITHIN: Final = timedelta(seconds=10)
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
    _shared: "dict[ProviderName, _AtProvider]" = field(default_factory=dict)

    async def tick(
        self,
        provider: Provider,
        keep_going: Callable[[], bool],
        pass_on: Callable[[], None] = lambda: None,
    ) -> int:
        """Look while *keep_going* says so; how many looks and list rows there were.

        Then the next tick may begin, which *pass_on* is called for. This one ends with its last
        look: one that hangs holds up no other number. The list is read beside the looks: a long
        list must not delay the last look at a number.
        """
        async with asyncio.TaskGroup() as group:
            looks = group.create_task(self._looks(provider, keep_going, pass_on))
            lists = group.create_task(self._lists(provider, keep_going))
        return looks.result() + lists.result()

    async def _looks(
        self, provider: Provider, keep_going: Callable[[], bool], pass_on: Callable[[], None]
    ) -> int:
        terms = self.terms[provider.name]
        at = self._at(provider.name)
        at.places.width = terms.max_in_flight
        listed = provider.capabilities.list_page_size is not None
        nexts = NextLooks(
            release=lambda looks: self._release(provider, looks), sleep=self.clock.sleep
        )

        def next_look(number: Leased, when: datetime | None) -> None:
            nexts.add(NextLook(number, self._listed_once(number.number, when, listed=listed)))

        async def act(due: _DueLook) -> None:
            number, began = due.number, self.clock.monotonic()
            if self.clock.now() > number.number.deadline_at:
                next_look(number, None)  # Too late to be shown: the ending finds out.
                return
            waited = timedelta(seconds=began - due.leased_at)
            self.reporter.look_late(provider.name, number.late + waited, number.number.id)
            call = at.pace.begin(began)
            try:
                when = await self.look.once(provider, number.number, terms)
            finally:
                at.pace.end(call, self.clock.monotonic())
            next_look(number, when)

        async def feed(lanes: Lanes[_DueLook]) -> None:
            await self._feed(provider, keep_going, lanes, nexts)
            pass_on()
            while lanes.goes_on and lanes.queue:
                await self._all_begun(lanes)

        nexts.start()
        await Lanes(
            places=at.places,
            act=act,
            hand_back=lambda due: nexts.add(NextLook(due.number, self._due_at(due))),
            quarantine=lambda due, error: next_look(
                due.number, self.look.failed(due.number.number, terms, error)
            ),
            finish=nexts.finish,
            # What is left when the provider goes away is due as soon as it is back.
            useful=lambda: nexts.takes() and provider.circuit is not Circuit.OPEN,
            feed=feed,
        ).run()
        return nexts.count

    async def _feed(
        self,
        provider: Provider,
        keep_going: Callable[[], bool],
        lanes: Lanes["_DueLook"],
        nexts: NextLooks,
    ) -> None:
        """Lease what is due as far as there is room; each look is paid for by the lease."""
        napped = False
        while keep_going() and nexts.takes():
            if provider.circuit is Circuit.OPEN:
                lanes.hand_back_queue()
                napped = await self._ring_for_others(provider, napped=napped)
                await until_reachable(provider, self.clock)
                continue
            room = await self._room(provider, lanes)
            if room == 0:
                continue
            leased_at = self.clock.monotonic()
            lease = await lease_safely(
                partial(self._lease, provider, room),
                lambda lease: self._hand_back(provider, lease.numbers),
            )
            nexts.expect(len(lease.numbers))
            due = sorted(lease.numbers, key=lambda number: number.number.deadline_at)
            lanes.add([_DueLook(number, leased_at) for number in due])
            if len(lease.numbers) < room:
                spent = timedelta(seconds=self.clock.monotonic() - leased_at)
                # What the looks make due sooner than the lease told rings.
                await self._nap(provider, max(lease.wait, GATHER) - spent)
                napped = True
        await self._ring_for_others(provider, napped=napped)

    async def _room(self, provider: Provider, lanes: Lanes["_DueLook"]) -> int:
        """Wait until more can be looked at; how many. 0: not for now, and the tick may be over."""
        terms, at = self.terms[provider.name], self._at(provider.name)
        most = min(LEASE_SIZE, max(1, int(terms.requests_per_second)))
        while await self._all_begun(lanes):
            room = at.pace.room(at.places.free, self.clock.monotonic(), most)
            if room > 0:
                return room
            if not await wait_at_most(LONGEST_NAP, lanes.changed(), self.clock.sleep):
                break
        return 0

    async def _all_begun(self, lanes: Lanes["_DueLook"]) -> bool:
        """Wait for a while until all that was leased is begun; whether it is.

        Where lanes hang, what was leased for them is due again: for whoever has a lane that is
        free, and the most urgent first.
        """
        lanes.open()
        while lanes.goes_on and lanes.queue:
            if not await wait_at_most(LONGEST_NAP, lanes.changed(), self.clock.sleep):
                waited = self.clock.monotonic() - lanes.queue[0].leased_at
                if waited > HANGS.total_seconds():
                    lanes.hand_back_queue()
                return False
            lanes.open()
        return lanes.goes_on

    async def _lease(self, provider: Provider, most: int) -> LeaseBatch:
        return await self._patiently(lambda: self.schedule.lease(provider.name, most, LEASE))

    async def _release(self, provider: Provider, looks: Sequence[NextLook]) -> None:
        await self._patiently(lambda: self.schedule.release(provider.name, looks))
        self.reporter.looked(provider.name, len(looks))

    def _at(self, provider: ProviderName) -> "_AtProvider":
        return self._shared.setdefault(provider, _AtProvider())

    async def _ring_for_others(self, provider: Provider, *, napped: bool) -> bool:
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
        """What was leased just now."""
        now = self.clock.now()
        looks = [NextLook(number, now - number.late) for number in leased]
        await self._patiently(lambda: self.schedule.release(provider.name, looks))

    def _due_at(self, due: "_DueLook") -> datetime:
        """When it fell due: what is handed back keeps its place before what fell due since."""
        waited = timedelta(seconds=self.clock.monotonic() - due.leased_at)
        return self.clock.now() - waited - due.number.late

    async def _lists(self, provider: Provider, keep_going: Callable[[], bool]) -> int:
        """Read the list when it is due, and only while a number can be on it."""
        if provider.capabilities.list_page_size is None:
            return 0
        list_turn = self._at(provider.name).list_turn
        if not await free_while(list_turn, keep_going, self.clock.sleep):
            return 0
        async with list_turn:
            return await self._read_lists(provider, keep_going)

    async def _read_lists(self, provider: Provider, keep_going: Callable[[], bool]) -> int:
        rows, has_read = 0, False
        terms = self.terms[provider.name]
        while keep_going():
            if provider.circuit is Circuit.OPEN:
                await until_reachable(provider, self.clock)
                self._read_at.pop(provider.name, None)  # It is read as soon as it can be.
                has_read = False
                continue
            goes_on = self.listing.unfinished(provider.name)
            due_for = self._list_due_for(terms)
            if due_for < 0 and not goes_on:
                await self.clock.sleep(min(-due_for, LIST_NAP.total_seconds()))
                continue
            live = await self._live(provider)
            if live is None:
                self._read_at.pop(provider.name, None)  # It is read as soon as they are known.
                has_read = False
                await self.clock.sleep(LIST_NAP.total_seconds())
                continue
            if not goes_on:
                if has_read:  # Between two ticks of this process another one may have read it.
                    self.reporter.look_late(provider.name, timedelta(seconds=due_for))
                has_read = True
                self._read_at[provider.name] = self.clock.monotonic()
            rows += await self._read_list(provider, live, keep_going)
        return rows

    def _list_due_for(self, terms: ProviderTerms) -> float:
        """For how many seconds the list has been due; below zero: it is not due yet."""
        poll, longest = terms.poll.total_seconds(), AWAY.longest.total_seconds()
        soon = max(min(poll, longest), terms.look_gap.total_seconds())
        wait = soon if self.listing.unanswered(terms.name) else poll
        return self.clock.monotonic() - self._read_at.get(terms.name, float("-inf")) - wait

    async def _live(self, provider: Provider) -> int | None:
        """How many numbers may be on the list; None where the schedule is lost, and knows nobody.

        After an outage, thousands may be left that get no code any more.
        """
        live = await self._patiently(lambda: self.schedule.open_size(provider.name))
        if live or await self._patiently(lambda: self.schedule.intact(provider.name)):
            return live
        return None

    async def _read_list(
        self, provider: Provider, live: int, keep_going: Callable[[], bool]
    ) -> int:
        """Read it for one poll at most, and tell the others that it is being read.

        One that fails may have stored no code: whoever runs the next tick reads it at once.
        """
        terms = self.terms[provider.name]
        until = self.clock.monotonic() + terms.poll.total_seconds()
        await self._mark_list(provider, terms.poll + LIST_READ_WITHIN)
        try:
            rows = await self.listing.read(
                provider, terms, live, lambda: keep_going() and self.clock.monotonic() < until
            )
        except (Exception, asyncio.CancelledError):
            self._read_at.pop(provider.name, None)
            await self._mark_list(provider, timedelta(0))
            raise
        await self._mark_list(provider, terms.poll + LIST_LATE)
        return rows

    async def _mark_list(self, provider: Provider, lasts: timedelta) -> None:
        with contextlib.suppress(ScheduleUnavailable):  # At worst two processes read it.
            await self.schedule.mark_list_read(provider.name, lasts)

    @staticmethod
    def _listed_once(number: LiveNumber, at: datetime | None, *, listed: bool) -> datetime | None:
        """A listed number is on the schedule for its last look only."""
        if at is None or not listed:
            return at
        return max(at, number.deadline_at - LAST_LOOK)


class _DueLook(NamedTuple):
    number: Leased
    leased_at: float


@dataclass(slots=True)
class _AtProvider:
    """What the ticks of one provider share: one may go on beside the next."""

    places: Places = field(default_factory=lambda: Places(1))
    pace: Pace = field(default_factory=Pace)
    list_turn: asyncio.Lock = field(default_factory=asyncio.Lock)
