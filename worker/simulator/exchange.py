"""A request as the faces read it, and their reply, free of any HTTP library."""

import enum
import math
from collections.abc import Mapping
from email import message_from_bytes
from email.message import Message
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias
from urllib.parse import parse_qsl

import orjson

from worker.simulator.denials import DenialReason, Denied

Json: TypeAlias = Any  #: Whatever JSON can say.

TEXT = "text/html; charset=utf-8"
JSON = "application/json"
DISPOSITION = "Content-Disposition"
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
    SIGN_IN = "sign-in"  #: Gets a token for the key.
    EXTEND = "extend"
    OTHER = "other"  #: Prices, countries, and what nobody can read.


class Request(NamedTuple):
    method: str
    path: str  #: Still percent-encoded.
    query: str
    headers: Mapping[str, str]  #: Names in any case.
    body: bytes = b""

    def arguments(self) -> dict[str, str]:
        """The parameters of the query string; the last one of a name counts."""
        query = self.query
        if "%" in query or "+" in query or ";" in query:
            return dict(parse_qsl(query, keep_blank_values=True))
        # The plain form is nearly every request, and this is five times as quick.
        pairs = (pair.partition("=") for pair in query.split("&") if pair)
        return {name: value for name, _, value in pairs}

    def every_argument(self) -> dict[str, str]:
        """The same with the fields of a form or of a JSON object in the body."""
        return self.arguments() | self._form()

    def _form(self) -> dict[str, str]:
        if not self.body:
            return {}
        content_type = self.headers.get("Content-Type", "")
        if content_type.startswith("multipart/form-data"):
            head = f"Content-Type: {content_type}\r\n\r\n".encode()
            parts = message_from_bytes(head + self.body).walk()
            named = ((part.get_param("name", header=DISPOSITION), part) for part in parts)
            return {str(name): _text_of(part) for name, part in named if name}
        if content_type.startswith("application/x-www-form-urlencoded"):
            return dict(parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))
        return _scalars_in(self.body) if content_type.startswith(JSON) else {}


def _scalars_in(body: bytes) -> dict[str, str]:
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    values = found.items() if isinstance(found, dict) else ()
    return {name: str(value) for name, value in values if isinstance(value, str | int | float)}


def _text_of(part: Message) -> str:
    content = part.get_payload(decode=True)
    return content.decode("utf-8", "replace") if isinstance(content, bytes) else ""


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

    @classmethod
    def text(cls, body: str, status: int = 200, content_type: str = TEXT) -> "FaceReply":
        return cls(status, body.encode(), content_type)

    @classmethod
    def json(cls, body: Json, status: int = 200, content_type: str = JSON) -> "FaceReply":
        return cls(status, orjson.dumps(body), content_type)

    def with_wait(self, denied: Denied) -> "FaceReply":
        """With a Retry-After, where it is known when asking again makes sense."""
        if denied.wait is None:
            return self
        seconds = max(1, math.ceil(denied.wait.total_seconds()))
        return self._replace(headers=(("Retry-After", str(seconds)),))


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
