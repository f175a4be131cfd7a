"""Purchases: rent a number at a provider. A purchase is never sent to the provider twice."""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import PlainValidator, StringConstraints, WithJsonSchema, field_validator

from worker.domain.families import RentOption
from worker.domain.ids import AccountId, ProviderName
from worker.domain.transfer import Charge
from worker.entrypoints.http import requests
from worker.entrypoints.http.activations import ActivationShown, activation_json
from worker.entrypoints.http.auth import Scope
from worker.entrypoints.http.deps import ApiDeps
from worker.entrypoints.http.idempotency import key_in
from worker.entrypoints.http.number_intake import WINDOW_TOO_LONG
from worker.entrypoints.http.problems import (
    FieldError,
    Problem,
    ProblemKind,
    TriedShown,
    pointer_to,
)
from worker.entrypoints.http.routing import IDEMPOTENCY_KEY, Answer, Route
from worker.ports.provider import ANY_NUMBER, RentOptions
from worker.ports.service import (
    Preference,
    PurchaseOrder,
    PurchaseOutcome,
    PurchaseResult,
    RefusedOption,
    Service,
)

PROVIDERS_MAX = 5  #: Tried for one order, one after the other, while a customer waits.
_KEY = replace(IDEMPOTENCY_KEY, required=True)


def _in_preference(value: object) -> tuple[str, ...]:
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list) or not 1 <= len(names) <= PROVIDERS_MAX:
        raise ValueError(f"not a provider's name, nor a list of at most {PROVIDERS_MAX}")
    if not all(
        isinstance(name, str) and re.fullmatch(requests.NAME_PATTERN, name) for name in names
    ):
        raise ValueError("not a provider's name")
    if len(set(names)) < len(names):
        raise ValueError("a provider is named twice")
    return tuple(names)


#: One provider, or several in the order of preference.
Providers = Annotated[
    tuple[str, ...],
    PlainValidator(_in_preference),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": requests.NAME_PATTERN},
                {
                    "type": "array",
                    "items": {"type": "string", "pattern": requests.NAME_PATTERN},
                    "minItems": 1,
                    "maxItems": PROVIDERS_MAX,
                    "uniqueItems": True,
                },
            ]
        }
    ),
]


class RentOptionsGiven(requests.RequestBody):
    """What is asked of the number; refused where a provider of the order cannot be asked for it."""

    operator: requests.Word | None = None
    area_code: Annotated[str, StringConstraints(pattern=r"^[0-9]{1,8}$")] | None = None
    medium: Literal["sms", "voice"] = "sms"
    reuse: requests.UuidText | None = None  #: An earlier activation, whose phone is wanted again.


class RentOrder(requests.RequestBody):
    """A number to rent at the provider, or at the first of several that sells it.

    `max_cost_minor` is in the currency of the first; where it is given, those that count in another
    currency are not asked.
    """

    account: requests.Name
    provider: Providers
    service: requests.Word
    country: requests.Word
    price_minor: requests.Price
    max_cost_minor: requests.Price | None = None
    policy: requests.Name | None = None
    window_seconds: requests.WindowSeconds | None = None
    charge: Literal["hold", "external"] = "hold"
    order_ref: requests.Reference | None = None
    order_facts: requests.OrderFactsTold | None = None
    prefer: Literal["order", "success", "price", "speed"] = "order"
    options: RentOptionsGiven | None = None

    _paid_where_charged = field_validator("order_facts")(requests.paid_where_it_was_charged)


class RentedShown(ActivationShown):
    """With the providers that were tried, in their order."""

    tried: list[TriedShown]


class PurchaseHandlers:
    def __init__(self, service: Service) -> None:
        self._service = service

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
            charge=Charge(body.charge),
            order_ref=body.order_ref,
            order_facts=requests.stored_facts(body.order_facts),
            prefer=Preference(body.prefer),
            options=_options_in(body.options),
        )
        return _answer(await self._service.rent(order))


