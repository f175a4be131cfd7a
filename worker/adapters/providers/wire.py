"""One request and its whole answer: what goes out, until when, and what may be made of it.

No HTTP client is used: for each call it builds a URL, headers, a request and a response, most of
the CPU of a short exchange (tests/bench/bench_wire.py). Here all but the target is the same in
every request, and none is ever sent again by itself: aiohttp's session repeats a GET whose
connection broke, and purchases here are GETs. The connections are our own (`own_pool.py`), or
those of aiohttp's pool (`aiohttp_pool.py`) where `worker.provider_connections` says so.

The key travels in most providers' URLs. So an exchange answers with an error instead of raising
one, and no frame that an exception passes through holds more of a URL than this module.
"""

import asyncio
import enum
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, TypeAlias

import aiohttp
from aiohttp.hdrs import METH_GET
from aiohttp.http import SERVER_SOFTWARE, HttpProcessingError, RawResponseMessage
from multidict import CIMultiDict
from yarl import URL

from worker.adapters.providers.aiohttp_pool import AiohttpPool
from worker.adapters.providers.own_pool import OwnPool
from worker.adapters.providers.patience import Patience
from worker.adapters.providers.pool import Cuttable, Place, Pool, RawAnswer
from worker.adapters.providers.pool_share import PoolShare
from worker.adapters.providers.reply import KEPT_HEADERS, Reply
from worker.domain.ids import ProviderName
from worker.ports.errors import CallOvertaken, ProviderError, ProviderUnavailable, UnknownReply

CONNECT_TIMEOUT_S = 3.0
KEEPALIVE_S = 30.0

_BROKEN: Final = (aiohttp.ClientError, HttpProcessingError, OSError, ValueError)
FORM: Final = (("Content-Type", "application/x-www-form-urlencoded"),)
_TARGET: Final = re.compile(r'[!"$-~]+')  #: Nothing in it can end the request line, or itself.


