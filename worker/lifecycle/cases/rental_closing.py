"""A rental that was given back is closed at its provider, however long that takes.

The customer got the money before the provider is asked, so no answer moves a customer's money. The
call is outside any transaction and safe to repeat; only a definite answer ends the attempts. Every
request waits for the provider's rate budget, which running numbers need more urgently.
"""

import asyncio
import enum
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, TypeAlias, assert_never

from worker.domain.ids import ProviderName
from worker.ports.errors import ProviderError, ProviderUnavailable
from worker.ports.long_rental import LongRentals, NotClosed
from worker.ports.provider import Ended, NotKnown, Refusal
from worker.ports.reporter import Reporter
from worker.ports.store.case_view import Timer
from worker.ports.store.cases import CaseStore
from worker.ports.store.rentals import NoClosing, Rental, RentalClosing

#: Waits until the rate budget of a provider allows one more request.
WaitForBudget: TypeAlias = Callable[[], Awaitable[None]]

BUDGET_TIMEOUT: Final = timedelta(seconds=3)  #: Without budget by then, it is tried again later.
REPLY_TIMEOUT: Final = timedelta(seconds=10)  #: For the answer of one provider.
SHORTEST_DELAY: Final = timedelta(seconds=30)  #: Before the next attempt.
LONGEST_DELAY: Final = timedelta(hours=1)

assert SHORTEST_DELAY > BUDGET_TIMEOUT + REPLY_TIMEOUT


class LogRead(enum.Enum):
    """Whether our log has all that the provider tells of a rental, after it was asked."""

    WHOLE = "whole"
    PART = "part"  #: It has more than it gave.
    OVER = "over"  #: It only says that the rental is over, or that it knows none: nobody can tell.
    UNREAD = "unread"  #: It could not be asked.


@dataclass(frozen=True, slots=True, kw_only=True)
class RentalCloser:
    cases: CaseStore
    rentals: Mapping[ProviderName, LongRentals]
    wait_for_budget: Mapping[ProviderName, WaitForBudget]  #: For each provider of `rentals`.
    reporter: Reporter
    now: Callable[[], datetime]

    async def fire(self, timer: Timer) -> None:
        rental = await self.cases.rental_of(timer.subject)
        assert rental is not None  # Its timer was set with it.
        outcome = await self._attempt(rental)
        if isinstance(outcome, timedelta):
            await self.cases.put_off(timer, max(outcome, self._delay_by_age(rental)))
        else:
            await self.cases.rental_closed(timer, outcome)

    async def _attempt(self, rental: Rental) -> RentalClosing | timedelta:
        """How it was closed, or the shortest delay before the next attempt."""
        if rental.ended_at is None:
            return NoClosing.RUNS_ON
        if rental.ends_at <= self.now():
            return NoClosing.TIME_OVER
        provider = self.rentals.get(rental.provider)
        if provider is None:
            return NoClosing.NOT_OFFERED
        if not await self._budget_granted(rental.provider):
            return SHORTEST_DELAY  # The provider was not asked, and nothing is wrong.
        try:
            async with asyncio.timeout(REPLY_TIMEOUT.total_seconds()):
                return await self._close(provider, rental)
        except (ProviderError, TimeoutError) as error:
            detail = type(error).__name__
            self.reporter.trouble(
                "rental.close_failed", provider=rental.provider, detail=detail, rental=rental.id
            )
            delay = error.retry_after if isinstance(error, ProviderUnavailable) else None
            return delay or SHORTEST_DELAY

    async def read_messages(self, rental: Rental) -> LogRead:
        """Keep what its provider lists of it."""
        provider = self.rentals.get(rental.provider)
        if provider is None:
            return LogRead.WHOLE  # Whoever rented it reads it: our log has what there is to have.
        if not await self._budget_granted(rental.provider):
            return LogRead.UNREAD
        try:
            async with asyncio.timeout(REPLY_TIMEOUT.total_seconds()):
                reply = await provider.messages(rental.ref)
        except (ProviderError, TimeoutError) as error:
            detail = type(error).__name__
            self.reporter.trouble(
                "rental.read_failed", provider=rental.provider, detail=detail, rental=rental.id
            )
            return LogRead.UNREAD
        if isinstance(reply, NotKnown):
            return LogRead.OVER
        await self.cases.keep_messages(rental.id, reply.sms)
        if isinstance(reply, Ended):
            return LogRead.OVER
        return LogRead.WHOLE if reply.complete else LogRead.PART

    async def _budget_granted(self, provider: ProviderName) -> bool:
        try:
            async with asyncio.timeout(BUDGET_TIMEOUT.total_seconds()):
                await self.wait_for_budget[provider]()
        except TimeoutError:
            return False
        return True

    async def _close(self, provider: LongRentals, rental: Rental) -> RentalClosing | timedelta:
        reply = await provider.close(rental.ref)
        match reply:
            case Ended(fate):
                return fate
            case NotKnown():
                return NoClosing.NOT_KNOWN
            case NotClosed(why=Refusal.NOT_CANCELLABLE):
                return NoClosing.RUNS_ON
            case NotClosed(why=Refusal.CODE_ARRIVED):
                await self.wait_for_budget[rental.provider]()
                await provider.messages(rental.ref)  # Unread SMS are why it was refused.
                return SHORTEST_DELAY
            case NotClosed():
                return self._delay_after(reply, rental)
            case _:
                assert_never(reply)

    def _delay_after(self, refused: NotClosed, rental: Rental) -> timedelta:
        if refused.min_age is not None:
            return max(SHORTEST_DELAY, rental.rented_at + refused.min_age - self.now())
        return refused.retry_after or SHORTEST_DELAY

    def _delay_by_age(self, rental: Rental) -> timedelta:
        """The delay grows with the time since the rental was given back."""
        assert rental.ended_at is not None  # One that runs is not put off.
        return min(max(SHORTEST_DELAY, (self.now() - rental.ended_at) / 4), LONGEST_DELAY)
