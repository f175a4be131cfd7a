"""Numbers that were already rented are handed over: one by one, or a thousand in one call."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import orjson
from aiohttp import web
from pydantic import ValidationError

from worker.domain.ids import AccountId, ProviderName, ProviderRef
from worker.domain.transfer import Charge
from worker.entrypoints.http import render
from worker.entrypoints.http.auth import Scope
from worker.entrypoints.http.deps import ApiDeps
from worker.entrypoints.http.problems import (
    ERRORS_MAX,
    Failure,
    Fault,
    Kind,
    Problem,
    faults_of,
    pointer_to,
)
from worker.entrypoints.http.requests import Bulk, Name, RentedNumber, RentedNumberItem
from worker.entrypoints.http.responses import ActivationShown, BulkShown
from worker.entrypoints.http.routing import Answer, Route, read_json_body, refuse_json
from worker.ports.intake import NumberIntake
from worker.ports.service import Service
from worker.ports.store.activations import AcceptOutcome, AcceptResult, ActivationStore


class Intake:
    def __init__(self, desk: Service, activations: ActivationStore) -> None:
        self._desk = desk
        self._activations = activations

    async def put(self, provider: Name, provider_ref: Name, body: RentedNumber) -> Answer:
        """Watch a number that was already rented."""
        (result,) = await self._desk.accept([handed_over(provider, provider_ref, body)])
        failure = failure_of(result.how)
        if failure is not None:
            raise Problem(failure.kind, failure.detail, errors=failure.errors)
        assert result.activation is not None
        if result.how is AcceptOutcome.SAME:
            # Read again: what an intake finds is told without its timeline.
            known = await self._activations.activation(result.activation.id)
            return Answer(200, render.activation(known or result.activation))
        location = f"/v1/activations/{result.activation.id}"
        return Answer(201, render.activation(result.activation), {"Location": location})

    async def bulk(self, request: web.Request) -> Answer:
        """Watch many numbers that were already rented; each item succeeds or fails alone."""
        items, refused = read_bulk(await read_json_body(request))
        results = await self._desk.accept(
            [handed_over(item.provider, item.provider_ref, item) for item in items]
        )
        accepted = iter(results)
        shown = [
            _item_failure(refused[at]) if at in refused else _item_result(at, next(accepted))
            for at in range(len(items) + len(refused))
        ]
        return Answer(200, {"results": shown})


def handed_over(provider: str, ref: str, body: RentedNumber) -> NumberIntake:
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
    )


def handed_over_in(item: Mapping[str, Any]) -> NumberIntake:
    """The same from plain values, as they come through arq; a bad item raises `Problem`."""
    try:
        read = RentedNumberItem.model_validate_json(orjson.dumps(item))
    except ValidationError as error:
        raise refuse_json(error) from None
    except orjson.JSONEncodeError:
        raise Problem(Kind.INVALID_JSON) from None  # Integers above 64 bits, lone surrogates.
    return handed_over(read.provider, read.provider_ref, read)


def read_bulk(raw: bytes) -> tuple[Sequence[RentedNumberItem], Mapping[int, Failure]]:
    """The valid items in order, and what is wrong with each of the others by its index."""
    try:
        return Bulk.model_validate_json(raw).activations, {}
    except ValidationError as error:
        refused = _refused_items(error)
    # The slow path: only for a call that has bad items, it reads the good ones again.
    try:
        items = orjson.loads(raw)["activations"]
    except orjson.JSONDecodeError:
        # What pydantic read although it is no JSON: Infinity, NaN.
        raise Problem(Kind.INVALID_JSON) from None
    good = [item for at, item in enumerate(items) if at not in refused]
    return Bulk.model_validate_json(orjson.dumps({"activations": good})).activations, refused


def _refused_items(error: ValidationError) -> Mapping[int, Failure]:
    """What is wrong by item; wrong outside of the items, it is wrong with the whole call."""
    faults: dict[int, list[Fault]] = {}
    for loc, detail in faults_of(error):
        if len(loc) < 2 or loc[0] != "activations" or not isinstance(loc[1], int):
            raise refuse_json(error)
        faults.setdefault(loc[1], []).append(Fault(pointer_to(*loc), detail))
    return {at: Failure(Kind.INVALID, errors=tuple(of[:ERRORS_MAX])) for at, of in faults.items()}


def _item_result(at: int, result: AcceptResult) -> dict[str, Any]:
    failure = failure_of(result.how, "activations", at)
    if failure is not None:
        return _item_failure(failure)
    assert result.activation is not None
    status = 201 if result.how is AcceptOutcome.NEW else 200
    return {"status": status, "activation": render.activation(result.activation)}


def _item_failure(failure: Failure) -> dict[str, Any]:
    return {"status": failure.kind.status, "problem": failure.as_json()}


def failure_of(how: AcceptOutcome, *item: int | str) -> Failure | None:  # noqa: PLR0911 - one per ending
    """Why nothing was stored; *item* leads to the item within the body."""
    match how:
        case AcceptOutcome.NEW | AcceptOutcome.SAME:
            return None
        case AcceptOutcome.OTHER_CONTENT:
            return Failure(Kind.OTHER_CONTENT, "This rental was handed over with other content")
        case AcceptOutcome.UNKNOWN_ACCOUNT:
            return Failure(Kind.UNKNOWN_ACCOUNT)
        case AcceptOutcome.BALANCE_TOO_LOW:
            return Failure(Kind.BALANCE_TOO_LOW)
        case AcceptOutcome.UNKNOWN_PROVIDER:
            return Failure(Kind.UNKNOWN_PROVIDER)
        case AcceptOutcome.UNKNOWN_POLICY:
            return Failure(Kind.UNKNOWN_POLICY)
        case AcceptOutcome.RENTED_IN_FUTURE:
            return Failure(
                Kind.INVALID, errors=(Fault(pointer_to(*item, "rented_at"), "Lies in the future"),)
            )


def routes(deps: ApiDeps) -> Sequence[Route]:
    intake = Intake(deps.desk, deps.activations)
    refusals = (
        Kind.BALANCE_TOO_LOW,
        Kind.UNKNOWN_ACCOUNT,
        Kind.UNKNOWN_PROVIDER,
        Kind.OTHER_CONTENT,
        Kind.UNKNOWN_POLICY,
    )
    return (
        Route(
            method="PUT",
            path="/v1/activations/{provider}/{provider_ref}",
            handler=intake.put,
            scope=Scope.OPERATE,
            answers={201: ActivationShown, 200: ActivationShown},
            problems=refusals,
        ),
        Route(
            method="POST",
            path="/v1/activations/bulk",
            handler=intake.bulk,
            scope=Scope.OPERATE,
            answers={200: BulkShown},
            body=Bulk,
        ),
    )
