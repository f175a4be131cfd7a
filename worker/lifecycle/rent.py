"""Rent: buy a number at a provider, exactly once per order, and watch it.

The intent is committed with its hold before the provider is asked. A purchase of unknown outcome is
never repeated: it becomes an activation without a number, and `repair` looks for the number. An
answer of the provider is stored as soon as the database is back.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from worker.domain.backoff import KEEP_BOUGHT
from worker.domain.ids import ProviderName
from worker.lifecycle.accept import Accept
from worker.lifecycle.budget import Budget, ProviderTerms
from worker.lifecycle.failure_backoff import describe_safely
from worker.lifecycle.kept_answers import KeptAnswers
from worker.lifecycle.known_orders import (
    ELSEWHERE,
    KnownOrders,
    answer,
    for_turn,
    told,
    unordered,
)
from worker.lifecycle.preference import turns
from worker.lifecycle.purchase_proof import PurchaseProof
from worker.lifecycle.rent_options import chosen
from worker.lifecycle.sweep import Sweep
from worker.ports import errors
from worker.ports.provider import NoRent, Provider, Rented, RentOptions, RentRequest
from worker.ports.reporter import Reporter
from worker.ports.retry import Retry
from worker.ports.service import (
    FAILED,
    Preference,
    PurchaseOrder,
    PurchaseOutcome,
    PurchaseResult,
    RefusedOption,
    TriedProvider,
)
from worker.ports.store.activations import Activation
from worker.ports.store.books import BookStore
from worker.ports.store.purchases import (
    Bought,
    FailedPurchase,
    PurchaseState,
    PurchaseStore,
)

BUDGET_TIMEOUT: Final = timedelta(seconds=10)  #: For its turn among the provider's requests.
SHORTEST_LIFE: Final = timedelta(minutes=1)  #: No provider sells a number for less.

_FAILED = {
    NoRent.NO_NUMBERS: PurchaseOutcome.NO_NUMBERS,
    NoRent.NO_BALANCE: PurchaseOutcome.PROVIDER_BALANCE_TOO_LOW,
    NoRent.PRICE_ABOVE_MAX: PurchaseOutcome.PRICE_ABOVE_MAX,
    NoRent.BAD_REQUEST: PurchaseOutcome.BAD_SERVICE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rent:
    purchases: PurchaseStore
    books: BookStore
    reporter: Reporter
    accept: Accept
    sweep: Sweep
    proof: PurchaseProof
    providers: Mapping[ProviderName, Provider]
    terms: Mapping[ProviderName, ProviderTerms]
    retry: Retry
    known: KnownOrders
    answers: KeptAnswers = field(default_factory=KeptAnswers)

    async def __call__(self, order: PurchaseOrder) -> PurchaseResult:
        """At the first provider that sells; a repeated order takes the same way to the same end."""
        options = await self._options(order)
        if isinstance(options, PurchaseResult):  # That is of today: it may have begun before.
            return await self.known(order) or options
        order = replace(order, options=options)
        asked = await self._turns(order)
        tried: list[TriedProvider] = []
        result = PurchaseResult(
            PurchaseOutcome.UNKNOWN_PROVIDER
        )  # Replaced: at least one is asked.
        left = [turn.provider for turn in asked]
        for turn in asked:
            # By other figures than in an earlier call, this turn may have been another's.
            mine = turn.provider if turn.provider in left else left[0]
            because = turn.because if mine == turn.provider else ""
            purchase = replace(turn, provider=mine, because=because)
            result = await self._rent(purchase, is_last=turn is asked[-1])
            tried += result.tried
            if result.how not in ELSEWHERE:
                break
            asked_now = {each.provider for each in result.tried} & set(left) or {mine}
            left = [each for each in left if each not in asked_now]
        tried += [
            TriedProvider(each, "not asked: it counts in another currency than max_cost_minor")
            for each in order.otherwise
            if not self._limited_alike(order, each)
        ]
        return replace(result, tried=tuple(tried))

    async def _options(self, order: PurchaseOrder) -> RentOptions | PurchaseResult:
        """What is asked of its number, or why nobody is asked for one."""
        if not self.providers.keys() >= {order.provider, *order.otherwise}:
            return PurchaseResult(PurchaseOutcome.UNKNOWN_PROVIDER)
        options = await chosen(order, self.providers, self.accept.activations)
        if isinstance(options, RefusedOption):
            return PurchaseResult(PurchaseOutcome.BAD_OPTION, refused=options)
        policy = self.accept.intake_policy(order.policy or self.accept.default_policy, order)
        if policy is None:
            return PurchaseResult(PurchaseOutcome.UNKNOWN_POLICY)
        if policy.too_short_for(order.window):
            return PurchaseResult(PurchaseOutcome.WINDOW_TOO_LONG)
        return options

    async def _turns(self, order: PurchaseOrder) -> list[PurchaseOrder]:
        """One purchase for each provider that may be asked, in the order of preference."""
        alike = [each for each in order.otherwise if self._limited_alike(order, each)]
        named = (order.provider, *alike)
        if order.prefer is Preference.ORDER:
            others = enumerate(alike, start=1)
            return [order, *(for_turn(order, provider, turn) for turn, provider in others)]
        currencies = {each: self.terms[each].currency for each in named}
        figures = await self.books.service_figures(currencies, order.service, order.country)
        chosen = turns(named, order.prefer, figures, currencies)
        asked = unordered(order)
        return [
            replace(for_turn(asked, turn.provider, at), because=turn.because)
            for at, turn in enumerate(chosen)
        ]

    def _limited_alike(self, order: PurchaseOrder, provider: ProviderName) -> bool:
        """In another currency the limit may be worth a hundred times as much."""
        same = self.terms[provider].currency == self.terms[order.provider].currency
        return order.max_cost_minor is None or same

    async def _rent(self, order: PurchaseOrder, *, is_last: bool) -> PurchaseResult:
        name = order.policy or self.accept.default_policy
        policy = self.accept.intake_policy(name, order)
        assert policy is not None
        window = order.window or policy.window or self.accept.default_window
        terms = (policy.version, window, policy.cancel)
        begin = partial(self.purchases.begin_purchase, order.id, order, name, *terms)
        started = await self.known.once_asked(order.id, begin)
        assert started is not None
        if started.how is PurchaseState.NEW:
            result = await self._begun(order)
            result = await self._failed(order, result.how, is_last=is_last) or result
            return told(result, order.provider, order.because)
        result = answer(started)
        if result.how is PurchaseOutcome.SAME and result.activation is not None:
            await self.accept.watch([], told_again=[result.activation])
        return told(result, started.provider, started.because)

    async def _begun(self, order: PurchaseOrder) -> PurchaseResult:
        try:
            if order.provider in await self.purchases.drained():
                return PurchaseResult(PurchaseOutcome.PROVIDER_UNAVAILABLE)
            if await too_exposed(self.purchases, self.terms[order.provider]):
                return PurchaseResult(PurchaseOutcome.EXPOSURE_LIMIT)
        except errors.StoreError:  # Whether it may be asked is not known, so it is not asked.
            return PurchaseResult(PurchaseOutcome.PROVIDER_UNAVAILABLE)
        return await self._buy(self.providers[order.provider], order)

    async def _buy(self, provider: Provider, order: PurchaseOrder) -> PurchaseResult:
        id_ = order.id
        request = RentRequest(
            service=order.service,
            country=order.country,
            max_cost_minor=order.max_cost_minor,
            order=str(id_),
            options=order.options,
        )
        try:
            await self._pay(order.provider)
        except TimeoutError:
            return PurchaseResult(PurchaseOutcome.PROVIDER_UNAVAILABLE)
        try:
            reply = await provider.rent(request)
        except errors.ProviderRefused:
            return PurchaseResult(PurchaseOutcome.PROVIDER_UNAVAILABLE)
        except errors.ProviderError as error:
            if isinstance(error, errors.ProviderUnavailable) and not error.sent:
                return PurchaseResult(PurchaseOutcome.PROVIDER_UNAVAILABLE)
            self.reporter.trouble("rent.outcome_unknown", provider=order.provider, activation=id_)
            return PurchaseResult(
                PurchaseOutcome.PENDING, await self.purchases.purchase_unknown(id_)
            )
        if isinstance(reply, NoRent):
            return PurchaseResult(_FAILED[reply])
        return await self._bought(order, reply)

    async def _pay(self, provider: ProviderName) -> None:
        """A rental is one of the provider's requests per second, like any other."""
        budget = Budget(self.accept.schedule, self.terms[provider], self.accept.clock, most=1)
        async with asyncio.timeout(BUDGET_TIMEOUT.total_seconds()):
            await budget.take()

    async def _bought(self, order: PurchaseOrder, rented: Rented) -> PurchaseResult:
        sold = bought(rented, self.accept.clock.now())
        if sold.expires_at != rented.expires_at:
            self.reporter.trouble(
                "rent.expiry_unbelievable", provider=order.provider, activation=order.id
            )
        not_stored = "a number is bought and not stored yet"
        activation = await self.answers.kept(self._keep(order, sold), not_stored)
        if activation is None:
            raise errors.StoreUnavailable(not_stored)
        if activation.ref is None:
            return PurchaseResult(PurchaseOutcome.PENDING, activation)
        return PurchaseResult(PurchaseOutcome.RENTED, activation)

    async def _keep(self, order: PurchaseOrder, sold: Bought) -> Activation | None:
        """Store and watch it, also where the caller is gone; report where that fails for good."""
        try:
            kept = await self._kept(order, sold)
        except BaseException as error:
            self._lost(order, describe_safely(error))
            raise
        if kept is None:
            self._lost(order, "")
        elif kept.ref != sold.ref:
            # While it was not stored it was given to another order, as an orphan.
            self.reporter.trouble("rent.number_taken", provider=order.provider, activation=order.id)
        else:
            await self.accept.watch([kept])
        return kept

    def _lost(self, order: PurchaseOrder, why: str, *, is_sold: bool = True) -> None:
        self.reporter.trouble(
            "rent.number_lost" if is_sold else "rent.refused_and_held",
            provider=order.provider,
            detail=why,
            activation=order.id,
        )

    async def _kept(self, order: PurchaseOrder, sold: Bought) -> Activation | None:
        """Try for as long as its window: of a provider without a list only we know the ref."""
        clock = self.accept.clock
        id_ = order.id
        min_age = self.terms[order.provider].min_cancel_age
        began = clock.monotonic()

        async def store() -> Activation | None:
            ago = timedelta(seconds=clock.monotonic() - began)
            return await self.purchases.purchase_bought(id_, replace(sold, ago=ago), min_age)

        try:
            kept = await self.retry(KEEP_BOUGHT, store, on=errors.StoreError)
            if kept is not None and kept.ref is None and await self._freed(order, sold):
                kept = await self.retry(KEEP_BOUGHT, store, on=errors.StoreError)
        except errors.StoreError:
            return None
        return kept

    async def _freed(self, order: PurchaseOrder, sold: Bought) -> bool:
        """Whether its ref was that of a number past its deadline, which ends by this."""
        old = await self.accept.activations.live_number(order.provider, sold.ref)
        return old is not None and await self.sweep.end_sold_again([old.id])

    async def _failed(
        self, order: PurchaseOrder, how: PurchaseOutcome, *, is_last: bool
    ) -> PurchaseResult | None:
        """Give the hold back; None where it has not failed. The last try stays as the order."""
        if how not in FAILED:
            return None
        self.reporter.purchase_refused(order.provider, how)
        is_order = is_last or how not in ELSEWHERE
        failed = await self.answers.kept(
            self._keep_failed(order, how, is_order=is_order),
            "a purchase has failed and its hold is not back yet",
        )
        # In doubt it was answered already, or will be when it is repeated: the same answer here.
        return PurchaseResult(
            PurchaseOutcome.PENDING if failed.in_doubt else how, failed.activation
        )

    async def _keep_failed(
        self, order: PurchaseOrder, how: PurchaseOutcome, *, is_order: bool
    ) -> FailedPurchase:
        async def store() -> FailedPurchase:
            failed = await self.purchases.purchase_failed(order.id, how.value, is_order=is_order)
            if not failed.in_doubt:
                return failed
            await self.proof.end_refused(order.id)
            ended = await self.accept.activations.activation(order.id)
            return failed._replace(activation=ended)

        try:
            return await self.retry(KEEP_BOUGHT, store, on=errors.StoreError)
        except BaseException as error:
            self._lost(order, describe_safely(error), is_sold=False)
            raise


async def too_exposed(purchases: PurchaseStore, terms: ProviderTerms) -> bool:
    """A provider that may keep too much of our money gets no new business.

    The limit is in its currency; `reconcile` reports what is open in another.
    """
    if not terms.exposure_limit_minor:
        return False
    exposed = await purchases.exposure_by_currency(terms.name)
    return exposed.get(terms.currency, 0) >= terms.exposure_limit_minor


def bought(rented: Rented, now: datetime) -> Bought:
    """What is stored of it, without an expiry that is over or nearly so: that clock is wrong.

    Believed, it would end the number at once: its window and the provider's refusals decide.
    """
    expires_at = rented.expires_at
    if expires_at is not None and expires_at < now + SHORTEST_LIFE:
        expires_at = None
    return Bought(
        ref=rented.ref,
        phone=rented.phone,
        cost_minor=rented.cost_minor,
        cost_currency=rented.currency,
        expires_at=expires_at,
        expires_in=rented.expires_in,
        cancel_not_before=rented.cancel_not_before,
    )
