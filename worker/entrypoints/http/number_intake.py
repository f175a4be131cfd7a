"""Intake of numbers that were already rented: one by one, or a thousand in one call."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

import orjson
from aiohttp import web
from pydantic import Field, ValidationError, ValidationInfo, field_validator

from worker.domain.ids import AccountId, ProviderName, ProviderRef
from worker.domain.transfer import Charge
from worker.entrypoints.http import requests
from worker.entrypoints.http.activations import ActivationShown, activation_json
from worker.entrypoints.http.auth import Scope
from worker.entrypoints.http.deps import ApiDeps
from worker.entrypoints.http.problems import (
    ERRORS_MAX,
    FieldError,
    Problem,
    ProblemDetails,
    ProblemKind,
    ProblemShown,
    field_errors_of,
    pointer_to,
)
from worker.entrypoints.http.responses import ResponseBody
from worker.entrypoints.http.routing import Answer, Route, read_json_body, refuse_json
from worker.ports.store.activations import AcceptOutcome, AcceptResult, NumberIntake

BULK_MAX = 1_000  #: Items of one bulk call.


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


class RentedNumberItem(RentedNumber):
    """The same with the names that otherwise stand in the path."""

    provider: requests.Name
    provider_ref: requests.Name


class Bulk(requests.RequestBody):
    activations: Annotated[list[RentedNumberItem], Field(max_length=BULK_MAX)]


class BulkAccepted(ResponseBody):
    status: Literal[200, 201]
    activation: ActivationShown


class BulkRefused(ResponseBody):
    status: int
    problem: ProblemShown


class BulkResults(ResponseBody):
    """One result for each item, in the order of the items."""

    results: list[BulkAccepted | BulkRefused]


class NumberIntakeHandlers:
    def __init__(self, deps: ApiDeps) -> None:
        self._service = deps.service
        self._activations = deps.activations

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
            # Read again: `accept` gives an activation that was stored before without its timeline.
            stored = await self._activations.activation(result.activation.id)
            return Answer(200, activation_json(stored or result.activation))
        location = f"/v1/activations/{result.activation.id}"
        return Answer(201, activation_json(result.activation), {"Location": location})

    async def bulk(self, request: web.Request) -> Answer:
        """Watch many numbers that were already rented; each item succeeds or fails alone."""
        items, invalid = read_bulk(await read_json_body(request))
        results = await self._service.accept(
            [number_intake(item.provider, item.provider_ref, item) for item in items]
        )
        of_valid = iter(results)
        documents = [
            _refused_item(invalid[at]) if at in invalid else _item(at, next(of_valid))
            for at in range(len(items) + len(invalid))
        ]
        return Answer(200, {"results": documents})


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


def read_bulk(raw: bytes) -> tuple[Sequence[RentedNumberItem], Mapping[int, ProblemDetails]]:
    """The valid items in order, and the problem of each invalid item by its index."""
    try:
        return Bulk.model_validate_json(raw).activations, {}
    except ValidationError as error:
        invalid = _invalid_items(error)
    # The slow path, only for a call with invalid items: the valid items are read again.
    try:
        items = orjson.loads(raw)["activations"]
    except orjson.JSONDecodeError:
        # pydantic reads Infinity and NaN, although they are no JSON.
        raise Problem(ProblemKind.INVALID_JSON) from None
    valid = [item for at, item in enumerate(items) if at not in invalid]
    return Bulk.model_validate_json(orjson.dumps({"activations": valid})).activations, invalid


def _invalid_items(error: ValidationError) -> Mapping[int, ProblemDetails]:
    """The errors of each item; an error outside of the items refuses the whole call."""
    errors: dict[int, list[FieldError]] = {}
    for loc, detail in field_errors_of(error):
        if len(loc) < 2 or loc[0] != "activations" or not isinstance(loc[1], int):
            raise refuse_json(error)
        errors.setdefault(loc[1], []).append(FieldError(pointer_to(*loc), detail))
    return {
        at: ProblemDetails(ProblemKind.INVALID, errors=tuple(of_item[:ERRORS_MAX]))
        for at, of_item in errors.items()
    }


def _item(at: int, result: AcceptResult) -> dict[str, Any]:
    details = problem_of(result.how, "activations", at)
    if details is not None:
        return _refused_item(details)
    assert result.activation is not None
    status = 201 if result.how is AcceptOutcome.NEW else 200
    return {"status": status, "activation": activation_json(result.activation)}


def _refused_item(details: ProblemDetails) -> dict[str, Any]:
    return {"status": details.kind.status, "problem": details.as_json()}


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

_WRONG_FIELD = {AcceptOutcome.RENTED_IN_FUTURE, AcceptOutcome.WINDOW_TOO_LONG}
WINDOW_TOO_LONG = "Longer than the window that the policy names"

assert set(AcceptOutcome) == _STORED | set(_REFUSED) | _WRONG_FIELD


def problem_of(how: AcceptOutcome, *item: int | str) -> ProblemDetails | None:
    """Why nothing was stored; *item* leads to the item within the body."""
    if how is AcceptOutcome.RENTED_IN_FUTURE:
        error = FieldError(pointer_to(*item, "rented_at"), "Lies in the future")
        return ProblemDetails(ProblemKind.INVALID, errors=(error,))
    if how is AcceptOutcome.WINDOW_TOO_LONG:
        error = FieldError(pointer_to(*item, "window_seconds"), WINDOW_TOO_LONG)
        return ProblemDetails(ProblemKind.INVALID, errors=(error,))
    return _REFUSED.get(how)


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
