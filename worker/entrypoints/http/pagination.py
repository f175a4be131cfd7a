"""Pages of a list, and their cursors: the sort key of the last item shown, as base64url."""

import base64
import binascii
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

from worker.entrypoints.http.problems import FieldError, Problem, ProblemKind
from worker.entrypoints.http.requests import NAME_PATTERN
from worker.ports.store.case_search import ReviewPlace

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_BIGINT_MAX = 2**63 - 1

Row = TypeVar("Row")


def page(
    rows: Sequence[Row],
    limit: int,
    as_json: Callable[[Row], dict[str, Any]],
    cursor_after: Callable[[Row], str],
) -> dict[str, Any]:
    """The first *limit* rows; one row more than that means that there is another page."""
    shown = rows[:limit]
    more = cursor_after(shown[-1]) if len(rows) > limit else None
    return {"items": [as_json(row) for row in shown], "next_cursor": more}


def after_number(kind: str, number: int) -> str:
    """*kind* names the list: a cursor of one list is refused by the others."""
    return _encode(f"{kind}:{number}")


def number_in(kind: str, cursor: str | None) -> int | None:
    if cursor is None:
        return None
    text = _decode(kind, cursor)
    if not (text.isascii() and text.isdecimal()) or len(text) > 19 or int(text) > _BIGINT_MAX:
        raise _bad()
    return int(text)


def after_rented(kind: str, rented_at: datetime, id_: UUID) -> str:
    """Of a list of what was rented or opened, newest first; *kind* names it."""
    return _encode(f"{kind}:{(rented_at - _EPOCH) // _MICROSECOND}:{id_}")


def rented_in(kind: str, cursor: str | None) -> tuple[datetime, UUID] | None:
    if cursor is None:
        return None
    micros, _, id_ = _decode(kind, cursor).partition(":")
    try:
        return _EPOCH + int(micros) * _MICROSECOND, UUID(id_)
    except (ValueError, OverflowError):
        raise _bad() from None


def after_name(kind: str, name: str) -> str:
    return _encode(f"{kind}:{name}")


def name_in(kind: str, cursor: str | None) -> str | None:
    if cursor is None:
        return None
    name = _decode(kind, cursor)
    if re.fullmatch(NAME_PATTERN, name) is None:
        raise _bad()
    return name


def after_review(place: ReviewPlace) -> str:
    rank = "" if place.rank is None else (place.rank - _EPOCH) // _MICROSECOND
    return _encode(f"reviews:{rank}:{(place.opened_at - _EPOCH) // _MICROSECOND}:{place.id}")


def review_in(cursor: str | None) -> ReviewPlace | None:
    if cursor is None:
        return None
    try:
        rank, opened_at, id_ = _decode("reviews", cursor).split(":")
        first = _EPOCH + int(rank) * _MICROSECOND if rank else None
        return ReviewPlace(first, _EPOCH + int(opened_at) * _MICROSECOND, UUID(id_))
    except (ValueError, OverflowError):
        raise _bad() from None


def _encode(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _decode(kind: str, cursor: str) -> str:
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        text = base64.b64decode(padded, altchars=b"-_", validate=True).decode()
    except (ValueError, binascii.Error):
        raise _bad() from None
    head, _, rest = text.partition(":")
    if head != kind:
        raise _bad()
    return rest


def _bad() -> Problem:
    fault = FieldError("/cursor", "Not a cursor of this list: take `next_cursor` as it was given")
    return Problem(ProblemKind.INVALID, errors=[fault])
