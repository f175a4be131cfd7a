"""An answer as it came over the wire, and the grammar all families share.

The body comes before the status, and nothing is guessed: HTML, a redirect, cut JSON and words
nobody has documented are all "no information". No error raised here quotes a reply, because a reply
can hold phones and codes.
"""

import json
import re
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final, NamedTuple, TypeVar

import orjson

from worker.adapters.providers import fields
from worker.ports.errors import ProviderError, ProviderRefused, ProviderUnavailable, UnknownReply

T = TypeVar("T")

PAUSE_S = 5.0  #: After a 429 that does not say how long.
BAN_PAUSE_S = 60.0  #: Of purchases, after a ban that does not say until when.
PAUSE_MAX_S = 600.0

_WORD: Final = re.compile(r"[A-Z]+(?:_[A-Z]+)+")  #: Quotable in an error: no code looks like it.


#: Headers that a reader looks at; the others are dropped where a reply comes in.
KEPT_HEADERS: Final = ("X-Price",)


class Reply(NamedTuple):
    """Status, body, and how long a 429 asks us to wait."""

    status: int
    body: bytes
    retry_after_s: float | None = None
    headers: tuple[tuple[str, str], ...] = ()  #: `KEPT_HEADERS`, as far as it has them.

    def __repr__(self) -> str:
        return f"Reply({self.status}, {len(self.body)} bytes)"

    @property
    def is_success(self) -> bool:
        """Whether good news counts: only with a 2xx."""
        return 200 <= self.status < 300

    @property
    def is_answer(self) -> bool:
        """Whether words of refusal count: with a 2xx or a 4xx, never with a redirect."""
        return self.is_success or 400 <= self.status < 500

    @property
    def is_unauthorised(self) -> bool:
        """Whether the family itself answers 401; a page would come from a server in front of it."""
        return self.status == 401 and not self.body.startswith(b"<")

    def header(self, name: str) -> str | None:
        """One of `KEPT_HEADERS`; None where the reply has none."""
        return dict(self.headers).get(name)

    def text(self) -> str:
        """The body as text, without the blanks and the one pair of quotes some put around it."""
        return fields.unquoted(self.body.decode("utf-8", "replace"))

    def json(self) -> Any:  # noqa: ANN401 - what it is, is what the readers find out
        """The body as JSON, or None where it is none (`null` is nothing to go on either)."""
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError:
            return None

    def exact_json(self) -> Any:  # noqa: ANN401 - the same
        """The same with every number that has a fraction as a `Decimal`: where money is read."""
        try:
            return json.loads(self.body, parse_float=Decimal, parse_constant=_no_number)
        except (ArithmeticError, ValueError, RecursionError):
            return None  # A Decimal's exponent has limits, too.

    def unreadable(self, provider: str, word: str | None = None) -> UnknownReply:
        """The error for a reply that says nothing we know; quotes at most a word in capitals."""
        if word is not None and len(word) <= 40 and _WORD.fullmatch(word):
            return UnknownReply(provider, f"HTTP {self.status}: {word}")
        start = self.body[:64].lstrip()
        shapes = {60: "markup", 123: "JSON", 91: "JSON"}
        shape = shapes.get(start[0], "text") if start else "empty"
        size = len(self.body)
        return UnknownReply(provider, f"HTTP {self.status}: unreadable {shape}, {size} bytes")


class RateLimited(ProviderUnavailable):
    """Refused before anything was done; nothing may be sent for a while."""

    def __init__(self, provider: str, retry_after_s: float | None = None) -> None:
        self.pause_s = min(PAUSE_S if retry_after_s is None else retry_after_s, PAUSE_MAX_S)
        pause = timedelta(seconds=self.pause_s)
        super().__init__(provider, "rate limited", sent=False, retry_after=pause)


class Banned(ProviderRefused):
    """The account is banned: every call fails, and some bans grow with each."""

    def __init__(self, provider: str, wait_s: object = None) -> None:
        self.pause_s: float | None = None  #: It does not say until when.
        if isinstance(wait_s, int | float) and wait_s > 0:
            self.pause_s = min(float(wait_s), PAUSE_MAX_S)
        super().__init__(provider, "BANNED")


def interpret(
    provider: str,
    reply: Reply | ProviderError,
    read: Callable[[Reply], T],
    answer_statuses: frozenset[int] = frozenset(),
) -> T:
    """What *read* makes of the reply; raises `ProviderError` and nothing else.

    A status from 500 on is no answer, unless it is one of *answer_statuses*.
    """
    if isinstance(reply, ProviderError):
        raise reply
    if reply.status == 429:
        raise RateLimited(provider, reply.retry_after_s)
    if reply.status >= 500 and reply.status not in answer_statuses:
        raise ProviderUnavailable(provider, f"HTTP {reply.status}")
    try:
        return read(reply)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        # A gap in a reader must not end the tick of all the other numbers.
        detail = f"reader failed: {type(error).__name__}"
    raise UnknownReply(provider, detail)


def _no_number(constant: str) -> Any:  # noqa: ANN401 - never returns
    raise ValueError(constant)
