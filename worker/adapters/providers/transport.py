"""One HTTP session per provider account: its bulkhead, its limits, and the only place with the key.

The key travels in most providers' URLs, and aiohttp prints URLs in its exceptions. So exchanges
answer with an error instead of raising one from inside aiohttp, and no frame an exception passes
through holds a URL.
"""

import enum
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar
from urllib.parse import quote

import aiohttp
import tenacity
from aiohttp.client_middlewares import ClientHandlerType
from yarl import URL

from worker.adapters.providers.breaker import Breaker
from worker.adapters.providers.reply import Banned, RateLimited, Reply, understood
from worker.domain.ids import ProviderName
from worker.ports.errors import (
    CircuitOpen,
    ProviderError,
    ProviderRefused,
    ProviderUnavailable,
    UnknownReply,
)
from worker.ports.provider import Circuit
from worker.ports.reporter import Reporter

T = TypeVar("T")


async def unmetered() -> None:
    """Where nobody counts requests."""


TIMEOUT_S = 10.0  #: Of one exchange, waiting for a free connection included.
CONNECT_TIMEOUT_S = 3.0
KEEPALIVE_S = 30.0
SINGLE_CAP = 64 * 1024  #: Bytes of a reply about one thing.
LIST_CAP = 4 * 1024 * 1024  #: Bytes of a page of a list.
ATTEMPTS = 3  #: Of calls that are safe to repeat and that nobody else repeats.
BACKOFF_S = 0.5  #: Doubled for each further attempt, times a random number.

assert CONNECT_TIMEOUT_S < TIMEOUT_S
assert SINGLE_CAP < LIST_CAP


class Operation(enum.Enum):
    """What a request is for; a metric label."""

    RENT = "rent"
    LOOK = "look"
    LIST = "list"
    CANCEL = "cancel"
    FINISH = "finish"
    ASK_AGAIN = "ask_again"
    BALANCE = "balance"
    RENTAL_OPEN = "rental_open"
    RENTAL_READ = "rental_read"
    RENTAL_PROLONG = "rental_prolong"
    RENTAL_CLOSE = "rental_close"


class TimedOut(ProviderUnavailable):
    """No answer in time; what was asked may have happened."""


class _Broken(aiohttp.ClientError):
    """The connection broke before the answer."""


async def _send_once(
    request: aiohttp.ClientRequest, handler: ClientHandlerType
) -> aiohttp.ClientResponse:
    """Keep aiohttp from sending a GET again by itself when the connection breaks.

    Purchases here are GETs. It repeats on exactly these two errors, so it must not see them.
    """
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise  # Never repeated, and it tells that nothing was sent.
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise _Broken(type(error).__name__) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where requests go. The key is added last: behind every target, or in the headers."""

    base_url: str = field(repr=False)
    key_suffix: str = field(repr=False, default="")  #: As in `&api_key=K`, percent-encoded.
    headers: Mapping[str, str] = field(repr=False, default_factory=dict)
    told_by_5xx: frozenset[int] = frozenset()  #: Statuses that are answers in this family.


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What every provider is given: whom to tell, how to wait, the clock and the dice."""

    reporter: Reporter
    sleep: Callable[[float], Awaitable[None]]
    monotonic: Callable[[], float]
    random: Callable[[], float]  #: In [0, 1).
    #: Buys a request from the rate budget, beyond the first of a call, which the caller has bought.
    pay: Callable[[], Awaitable[None]] = unmetered
    timeout_s: float = TIMEOUT_S