def _options_in(given: RentOptionsGiven | None) -> RentOptions:
    if given is None:
        return ANY_NUMBER
    try:
        reuse = None if given.reuse is None else requests.activation_id_in(given.reuse)
    except Problem:
        raise _refused(RefusedOption(RentOption.REUSE, "not the id of an activation")) from None
    return RentOptions(
        operator=given.operator,
        area_code=given.area_code,
        voice=given.medium == "voice",
        reuse=reuse,
    )


def _refused(option: RefusedOption) -> Problem:
    wrong = FieldError(pointer_to("options", option.option.value), option.why)
    return Problem(ProblemKind.INVALID, errors=(wrong,))


def _answer(result: PurchaseResult) -> Answer:
    if result.refused is not None:
        raise _refused(result.refused)
    if result.how is PurchaseOutcome.WINDOW_TOO_LONG:
        wrong = FieldError(pointer_to("window_seconds"), WINDOW_TOO_LONG)
        raise Problem(ProblemKind.INVALID, errors=(wrong,))
    problem = _PROBLEMS.get(result.how)
    activation = result.activation
    if problem is not None:
        id_ = None if activation is None else str(activation.id)
        raise Problem(problem, activation=id_, tried=[each._asdict() for each in result.tried])
    assert activation is not None
    headers = {"Location": f"/v1/activations/{activation.id}"}
    shown = {**activation_json(activation), "tried": [each._asdict() for each in result.tried]}
    # A repeat while the purchase's outcome is unknown gets 202 again, as the first call did.
    if result.how is PurchaseOutcome.PENDING or activation.ref is None:
        return Answer(202, shown, headers)
    return Answer(201 if result.how is PurchaseOutcome.RENTED else 200, shown, headers)


_PROBLEMS = {
    PurchaseOutcome.OTHER_CONTENT: ProblemKind.IDEMPOTENCY_KEY_REUSED,
    PurchaseOutcome.UNKNOWN_ACCOUNT: ProblemKind.UNKNOWN_ACCOUNT,
    PurchaseOutcome.ACCOUNT_BLOCKED: ProblemKind.ACCOUNT_BLOCKED,
    PurchaseOutcome.ACCOUNT_CLOSING: ProblemKind.ACCOUNT_CLOSING,
    PurchaseOutcome.ACCOUNT_FROZEN: ProblemKind.ACCOUNT_FROZEN,
    PurchaseOutcome.UNKNOWN_PROVIDER: ProblemKind.UNKNOWN_PROVIDER,
    PurchaseOutcome.UNKNOWN_POLICY: ProblemKind.UNKNOWN_POLICY,
    PurchaseOutcome.BALANCE_TOO_LOW: ProblemKind.BALANCE_TOO_LOW,
    PurchaseOutcome.NO_NUMBERS: ProblemKind.NO_NUMBERS,
    PurchaseOutcome.PROVIDER_BALANCE_TOO_LOW: ProblemKind.PROVIDER_BALANCE_TOO_LOW,
    PurchaseOutcome.PRICE_ABOVE_MAX: ProblemKind.PRICE_ABOVE_MAX,
    PurchaseOutcome.BAD_SERVICE: ProblemKind.BAD_SERVICE,
    PurchaseOutcome.PROVIDER_UNAVAILABLE: ProblemKind.PROVIDER_UNAVAILABLE,
    PurchaseOutcome.EXPOSURE_LIMIT: ProblemKind.EXPOSURE_LIMIT,
}
_STORED = frozenset({PurchaseOutcome.RENTED, PurchaseOutcome.SAME, PurchaseOutcome.PENDING})

assert set(PurchaseOutcome) == _STORED | set(_PROBLEMS) | {
    PurchaseOutcome.BAD_OPTION,
    PurchaseOutcome.WINDOW_TOO_LONG,
}


def routes(deps: ApiDeps) -> Sequence[Route]:
    return (
        Route(
            name="rent_number",
            method="POST",
            path="/v1/activations",
            handler=PurchaseHandlers(deps.service).rent,
            scope=Scope.OPERATE,
            answers={201: RentedShown, 200: RentedShown, 202: RentedShown},
            problems=(ProblemKind.IDEMPOTENCY_KEY_REQUIRED, *_PROBLEMS.values()),
        ),
    )
