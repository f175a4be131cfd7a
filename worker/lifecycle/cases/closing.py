"""Closing: a rental that was given back is closed at its provider, however long that takes.

Its customer has been settled before anybody is asked, so no answer moves a customer's money. The
call is outside any transaction and safe to repeat; only a definite answer ends the asking. Every
request is paid from the provider's rate budget first, which numbers that run need more urgently.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, TypeAlias, assert_never

from worker.domain.ids import ProviderName
from worker.ports.errors import ProviderError, ProviderUnavailable
from worker.ports.long_rental import Ended, LongRentals, NotClosed, Refund
from worker.ports.provider import NotKnown, Refusal
from worker.ports.reporter import Reporter
from worker.ports.store.case_view import Timer
from worker.ports.store.cases import CaseStore, Rental, RentalClosing

Pay: TypeAlias = Callable[[], Awaitable[None]]  #: Waits until one more request may go out.

IN_LINE: Final = timedelta(seconds=3)  #: For the budget; what gets none is asked about later.
PATIENCE: Final = timedelta(seconds=10)  #: For one provider's answer.
SOONEST: Final = timedelta(seconds=30)
LATEST: Final = timedelta(hours=1)
_REFUNDS: Final = {
    Refund.GIVEN_BACK: RentalClosing.GIVEN_BACK,
    Refund.KEPT: RentalClosing.KEPT,
    Refund.NOT_TOLD: RentalClosing.NOT_TOLD,
}

assert SOONEST > IN_LINE + PATIENCE
assert set(_REFUNDS) == set(Refund)


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    cases: CaseStore
    rentals: Mapping[ProviderName, LongRentals]
    pay: Mapping[ProviderName, Pay]  #: From the budget of each of these.
    reporter: Reporter
    now: Callable[[], datetime]

    async def fire(self, timer: Timer) -> None:
        rental = await self.cases.rental_of(timer.subject)
        assert rental is not None  # Its timer was set with it.
        answer = await self._asked(rental)
        if isinstance(answer, RentalClosing):
            await self.cases.rental_closed(timer, answer)
        else:
            await self.cases.put_off(timer, max(answer, self._pace(rental)))

    async def _asked(self, rental: Rental) -> RentalClosing | timedelta:
        """What became of it, or after what time to ask again at the earliest."""
        if rental.ends_at <= self.now():
            return RentalClosing.TIME_OVER
        there = self.rentals.get(rental.provider)
        if there is None:
            return RentalClosing.NOT_OFFERED
        if not await self._affordable(rental.provider):
            return SOONEST  # Nobody was asked, and nothing is wrong.
        try:
            async with asyncio.timeout(PATIENCE.total_seconds()):
                return await self._close(there, rental)
        except (ProviderError, TimeoutError) as error:
            why = type(error).__name__
            self.reporter.trouble("rental.close_failed", provider=rental.provider, detail=why)
            after = error.retry_after if isinstance(error, ProviderUnavailable) else None
            return after or SOONEST

    async def _affordable(self, provider: ProviderName) -> bool:
        try:
            async with asyncio.timeout(IN_LINE.total_seconds()):
                await self.pay[provider]()
        except TimeoutError:
            return False
        return True

    async def _close(self, there: LongRentals, rental: Rental) -> RentalClosing | timedelta:
        reply = await there.close(rental.ref)
        match reply:
            case Ended(refund):
                return _REFUNDS[refund]
            case NotKnown():
                return RentalClosing.NOT_KNOWN
            case NotClosed(why=Refusal.NOT_CANCELLABLE):
                return RentalClosing.RUNS_ON
            case NotClosed(why=Refusal.CODE_ARRIVED):
                await self.pay[rental.provider]()
                await there.messages(rental.ref)  # ForeignRow SMS are why it was refused.
                return SOONEST
            case NotClosed():
                return self._when(reply, rental)
            case _:
                assert_never(reply)

    def _when(self, refused: NotClosed, rental: Rental) -> timedelta:
        if refused.min_age is not None:
            return max(SOONEST, rental.rented_at + refused.min_age - self.now())
        return refused.retry_after or SOONEST

    def _pace(self, rental: Rental) -> timedelta:
        """Ever more slowly, the longer it has been owed."""
        assert rental.ended_at is not None  # It was ended when the timer was set.
        return min(max(SOONEST, (self.now() - rental.ended_at) / 4), LATEST)