class Transport:
    """Sends each call once, reads its answer, and reports how it went."""

    def __init__(
        self,
        name: ProviderName,
        address: Address,
        surroundings: Surroundings,
        *,
        max_in_flight: int,
    ) -> None:
        self.name = name
        self._address = address
        self._reporter = surroundings.reporter
        self._sleep = surroundings.sleep
        self._monotonic = surroundings.monotonic
        self._random = surroundings.random
        self.pay_more = surroundings.pay
        self._breaker = Breaker(
            name,
            monotonic=surroundings.monotonic,
            random=surroundings.random,
            changed=self._circuit_changed,
        )
        self._max_in_flight = max_in_flight
        self._timeout = aiohttp.ClientTimeout(
            total=surroundings.timeout_s,
            sock_connect=min(CONNECT_TIMEOUT_S, surroundings.timeout_s),
        )
        self._session: aiohttp.ClientSession | None = None
        self._closed = False

    @property
    def circuit(self) -> Circuit:
        return self._breaker.circuit

    async def close(self) -> None:
        self._closed = True
        if self._session is not None:
            await self._session.close()

    async def call(
        self,
        operation: Operation,
        target: str,
        read: Callable[[Reply], T],
        *,
        method: str = "GET",
        cap: int = SINGLE_CAP,
    ) -> T:
        """Send one request, once, and answer with what *read* makes of the reply.

        *target* is path and query, percent-encoded, without the key.
        """
        ticket = self._breaker.admit()
        began = self._monotonic()
        try:
            reply = await self._exchange(method, target, cap)
            answer = understood(self.name, reply, read, self._address.told_by_5xx)
        except ProviderError as error:
            self._ended(operation, ticket, began, error)
            raise
        except BaseException:
            self._breaker.abandoned(ticket)
            raise
        self._ended(operation, ticket, began, None)
        return answer

    async def call_patiently(
        self,
        operation: Operation,
        target: str,
        read: Callable[[Reply], T],
        *,
        cap: int = SINGLE_CAP,
    ) -> T:
        """The same, a few times: only for what changes nothing and nobody else repeats."""
        retrying = tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception(_worth_repeating),
            wait=self._backoff_s,
            stop=tenacity.stop_after_attempt(ATTEMPTS),
            sleep=self._before_the_next,
            reraise=True,
        )
        return await retrying(self.call, operation, target, read, cap=cap)

    async def _before_the_next(self, seconds: float) -> None:
        await self._sleep(seconds)
        await self.pay_more()

    def _backoff_s(self, state: tenacity.RetryCallState) -> float:
        return BACKOFF_S * 2.0 ** (state.attempt_number - 1) * (0.5 + self._random())

    async def _exchange(self, method: str, target: str, cap: int) -> Reply | ProviderError:
        """One request and its whole answer, or the error to raise; raises nothing itself."""
        if self._closed:  # aiohttp would answer with an error of its own kind.
            return ProviderUnavailable(self.name, "closed", sent=False)
        session = self._session or self._open_session()
        where = self._address
        url = URL(f"{where.base_url}{target}{where.key_suffix}", encoded=True)
        try:
            async with session.request(method, url, allow_redirects=False) as response:
                body = await _body_of(response.content, cap)
                if body is None:
                    return UnknownReply(self.name, f"reply above {cap} bytes")
                return Reply(response.status, body, _seconds(response.headers.get("Retry-After")))
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            return ProviderUnavailable(self.name, type(error).__name__, sent=False)
        except TimeoutError:
            return TimedOut(self.name, "no answer in time")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return ProviderUnavailable(self.name, type(error).__name__)

    def _circuit_changed(self, circuit: Circuit) -> None:
        self._reporter.circuit(self.name, is_open=circuit is Circuit.OPEN)

    def _ended(
        self, operation: Operation, ticket: int, began: float, error: ProviderError | None
    ) -> None:
        result = "ok"
        match error:
            case RateLimited():
                result = "rate_limited"
                self._breaker.pause(error.pause_s)
                self._breaker.answered(ticket)
            case Banned():
                result = "refused"
                self._breaker.pause(error.pause_s)
                self._breaker.answered(ticket)
            case ProviderUnavailable():
                result = "timeout" if isinstance(error, TimedOut) else "unavailable"
                self._breaker.failed(ticket)
            case _:
                if error is not None:
                    result = "refused" if isinstance(error, ProviderRefused) else "unknown"
                self._breaker.answered(ticket)
        self._reporter.request(self.name, operation.value, result, self._monotonic() - began)

    def _open_session(self) -> aiohttp.ClientSession:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=self._max_in_flight, keepalive_timeout=KEEPALIVE_S
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            # Not compressed: a cap on bytes must be one on what they unpack to.
            headers={"Accept-Encoding": "identity", **self._address.headers},
            middlewares=(_send_once,),
            timeout=self._timeout,
            trust_env=False,
        )
        return self._session


async def _body_of(content: aiohttp.StreamReader, cap: int) -> bytes | None:
    """The whole body, or None when it is longer than *cap*."""
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


def _worth_repeating(error: BaseException) -> bool:
    return isinstance(error, ProviderUnavailable) and not isinstance(
        error, (CircuitOpen, RateLimited)
    )


def escaped(text: str) -> str:
    """An id or a word of ours as a part of a path or a query."""
    return text if text.isascii() and text.isalnum() else quote(text, safe="")
