"""Orders of numbers that have begun: what a call for the same order is answered.

An order at several providers is one purchase for each that was asked, one after the other.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, assert_never

from worker.domain.backoff import SAME_ORDER
from worker.domain.ids import ActivationId, ProviderName
from worker.ports.retry import Retry
from worker.ports.service import (
    FAILED,
    Preference,
    PurchaseOrder,
    PurchaseOutcome,
    PurchaseResult,
    TriedProvider,
)
from worker.ports.store.purchases import PurchaseStart, PurchaseState, PurchaseStore

#: Certainly nothing was bought, and another provider may do better. Not where the service is not
#: known: that is a mistake of the order.
ELSEWHERE: Final = FAILED - {PurchaseOutcome.BAD_SERVICE}

#: What came of asking a provider, as the answer tells it.
_WORDS = {
    PurchaseOutcome.RENTED: "sold the number",
    PurchaseOutcome.SAME: "sold the number",
    PurchaseOutcome.PENDING: "asked, and whether it sold is not known yet",
    PurchaseOutcome.NO_NUMBERS: "has no numbers",
    PurchaseOutcome.PROVIDER_BALANCE_TOO_LOW: "our balance there does not suffice",
    PurchaseOutcome.PRICE_ABOVE_MAX: "asks for more than max_cost_minor",
    PurchaseOutcome.BAD_SERVICE: "does not know the service or the country",
    PurchaseOutcome.PROVIDER_UNAVAILABLE: "not asked: stopped by staff, or not to be reached",
    PurchaseOutcome.EXPOSURE_LIMIT: "not asked: halted, too much of our money is open there",
}
assert set(_WORDS) >= FAILED


class _BeingAsked(Exception):
    """Another call is asking the provider for the same order this moment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownOrders:
    purchases: PurchaseStore
    retry: Retry

    async def __call__(self, order: PurchaseOrder) -> PurchaseResult | None:
        """The answer to an order that has begun; None: it has not, or another one is to be asked.

        It needs nothing that is configured, so it watches no number: `repair` does.
        """
        by_preference = order.prefer is not Preference.ORDER
        same_as: PurchaseOrder | None = unordered(order) if by_preference else order
        tried: list[TriedProvider] = []
        for turn in range(1 + len(order.otherwise)):
            id_ = for_turn(order, order.provider, turn).id
            known = await self.once_asked(id_, partial(self.purchases.known_purchase, id_, same_as))
            if known is None:
                break
            result = told(answer(known), known.provider, known.because)
            tried += result.tried
            if result.how not in ELSEWHERE or result.activation is not None:  # It was the last one.
                return replace(result, tried=tuple(tried))
            same_as = None
        return None

    async def once_asked(
        self, id_: ActivationId, read: Callable[[], Awaitable[PurchaseStart | None]]
    ) -> PurchaseStart | None:
        """How it stands once no other call is asking a provider for it, whose outcome is ours."""

        async def asked() -> PurchaseStart | None:
            known = await read()
            if known is not None and known.how is PurchaseState.UNKNOWN and not known.activation:
                raise _BeingAsked
            return known

        try:
            return await self.retry(SAME_ORDER, asked, on=_BeingAsked)
        except _BeingAsked:
            unknown = await self.purchases.purchase_unknown(id_)
            whom = None if unknown is None else unknown.provider
            return PurchaseStart(PurchaseState.UNKNOWN, unknown, None, whom)


def for_turn(order: PurchaseOrder, provider: ProviderName, turn: int) -> PurchaseOrder:
    """The same order at the next provider: a purchase of its own, with a key no caller can send."""
    key = f"{order.idempotency_key}\n{turn}" if turn else order.idempotency_key
    return replace(order, provider=provider, otherwise=(), idempotency_key=key)


def unordered(order: PurchaseOrder) -> PurchaseOrder:
    """It is the same order whichever of its providers the preference puts first."""
    return replace(order, otherwise=(), named=(order.provider, *order.otherwise))


def told(result: PurchaseResult, provider: ProviderName | None, because: str) -> PurchaseResult:
    """With what came of the provider that was asked, where one was."""
    words = _WORDS.get(result.how)
    if provider is None or words is None:
        return result
    why = f"{words}; {because}" if because else words
    return replace(result, tried=(TriedProvider(provider, why),))


def answer(started: PurchaseStart) -> PurchaseResult:
    """The answer to an order that was carried out before, or that cannot be."""
    assert started.how is not PurchaseState.NEW
    match started.how:
        case PurchaseState.RENTED:
            return PurchaseResult(PurchaseOutcome.SAME, started.activation)
        case PurchaseState.UNKNOWN:
            return PurchaseResult(PurchaseOutcome.PENDING, started.activation)
        case PurchaseState.FAILED:
            return PurchaseResult(PurchaseOutcome(started.failure), started.activation)
        case PurchaseState.OTHER_CONTENT:
            return PurchaseResult(PurchaseOutcome.OTHER_CONTENT)
        case (
            PurchaseState.UNKNOWN_ACCOUNT
            | PurchaseState.ACCOUNT_BLOCKED
            | PurchaseState.ACCOUNT_CLOSING
            | PurchaseState.ACCOUNT_FROZEN
            | PurchaseState.BALANCE_TOO_LOW
        ):
            return PurchaseResult(PurchaseOutcome(started.how.value))
        case _:
            assert_never(started.how)
