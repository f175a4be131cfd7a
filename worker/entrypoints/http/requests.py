"""The JSON that goes in, strictly: no bool for an int, no float, no naive instant, no stray key.

Every text is bounded and printable, so that it can stand in a key, a log line or a provider's URL.
"""

import re
from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PlainValidator,
    StringConstraints,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
)

from worker.domain.activation import WINDOW_MAX, WINDOW_MIN
from worker.domain.money import AMOUNT_MAX

BULK_MAX = 1_000  #: Items of one bulk call.
PROVIDERS_MAX = 5  #: Tried for one order: each may take its time, and a customer waits.
LIMIT_MAX = 200  #: Items of one page.
WAIT_SECONDS_MAX = 30
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)  #: Older rentals are a unit mistaken, not a rental.
LATEST = datetime(2200, 1, 1, tzinfo=UTC)  #: So that adding a window never overflows.

_RFC3339 = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}"
    r"(\.[0-9]{1,9})?([Zz]|[+-][0-9]{2}:[0-9]{2})$"
)
_INSTANT = re.compile(_RFC3339)


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
    return re.sub(r"\.([0-9]+)", lambda found: "." + found[1][:6].ljust(6, "0"), text)


Instant = Annotated[
    datetime,
    # pydantic's own parser also takes "1700000000", a unix time in a string.
    PlainValidator(_aware),
    WithJsonSchema({"type": "string", "format": "date-time", "pattern": _RFC3339}),
]

_NAME = r"^[A-Za-z0-9][A-Za-z0-9._~:@+=-]{0,127}$"
#: Names that also stand in paths: no slash, no space, not `.` or `..`.
Name = Annotated[str, StringConstraints(pattern=_NAME)]
#: Words of providers, as they spell them: printable ASCII, no space at the ends.
Word = Annotated[str, StringConstraints(pattern=r"^[!-~]([ -~]{0,62}[!-~])?$")]
Reference = Annotated[str, StringConstraints(pattern=r"^[!-~]([ -~]{0,126}[!-~])?$")]
Phone = Annotated[str, StringConstraints(pattern=r"^\+?[0-9]{3,20}$"), Field(repr=False)]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
Price = Annotated[int, Field(ge=0, le=AMOUNT_MAX)]
Amount = Annotated[int, Field(ge=1, le=AMOUNT_MAX)]
WindowSeconds = Annotated[
    int, Field(ge=int(WINDOW_MIN.total_seconds()), le=int(WINDOW_MAX.total_seconds()))
]

Limit = Annotated[int, Field(ge=1, le=LIMIT_MAX)]
Cursor = Annotated[str, StringConstraints(max_length=200)]
WaitSeconds = Annotated[int, Field(ge=0, le=WAIT_SECONDS_MAX)]
StateName = Literal[
    "waiting", "expiring", "received", "in_review", "delivered", "refunded", "closed"
]
ActivationPath = Annotated[str, Field(json_schema_extra={"format": "uuid"})]


def _in_preference(value: object) -> tuple[str, ...]:
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list) or not 1 <= len(names) <= PROVIDERS_MAX:
        raise ValueError(f"not a provider's name, nor a list of at most {PROVIDERS_MAX}")
    if not all(isinstance(name, str) and re.fullmatch(_NAME, name) for name in names):
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
                {"type": "string", "pattern": _NAME},
                {
                    "type": "array",
                    "items": {"type": "string", "pattern": _NAME},
                    "minItems": 1,
                    "maxItems": PROVIDERS_MAX,
                    "uniqueItems": True,
                },
            ]
        }
    ),
]


class Body(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class OpenAccount(Body):
    currency: Currency


class TopUp(Body):
    reference: Reference
    amount_minor: Amount


class RentedNumber(Body):
    """A number that was already rented; what is left out is the default."""

    account: Name
    phone: Phone
    service: Word
    country: Word
    price_minor: Price
    rented_at: Instant | None = None
    window_seconds: WindowSeconds | None = None
    expires_at: Instant | None = None
    policy: Name | None = None
    charge: Literal["hold", "external"] = "hold"

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

    provider: Name
    provider_ref: Name


class Bulk(Body):
    activations: Annotated[list[RentedNumberItem], Field(max_length=BULK_MAX)]


class RentOrder(Body):
    """A number to rent at the provider, or at the first of several that sells it.

    `max_cost_minor` is in the currency of the first; where it is given, those that count in another
    currency are not asked.
    """

    account: Name
    provider: Providers
    service: Word
    country: Word
    price_minor: Price
    max_cost_minor: Price | None = None
    policy: Name | None = None
    window_seconds: WindowSeconds | None = None
