"""Expire: lease what is due, cancel it at the provider, settle what is confirmed, in batches.

    lease (intent committed) ──► cancels, `max_in_flight` at once ──► group commit
          ▲                              │
          └── due again as soon as this process is known to be dead

At most `max_in_flight` calls run, and each is paid for from the provider's rate budget. Nothing is
leased while a provider cannot be reached: its numbers wait for the grace.
"""

from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Final, assert_never

from worker.domain.activation import CodeFate, EndReason
from worker.domain.backoff import ACCOUNT_LOCKED, PURSUIT
from worker.domain.ids import ActivationId, ProviderName
from worker.domain.price_fate import PriceFate
from worker.lifecycle.budget import CHUNK_MAX, Budget, ProviderTerms
from worker.lifecycle.cancel import (
    AskAgain,
    CancelAtProvider,
    CancelOutcome,
    PriceKnown,
)
from worker.lifecycle.clock import Clock
from worker.lifecycle.failure_backoff import describe_safely
from worker.lifecycle.lanes import (
    LaneFeed,
    Lanes,
    Places,
    lease_safely,
    then_pass_on,
    until_all_leased,
)
from worker.lifecycle.lease_fence import LeaseFence
from worker.lifecycle.locked_codes import LockedCodes
from worker.lifecycle.outcome import OutcomeRules, ending
from worker.lifecycle.provider_return import CancelsLeftAlone
from worker.lifecycle.settle import BATCH, BatchCommitter, GivenBack, Settle, Uncommitted
from worker.ports.errors import RowLocked, StoreError
from worker.ports.instances import Holder, nobody
from worker.ports.provider import Circuit, Provider, Sms
from worker.ports.reporter import Reporter
from worker.ports.schedule import Need, Schedule
from worker.ports.store.activations import ActivationStore, RecordedCode, SeenSms
from worker.ports.store.settlements import DueNumber, Postponed, SettlementStore

