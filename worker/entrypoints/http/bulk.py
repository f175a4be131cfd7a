"""Calls about many things: each item is read, succeeds or fails alone."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar, get_args

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
from worker.entrypoints.http.routing import read_json, read_json_body

BULK_MAX: Final = 1_000  #: Items of one call.
BODY_MAX: Final = 16 * 1024 * 1024
MEMBERS_MAX: Final = 50  #: Of one object; the largest that we know has fewer than twenty.
CROWDED: Final = f"An object has more than {MEMBERS_MAX} members"
DEPTH_MAX: Final = 20  #: Of lists and objects in one item; the deepest that we know has three.
NESTED: Final = f"It is nested more than {DEPTH_MAX} deep"

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
    whole = _parsed(await read_json_body(request, BODY_MAX))
    items = _items_of(whole, body, member)
    invalid = {
        at: _invalid(FieldError(pointer_to(member, at), fault))
        for at, item in enumerate(items)
        if (fault := _misshape_of(item)) is not None
    }
    kept = [item for at, item in enumerate(items) if at not in invalid] if invalid else items
    try:
        valid = getattr(body.model_validate_json(orjson.dumps({member: kept})), member)
    except ValidationError:
        # Its errors are never looked at: there may be a hundred of each item.
        return _one_by_one(body, member, items, invalid)
    return Items(valid, invalid)


def _parsed(raw: bytes) -> Any:  # noqa: ANN401 - any JSON
    """Read here first: pydantic keeps an error for each unknown member, however many there are.

    Of a member that stands in an object twice, the last is left, as everywhere.
    """
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise Problem(ProblemKind.INVALID_JSON, str(error)) from None


def _items_of(whole: object, body: type[BaseModel], member: str) -> list[Any]:
    """What is wrong outside of the items refuses the whole call."""
    if not isinstance(whole, dict):
        raise Problem(ProblemKind.INVALID, errors=[FieldError("", "Not an object")])
    items = whole.get(member)
    if isinstance(items, list) and len(items) > BULK_MAX:
        error = FieldError(pointer_to(member), f"More than {BULK_MAX} items")
        raise Problem(ProblemKind.INVALID, errors=[error])
    if len(whole) > MEMBERS_MAX:
        raise Problem(ProblemKind.INVALID, errors=[FieldError("", CROWDED)])
    outside = {name: None if name != member else _outline(items) for name in whole}
    read_json(body, orjson.dumps(outside))
    assert isinstance(items, list)
    return items


def _outline(items: object) -> object:
    """Of the same kind as the items, with nothing in it."""
    return [] if isinstance(items, list) else None


def _misshape_of(item: object, depth: int = 0) -> str | None:
    """What of an item would be too much work: too many members of an object, too many levels.

    JSON may be nested deeper than what reads and writes it here can follow.
    """
    if isinstance(item, dict):
        if len(item) > MEMBERS_MAX:
            return CROWDED
        inner: Iterable[object] = item.values()
    elif isinstance(item, list):
        inner = item
    else:
        return None
    if depth == DEPTH_MAX:
        return NESTED
    faults = (_misshape_of(each, depth + 1) for each in inner if isinstance(each, dict | list))
    return next((fault for fault in faults if fault is not None), None)


def _one_by_one(
    body: type[BaseModel], member: str, items: Sequence[Any], refused: Mapping[int, ProblemDetails]
) -> Items[Any]:
    """The slow path, only for a call with invalid items."""
    (model,) = get_args(body.model_fields[member].annotation)
    valid: list[Any] = []
    invalid = dict(refused)
    for at, item in enumerate(items):
        if at in refused:
            continue
        try:
            valid.append(model.model_validate_json(orjson.dumps(item)))
        except ValidationError as error:
            invalid[at] = _invalid(
                *(
                    FieldError(pointer_to(member, at, *loc), detail)
                    for loc, detail in field_errors_of(error)[:ERRORS_MAX]
                )
            )
    return Items(valid, invalid)


def _invalid(*errors: FieldError) -> ProblemDetails:
    return ProblemDetails(ProblemKind.INVALID, errors=errors)
