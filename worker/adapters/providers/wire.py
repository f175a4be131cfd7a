"""One request and its whole answer, on aiohttp's connections, TLS and parser.

`ClientSession` is left out: for each call it builds a URL, headers, a request and a response, two
thirds of the CPU of a short exchange (tests/bench/bench_wire.py). Here all but the target is the
same in every request, and none is ever sent again by itself: the session repeats a GET whose
connection broke, and purchases here are GETs.

The key travels in most providers' URLs. So an exchange answers with an error instead of raising
one, and no frame that an exception passes through holds more of a URL than this module.
"""

import asyncio
import enum
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import aiohttp
from aiohttp.connector import Connection
from aiohttp.hdrs import METH_GET
from aiohttp.http import HttpProcessingError, RawResponseMessage
from yarl import URL

from worker.adapters.providers.reply import KEPT_HEADERS, Reply
from worker.domain.ids import ProviderName
from worker.ports.errors import CallOvertaken, ProviderError, ProviderUnavailable, UnknownReply

CONNECT_TIMEOUT_S = 3.0
KEEPALIVE_S = 30.0

_BROKEN: Final = (aiohttp.ClientError, HttpProcessingError, OSError, ValueError)
FORM: Final = (("Content-Type", "application/x-www-form-urlencoded"),)
_TARGET: Final = re.compile(r'[!"$-~]+')  #: Nothing in it can end the request line, or itself.


class TimedOut(ProviderUnavailable):
    """No answer in time; what was asked may have happened."""


class NoFreeConnection(ProviderUnavailable):
    """Every connection was busy with other requests for too long: nothing was sent."""


class MoreSent(NamedTuple):
    """What one request has beyond its target and the headers of all."""

    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    def __repr__(self) -> str:
        return "MoreSent(…)"  # It may hold the key.


NOTHING_MORE: Final = MoreSent()