#: Makes the connections to a place, inside the running loop.
OpenPool: TypeAlias = Callable[[Place], Pool[Any]]
POOLS: Final[Mapping[str, OpenPool]] = {"own": OwnPool, "aiohttp": AiohttpPool}


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

    def __init__(  # noqa: PLR0913 - one place makes it, and names them
        self,
        name: ProviderName,
        base_url: str,
        headers: Mapping[str, str],
        *,
        max_in_flight: int,
        timeout_s: float,
        quiet: Callable[[float], None] = lambda _seconds: None,
        pool: OpenPool = OwnPool,
    ) -> None:
        """*quiet* is told now and then for how long nothing came, while an answer is waited for."""
        self._quiet = quiet
        self._open_pool = pool
        self._name = name
        self._base_url = base_url
        self._headers = headers
        self._max_in_flight = max_in_flight
        self._timeout_s = timeout_s  #: Of one exchange, waiting for a free connection included.
        self._opened: _Opened | None = None
        self._closed = False

    async def close(self) -> None:
        self._closed = True
        if self._opened is not None:
            await self._opened.pool.close()

    def overtake(self, older_s: float) -> bool:
        """End the exchanges that may be given up and were sent so long ago; whether any were."""
        return self._opened is not None and self._opened.deadlines.overtake(older_s)

    async def exchange(
        self,
        method: str,
        target: str,
        cap: int,
        *,
        patience: Patience | None = None,
        shared: bool = False,
        more: MoreSent = NOTHING_MORE,
    ) -> Reply | ProviderError:
        """What came back, at most *cap* bytes of it, or the error to raise; raises nothing itself.

        *target* goes behind the base URL: path and query, percent-encoded, with the key if any.
        *patience*: how long it is waited for while others are answered; None: it is never given up.
        *shared*: it leaves a quarter of the connections to those that are not, however many hang.
        """
        fit = _TARGET.fullmatch(target) is not None
        if more is not NOTHING_MORE:
            fit = fit and _are_fit(more.headers)
        if self._closed or not fit:
            why = "closed" if self._closed else "unfit for a URL"
            return ProviderUnavailable(self._name, why, sent=False)
        try:
            opened = self._opened or self._open()
            deadline = opened.loop.time() + self._timeout_s
            pool = opened.share if shared else opened.pool
            connection = await pool.take()
        except _BROKEN as error:
            if isinstance(error, TimeoutError) and self._is_full(shared=shared):
                return NoFreeConnection(self._name, "no free connection in time", sent=False)
            return ProviderUnavailable(self._name, type(error).__name__, sent=False)
        opened.deadlines.set(connection, deadline, patience)
        reply, broken = None, ""
        try:
            request = opened.head.request(method, target, more)
            reply = opened.read_head.reply(await pool.ask(connection, request, cap))
            pool.free(connection)
        except _BROKEN as error:
            broken = type(error).__name__
        finally:
            end = opened.deadlines.lift(connection, answered=reply is not None)
            pool.drop(connection)
        # Whatever came: a body may have no other end than that of its connection.
        if end is not _End.IN_TIME:
            return _TOO_LATE[end](self._name, "no answer in time")
        if broken:
            return ProviderUnavailable(self._name, broken)
        return UnknownReply(self._name, f"reply above {cap} bytes") if reply is None else reply

    def _is_full(self, *, shared: bool) -> bool:
        if (opened := self._opened) is None:
            return False
        return opened.deadlines.count >= self._max_in_flight or (shared and opened.share.full)

    def _open(self) -> "_Opened":
        url = URL(self._base_url, encoded=True)
        # Half of the time is left for the answer: what goes out too late has an unknown outcome.
        wait_s = self._timeout_s / 2
        place = Place(url, self._max_in_flight, KEEPALIVE_S, wait_s, min(CONNECT_TIMEOUT_S, wait_s))
        loop = asyncio.get_running_loop()
        deadlines = _Deadlines(loop, self._timeout_s / 20, self._quiet)
        head = _Head(url, self._headers)
        pool = self._open_pool(place)
        share = PoolShare(pool, place.most - place.most // 4, wait_s)
        self._opened = _Opened(loop, head, pool, share, deadlines, _ReadHead())
        return self._opened


class _Opened(NamedTuple):
    """What all exchanges share; built inside the running loop."""

    loop: asyncio.AbstractEventLoop
    head: "_Head"
    pool: Pool[Any]
    share: PoolShare[Any]
    deadlines: "_Deadlines"
    read_head: "_ReadHead"


class _Head:
    """What all requests have in common: all but the target and a body."""

    def __init__(self, url: URL, headers: Mapping[str, str]) -> None:
        # Not compressed: a cap on bytes must be one on what they unpack to.
        said = CIMultiDict(
            {"Host": url.host_port_subcomponent or "", "Accept": "*/*"}
            | {"Accept-Encoding": "identity", "User-Agent": SERVER_SOFTWARE}
        )
        said.update(headers)
        if not all(value.isprintable() for value in said.values()):
            raise ValueError("a header that would end its line")
        self._prefix = "" if url.raw_path_qs == "/" else url.raw_path_qs
        self._lines = lines = _lines(said.items())
        self._end = f" HTTP/1.1\r\n{lines}\r\n"
        self._end_of_others = f" HTTP/1.1\r\n{lines}Content-Length: 0\r\n\r\n"

    def request(self, method: str, target: str, more: MoreSent) -> bytes:
        end = self._end if method == METH_GET else self._end_of_others
        if more is not NOTHING_MORE:
            end = f" HTTP/1.1\r\n{self._lines}{_lines(more.headers)}{_length(method, more)}\r\n"
        return f"{method} {self._prefix}{target}{end}".encode("ascii") + more.body


class _End(enum.Enum):
    """How an exchange ended for the clock."""

    IN_TIME = "in_time"
    LATE = "late"
    OVERTAKEN = "overtaken"


_TOO_LATE: Final[Mapping[_End, type[ProviderUnavailable]]] = {
    _End.LATE: TimedOut,
    _End.OVERTAKEN: CallOvertaken,
}


#: Its deadline, when it was sent, and how patient we are: plain, each exchange makes one.
_Sent: TypeAlias = tuple[float, float, Patience | None]


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
        self._open: dict[Cuttable, _Sent] = {}  #: In the order in which they were sent.
        self._overtaken: set[Cuttable] = set()
        self._answered_at = loop.time()
        self._looking = False

    @property
    def count(self) -> int:
        return len(self._open)

    def set(self, connection: Cuttable, deadline: float, patience: Patience | None) -> None:
        self._open[connection] = deadline, self._loop.time(), patience
        if not self._looking:
            self._look_later()

    def lift(self, connection: Cuttable, *, answered: bool) -> _End:
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
            for connection, (_, at, patience) in self._open.items()
            if patience is not None and at <= before
        ]
        self._give_up(hanging)
        return bool(hanging)

    def _overtake_alone(self, now: float) -> None:
        """End what hangs while others are answered. Once: what is sent then gets all its time."""
        hanging = {
            connection: patience
            for connection, (_, at, patience) in self._open.items()
            if patience is not None
            and patience.alone
            and patience.is_over(now - at)
            and max(at, now - patience.seconds) < self._answered_at
        }
        self._give_up(hanging)
        for patience in hanging.values():
            patience.spent = True

    def _give_up(self, hanging: Iterable[Cuttable]) -> None:
        for connection in hanging:
            self._overtaken.add(connection)
            self._cut(connection)

    def _cut(self, connection: Cuttable) -> None:
        del self._open[connection]
        if (transport := connection.transport) is not None:
            transport.abort()

    def _look_later(self) -> None:
        self._looking = True
        self._loop.call_later(self._every, self._look)

    def _look(self) -> None:
        now = self._loop.time()
        for late in [each for each, (deadline, *_) in self._open.items() if deadline <= now]:
            self._cut(late)
        self._overtake_alone(now)
        self._looking = False
        if self._open:
            _, oldest_at, _ = next(iter(self._open.values()))
            self._quiet(now - max(oldest_at, self._answered_at))
            self._look_later()


def _lines(headers: Iterable[tuple[str, str]]) -> str:
    return "".join(f"{name}: {value}\r\n" for name, value in headers)


def _length(method: str, more: MoreSent) -> str:
    return "" if method == METH_GET else f"Content-Length: {len(more.body)}\r\n"


def _are_fit(headers: Iterable[tuple[str, str]]) -> bool:
    return all(value.isascii() and value.isprintable() for _, value in headers)


class _ReadHead:
    """What was kept of the last head; the next answer often has the very same (`KnownHeads`)."""

    def __init__(self) -> None:
        self._message: RawResponseMessage | None = None
        self._retry_after_s: float | None = None
        self._headers: tuple[tuple[str, str], ...] = ()

    def reply(self, answer: RawAnswer) -> Reply | None:
        """The answer as it is handed on; None where it was longer than the cap."""
        message, body = answer
        if body is None:
            return None
        if message is not self._message:
            told = message.headers
            self._message = message
            self._retry_after_s = _seconds(told.get("Retry-After"))
            self._headers = tuple([(name, told[name]) for name in KEPT_HEADERS if name in told])
        return Reply(message.code, body, self._retry_after_s, self._headers)


def _seconds(retry_after: str | None) -> float | None:
    """`Retry-After` in seconds; the form with a date counts as not given."""
    if retry_after is None or len(retry_after) > 6 or not retry_after.isdecimal():
        return None
    return float(retry_after)
