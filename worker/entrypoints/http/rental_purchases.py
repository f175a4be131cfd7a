"""Orders of long rentals: rent one at a provider, prolong one. Neither is sent there twice."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import BaseModel, Field, field_validator

from worker.domain.ids import AccountId, ProviderName, ProviderRef
from worker.domain.transfer import Charge
from worker.entrypoints.http import requests
from worker.entrypoints.http.auth import Scope
from worker.entrypoints.http.deps import ApiDeps
from worker.entrypoints.http.idempotency import key_in
from worker.entrypoints.http.problems import FieldError, Problem, ProblemKind
from worker.entrypoints.http.rentals import RentalShown, rental_json
from worker.entrypoints.http.responses import ResponseBody
from worker.entrypoints.http.routing import IDEMPOTENCY_KEY, Answer, Route
from worker.lifecycle.rent_long import FAILURES, RentLong
from worker.ports.long_rental import Lengths, RentalTerms
from worker.ports.store.rentals import (
    BOOKED,
    RentalOrder,
    RentalOrderKind,
    RentalOrderResult,
    RentalOrderState,
)

HOURS_MAX = 24 * 366
_KEY = replace(IDEMPOTENCY_KEY, required=True)
_Hours = Annotated[int, Field(ge=1, le=HOURS_MAX)]


class RentLongOrder(requests.RequestBody):
    """A number to rent for hours, days or months; `hold` is set aside while it is ordered."""

    account: requests.Name
    provider: requests.Name
    service: requests.Word
    country: requests.Word
    hours: _Hours
    price_minor: requests.Price
    max_cost_minor: requests.Price | None = None
    charge: Literal["hold", "external"] = "hold"
    policy: requests.Name | None = None
    order_ref: requests.Reference | None = None
    order_facts: requests.OrderFactsTold | None = None

    _paid_where_charged = field_validator("order_facts")(requests.paid_where_it_was_charged)


class Prolongation(requests.RequestBody):
    """By how much a running rental goes on, and what that costs."""

    hours: _Hours
    price_minor: requests.Price
    max_cost_minor: requests.Price | None = None


class RentalOrderShown(ResponseBody):
    """In doubt: never sent again, and its price is held; it becomes a review with this id."""

    order: str
    state: Literal["unknown"]


class RentalOrderHandlers:
    def __init__(self, deps: ApiDeps) -> None:
        self._deps = deps

    async def rent(
        self, body: RentLongOrder, idempotency_key: Annotated[str | None, _KEY]
    ) -> Answer:
        """Rent a number for hours, days or months at the provider."""
        key = key_in(idempotency_key)
        provider, length = ProviderName(body.provider), timedelta(hours=body.hours)
        terms = self._terms(provider)
        _check_length(terms.lengths, length)
        policy = self._deps.case_service.policy_version(body.policy)
        if policy is None:
            raise Problem(ProblemKind.UNKNOWN_POLICY)
        order = RentalOrder(
            kind=RentalOrderKind.RENT,
            idempotency_key=key,
            account=AccountId(body.account),
            provider=provider,
            service=body.service,
            country=body.country,
            length=length,
            price_minor=body.price_minor,
            max_cost_minor=body.max_cost_minor,
            charge=Charge(body.charge),
            policy=policy[0],
            policy_version=policy[1],
            policy_told=body.policy is not None,
            order_ref=body.order_ref,
            order_facts=requests.stored_facts(body.order_facts),
        )
        return await self._carried_out(order)

    async def prolong(
        self,
        provider: requests.Name,
        provider_ref: requests.Name,
        body: Prolongation,
        idempotency_key: Annotated[str | None, _KEY],
    ) -> Answer:
        """Prolong a running rental at its provider."""
        key = key_in(idempotency_key)
        name = ProviderName(provider)
        rental = await self._deps.case_service.cases.rental(name, ProviderRef(provider_ref))
        if rental is None:
            raise Problem(ProblemKind.NOT_FOUND)
        if not self._terms(name).prolongs:
            raise Problem(ProblemKind.NOT_OFFERED, "this provider prolongs no rental")
        order = RentalOrder(
            kind=RentalOrderKind.PROLONG,
            idempotency_key=key,
            account=rental.account,
            provider=name,
            service=rental.service,
            country=rental.country,
            length=timedelta(hours=body.hours),
            price_minor=body.price_minor,
            max_cost_minor=body.max_cost_minor,
            charge=rental.charge,
            policy=rental.policy,
            policy_version=rental.policy_version,
            rental=rental.id,
        )
        return await self._carried_out(order)

    @property
    def _rent_long(self) -> RentLong:
        if self._deps.rent_long is None:
            raise Problem(ProblemKind.NOT_OFFERED)
        return self._deps.rent_long

    def _terms(self, provider: ProviderName) -> RentalTerms:
        terms = self._rent_long.offered(provider)
        if terms is None:
            raise Problem(ProblemKind.NOT_OFFERED, "this provider has no long rentals")
        return terms

    async def _carried_out(self, order: RentalOrder) -> Answer:
        result = await self._rent_long(order)
        if result.state is RentalOrderState.UNKNOWN:
            return Answer(202, {"order": str(order.id), "state": "unknown"})
        if result.rental is None:
            raise _problem(result)
        view = await self._rent_long.view(result.rental)
        return Answer(200, rental_json(view.rental, view.messages))


def _check_length(lengths: Lengths, length: timedelta) -> None:
    if lengths.offer(length):
        return
    hour = timedelta(hours=1)
    if lengths.only:
        offered = "only " + ", ".join(str(one // hour) for one in sorted(lengths.only))
    else:
        step, first, last = (
            one // hour for one in (lengths.step, lengths.shortest, lengths.longest)
        )
        offered = f"from {first} to {last} in steps of {step}"
    error = FieldError("/hours", f"this provider offers {offered} hours")
    raise Problem(ProblemKind.INVALID, errors=[error])


_PROBLEMS: Mapping[RentalOrderState, ProblemKind] = {
    RentalOrderState.OTHER_CONTENT: ProblemKind.IDEMPOTENCY_KEY_REUSED,
    RentalOrderState.UNKNOWN_ACCOUNT: ProblemKind.UNKNOWN_ACCOUNT,
    RentalOrderState.BALANCE_TOO_LOW: ProblemKind.BALANCE_TOO_LOW,
    RentalOrderState.ACCOUNT_BLOCKED: ProblemKind.ACCOUNT_BLOCKED,
    RentalOrderState.ACCOUNT_CLOSING: ProblemKind.ACCOUNT_CLOSING,
    RentalOrderState.ACCOUNT_FROZEN: ProblemKind.ACCOUNT_FROZEN,
}
_FAILURES: Mapping[str, ProblemKind] = {
    "no_numbers": ProblemKind.NO_NUMBERS,
    "provider_balance_too_low": ProblemKind.PROVIDER_BALANCE_TOO_LOW,
    "price_above_max": ProblemKind.PRICE_ABOVE_MAX,
    "bad_service": ProblemKind.BAD_SERVICE,
    "bad_length": ProblemKind.INVALID,
    "not_offered": ProblemKind.NOT_OFFERED,
    "provider_unavailable": ProblemKind.PROVIDER_UNAVAILABLE,
    "exposure_limit": ProblemKind.EXPOSURE_LIMIT,
    BOOKED: ProblemKind.PROVIDER_UNAVAILABLE,  # As whoever asked first was told.
}
assert set(_FAILURES) == FAILURES


def _problem(result: RentalOrderResult) -> Problem:
    kind = _PROBLEMS.get(result.state) or _FAILURES[result.failure or ""]
    if kind is ProblemKind.INVALID:
        return Problem(kind, errors=[FieldError("/hours", "the provider offers no such length")])
    return Problem(kind)


_ANSWERS: Mapping[int, type[BaseModel] | None] = {200: RentalShown, 202: RentalOrderShown}


def routes(deps: ApiDeps) -> Sequence[Route]:
    orders = RentalOrderHandlers(deps)
    problems = (
        ProblemKind.IDEMPOTENCY_KEY_REQUIRED,
        ProblemKind.UNKNOWN_POLICY,
        *_PROBLEMS.values(),
        *_FAILURES.values(),
    )
    return (
        Route(
            name="order_rental",
            method="POST",
            path="/v1/rentals",
            handler=orders.rent,
            scope=Scope.OPERATE,
            answers=_ANSWERS,
            problems=problems,
        ),
        Route(
            name="prolong_rental",
            method="POST",
            path="/v1/rentals/{provider}/{provider_ref}/prolong",
            handler=orders.prolong,
            scope=Scope.OPERATE,
            answers=_ANSWERS,
            problems=(ProblemKind.NOT_FOUND, *problems),
        ),
    )
