"""Pursue: what the provider is still owed after the customer was settled, for as long as it takes.

A number credited after the grace is cancelled until that is confirmed or the provider keeps the
price; a delivered number is finished. Oldest first, inside the rate limit, with half of the calls.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Final, assert_never

from worker.domain.activation import ProviderState
from worker.domain.backoff import PURSUIT
from worker.domain.ids import ProviderName
from worker.domain.price_fate import PriceFate, ended_as
from worker.lifecycle.budget import Budget, ProviderTerms
from worker.lifecycle.cancel import (
    UNKNOWN_READS,
    AskAgain,
    CancelAtProvider,
    CancelOutcome,
    PriceKnown,
)
from worker.lifecycle.clock import Clock
from worker.lifecycle.expire import LEASE
from worker.lifecycle.failure_backoff import describe_safely
from worker.lifecycle.lanes import Lanes, Places, lease_safely, then_pass_on
from worker.lifecycle.lease_fence import LeaseFence
from worker.lifecycle.provider_return import CancelsLeftAlone, wait_while_away
from worker.lifecycle.settle import BatchCommitter, Settle, Uncommitted
from worker.ports.errors import ProviderError, ProviderUnavailable
from worker.ports.instances import Holder, nobody
from worker.ports.provider import (
    Circuit,
    Ended,
    Observation,
    Provider,
    Sms,
    price_fate,
)
from worker.ports.reporter import Reporter
from worker.ports.schedule import Need, Schedule
from worker.ports.store.activations import ActivationStore, SeenSms
from worker.ports.store.settlements import DueNumber, Postponed, SettlementStore

AT_ONCE: Final = timedelta(seconds=1)  #: Lease what the rate allows in this time.


@dataclass(frozen=True, slots=True, kw_only=True)
class Pursue:
    settlements: SettlementStore
    activations: ActivationStore
    schedule: Schedule
    reporter: Reporter
    settle: Settle
    clock: Clock
    terms: Mapping[ProviderName, ProviderTerms]
    holder: Holder = nobody
    _uncommitted: Uncommitted = field(default_factory=Uncommitted)
    _left_alone: CancelsLeftAlone = field(default_factory=CancelsLeftAlone)
    #: Of all ticks at a provider: one may go on beside the next.
    _places: dict[ProviderName, Places] = field(default_factory=dict)

    async def commit_left(self) -> None:
        """Commit the results that the store failed to take. Raises `StoreError`."""
        await self._uncommitted.commit()

    async def tick(self, provider: Provider, pass_on: Callable[[], None] = lambda: None) -> int:
        """One batch; how many numbers were worked on.

        *pass_on* is called where nothing is left but calls that hang and rows that others have
        locked: the next tick may begin.
        """
        await self.commit_left()
        left_alone = self._left_alone.refusal(provider.name, self.clock) is not None
        if provider.circuit is Circuit.OPEN or left_alone:
            return 0
        terms = self.terms[provider.name]
        # Those who still wait for a code or their money go first: half is left to them.
        width = max(1, terms.max_in_flight // 2)
        places = self._places.setdefault(provider.name, Places(width))
        places.width = width
        limit = max(1, min(500, int(terms.requests_per_second * AT_ONCE.total_seconds())))
        if places.taken:
            limit = min(limit - places.unpaid, places.free)
        if limit <= 0:
            return 0
        fence = LeaseFence(settlements=self.settlements, clock=self.clock)
        read_at = self.clock.monotonic()
        due = await lease_safely(
            lambda: self.settlements.lease_pursuits(provider.name, limit, LEASE),
            self._results().hand_back_all,
        )
        fence.add(due, read_at)
        if due:
            await self._pursue(provider, due, places, fence, pass_on)
        return len(due)

    def _results(self) -> BatchCommitter:
        return BatchCommitter(
            settle=self.settle, sleep=self.clock.sleep, uncommitted=self._uncommitted
        )

    async def _pursue(
        self,
        provider: Provider,
        due: Sequence[DueNumber],
        places: Places,
        fence: LeaseFence,
        pass_on: Callable[[], None],
    ) -> None:
        budget = Budget(self.schedule, self.terms[provider.name], self.clock, len(due), Need.OWED)
        cancel = CancelAtProvider(
            clock=self.clock,
            pay=places.paying(budget.take),
            left_alone=self._left_alone,
            holds=fence.holds,
            backoff=PURSUIT,
        )
        results = self._results()

        async def act(number: DueNumber) -> None:
            await self._act(provider, number, cancel, results)

        def quarantine(number: DueNumber, error: Exception) -> None:
            results.postponed(self._later(number, number.unknown_reads))
            self.reporter.quarantined(number.id, f"pursue: {describe_safely(error)}")

        results.start()
        holder = self.holder()
        lanes = Lanes(
            queue=deque(due),
            places=places,
            feed=then_pass_on(None, pass_on, self.clock.sleep),
            act=act,
            hand_back=results.handed_back,
            quarantine=quarantine,
            finish=partial(results.finish, pass_on),
            useful=lambda: (
                results.takes()
                and provider.circuit is not Circuit.OPEN
                # After a freeze all of it may be somebody else's.
                and self.holder() is holder
            ),
        )
        await lanes.run()

    async def _act(
        self, provider: Provider, due: DueNumber, act: CancelAtProvider, results: BatchCommitter
    ) -> None:
        if due.ref is None:
            results.resolved(due, ProviderState.DISPUTED)  # Whether it was bought is not known.
        elif due.sold_again:
            self._sold_again(due, results)
        elif due.provider_state is ProviderState.FINISHING:
            await act.pay()
            if await act.holds(due):
                await self._finish(provider, due, results)
            else:
                results.handed_back(due)
        else:
            await self._cancelled(due, await act(provider, due), results)

    def _sold_again(self, due: DueNumber, results: BatchCommitter) -> None:
        """The provider has ended it, and nothing can be asked about it: its ref is another's."""
        self.reporter.trouble("provider.ref_sold_again", provider=due.provider, activation=due.id)
        finishing = due.provider_state is ProviderState.FINISHING
        results.resolved(due, ProviderState.FINISHED if finishing else ProviderState.GONE)

    async def _cancelled(
        self, due: DueNumber, outcome: CancelOutcome, results: BatchCommitter
    ) -> None:
        match outcome:
            case PriceKnown(fate, sms):
                if fate is PriceFate.UNKNOWN:
                    self.reporter.trouble(
                        "provider.number_gone", provider=due.provider, activation=due.id
                    )
                await self._record_late(due, sms)
                results.resolved(due, ended_as(fate))
            case AskAgain(delay, _, unknown_reads):
                results.postponed(Postponed(due.id, due.epoch, delay, unknown_reads=unknown_reads))
            case _:
                assert_never(outcome)

    async def _record_late(self, due: DueNumber, sms: Sequence[Sms]) -> None:
        if not sms:
            return
        assert due.ref is not None
        late = [SeenSms(due.provider, due.ref, each.code, each.text, due.id) for each in sms]
        for code in await self.activations.record_codes(late):
            self.reporter.code(code.provider, code.fate, code.wait, code.id)

    async def _finish(self, provider: Provider, due: DueNumber, results: BatchCommitter) -> None:
        assert due.ref is not None
        try:
            seen = await provider.finish(due.ref)
        except ProviderUnavailable as error:
            chance = self.clock.chance()
            wait = wait_while_away(provider, error, due.attempts, PURSUIT, chance)
            results.postponed(Postponed.of(due, wait))
            return
        except ProviderError:
            results.postponed(self._later(due, due.unknown_reads))
            return
        state = self._finished(due, seen)
        if state is not None:
            results.resolved(due, state)
        else:
            reads = due.unknown_reads + 1 if price_fate(seen) is PriceFate.UNKNOWN else 0
            results.postponed(self._later(due, reads))

    def _finished(self, due: DueNumber, seen: Observation) -> ProviderState | None:
        fate = price_fate(seen)
        match fate:
            case PriceFate.KEPT:
                # Its code is shown by some after it ended by its own time, too.
                over = isinstance(seen, Ended) or self._outlived(due)
                return ProviderState.FINISHED if over else None
            case PriceFate.GIVEN_BACK:
                return ProviderState.CANCELLED  # It took nothing, though a code was shown.
            case PriceFate.UNKNOWN:
                # A finished number is forgotten by some.
                forgotten = due.unknown_reads + 1 >= UNKNOWN_READS
                return ProviderState.FINISHED if forgotten else None
            case PriceFate.NOT_YET:
                return None
            case _:
                assert_never(fate)

    def _outlived(self, due: DueNumber) -> bool:
        """Whether the provider has ended it by itself: many refuse every finish after that."""
        return self.clock.now() > due.rented_at + self.terms[due.provider].lifetime

    def _later(self, due: DueNumber, unknown_reads: int) -> Postponed:
        wait = PURSUIT.wait(due.attempts, self.clock.chance())
        return Postponed(due.id, due.epoch, wait, unknown_reads=unknown_reads)
