"""Expire: lease what is due, cancel it at the provider, settle what is confirmed, in batches.

    lease (intent committed) ──► cancels, `max_in_flight` at once ──► group commit
          ▲                              │
          └── comes back when its lease ends, whoever dies here

At most `max_in_flight` calls run, each bought from the provider's rate budget. A provider that
cannot be reached costs nothing here: its numbers wait for the grace.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, assert_never

from worker.domain.activation import CodeFate
from worker.domain.ids import ActivationId, ProviderName
from worker.lifecycle.budget import CHUNK_MAX, Budget
from worker.lifecycle.cancel import (
    FIRST_RETRY,
    LAST_PURSUIT,
    CancelAtProvider,
    CancelOutcome,
    Charged,
    GaveBack,
    Gone,
    NotYet,
    backoff,
)
from worker.lifecycle.clock import Clock
from worker.lifecycle.failure_backoff import describe_safely
from worker.lifecycle.outcome import FORGOTTEN, GIVEN_BACK, OutcomeRules, ending, kept_the_price
from worker.lifecycle.provider_terms import ProviderTerms
from worker.lifecycle.settle import BATCH, BatchCommitter, Settle
from worker.ports.errors import StoreError
from worker.ports.provider import Circuit, Provider, Sms
from worker.ports.reporter import Reporter
from worker.ports.schedule import Schedule
from worker.ports.store.activations import ActivationStore, SeenSms
from worker.ports.store.settlements import DueNumber, Postponed, SettlementStore

#: Two calls that take as long as they may, and what was leased ahead of them. Not much longer: the
#: numbers of a process that was killed wait for its end, and are to be ended within half a minute.
LEASE: Final = timedelta(seconds=25)
PROBES: Final = 2  #: Numbers risked on a provider that may be back.
AHEAD: Final = timedelta(seconds=2)  #: Lease no more than the rate lets us end in this time.

assert LEASE > AHEAD * 4, "a leased number must be reached well before its lease ends"


@dataclass(frozen=True, slots=True, kw_only=True)
class Expire:
    settlements: SettlementStore
    activations: ActivationStore
    schedule: Schedule
    reporter: Reporter
    settle: Settle
    rules: OutcomeRules
    clock: Clock
    terms: Mapping[ProviderName, ProviderTerms]

    async def tick(self, provider: Provider, keep_going: Callable[[], bool]) -> int:
        """End what is due at this provider while it goes on; how many numbers were worked on."""
        done = 0
        while keep_going() and provider.circuit is not Circuit.OPEN:
            most, first = self._limits(provider)
            due = await self.settlements.lease_cancels(provider.name, first, LEASE)
            if due:
                done += len(due)
                await self._end_all(provider, due, most if len(due) == first else 0, keep_going)
            if len(due) < first:
                break
        return done

    async def end_now(self, provider: Provider, id_: ActivationId) -> None:
        """End one number for somebody who waits for it; nothing where it is not due or leased."""
        if provider.circuit is Circuit.OPEN:
            return
        due = await self.settlements.lease_cancel(id_, provider.name, LEASE)
        if due:
            await self._end_all(provider, due, 0, lambda: False)

    def _limits(self, provider: Provider) -> tuple[int, int]:
        """How many to lease at once, and at first: nothing is on its way while that lasts."""
        terms = self.terms[provider.name]
        most = max(1, min(BATCH, int(terms.requests_per_second * AHEAD.total_seconds())))
        probing = provider.circuit is Circuit.PROBING
        return most, min(most, PROBES if probing else 2 * terms.max_in_flight)

    async def _end_all(
        self, provider: Provider, due: list[DueNumber], more: int, keep_going: Callable[[], bool]
    ) -> None:
        """Work off what was leased, leasing *more* while it lasts, so that no call slot idles."""
        run = _Run(self, provider, deque(due), more=more, keep_going=keep_going)
        await run()


@dataclass(slots=True)
class _Run:
    """One stretch of work at one provider."""

    expire: Expire
    provider: Provider
    queue: deque[DueNumber]
    more: int  #: How many to lease when the queue runs low; 0: nothing more is due.
    keep_going: Callable[[], bool]
    results: BatchCommitter = field(init=False)
    act: CancelAtProvider = field(init=False)
    _leasing: asyncio.Lock = field(default_factory=asyncio.Lock)
    _calls: asyncio.TaskGroup = field(default_factory=asyncio.TaskGroup)
    _hands: int = 0

    def __post_init__(self) -> None:
        expire = self.expire
        self.results = BatchCommitter(settle=expire.settle, sleep=expire.clock.sleep)
        terms = expire.terms[self.provider.name]
        # What a few would buy beyond their own is lost, to all who look and cancel here.
        most = CHUNK_MAX if self.more else len(self.queue)
        budget = Budget(expire.schedule, terms, expire.clock, most=most)
        self.act = CancelAtProvider(clock=expire.clock, pay=budget.take)

    async def __call__(self) -> None:
        committing = asyncio.ensure_future(self.results.run())
        try:
            async with self._calls:
                self._lend_hands(committing)
        finally:
            # What was confirmed is committed even when we are cut off or another call went wrong,
            # and what was leased but not ended need not wait for the end of its lease.
            for due in self.queue:
                self._hand_back(due, timedelta(0))
            self.results.close()
            await asyncio.shield(committing)

    def _lend_hands(self, committing: "asyncio.Task[None]") -> None:
        """A hand for each number, `max_in_flight` at most: probes begin with few."""
        free = self.expire.terms[self.provider.name].max_in_flight - self._hands
        for _ in range(min(free, len(self.queue))):
            self._hands += 1
            self._calls.create_task(self._work(committing))

    async def _work(self, committing: "asyncio.Task[None]") -> None:
        while not committing.done():  # It ends early only by failing: then nothing can be kept.
            if self.more and len(self.queue) <= self.more // 2 and await self._lease():
                self._lend_hands(committing)
            if not self.queue:
                break
            due = self.queue.popleft()
            try:
                await self._report(due, await self.act(self.provider, due))
            except asyncio.CancelledError:
                self._hand_back(due, FIRST_RETRY)  # Sent or not: the next attempt reads first.
                raise
            except StoreError:
                raise  # Nothing can be kept: the others' calls would be requests wasted.
            except Exception as error:  # noqa: BLE001 - one number's bug must not be everybody's
                clock, why = self.expire.clock, f"expire: {describe_safely(error)}"
                self._hand_back(due, backoff(due.attempts, LAST_PURSUIT, clock.chance()))
                self.expire.reporter.quarantined(due.id, why)
        self._hands -= 1

    def _hand_back(self, due: DueNumber, delay: timedelta) -> None:
        self.results.postponed(Postponed(due.id, due.epoch, delay, unknown_reads=due.unknown_reads))

    async def _lease(self) -> bool:
        """Lease more where that is to be done; whether this call did."""
        if self._leasing.locked() and self.queue:
            return False  # Somebody is at it, and there is work until he is done.
        async with self._leasing:
            if len(self.queue) > self.more // 2 or self.provider.circuit is Circuit.PROBING:
                return False  # A probe is a probe: its answer says how it goes on.
            if self.provider.circuit is Circuit.OPEN or not self.keep_going():
                self.more = 0
                return False
            lease = asyncio.ensure_future(self._lease_more())
            try:
                await asyncio.shield(lease)
            except asyncio.CancelledError:
                # It is committed all the same: what it leased must be there to be handed back.
                await asyncio.gather(lease, return_exceptions=True)
                raise
            return True

    async def _lease_more(self) -> None:
        found = await self.expire.settlements.lease_cancels(self.provider.name, self.more, LEASE)
        self.queue.extend(found)
        if len(found) < self.more:
            self.more = 0

    async def _report(self, due: DueNumber, learnt: CancelOutcome) -> None:
        match learnt:
            case GaveBack():
                self.results.ended(ending(due, self.expire.rules, GIVEN_BACK))
            case Charged(sms):
                if not await self._shown(due, sms):
                    there = kept_the_price(sms[0].received_at if sms else None)
                    self.results.ended(ending(due, self.expire.rules, there))
            case Gone():
                self.expire.reporter.trouble("provider.number_gone", provider=due.provider)
                self.results.ended(ending(due, self.expire.rules, FORGOTTEN))
            case NotYet(delay, too_early, unknown_reads):
                self.results.postponed(
                    Postponed(due.id, due.epoch, delay, too_early, unknown_reads)
                )
            case _:
                assert_never(learnt)

    async def _shown(self, due: DueNumber, sms: tuple[Sms, ...]) -> bool:
        """Whether the customer has a code of this number now; a late one is only counted (E1b)."""
        if not sms or due.ref is None:
            return False
        seen = [SeenSms(due.provider, due.ref, one.code, one.text) for one in sms]
        recorded = await self.expire.activations.record_codes(seen)
        for code in recorded:
            self.expire.reporter.code(code.provider, code.fate, code.wait)
        return any(code.fate in {CodeFate.SHOWN, CodeFate.MORE} for code in recorded)
