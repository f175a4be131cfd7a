"""A request as the faces read it, their reply, and why they refuse; free of any HTTP library."""

import enum
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias
from urllib.parse import parse_qsl

import orjson

from worker.simulator.numbers import ArrivedSms


class DenialReason(enum.Enum):
    NO_KEY = "no-key"
    BAD_KEY = "bad-key"
    BANNED = "banned"
    RATE_LIMITED = "rate-limited"
    UNAVAILABLE = "unavailable"
    BAD_ACTION = "bad-action"  #: No such call.
    BAD_METHOD = "bad-method"
    BAD_REQUEST = "bad-request"  #: A parameter is missing or cannot be read.
    BAD_SERVICE = "bad-service"
    BAD_COUNTRY = "bad-country"
    NO_NUMBERS = "no-numbers"
    NO_BALANCE = "no-balance"
    PRICE_TOO_LOW = "price-too-low"  #: The buyer's maximum is below our price.
    ORDER_EXISTS = "order-exists"
    UNKNOWN_ID = "unknown-id"
    BAD_STATUS = "bad-status"  #: The status of the number does not allow this change.
    EARLY_CANCEL = "early-cancel"
    CODE_RECEIVED = "code-received"  #: Cancel refused: the buyer has read an SMS.
    NEW_CODE_RECEIVED = "new-code-received"  #: Cancel refused: nobody has read the SMS.
    TOO_LATE = "too-late"  #: A rental's time for a refund is over.
    NO_CODE = "no-code"
    ENDED = "ended"  #: The number has ended, for whatever reason.


@dataclass(frozen=True, slots=True)
class Denied:
    """A refusal, with the facts that some providers add to it."""

    reason: DenialReason
    wait: timedelta | None = None  #: When asking again makes sense.
    min_age: timedelta | None = None  #: How old a number must be to be cancelled.
    sms: tuple[ArrivedSms, ...] = ()  #: What a cancel was refused for.
    minimum_minor: int | None = None  #: The price that would have been enough.


Json: TypeAlias = Any  #: Whatever JSON can say.

TEXT = "text/html; charset=utf-8"
JSON = "application/json"
NO_ARGS: Mapping[str, str] = {}


class FaceOperation(enum.Enum):
    """What a request asks for, whatever the family calls it: faults and statistics count by it."""

    RENT = "rent"
    LOOK = "look"
    LIST = "list"
    CANCEL = "cancel"
    FINISH = "finish"
    ASK_AGAIN = "ask-again"
    READY = "ready"  #: "I have sent the SMS": changes nothing here.
    HISTORY = "history"
    BALANCE = "balance"
    EXTEND = "extend"
    OTHER = "other"  #: Prices, countries, and what nobody can read.


class Request(NamedTuple):
    method: str
    path: str  #: Still percent-encoded.
    query: str
    headers: Mapping[str, str]  #: Names in any case.
    body: bytes = b""


class FaceCall(NamedTuple):
    """A request as a face parsed it. `refused` is set when it is refused whatever the books say."""

    operation: FaceOperation
    form: str  #: The family's own name of the call.
    ref: int | None = None  #: Our id of the number it is about.
    args: Mapping[str, str] = NO_ARGS
    refused: DenialReason | None = None
    about_one: bool = False  #: The call makes sense for a number only.


class FaceReply(NamedTuple):
    status: int
    body: bytes
    content_type: str = TEXT
    headers: tuple[tuple[str, str], ...] = ()


def text(body: str, status: int = 200, content_type: str = TEXT) -> FaceReply:
    return FaceReply(status, body.encode(), content_type)


def json(body: Json, status: int = 200, content_type: str = JSON) -> FaceReply:
    return FaceReply(status, orjson.dumps(body), content_type)


def with_wait(reply: FaceReply, denied: Denied) -> FaceReply:
    """The reply with a Retry-After, where it is known when asking again makes sense."""
    if denied.wait is None:
        return reply
    seconds = max(1, math.ceil(denied.wait.total_seconds()))
    return reply._replace(headers=(("Retry-After", str(seconds)),))


def arguments(query: str) -> dict[str, str]:
    """The parameters of a query string; the last one of a name counts."""
    if "%" in query or "+" in query or ";" in query:
        return dict(parse_qsl(query, keep_blank_values=True))
    # The plain form is nearly every request, and this is five times as quick.
    pairs = (pair.partition("=") for pair in query.split("&") if pair)
    return {name: value for name, _, value in pairs}


def number_id(raw: str | None) -> int | None:
    """The id in a parameter; None where it cannot be one of ours."""
    return (
        int(raw) if raw is not None and raw.isascii() and raw.isdigit() and len(raw) < 19 else None
    )


def amount(raw: str | None) -> int | None:
    """`"0.25"` as minor units, rounded down; None where there is none to read."""
    whole, _, rest = (raw or "").strip().partition(".")
    if not (whole.isascii() and whole.isdigit() and len(whole) < 16):
        return None
    if rest and not (rest.isascii() and rest.isdigit()):
        return None
    return int(whole) * 100 + int((rest + "00")[:2])


@lru_cache(maxsize=1024)
def price(minor: int) -> str:
    """Minor units as the providers write them: `"0.25"`."""
    sign = "-" if minor < 0 else ""
    return f"{sign}{abs(minor) // 100}.{abs(minor) % 100:02d}"


@lru_cache(maxsize=1024)
def figure(minor: int) -> orjson.Fragment:
    """The same as a JSON number, `0.25`, without ever being a float."""
    return orjson.Fragment(price(minor))
