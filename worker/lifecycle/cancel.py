"""End one number at its provider: cancel, and where the reply leaves doubt, read its status.

Nothing here commits: it says what was learnt. An unreadable or missing answer is no information,
so the number stays as it is and is due again.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, TypeAlias, assert_never

from worker.domain.ids import ProviderRef
from worker.lifecycle.clock import Clock
from worker.ports.errors import ProviderError, ProviderRefused, ProviderUnavailable
from worker.ports.provider import (
    Cancelled,
    CodesArrived,
    Finished,
    NotKnown,
    Observation,
    Provider,
    Refusal,
    Refused,
    Sms,
    Waiting,
)
from worker.ports.store.settlements import DueNumber

FIRST_RETRY: Final = timedelta(seconds=1)
LAST_RETRY: Final = timedelta(seconds=60)  #: While the customer waits.
LAST_PURSUIT: Final = timedelta(minutes=10)  #: Once the customer is settled.
REFUSED_RETRY: Final = timedelta(seconds=30)  #: A bad key or a ban does not heal in a second.
UNKNOWN_READS: Final = 2  #: In a row, before a number is taken for gone.


@dataclass(frozen=True, slots=True)
class GaveBack:
    """Definite: the provider does not charge us."""


@dataclass(frozen=True, slots=True)
class Charged:
    """Definite: an SMS is there, or the provider keeps the price for another reason."""

    sms: tuple[Sms, ...] = ()


@dataclass(frozen=True, slots=True)
class Gone:
    """The provider said twice in a row that it does not know the number."""


@dataclass(frozen=True, slots=True)
class NotYet:
    """Nothing definite; due again after `delay`."""

    delay: timedelta
    too_early: bool = False
    unknown_reads: int = 0


CancelOutcome: TypeAlias = GaveBack | Charged | Gone | NotYet


def backoff(attempts: int, longest: timedelta, chance: float) -> timedelta:
    """Exponential with equal jitter: thousands that failed together must not return together."""
    wait = min(FIRST_RETRY * (1 << min(attempts, 16)), longest)
    return wait * (0.5 + chance / 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelAtProvider:
    """`pay` buys one request from the provider's rate budget, and waits until it is granted."""

    clock: Clock
    pay: Callable[[], Awaitable[None]]
    longest: timedelta = LAST_RETRY

    async def __call__(self, provider: Provider, due: DueNumber) -> CancelOutcome:
        ref = due.ref
        assert ref is not None
        try:
            if due.attempts > 0:
                # An earlier call may have taken effect without telling us: read before acting.
                await self.pay()
                learnt = self._read(due, await provider.look(ref))
                if learnt is not None:
                    return learnt
                due = due._replace(unknown_reads=0)  # It is known: no row of such reads any more.
            return await self._cancel(provider, due, ref)
        except ProviderError as error:
            return self._later(due, error)

    async def _cancel(self, provider: Provider, due: DueNumber, ref: ProviderRef) -> CancelOutcome:
        await self.pay()
        reply = await provider.cancel(ref)
        match reply:
            case Cancelled():
                return GaveBack()
            case Refused(why=Refusal.EARLY):
                return NotYet(self._until_allowed(due, reply), too_early=True)
            case Refused(why=Refusal.CODE_ARRIVED, sms=sms) if sms:
                return Charged(sms)
            case Refused(why=why, sms=sms):
                return await self._after_refusal(provider, due, ref, why, sms)
            case _:
                assert_never(reply)

    async def _after_refusal(
        self,
        provider: Provider,
        due: DueNumber,
        ref: ProviderRef,
        why: Refusal,
        sms: tuple[Sms, ...],
    ) -> CancelOutcome:
        """A refusal says that something happened; only the status says what."""
        await self.pay()
        learnt = self._read(due, await provider.look(ref))
        if learnt is not None:
            return learnt
        if why is Refusal.NOT_CANCELLABLE:
            return Charged(sms)
        return NotYet(self._wait(due))

    def _read(self, due: DueNumber, seen: Observation) -> CancelOutcome | None:
        """What a read of the status settles; None where the number simply waits."""
        match seen:
            case Waiting():
                return None
            case Cancelled():
                return GaveBack()
            case CodesArrived(sms=sms) | Finished(sms=sms):
                return Charged(sms)
            case NotKnown():
                reads = due.unknown_reads + 1
                return (
                    Gone()
                    if reads >= UNKNOWN_READS
                    else NotYet(self._wait(due), unknown_reads=reads)
                )
            case _:
                assert_never(seen)

    def _until_allowed(self, due: DueNumber, reply: Refused) -> timedelta:
        """Until the provider allows the cancel: by its own words, or else by backing off."""
        if reply.retry_after is not None:
            return max(reply.retry_after, FIRST_RETRY)
        if reply.min_age is not None:
            return max(due.rented_at + reply.min_age - self.clock.now(), FIRST_RETRY)
        return self._wait(due)

    def _later(self, due: DueNumber, error: ProviderError) -> NotYet:
        wait = self._wait(due)
        if isinstance(error, ProviderUnavailable) and error.retry_after is not None:
            wait = max(wait, error.retry_after)
        if isinstance(error, ProviderRefused):
            wait = max(wait, REFUSED_RETRY)
        return NotYet(wait, unknown_reads=due.unknown_reads)

    def _wait(self, due: DueNumber) -> timedelta:
        return backoff(due.attempts, self.longest, self.clock.chance())