#: Two calls that take as long as they may, and what was leased ahead of them. Not much longer: the
#: numbers of a process that was killed wait for its end, and are to be ended within half a minute.
LEASE: Final = timedelta(seconds=25)
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
    holder: Holder = nobody
    locked_codes: LockedCodes = field(default_factory=LockedCodes)
    _uncommitted: Uncommitted = field(default_factory=Uncommitted)
    _given_back: GivenBack = field(default_factory=GivenBack)
    _left_alone: CancelsLeftAlone = field(default_factory=CancelsLeftAlone)
    #: Of all ticks at a provider: one may go on beside the next.
    _places: dict[ProviderName, Places] = field(default_factory=dict)

    async def commit_left(self) -> None:
        """Commit the results that the store failed to take. Raises `StoreError`."""
        await self._uncommitted.commit()

    async def tick(
        self,
        provider: Provider,
        keep_going: Callable[[], bool],
        pass_on: Callable[[], None] = lambda: None,
    ) -> int:
        """End what is due at this provider while *keep_going* says so; how many were leased.

        *pass_on* is called where nothing is left but calls that hang and rows that others have
        locked: the next tick may begin.
        """
        await self.commit_left()
        done = 0
        hangs = False

        def others_may_begin() -> None:
            nonlocal hangs
            hangs = True
            pass_on()

        while keep_going() and self._takes_cancels(provider) and not hangs:
            most, first = self._limits(provider)
            beside = self._places[provider.name].taken > 0
            # Nothing more is leased while one number asks if cancels are let out again.
            doubted = self._left_alone.doubted(provider.name)
            if first == 0 or (beside and doubted):
                break
            fence = self._fence()
            due = await self._lease_due(provider, first, fence)
            if due:
                done += len(due)
                enough = len(due) < first or beside or doubted
                more = None if enough else self._feed(provider, most, keep_going, fence)
                await self._end(provider, due, fence, more, others_may_begin)
            if len(due) < first:
                break
        return done

    async def end_now(self, provider: Provider, ids: Sequence[ActivationId]) -> None:
        """End numbers that callers wait for, but not those not due or leased by another."""
        if not self._takes_cancels(provider):
            return
        fence = self._fence()
        due = await self._lease(
            lambda: self.settlements.lease_cancels_of(ids, provider.name, LEASE), fence
        )
        if due:
            await self._end(provider, due, fence, need=Need.PRESSED)

    async def due_in(self, provider: Provider) -> timedelta | None:
        """How long until something is to be ended or pursued; nothing where nobody can tell."""
        try:
            return await self.settlements.due_in(provider.name)
        except StoreError:
            return timedelta(0)  # Who leases has patience, and reports what is the matter.

    def _takes_cancels(self, provider: Provider) -> bool:
        away = provider.circuit is Circuit.OPEN
        return not away and self._left_alone.refusal(provider.name, self.clock) is None

    def _fence(self) -> LeaseFence:
        return LeaseFence(settlements=self.settlements, clock=self.clock)

    async def _lease_due(
        self, provider: Provider, limit: int, fence: LeaseFence
    ) -> list[DueNumber]:
        return await self._lease(
            lambda: self.settlements.lease_cancels(provider.name, limit, LEASE), fence
        )

    async def _lease(
        self, lease: Callable[[], Awaitable[list[DueNumber]]], fence: LeaseFence
    ) -> list[DueNumber]:
        """Lease numbers, and read what they are judged by."""
        read_at = self.clock.monotonic()
        due = await lease_safely(lease, self._results().hand_back_all, self.rules.load)
        fence.add(due, read_at)
        return due

    def _results(self) -> BatchCommitter:
        return BatchCommitter(
            settle=self.settle,
            sleep=self.clock.sleep,
            uncommitted=self._uncommitted,
            given_back=self._given_back,
        )

    def _limits(self, provider: Provider) -> tuple[int, int]:
        """How many to lease at once, and how many at first: no call runs during the first lease.

        Beside what an earlier tick still holds, no more than the rest: those of its numbers that
        wait for the rate count, as a lease must not end before the rate lets its number be reached.
        """
        terms = self.terms[provider.name]
        places = self._places.setdefault(provider.name, Places(terms.max_in_flight))
        places.width = terms.max_in_flight
        most = max(1, min(BATCH, int(terms.requests_per_second * AHEAD.total_seconds())))
        if places.taken:
            return most, max(0, min(most - places.unpaid, places.free))
        return most, min(most, 2 * terms.max_in_flight)

    def _feed(
        self,
        provider: Provider,
        most: int,
        keep_going: Callable[[], bool],
        fence: LeaseFence,
    ) -> LaneFeed[DueNumber]:
        async def lease() -> Sequence[DueNumber]:
            if not (self._takes_cancels(provider) and keep_going()):
                return ()
            return await self._lease_due(provider, most, fence)

        return until_all_leased(lease, most)

    async def _end(
        self,
        provider: Provider,
        due: Sequence[DueNumber],
        fence: LeaseFence,
        feed: LaneFeed[DueNumber] | None = None,
        pass_on: Callable[[], None] = lambda: None,
        need: Need = Need.DUE,
    ) -> None:
        """Work off what was leased, and what *feed* leases meanwhile."""
        # Whoever presses Cancel waits for no call that hangs.
        own = Places(self.terms[provider.name].max_in_flight) if need is Need.PRESSED else None
        places = own or self._places[provider.name]
        # Requests bought beyond these numbers are lost for all other looks and cancels there.
        most = len(due) if feed is None else CHUNK_MAX
        cancel = self._cancel(provider, places, fence, most, need)
        # Also one that a tick leased before those who answer the press did.
        pressed = self._cancel(provider, places, fence, most, Need.PRESSED)
        results = self._results()

        async def act(number: DueNumber) -> None:
            of_customer = number.reason is EndReason.CANCEL
            if number.id in self._given_back:
                self._report(number, PriceKnown(PriceFate.GIVEN_BACK), results)
                return
            outcome = await (pressed if of_customer else cancel)(provider, number)
            sms = outcome.sms if isinstance(outcome, PriceKnown) else ()
            if not (sms and await self._shown(number, sms)):
                self._report(number, outcome, results)

        def quarantine(number: DueNumber, error: Exception) -> None:
            waits = ACCOUNT_LOCKED if isinstance(error, RowLocked) else PURSUIT
            wait = waits.wait(number.attempts, self.clock.chance())
            results.postponed(Postponed.of(number, wait))
            self.reporter.quarantined(number.id, f"expire: {describe_safely(error)}")

        results.start()
        holder = self.holder()
        lanes = Lanes(
            queue=deque(due),
            places=places,
            act=act,
            hand_back=results.handed_back,
            quarantine=quarantine,
            finish=partial(results.finish, pass_on),
            # What is left when the provider goes away is due as soon as it is back.
            useful=lambda: (
                results.takes()
                and self._takes_cancels(provider)
                # After a freeze all of it may be somebody else's.
                and self.holder() is holder
            ),
            feed=then_pass_on(feed, pass_on, self.clock.sleep),
        )
        await lanes.run()

    def _cancel(
        self, provider: Provider, places: Places, fence: LeaseFence, most: int, need: Need
    ) -> CancelAtProvider:
        budget = Budget(self.schedule, self.terms[provider.name], self.clock, most, need)
        return CancelAtProvider(
            clock=self.clock,
            pay=places.paying(budget.take),
            left_alone=self._left_alone,
            holds=fence.holds,
        )

    def _report(self, due: DueNumber, outcome: CancelOutcome, results: BatchCommitter) -> None:
        match outcome:
            case PriceKnown(fate, sms):
                if fate is PriceFate.UNKNOWN:
                    self.reporter.trouble(
                        "provider.number_gone", provider=due.provider, activation=due.id
                    )
                received_at = sms[0].received_at if sms else None
                results.ended(due, ending(due, self.rules, fate, sms_received_at=received_at))
            case AskAgain():
                results.postponed(
                    Postponed(
                        due.id,
                        due.epoch,
                        outcome.delay,
                        outcome.too_early,
                        outcome.unknown_reads,
                        outcome.answer,
                    )
                )
            case _:
                assert_never(outcome)

    async def _shown(self, due: DueNumber, sms: tuple[Sms, ...]) -> bool:
        """Whether the customer has a code of this number now; a late one is only counted (E1b)."""
        assert due.ref is not None
        seen = [SeenSms(due.provider, due.ref, each.code, each.text, due.id) for each in sms]
        recorded: list[RecordedCode] = []
        # One that waited for its row was seen in time, where it was: it is not late by that.
        for seen_at, together in self.locked_codes.by_time(seen).items():
            recorded += await self.activations.record_codes(together, now=seen_at)
        for code in recorded:
            self.reporter.code(code.provider, code.fate, code.wait, code.id)
        self.settle.changes.publish([code.id for code in recorded])
        return any(code.fate in {CodeFate.SHOWN, CodeFate.MORE} for code in recorded)
