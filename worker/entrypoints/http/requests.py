"""Field types of request bodies, paths and queries, read strictly.

No bool for an int, no float, no naive instant, no unknown key. Every text is bounded and printable,
so that it can stand in a key, a log line or a provider's URL.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PlainValidator,
    StringConstraints,
    ValidationInfo,
    WithJsonSchema,
)

from worker.domain.activation import WINDOW_MAX, WINDOW_MIN
from worker.domain.ids import ActivationId
from worker.domain.money import AMOUNT_MAX
from worker.domain.policy.language.matching import folded
from worker.domain.policy.vocabulary import BALANCE
from worker.entrypoints.http.problems import Problem, ProblemKind

LIMIT_MAX = 200  #: Items of one page.
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)  #: An older instant has the wrong unit.
LATEST = datetime(2200, 1, 1, tzinfo=UTC)  #: So that adding a window never overflows.

_RFC3339 = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}"
    r"(\.[0-9]{1,9})?([Zz]|[+-][0-9]{2}:[0-9]{2})$"
)
_INSTANT = re.compile(_RFC3339)
_UUID = re.compile(r"[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")


def _aware(value: object) -> datetime:
    if not isinstance(value, str) or len(value) > 40 or _INSTANT.match(value) is None:
        raise ValueError("not an RFC 3339 instant with an offset")
    try:
        at = datetime.fromisoformat(_microseconds(value.upper())).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("not an RFC 3339 instant with an offset") from None
    if not EARLIEST <= at < LATEST:
        raise ValueError("not between the years 2000 and 2200")
    return at


def _microseconds(text: str) -> str:
    """Python 3.11 takes three or six digits of a second; RFC 3339 any number of them."""
    return re.sub(r"\.([0-9]+)", lambda match: "." + match[1][:6].ljust(6, "0"), text)


#: With something to read in it, and without NUL.
NOTE_PATTERN: Final = r"^[^\x00]*[^\s\x00][^\x00]*$"
NoteText = Annotated[str, StringConstraints(min_length=1, max_length=2000, pattern=NOTE_PATTERN)]
Instant = Annotated[
    datetime,
    # pydantic's parser also takes "1700000000", a unix time in a string.
    PlainValidator(_aware),
    WithJsonSchema({"type": "string", "format": "date-time", "pattern": _RFC3339}),
]

NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._~:@+=-]{0,127}$"
#: A name that also stands in paths: no slash, no space, not `.` or `..`.
Name = Annotated[str, StringConstraints(pattern=NAME_PATTERN)]
#: A provider's own word, as it spells it: printable ASCII, no space at the ends.
Word = Annotated[str, StringConstraints(pattern=r"^[!-~]([ -~]{0,62}[!-~])?$")]
Reference = Annotated[str, StringConstraints(pattern=r"^[!-~]([ -~]{0,126}[!-~])?$")]
Phone = Annotated[str, StringConstraints(pattern=r"^\+?[0-9]{3,20}$"), Field(repr=False)]
#: A whole phone, or the last digits of one.
PhoneDigits = Annotated[str, StringConstraints(pattern=r"^(\+[0-9]{3,20}|[0-9]{4,20})$")]
IdTail = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{8}$")]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
Price = Annotated[int, Field(ge=0, le=AMOUNT_MAX)]
Amount = Annotated[int, Field(ge=1, le=AMOUNT_MAX)]
WindowSeconds = Annotated[
    int, Field(ge=int(WINDOW_MIN.total_seconds()), le=int(WINDOW_MAX.total_seconds()))
]

Limit = Annotated[int, Field(ge=1, le=LIMIT_MAX)]
Cursor = Annotated[str, StringConstraints(max_length=200)]
#: An id in a path or a body; `uuid_or_problem` reads it.
#: How long an answer may be kept back until there is news.
WaitSeconds = Annotated[int, Field(ge=0, le=30)]
Flag = Literal["true", "false"]  #: In a query.
UuidText = Annotated[str, Field(json_schema_extra={"format": "uuid"})]


class RequestBody(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


LABELS_MAX = 20

TermsVersion = Annotated[
    str, StringConstraints(min_length=1, max_length=128, pattern=r"^[^\x00]*$")
]


class Terms(RequestBody):
    """The version of the shop's terms that the customer accepted, and when."""

    version: TermsVersion
    accepted_at: Instant


class OrderFactsTold(RequestBody):
    """Told once, with the order; later calls can neither change nor add them."""

    buy_channel: Literal["web", "api"] | None = None
    payment_method: Word | None = None
    service_2fa: bool | None = None
    labels: Annotated[list[Word], Field(max_length=LABELS_MAX)] | None = None
    operator: Word | None = None
    was_listed: bool | None = None
    compat_listed: bool | None = None
    documents_shown_at_order: bool | None = None
    restrictions_shown: bool | None = None
    restrictions_ignored: bool | None = None
    refund_fee_minor: Price | None = None
    terms: Terms | None = None


def paid_where_it_was_charged(
    told: OrderFactsTold | None, read: ValidationInfo
) -> OrderFactsTold | None:
    """A field validator of bodies that say who charged the customer, before the facts."""
    if told is None or read.data.get("charge") != "external":
        return told
    if told.payment_method and folded(told.payment_method) == BALANCE:
        raise ValueError("payment_method is not balance where the shop charges outside")
    return told


def stored_facts(told: OrderFactsTold | None) -> Mapping[str, Any] | None:
    """As JSON, in one form, so that the same facts told again are the same content."""
    if told is None:
        return None
    facts = told.model_dump(exclude_none=True)
    if told.labels is not None:
        facts["labels"] = sorted(set(told.labels))
    if told.terms is not None:
        facts["terms"]["accepted_at"] = _utc_text(told.terms.accepted_at)
    return facts or None


def _utc_text(at: datetime) -> str:
    """As responses write it."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def activation_id_in(text: str) -> ActivationId:
    return ActivationId(uuid_or_problem(text, ProblemKind.UNKNOWN_ACTIVATION))


def uuid_or_problem(text: str, unknown: ProblemKind, detail: str = "") -> UUID:
    """The id in a path; a text of another form names nothing and is the problem *unknown*."""
    if _UUID.fullmatch(text) is None:
        raise Problem(unknown, detail)
    return UUID(text)