class OutgoingRequest(NamedTuple):
    method: str
    target: str  #: Behind the base URL, percent-encoded, with the key if it is there.
    more: MoreSent

    def __repr__(self) -> str:
        return "OutgoingRequest(…)"  # It may hold the key.


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where requests go. The key is added last: behind every target, or in the headers."""

    base_url: str = field(repr=False)
    key_suffix: str = field(repr=False, default="")  #: As in `&api_key=K`, percent-encoded.
    headers: Mapping[str, str] = field(repr=False, default_factory=dict)
    answer_statuses: frozenset[int] = frozenset()  #: From 500 on, which are answers in this family.
    as_form: bool = False  #: What is behind the `?` of a target goes out as a form, in the body.

    def request(self, method: str, target: str, more: MoreSent) -> OutgoingRequest:
        """What goes out for *target*, with the key."""
        whole = f"{target}{self.key_suffix}"
        if not self.as_form:
            return OutgoingRequest(method, whole, more)
        path, _, form = whole.partition("?")
        return OutgoingRequest(method, path, MoreSent((*FORM, *more.headers), form.encode("ascii")))


class Wire:
    """The connections to one provider; *max_in_flight* of them at most."""

    def __init__(
        self,
        name: ProviderName,
        base_url: str,
        headers: Mapping[str, str],
        *,
        max_in_flight: int,
        timeout_s: float,
        quiet: Callable[[float], None] = lambda _seconds: None,
    ) -> None:
        """*quiet* is told now and then for how long nothing came, while an answer is waited for."""
        self._quiet = quiet
        self._name = name
        self._base_url = base_url
        self._headers = headers
        self._max_in_flight = max_in_flight
        self._timeout_s = timeout_s  #: Of one exchange, waiting for a free connection included.
        self._opened: _Connections | None = None
        self._closed = False

    async def close(self) -> None:
        self._closed = True
        if self._opened is not None:
            await self._opened.connector.close()

    def overtake(self, older_s: float) -> bool:
        """End the repeatable exchanges that were sent so long ago; whether there were any."""
        return self._opened is not None and self._opened.deadlines.overtake(older_s)

    async def exchange(
        self,
        method: str,
        target: str,
        cap: int,
        *,
        repeatable: bool = False,
        more: MoreSent = NOTHING_MORE,
    ) -> Reply | ProviderError:
        """What came back, at most *cap* bytes of it, or the error to raise; raises nothing itself.

        *target* goes behind the base URL: path and query, percent-encoded, with the key if any.
        """
        fit = _TARGET.fullmatch(target) is not None and _are_fit(more.headers)
        if self._closed or not fit:
            why = "closed" if self._closed else "unfit for a URL"
            return ProviderUnavailable(self._name, why, sent=False)
        try:
            opened = self._opened or self._open()
            deadline = opened.loop.time() + self._timeout_s
            connection = await opened.connection()
        except _BROKEN as error:
            if isinstance(error, TimeoutError) and self._full:
                return NoFreeConnection(self._name, "no free connection in time", sent=False)
            return ProviderUnavailable(self._name, type(error).__name__, sent=False)
        opened.deadlines.set(connection, deadline, repeatable=repeatable)
        reply, broken = None, ""
        try:
            reply = await opened.ask(connection, method, target, cap, more)
            connection.release()  # Closes it when the rest of the answer is still to come.
        except _BROKEN as error:
            broken = type(error).__name__
        finally:
            end = opened.deadlines.lift(connection, answered=reply is not None)
            connection.close()  # Does nothing to one that was released.
        # Whatever came: a body may have no other end than that of its connection.
        if end is not _End.IN_TIME:
            return _TOO_LATE[end](self._name, "no answer in time")
        if broken:
            return ProviderUnavailable(self._name, broken)
        return UnknownReply(self._name, f"reply above {cap} bytes") if reply is None else reply

    @property
    def _full(self) -> bool:
        return self._opened is not None and self._opened.deadlines.count >= self._max_in_flight

    def _open(self) -> "_Connections":
        self._opened = _Connections(
            self._base_url, self._headers, self._max_in_flight, self._timeout_s, self._quiet
        )
        return self._opened


class _Connections:
    """What all requests share; built inside the running loop."""

    def __init__(
        self,
        base_url: str,
        headers: Mapping[str, str],
        max_in_flight: int,
        timeout_s: float,
        quiet: Callable[[float], None],
    ) -> None:
        url = URL(base_url, encoded=True)
        self.loop = asyncio.get_running_loop()
        self._max_in_flight = max_in_flight
        self.connector = aiohttp.TCPConnector(limit=max_in_flight, keepalive_timeout=KEEPALIVE_S)
        self.deadlines = _Deadlines(self.loop, timeout_s / 20, quiet)
        # Half of the time is left for the answer: what goes out too late has an unknown outcome.
        connect_s = timeout_s / 2
        self._timeout = aiohttp.ClientTimeout(
            total=None, connect=connect_s, sock_connect=min(CONNECT_TIMEOUT_S, connect_s)
        )
        # Not compressed: a cap on bytes must be one on what they unpack to.
        self._where = aiohttp.ClientRequest(
            METH_GET,
            url,
            headers={"Accept-Encoding": "identity", **headers},
            loop=self.loop,
        )
        self._prefix = "" if url.raw_path_qs == "/" else url.raw_path_qs
        if not all(value.isprintable() for value in self._where.headers.values()):
            raise ValueError("a header that would end its line")
        self._lines = lines = _lines(self._where.headers.items())
        self._end = f" HTTP/1.1\r\n{lines}\r\n"
        self._end_of_others = f" HTTP/1.1\r\n{lines}Content-Length: 0\r\n\r\n"

    async def connection(self) -> Connection:
        """A free connection, or a new one."""
        for _ in range(self._max_in_flight + 1):  # Every kept connection may be broken.
            connection = await self.connector.connect(self._where, [], self._timeout)
            protocol = connection.protocol
            if protocol is not None and protocol.is_connected() and not protocol.should_close:
                return connection
            connection.close()  # It sent bytes unasked: they must not pass for an answer.
        raise aiohttp.ServerDisconnectedError

    async def ask(
        self, connection: Connection, method: str, target: str, cap: int, more: MoreSent
    ) -> Reply | None:
        """The answer, or None when its body is longer than *cap*."""
        protocol, transport = connection.protocol, connection.transport
        assert protocol is not None
        assert transport is not None
        protocol.set_response_params(read_until_eof=True)
        end = self._end if method == METH_GET else self._end_of_others
        if more is not NOTHING_MORE:
            end = f" HTTP/1.1\r\n{self._lines}{_lines(more.headers)}{_length(method, more)}\r\n"
        transport.write(f"{method} {self._prefix}{target}{end}".encode("ascii") + more.body)
        message: RawResponseMessage
        while True:
            message, content = await protocol.read()
            if message.code >= 200 or message.code == 101:  # Others announce the real answer.
                break
        body = await _body_of(content, cap)
        if body is None:
            return None
        told = message.headers
        headers = tuple((name, told[name]) for name in KEPT_HEADERS if name in told)
        return Reply(message.code, body, _seconds(told.get("Retry-After")), headers)


class _End(enum.Enum):
    """How an exchange ended for the clock."""

    IN_TIME = "in_time"
    LATE = "late"
    OVERTAKEN = "overtaken"


_TOO_LATE: Final[Mapping[_End, type[ProviderUnavailable]]] = {
    _End.LATE: TimedOut,
    _End.OVERTAKEN: CallOvertaken,
}


class _Sent(NamedTuple):
    deadline: float
    at: float
    repeatable: bool


class _Deadlines:
    """Cuts connections whose answer is late; one timer for all, looking *every* so many seconds.

    A timer for each, or `asyncio.timeout`, is a fifth of what an exchange costs.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, every: float, quiet: Callable[[float], None]
    ) -> None:
        self._loop = loop
        self._every = every
        self._quiet = quiet
        self._open: dict[Connection, _Sent] = {}  #: In the order in which they were sent.
        self._overtaken: set[Connection] = set()
        self._answered_at = loop.time()
        self._looking = False

    @property
    def count(self) -> int:
        return len(self._open)

    def set(self, connection: Connection, deadline: float, *, repeatable: bool) -> None:
        self._open[connection] = _Sent(deadline, self._loop.time(), repeatable)
        if not self._looking:
            self._look_later()

    def lift(self, connection: Connection, *, answered: bool) -> _End:
        if self._open.pop(connection, None) is not None:
            if answered:
                self._answered_at = self._loop.time()
            return _End.IN_TIME
        if connection in self._overtaken:
            self._overtaken.discard(connection)
            return _End.OVERTAKEN
        return _End.LATE

    def overtake(self, older_s: float) -> bool:
        before = self._loop.time() - older_s
        hanging = [
            connection
            for connection, sent in self._open.items()
            if sent.repeatable and sent.at <= before
        ]
        for connection in hanging:
            self._overtaken.add(connection)
            self._cut(connection)
        return bool(hanging)

    def _cut(self, connection: Connection) -> None:
        del self._open[connection]
        if connection.transport is not None:
            connection.transport.abort()

    def _look_later(self) -> None:
        self._looking = True
        self._loop.call_later(self._every, self._look)

    def _look(self) -> None:
        now = self._loop.time()
        for late in [each for each, sent in self._open.items() if sent.deadline <= now]:
            self._cut(late)
        self._looking = False
        if self._open:
            oldest = next(iter(self._open.values()))
            self._quiet(now - max(oldest.at, self._answered_at))
            self._look_later()


def _lines(headers: Iterable[tuple[str, str]]) -> str:
    return "".join(f"{name}: {value}\r\n" for name, value in headers)


def _length(method: str, more: MoreSent) -> str:
    return "" if method == METH_GET else f"Content-Length: {len(more.body)}\r\n"


def _are_fit(headers: Iterable[tuple[str, str]]) -> bool:
    return all(value.isascii() and value.isprintable() for _, value in headers)


async def _body_of(content: aiohttp.StreamReader, cap: int) -> bytes | None:
    body = await content.readany()
    if content.at_eof():  # The usual case: a short reply comes in one piece.
        return body if len(body) <= cap else None
    parts = [body]
    size = len(body)
    while size <= cap and (part := await content.readany()):
        parts.append(part)
        size += len(part)
    return b"".join(parts) if size <= cap else None


def _seconds(retry_after: str | None) -> float | None:
    """`Retry-After` in seconds; the form with a date counts as not given."""
    if retry_after is None or len(retry_after) > 6 or not retry_after.isdecimal():
        return None
    return float(retry_after)
