"""Pursue: what the provider is still owed after the customer was settled, for as long as it takes.

A cancel that the grace overtook goes on until it is confirmed or the provider keeps the price; a
delivered number is finished. Oldest first, inside the rate limit, never in the customer's way.
"""

import asyncio
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, assert_never

from worker.domain.activation import ProviderState
from worker.domain.ids import ProviderName
from worker.lifecycle.budget import Budget
from worker.lifecycle.cancel import (
    LAST_PURSUIT,
    UNKNOWN_READS,
    CancelAtProvider,
    CancelOutcome,
    Charged,
    GaveBack,
    Gone,
    NotYet,
    backoff,
)
from worker.lifecycle.clock import Clock
from worker.lifecycle.expire import LEASE, PROBES
from worker.lifecycle.failure_backoff import describe_safely
from worker.lifecycle.provider_terms import ProviderTerms
from worker.lifecycle.settle import BatchCommitter, Settle
from worker.ports.errors import ProviderError, StoreError
from worker.ports.provider import (
    Cancelled,
    Circuit,
    CodesArrived,
    Finished,
    NotKnown,
    Observation,
    Provider,
    Waiting,
)
from worker.ports.reporter import Reporter
from worker.ports.schedule import Schedule
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

    async def tick(self, provider: Provider) -> int:
        """One batch; how many numbers were worked on."""
        if provider.circuit is Circuit.OPEN:
            return 0
        terms = self.terms[provider.name]
        limit = max(1, min(500, int(terms.requests_per_second * AT_ONCE.total_seconds())))
        if provider.circuit is Circuit.PROBING:
            limit = PROBES
        due = await self.settlements.lease_pursuits(provider.name, limit, LEASE)
        if due:
            # Those who still wait for a code or their money go first: half is left to them.
            hands = min(len(due), max(1, terms.max_in_flight // 2))
            await self._pursue(provider, deque(due), hands)
        return len(due)

    async def _pursue(self, provider: Provider, queue: deque[DueNumber], hands: int) -> None:
        results = BatchCommitter(settle=self.settle, sleep=self.clock.sleep)
        terms = self.terms[provider.name]
        budget = Budget(self.schedule, terms, self.clock, most=len(queue))
        act = CancelAtProvider(clock=self.clock, pay=budget.take, longest=LAST_PURSUIT)

        committing = asyncio.ensure_future(results.run())

        async def work() -> None:
            while queue and not committing.done():  # Without commits there is no use in asking.
                due = queue.popleft()
                try:
                    await self._one(provider, due, act, results)
                except StoreError:
                    raise  # Nothing can be kept: the others' calls would be requests wasted.
                except Exception as error:  # noqa: BLE001 - one number's bug must not be everybody's
                    results.postponed(self._later(due, due.unknown_reads))
                    self.reporter.quarantined(due.id, f"pursue: {describe_safely(error)}")

        try:
            async with asyncio.TaskGroup() as calls:
                for _ in range(hands):
                    calls.create_task(work())
        finally:
            results.close()
            await asyncio.shield(committing)

    async def _one(
        self, provider: Provider, due: DueNumber, act: CancelAtProvider, results: BatchCommitter
    ) -> None:
        if due.ref is None:
            results.resolved(due, ProviderState.DISPUTED)  # Bought or not: nobody ever said.
        elif due.provider_state is ProviderState.FINISHING:
            await act.pay()
            await self._finish(provider, due, results)
        else:
            await self._cancel(due, await act(provider, due), results)

    async def _cancel(self, due: DueNumber, learnt: CancelOutcome, results: BatchCommitter) -> None:
        match learnt:
            case GaveBack():
                results.resolved(due, ProviderState.CANCELLED)
            case Charged(sms):
                assert due.ref is not None
                late = [SeenSms(due.provider, due.ref, one.code, one.text) for one in sms]
                for code in await self.activations.record_codes(late):
                    self.reporter.code(code.provider, code.fate, code.wait)
                results.resolved(due, ProviderState.CHARGED)
            case Gone():
                self.reporter.trouble("provider.number_gone", provider=due.provider)
                results.resolved(due, ProviderState.GONE)
            case NotYet(delay, _, unknown_reads):
                results.postponed(Postponed(due.id, due.epoch, delay, unknown_reads=unknown_reads))
            case _:
                assert_never(learnt)

    async def _finish(self, provider: Provider, due: DueNumber, results: BatchCommitter) -> None:
        assert due.ref is not None
        try:
            seen = await provider.finish(due.ref)
        except ProviderError:
            results.postponed(self._later(due, due.unknown_reads))
            return
        state = self._finished(due, seen)
        if state is not None:
            results.resolved(due, state)
        else:
            reads = due.unknown_reads + 1 if isinstance(seen, NotKnown) else 0
            results.postponed(self._later(due, reads))

    def _finished(self, due: DueNumber, seen: Observation) -> ProviderState | None:
        match seen:
            case Finished():
                return ProviderState.FINISHED
            case Cancelled():
                return ProviderState.CANCELLED  # It took nothing, though a code was shown.
            case NotKnown() if due.unknown_reads + 1 >= UNKNOWN_READS:
                return ProviderState.FINISHED  # A finished number is forgotten by some.
            case CodesArrived() if self._outlived(due):
                return ProviderState.FINISHED  # Ended by its own time, and its code still told.
            case CodesArrived() | Waiting() | NotKnown():
                return None
            case _:
                assert_never(seen)

    def _outlived(self, due: DueNumber) -> bool:
        """Whether the provider itself has ended it by now: many then refuse every finish."""
        return self.clock.now() > due.rented_at + self.terms[due.provider].lifetime

    def _later(self, due: DueNumber, unknown_reads: int) -> Postponed:
        wait = backoff(due.attempts, LAST_PURSUIT, self.clock.chance())
        return Postponed(due.id, due.epoch, wait, unknown_reads=unknown_reads)
