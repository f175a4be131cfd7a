"""Long rentals through the worker: rent one, prolong one, and read the messages it got.

As with a number for one SMS, the intent is committed with its hold before the provider is asked,
and what may have been bought is never sent again. What the provider answered is stored as soon
as the database is back. What became of an order nobody can tell stays held, and waits for a human:
whoever finds the number books it, and its hold pays for it; where nothing was bought he gives it
back.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, NamedTuple, TypeVar, assert_never

from worker.domain.backoff import KEEP_BOUGHT
from worker.domain.ids import ProviderName
from worker.lifecycle.budget import ProviderTerms
from worker.lifecycle.cases.outage_ends import OutageEnds, is_down
from worker.lifecycle.cases.rental_closing import WaitForBudget
from worker.lifecycle.clock import Clock
from worker.lifecycle.failure_backoff import describe_safely
from worker.lifecycle.kept_answers import KeptAnswers
from worker.lifecycle.rent import too_exposed
from worker.ports import errors
from worker.ports.long_rental import (
    Availability,
    LongRentals,
    Messages,
    NoProlong,
    NotProlonged,
    Prolonged,
    RentalRequest,
    RentalTerms,
)
from worker.ports.provider import NoRent, NotKnown, Rented
from worker.ports.reporter import Reporter
from worker.ports.retry import Retry
from worker.ports.store.cases import CaseStore
from worker.ports.store.purchases import PurchaseStore
from worker.ports.store.rentals import (
    BOOKED,
    ProlongedLong,
    Rental,
    RentalMessage,
    RentalOrder,
    RentalOrderKind,
    RentalOrderResult,
    RentalOrderState,
    RentedLong,
)

T = TypeVar("T")

BUDGET_TIMEOUT: Final = timedelta(seconds=10)  #: For its turn among the provider's requests.
REPLY_TIMEOUT: Final = timedelta(seconds=30)  #: Then nobody knows; the provider may still sell.
READ_TIMEOUT: Final = timedelta(seconds=3)  #: Whoever looks at a rental waits for no slow provider.

NOT_STORED: Final = "what became of the order is not stored yet"
#: Words of orders that failed.
UNAVAILABLE: Final = "provider_unavailable"
ABOVE_MAX: Final = "price_above_max"
EXPOSED: Final = "exposure_limit"
_FAILED: Final = {
    NoRent.NO_NUMBERS: "no_numbers",
    NoRent.NO_BALANCE: "provider_balance_too_low",
    NoRent.PRICE_ABOVE_MAX: ABOVE_MAX,
    NoRent.BAD_REQUEST: "bad_service",
    NoProlong.NO_BALANCE: "provider_balance_too_low",
    NoProlong.BAD_LENGTH: "bad_length",
    NoProlong.NOT_NOW: UNAVAILABLE,
    NoProlong.NOT_POSSIBLE: "not_offered",
}
#: All of them: each is a problem of the API.
FAILURES: Final = frozenset({*_FAILED.values(), UNAVAILABLE, ABOVE_MAX, EXPOSED, BOOKED})


class RentalView(NamedTuple):
    rental: Rental
    messages: list[RentalMessage]


@dataclass(frozen=True, slots=True, kw_only=True)
class RentLong:
    """Raises `StoreError` and nothing else."""

    cases: CaseStore
    purchases: PurchaseStore
    rentals: Mapping[ProviderName, LongRentals]
    terms: Mapping[ProviderName, ProviderTerms]  #: For each provider of `rentals`.
    wait_for_budget: Mapping[ProviderName, WaitForBudget]  #: For each of them, too.
    reporter: Reporter
    retry: Retry
    clock: Clock
    outage_ends: OutageEnds
    answers: KeptAnswers = field(default_factory=KeptAnswers)

    def offered(self, provider: ProviderName) -> RentalTerms | None:
        """What is offered there; None: no long rentals."""
        rentals = self.rentals.get(provider)
        return None if rentals is None else rentals.terms

    async def __call__(self, order: RentalOrder) -> RentalOrderResult:
        """Carry the order out, once; a repeat gets the answer of the first call."""
        beginning = self.answers.keep(self.cases.begin_rental_order(order))
        try:
            began = await asyncio.shield(beginning)
        except asyncio.CancelledError:
            _ = self.answers.keep(self._unasked(order, beginning))
            raise
        if began.state is not RentalOrderState.NEW:
            return began
        try:
            prepared = await self._prepared(order)
        except (errors.StoreError, TimeoutError):
            prepared = UNAVAILABLE
        except asyncio.CancelledError:
            _ = self.answers.keep(self._keep_failed(order, UNAVAILABLE))  # It will not be asked.
            raise
        if isinstance(prepared, str):  # The provider was not asked.
            return await self._failed(order, prepared)
        return await prepared()

    async def _unasked(
        self, order: RentalOrder, beginning: "asyncio.Future[RentalOrderResult]"
    ) -> None:
        """It may have begun, and nobody asks the provider for it."""
        if (await beginning).state is RentalOrderState.NEW:
            await self._keep_failed(order, UNAVAILABLE)

    async def _prepared(
        self, order: RentalOrder
    ) -> Callable[[], Awaitable[RentalOrderResult]] | str:
        """What asks the provider, once everything that it takes is read; or why nothing may."""
        refused = await self._refused(order)
        if refused is not None:
            return refused
        async with asyncio.timeout(BUDGET_TIMEOUT.total_seconds()):
            await self.wait_for_budget[order.provider]()
        provider = self.rentals[order.provider]
        match order.kind:
            case RentalOrderKind.RENT:
                return lambda: self._rent(provider, order)
            case RentalOrderKind.PROLONG:
                assert order.rental is not None
                rental = await self.cases.rental_of(order.rental)
                assert rental is not None
                return lambda: self._prolong(provider, order, rental)
            case _:
                assert_never(order.kind)

    async def _refused(self, order: RentalOrder) -> str | None:
        """Why its provider is not asked."""
        if order.provider in await self.purchases.drained():
            return UNAVAILABLE
        match order.kind:
            case RentalOrderKind.RENT:
                exposed = await too_exposed(self.purchases, self.terms[order.provider])
                return EXPOSED if exposed else None
            case RentalOrderKind.PROLONG:
                # No new business: refused, its customer would lose the number. But no provider
                # takes a price limit for it, so it would be bought at any price.
                return None if order.max_cost_minor is None else ABOVE_MAX
            case _:
                assert_never(order.kind)

    async def view(self, rental: Rental) -> RentalView:
        """The rental with its messages: what its provider lists now, else what it listed before."""
        if rental.ended_at is None:
            await self.read(rental)
            if is_down(rental):  # Until an SMS was read just now.
                rental = await self.cases.rental_of(rental.id) or rental
        return RentalView(rental, await self.cases.messages(rental.id))

    async def availability(self, rental: Rental) -> Availability | None:
        """What its provider says of the number now; None: it was not asked, or did not answer."""
        provider = self.rentals.get(rental.provider)
        if provider is None or rental.ended_at is not None:
            return None
        try:
            async with asyncio.timeout(READ_TIMEOUT.total_seconds()):
                await self.wait_for_budget[rental.provider]()
                return await provider.available(rental.ref)
        except (errors.ProviderError, TimeoutError) as error:
            detail = type(error).__name__
            self.reporter.trouble(
                "rental.read_failed", provider=rental.provider, detail=detail, rental=rental.id
            )
            return None

    async def _rent(self, provider: LongRentals, order: RentalOrder) -> RentalOrderResult:
        request = RentalRequest(order.service, order.country, order.length, order.max_cost_minor)
        reply = await self._asked(order, lambda: provider.open(request))
        match reply:
            case RentalOrderResult():
                return reply
            case NoRent():
                return await self._failed(order, _FAILED[reply])
            case Rented():
                sold = self._sold(reply, order.length)
                return await self._bought(order, lambda: self.cases.rental_bought(order.id, sold))
            case _:
                assert_never(reply)

    async def _prolong(
        self, provider: LongRentals, order: RentalOrder, rental: Rental
    ) -> RentalOrderResult:
        reply = await self._asked(order, lambda: provider.prolong(rental.ref, order.length))
        match reply:
            case RentalOrderResult():
                return reply
            case NotProlonged(why):
                return await self._failed(order, _FAILED[why])
            case NotKnown():
                return await self._failed(order, _FAILED[NoProlong.NOT_POSSIBLE])
            case Prolonged(expires_at, expires_in):
                if expires_at is None and expires_in is not None:
                    expires_at = self.clock.now() + expires_in
                longer = ProlongedLong(expires_at, rental.ends_at, rental.renewed_at)
                return await self._bought(
                    order, lambda: self.cases.rental_prolonged(order.id, longer)
                )
            case _:
                assert_never(reply)

    async def _asked(
        self, order: RentalOrder, ask: Callable[[], Awaitable[T]]
    ) -> T | RentalOrderResult:
        """Ask once. Where the request may have arrived and no answer came, nobody knows."""
        try:
            async with asyncio.timeout(REPLY_TIMEOUT.total_seconds()):
                return await ask()
        except errors.ProviderRefused:
            return await self._failed(order, UNAVAILABLE)
        except (errors.ProviderError, TimeoutError) as error:
            if isinstance(error, errors.ProviderUnavailable) and not error.sent:
                return await self._failed(order, UNAVAILABLE)
            # Of a provider it holds no secret, and may name the sale by which the number is found.
            said = error.detail if isinstance(error, errors.ProviderError) else ""
            self.reporter.trouble(
                "rental.outcome_unknown",
                provider=order.provider,
                detail=said or type(error).__name__,
                order=order.id,
                rental=order.rental,
            )
            await self.cases.rental_order_unknown(order.id)
            return RentalOrderResult(RentalOrderState.UNKNOWN)

    def _sold(self, rented: Rented, length: timedelta) -> RentedLong:
        now = self.clock.now()
        ends_at = rented.expires_at or now + (rented.expires_in or length)
        if ends_at <= now:  # That clock is wrong: believed, the rental would end at once.
            ends_at = now + length
        return RentedLong(rented.ref, rented.phone, ends_at, rented.cost_minor, rented.currency)

    async def _bought(
        self, order: RentalOrder, store: Callable[[], Awaitable[Rental | None]]
    ) -> RentalOrderResult:
        rental = await self.answers.kept(self._keep(order, store, is_sold=True), NOT_STORED)
        if rental is None:  # The hold went back meanwhile, or the rental itself: it is nobody's.
            self._tell_lost(order, "given back meanwhile", is_sold=True)
            return RentalOrderResult(RentalOrderState.FAILED, None, UNAVAILABLE)
        return RentalOrderResult(RentalOrderState.DONE, rental)

    async def _failed(self, order: RentalOrder, failure: str) -> RentalOrderResult:
        """Certainly nothing was bought: the hold goes back, once."""
        await self.answers.kept(self._keep_failed(order, failure), NOT_STORED)
        return RentalOrderResult(RentalOrderState.FAILED, None, failure)

    async def _keep_failed(self, order: RentalOrder, failure: str) -> None:
        has_failed = await self._keep(
            order, lambda: self.cases.rental_order_failed(order.id, failure), is_sold=False
        )
        if not has_failed:
            self._tell_lost(order, "a human has said that it was sold", is_sold=False)

    async def _keep(
        self, order: RentalOrder, store: Callable[[], Awaitable[T]], *, is_sold: bool
    ) -> T:
        try:
            return await self.retry(KEEP_BOUGHT, store, on=errors.StoreError)
        except BaseException as error:
            self._tell_lost(order, describe_safely(error), is_sold=is_sold)
            raise

    def _tell_lost(self, order: RentalOrder, detail: str, *, is_sold: bool) -> None:
        self.reporter.trouble(
            "rental.bought_and_lost" if is_sold else "rental.refused_and_held",
            provider=order.provider,
            detail=detail,
            order=order.id,
            rental=order.rental,
        )

    async def read(self, rental: Rental) -> bool:
        """Keep what its provider lists of it; whether our log has all of that now."""
        provider = self.rentals.get(rental.provider)
        if provider is None:
            return True  # Whoever rented it reads it.
        try:
            async with asyncio.timeout(READ_TIMEOUT.total_seconds()):
                await self.wait_for_budget[rental.provider]()
                reply = await provider.messages(rental.ref)
        except (errors.ProviderError, TimeoutError) as error:
            detail = type(error).__name__
            self.reporter.trouble(
                "rental.read_failed", provider=rental.provider, detail=detail, rental=rental.id
            )
            return False
        if isinstance(reply, NotKnown):
            return False
        await self.cases.keep_messages(rental.id, reply.sms)
        is_whole = isinstance(reply, Messages) and reply.complete
        if is_whole:  # Of more SMS than these an earlier one may have ended an outage.
            await self.outage_ends.by_sms(rental)
        return is_whole
