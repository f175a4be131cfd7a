"""Calls about many things: each item is read, succeeds or fails alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

import orjson
from aiohttp import web
from pydantic import BaseModel, ValidationError

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
from worker.entrypoints.http.routing import read_json_body, refuse_json

BULK_MAX: Final = 1_000  #: Items of one call.
BODY_MAX: Final = 16 * 1024 * 1024

T = TypeVar("T", bound=BaseModel)


class BulkRefused(ResponseBody):
    status: int
    problem: ProblemShown


@dataclass(frozen=True, slots=True)
class Items(Generic[T]):
    """The items of a call: the valid ones in order, and the problem of each other by its place."""

    valid: Sequence[T]
    invalid: Mapping[int, ProblemDetails]

    @property
    def places(self) -> Sequence[int]:
        """Of the valid ones in the call."""
        every = range(len(self.valid) + len(self.invalid))
        return [at for at in every if at not in self.invalid]

    def documents(self, of_valid: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """One result for each item, in the order of the items."""
        refused = {at: refused_item(problem) for at, problem in self.invalid.items()}
        taken = dict(zip(self.places, of_valid, strict=True))
        return [document for _, document in sorted((refused | taken).items())]


def refused_item(details: ProblemDetails) -> dict[str, Any]:
    return {"status": details.kind.status, "problem": details.as_json()}


async def read_items(request: web.Request, body: type[BaseModel], member: str) -> Items[Any]:
    """The items stand in the one *member* of the *body*."""
    raw = await read_json_body(request, BODY_MAX)
    try:
        return Items(getattr(body.model_validate_json(raw), member), {})
    except ValidationError as error:
        invalid = _invalid_items(error, member)
    # The slow path, only for a call with invalid items: the valid items are read again.
    try:
        items = orjson.loads(raw)[member]
    except orjson.JSONDecodeError:
        # pydantic reads Infinity and NaN, although they are no JSON.
        raise Problem(ProblemKind.INVALID_JSON) from None
    valid = orjson.dumps({member: [item for at, item in enumerate(items) if at not in invalid]})
    return Items(getattr(body.model_validate_json(valid), member), invalid)


def _invalid_items(error: ValidationError, member: str) -> Mapping[int, ProblemDetails]:
    """The errors of each item; an error outside of the items refuses the whole call."""
    errors: dict[int, list[FieldError]] = {}
    for loc, detail in field_errors_of(error):
        if len(loc) < 2 or loc[0] != member or not isinstance(loc[1], int):
            raise refuse_json(error)
        errors.setdefault(loc[1], []).append(FieldError(pointer_to(*loc), detail))
    return {
        at: ProblemDetails(ProblemKind.INVALID, errors=tuple(of_item[:ERRORS_MAX]))
        for at, of_item in errors.items()
    }
