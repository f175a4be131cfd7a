"""End one number at its provider: cancel, and where it is refused, read its status.

A cancel whose answer was lost is sent again: one that took effect before is refused or confirmed,
and a refusal is followed by a read. So an outage costs one call for most numbers.

Nothing here commits. An unreadable or missing answer is no information, so the number stays as it
is and is due again.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, TypeAlias, assert_never

from worker.domain.backoff import CANCEL, Backoff
from worker.domain.ids import ProviderRef
from worker.domain.price_fate import PriceFate
from worker.lifecycle.budget import Pay
from worker.lifecycle.clock import Clock
from worker.lifecycle.provider_return import CancelsLeftAlone, wait_while_away
from worker.ports.errors import CircuitOpen, ProviderError, ProviderRefused, ProviderUnavailable
from worker.ports.provider import (
    Circuit,
    CodesArrived,
    Ended,
    Observation,
    Provider,
    Refusal,
    Refused,
    Sms,
    price_fate,
)
from worker.ports.store.settlements import DueNumber

SOONEST: Final = timedelta(seconds=1)  #: Whatever a refusal says: it must not make a busy loop.
REFUSED_RETRY: Final = timedelta(seconds=30)  #: A bad key or a ban does not heal in a second.
UNKNOWN_READS: Final = 2  #: In a row, before a number is taken for gone.


@dataclass(frozen=True, slots=True)
class PriceKnown:
    """The end at the provider, for good.

    UNKNOWN is one too: the provider said twice in a row that it does not know the number.
    """

    fate: PriceFate  #: Never NOT_YET: that is `AskAgain`.
    sms: tuple[Sms, ...] = ()


@dataclass(frozen=True, slots=True)
class AskAgain:
    """Nothing definite; due again after `delay`."""

    delay: timedelta
    too_early: bool = False
    unknown_reads: int = 0
    answer: str = field(default="", compare=False)  #: In a word, for the log.


CancelOutcome: TypeAlias = PriceKnown | AskAgain
_GIVEN_BACK: Final = PriceKnown(PriceFate.GIVEN_BACK)  #: What most cancels end in.


async def always(_: DueNumber) -> bool:
    """A lease that nobody else can end."""
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelAtProvider:
    """`pay` buys one request from the provider's rate budget, and waits until it is granted.

    `holds` says right before the cancel is sent whether it still may be. `left_alone` is told of
    a cancel that the breaker did not let out, and spares the others their payment.
    """

    clock: Clock
    pay: Pay
    left_alone: CancelsLeftAlone = field(default_factory=CancelsLeftAlone)
    holds: Callable[[DueNumber], Awaitable[bool]] = always
    backoff: Backoff = CANCEL

    async def __call__(self, provider: Provider, due: DueNumber) -> CancelOutcome:
        ref = due.ref
        assert ref is not None
        try:
            # Where a call can change more than it says, none is repeated before its effect is read.
            if due.attempts > 0 and provider.capabilities.look_changes_things:
                await self.pay()
                outcome = self._read(due, await provider.look(ref))
                if outcome is not None:
                    return outcome
                due = due._replace(unknown_reads=0)  # It is known: no row of such reads any more.
            return await self._cancel(provider, due, ref)
        except ProviderError as error:
            if isinstance(error, CircuitOpen) and provider.circuit is not Circuit.OPEN:
                self.left_alone.refused(provider.name, error, self.clock)
            return self._later(provider, due, error)

    async def _cancel(self, provider: Provider, due: DueNumber, ref: ProviderRef) -> CancelOutcome:
        await self.pay(lambda: self._raise_if_left_alone(provider))
        if not await self.holds(due):
            return AskAgain(timedelta(0), unknown_reads=due.unknown_reads)  # By who has it now.
        reply = await provider.cancel(ref)
        self.left_alone.answered(provider.name)
        match reply:
            case Ended(fate=PriceFate.GIVEN_BACK):
                return _GIVEN_BACK
            case Ended():
                return self._read(due, reply) or AskAgain(self._wait(due))
            case Refused(why=Refusal.EARLY):
                return AskAgain(self._until_allowed(due, reply), too_early=True, answer="early")
            case Refused(why=Refusal.CODE_ARRIVED, sms=sms) if sms:
                return PriceKnown(PriceFate.KEPT, sms)
            case Refused(why=why, sms=sms):
                return await self._after_refusal(provider, due, ref, why, sms)
            case _:
                assert_never(reply)

    def _raise_if_left_alone(self, provider: Provider) -> None:
        """Asked again after each wait: else all lanes had paid when the first is refused."""
        refusal = self.left_alone.refusal(provider.name, self.clock)
        if refusal is not None:
            raise refusal

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
        outcome = self._read(due, await provider.look(ref))
        if outcome is not None:
            return outcome
        if why is Refusal.NOT_CANCELLABLE:
            return PriceKnown(PriceFate.KEPT, sms)
        return AskAgain(self._wait(due), answer=why.value)

    def _read(self, due: DueNumber, seen: Observation) -> CancelOutcome | None:
        """What a read of the status settles; None where the number simply waits."""
        fate = price_fate(seen)
        match fate:
            case PriceFate.NOT_YET:
                return None
            case PriceFate.GIVEN_BACK:
                return PriceKnown(fate)
            case PriceFate.KEPT:
                sms = seen.sms if isinstance(seen, CodesArrived | Ended) else ()
                return PriceKnown(fate, sms)
            case PriceFate.UNKNOWN:
                reads = due.unknown_reads + 1
                if reads >= UNKNOWN_READS:
                    return PriceKnown(fate)
                return AskAgain(self._wait(due), unknown_reads=reads, answer="not_known")
            case _:
                assert_never(fate)

    def _until_allowed(self, due: DueNumber, reply: Refused) -> timedelta:
        """Until the provider allows the cancel: by its own words, or else by backing off."""
        if reply.retry_after is not None:
            return max(reply.retry_after, SOONEST)
        if reply.min_age is not None:
            return max(due.rented_at + reply.min_age - self.clock.now(), SOONEST)
        return self._wait(due)

    def _later(self, provider: Provider, due: DueNumber, error: ProviderError) -> AskAgain:
        wait, answer = self._wait(due), "unreadable"
        if isinstance(error, ProviderUnavailable):
            answer = "unavailable"
            chance = self.clock.chance()
            wait = wait_while_away(provider, error, due.attempts, self.backoff, chance)
        elif isinstance(error, ProviderRefused):
            wait, answer = max(wait, REFUSED_RETRY), "refused"
        return AskAgain(wait, unknown_reads=due.unknown_reads, answer=answer)

    def _wait(self, due: DueNumber) -> timedelta:
        return self.backoff.wait(due.attempts, self.clock.chance())
