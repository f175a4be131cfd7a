"""Intake of numbers that were already rented: one by one, or a thousand in one call."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

import orjson
from aiohttp import web
from pydantic import (
    FailFast,
    Field,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from worker.domain.ids import AccountId, ProviderName, ProviderRef, SmsCode
from worker.domain.transfer import Charge
from worker.entrypoints.http import requests
from worker.entrypoints.http.activations import ActivationShown, activation_json
from worker.entrypoints.http.auth import Scope
from worker.entrypoints.http.bulk import BULK_MAX, BulkRefused, read_items, refused_item
from worker.entrypoints.http.deps import ApiDeps
from worker.entrypoints.http.problems import (
    FieldError,
    Problem,
    ProblemDetails,
    ProblemKind,
    pointer_to,
)
from worker.entrypoints.http.responses import ResponseBody
from worker.entrypoints.http.routing import Answer, Route, refuse_json
from worker.ports.store.activations import AcceptOutcome, AcceptResult, NumberIntake, ShownCode

CODES_MAX = 50  #: Of one number.


SmsText = Annotated[str, StringConstraints(pattern=r"^[^\x00]*$")]


class CodeShownElsewhere(requests.RequestBody):
    """A code that another system has shown to the customer."""

    code: SmsText = Field(min_length=1, max_length=500, repr=False)
    text: SmsText | None = Field(default=None, max_length=2_000, repr=False)
    received_at: requests.Instant


class RentedNumber(requests.RequestBody):
    """A number that was already rented; what is left out is the default."""

    account: requests.Name
    phone: requests.Phone
    service: requests.Word
    country: requests.Word
    price_minor: requests.Price
    rented_at: requests.Instant | None = None
    window_seconds: requests.WindowSeconds | None = None
    expires_at: requests.Instant | None = None
    policy: requests.Name | None = None
    charge: Literal["hold", "external"] = "hold"
    order_ref: requests.Reference | None = None
    order_facts: requests.OrderFactsTold | None = None
    codes: Annotated[
        tuple[CodeShownElsewhere, ...], Field(max_length=CODES_MAX, strict=False), FailFast()
    ] = ()

    _paid_where_charged = field_validator("order_facts")(requests.paid_where_it_was_charged)

    @field_validator("expires_at")
    @classmethod
    def _expires_after_the_rental(
        cls, expires_at: datetime | None, read: ValidationInfo
    ) -> datetime | None:
        rented_at = read.data.get("rented_at")
        if expires_at is not None and rented_at is not None and expires_at <= rented_at:
            raise ValueError("not after rented_at")
        return expires_at

    @field_validator("codes")
    @classmethod
    def _codes_of_this_rental(
        cls, codes: tuple[CodeShownElsewhere, ...], read: ValidationInfo
    ) -> tuple[CodeShownElsewhere, ...]:
        rented_at = read.data.get("rented_at")
        if not codes:
            return codes
        if rented_at is None:
            raise ValueError("of a number without rented_at")
        if any(code.received_at < rented_at for code in codes):
            raise ValueError("received before rented_at")
        if len({code.code for code in codes}) < len(codes):
            raise ValueError("the same code twice")
        return codes


class RentedNumberItem(RentedNumber):
    """The same with the names that otherwise stand in the path."""

    provider: requests.Name
    provider_ref: requests.Name


class Bulk(requests.RequestBody):
    activations: Annotated[list[RentedNumberItem], Field(max_length=BULK_MAX)]


class BulkAccepted(ResponseBody):
    status: Literal[200, 201]
    activation: ActivationShown


class BulkResults(ResponseBody):
    """One result for each item, in the order of the items."""

    results: list[BulkAccepted | BulkRefused]


class NumberIntakeHandlers:
    def __init__(self, deps: ApiDeps) -> None:
        self._service = deps.service

    async def put(
        self, provider: requests.Name, provider_ref: requests.Name, body: RentedNumber
    ) -> Answer:
        """Watch a number that was already rented."""
        (result,) = await self._service.accept([number_intake(provider, provider_ref, body)])
        details = problem_of(result.how)
        if details is not None:
            raise Problem(details.kind, details.detail, errors=details.errors)
        assert result.activation is not None
        if result.how is AcceptOutcome.SAME:
            return Answer(200, activation_json(result.activation))
        location = f"/v1/activations/{result.activation.id}"
        return Answer(201, activation_json(result.activation), {"Location": location})

    async def bulk(self, request: web.Request) -> Answer:
        """Watch many numbers that were already rented; each item succeeds or fails alone."""
        items = await read_items(request, Bulk, "activations")
        results = await self._service.accept(
            [number_intake(item.provider, item.provider_ref, item) for item in items.valid]
        )
        documents = [_item(at, each) for at, each in zip(items.places, results, strict=True)]
        return Answer(200, {"results": items.documents(documents)})


def number_intake(provider: str, ref: str, body: RentedNumber) -> NumberIntake:
    window = body.window_seconds
    return NumberIntake(
        provider=ProviderName(provider),
        ref=ProviderRef(ref),
        account=AccountId(body.account),
        phone=body.phone,
        service=body.service,
        country=body.country,
        price_minor=body.price_minor,
        rented_at=body.rented_at,
        window=None if window is None else timedelta(seconds=window),
        expires_at=body.expires_at,
        policy=body.policy,
        charge=Charge(body.charge),
        order_ref=body.order_ref,
        order_facts=requests.stored_facts(body.order_facts),
        codes=tuple(
            ShownCode(SmsCode(each.code), each.text, each.received_at)
            for each in sorted(body.codes, key=lambda each: each.received_at)
        ),
    )


def read_number_intake(item: Mapping[str, Any]) -> NumberIntake:
    """The same from plain values, as arq brings them; an invalid item raises `Problem`."""
    try:
        body = RentedNumberItem.model_validate_json(orjson.dumps(item))
    except ValidationError as error:
        raise refuse_json(error) from None
    except orjson.JSONEncodeError:
        # Integers above 64 bits, lone surrogates.
        raise Problem(ProblemKind.INVALID_JSON) from None
    return number_intake(body.provider, body.provider_ref, body)


def _item(at: int, result: AcceptResult) -> dict[str, Any]:
    details = problem_of(result.how, "activations", at)
    if details is not None:
        return refused_item(details)
    assert result.activation is not None
    status = 201 if result.how is AcceptOutcome.NEW else 200
    return {"status": status, "activation": activation_json(result.activation)}


_REFUSED = {
    AcceptOutcome.OTHER_CONTENT: ProblemDetails(
        ProblemKind.OTHER_CONTENT, "This rental was handed over with other content"
    ),
    AcceptOutcome.UNKNOWN_ACCOUNT: ProblemDetails(ProblemKind.UNKNOWN_ACCOUNT),
    AcceptOutcome.ACCOUNT_BLOCKED: ProblemDetails(ProblemKind.ACCOUNT_BLOCKED),
    AcceptOutcome.ACCOUNT_CLOSING: ProblemDetails(ProblemKind.ACCOUNT_CLOSING),
    AcceptOutcome.ACCOUNT_FROZEN: ProblemDetails(ProblemKind.ACCOUNT_FROZEN),
    AcceptOutcome.ACCOUNT_LOCKED: ProblemDetails(
        ProblemKind.STORE_UNAVAILABLE, "The account is locked just now: hand it over again"
    ),
    AcceptOutcome.BALANCE_TOO_LOW: ProblemDetails(ProblemKind.BALANCE_TOO_LOW),
    AcceptOutcome.UNKNOWN_PROVIDER: ProblemDetails(ProblemKind.UNKNOWN_PROVIDER),
    AcceptOutcome.UNKNOWN_POLICY: ProblemDetails(ProblemKind.UNKNOWN_POLICY),
}
_STORED = frozenset({AcceptOutcome.NEW, AcceptOutcome.SAME})

WINDOW_TOO_LONG = "Longer than the window that the policy names"
_WRONG_FIELD = {
    AcceptOutcome.RENTED_IN_FUTURE: ("rented_at", "Lies in the future"),
    AcceptOutcome.WINDOW_TOO_LONG: ("window_seconds", WINDOW_TOO_LONG),
    AcceptOutcome.CODE_IN_FUTURE: ("codes", "Received in the future"),
    AcceptOutcome.CODE_TOO_LATE: ("codes", "Received after the deadline"),
}

assert set(AcceptOutcome) == _STORED | set(_REFUSED) | set(_WRONG_FIELD)


def problem_of(how: AcceptOutcome, *item: int | str) -> ProblemDetails | None:
    """Why nothing was stored; *item* leads to the item within the body."""
    if how not in _WRONG_FIELD:
        return _REFUSED.get(how)
    name, detail = _WRONG_FIELD[how]
    error = FieldError(pointer_to(*item, name), detail)
    return ProblemDetails(ProblemKind.INVALID, errors=(error,))


def routes(deps: ApiDeps) -> Sequence[Route]:
    intake = NumberIntakeHandlers(deps)
    return (
        Route(
            name="watch_number",
            method="PUT",
            path="/v1/activations/{provider}/{provider_ref}",
            handler=intake.put,
            scope=Scope.OPERATE,
            answers={201: ActivationShown, 200: ActivationShown},
            problems=(
                ProblemKind.BALANCE_TOO_LOW,
                ProblemKind.UNKNOWN_ACCOUNT,
                ProblemKind.UNKNOWN_PROVIDER,
                ProblemKind.ACCOUNT_BLOCKED,
                ProblemKind.ACCOUNT_CLOSING,
                ProblemKind.ACCOUNT_FROZEN,
                ProblemKind.OTHER_CONTENT,
                ProblemKind.UNKNOWN_POLICY,
            ),
        ),
        Route(
            name="watch_numbers",
            method="POST",
            path="/v1/activations/bulk",
            handler=intake.bulk,
            scope=Scope.OPERATE,
            answers={200: BulkResults},
            body=Bulk,
        ),
    )
