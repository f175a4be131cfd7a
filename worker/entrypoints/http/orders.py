"""Renting a number at a provider: what was bought once is never bought again."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Annotated

from worker.domain.ids import AccountId, ProviderName
from worker.entrypoints.http import render
from worker.entrypoints.http.auth import Scope
from worker.entrypoints.http.deps import ApiDeps
from worker.entrypoints.http.idempotency import key_in
from worker.entrypoints.http.problems import Kind, Problem
from worker.entrypoints.http.requests import RentOrder
from worker.entrypoints.http.responses import ActivationShown
from worker.entrypoints.http.routing import IDEMPOTENCY_KEY, Answer, Route
from worker.ports.service import PurchaseOrder, PurchaseOutcome, PurchaseResult, Service

_KEY = replace(IDEMPOTENCY_KEY, required=True)


class Orders:
    def __init__(self, desk: Service) -> None:
        self._desk = desk

    async def rent(
        self,
        body: RentOrder,
        idempotency_key: Annotated[str | None, _KEY],
    ) -> Answer:
        """Rent a number at the provider, or the first of several that sells it, and watch it."""
        window = body.window_seconds
        first, *others = map(ProviderName, body.provider)
        order = PurchaseOrder(
            idempotency_key=key_in(idempotency_key),
            account=AccountId(body.account),
            provider=first,
            otherwise=tuple(others),
            service=body.service,
            country=body.country,
            price_minor=body.price_minor,
            max_cost_minor=body.max_cost_minor,
            policy=body.policy,
            window=None if window is None else timedelta(seconds=window),
        )
        return _answer(await self._desk.rent(order))


def _answer(result: PurchaseResult) -> Answer:
    failure = failure_of(result.how)
    if failure is not None:
        raise Problem(failure)
    activation = result.activation
    assert activation is not None
    headers = {"Location": f"/v1/activations/{activation.id}"}
    # Sent again while the purchase is still unclear, it is as unclear as the first time.
    if result.how is PurchaseOutcome.PENDING or activation.ref is None:
        return Answer(202, render.activation(activation), headers)
    return Answer(
        201 if result.how is PurchaseOutcome.RENTED else 200, render.activation(activation), headers
    )


_FAILURES = {
    PurchaseOutcome.OTHER_CONTENT: Kind.IDEMPOTENCY_KEY_REUSED,
    PurchaseOutcome.UNKNOWN_ACCOUNT: Kind.UNKNOWN_ACCOUNT,
    PurchaseOutcome.UNKNOWN_PROVIDER: Kind.UNKNOWN_PROVIDER,
    PurchaseOutcome.UNKNOWN_POLICY: Kind.UNKNOWN_POLICY,
    PurchaseOutcome.BALANCE_TOO_LOW: Kind.BALANCE_TOO_LOW,
    PurchaseOutcome.NO_NUMBERS: Kind.NO_NUMBERS,
    PurchaseOutcome.PROVIDER_BALANCE_TOO_LOW: Kind.PROVIDER_BALANCE_TOO_LOW,
    PurchaseOutcome.PRICE_ABOVE_MAX: Kind.PRICE_ABOVE_MAX,
    PurchaseOutcome.BAD_SERVICE: Kind.BAD_SERVICE,
    PurchaseOutcome.PROVIDER_UNAVAILABLE: Kind.PROVIDER_UNAVAILABLE,
    PurchaseOutcome.EXPOSURE_LIMIT: Kind.EXPOSURE_LIMIT,
}
_STORED = frozenset({PurchaseOutcome.RENTED, PurchaseOutcome.SAME, PurchaseOutcome.PENDING})

assert set(PurchaseOutcome) == _STORED | set(_FAILURES)


def failure_of(how: PurchaseOutcome) -> Kind | None:
    return _FAILURES.get(how)


def routes(deps: ApiDeps) -> Sequence[Route]:
    return (
        Route(
            method="POST",
            path="/v1/activations",
            handler=Orders(deps.desk).rent,
            scope=Scope.OPERATE,
            answers={201: ActivationShown, 200: ActivationShown, 202: ActivationShown},
            problems=(Kind.IDEMPOTENCY_KEY_REQUIRED, *_FAILURES.values()),
        ),
    )
