"""One provider account: its bulkhead, its limits, its breaker, and the only place with the key."""

import enum
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeVar
from urllib.parse import quote

import tenacity

from worker.adapters.providers.breaker import Breaker
from worker.adapters.providers.reply import Banned, RateLimited, Reply, understood
from worker.adapters.providers.wire import CONNECT_TIMEOUT_S, NoneFree, TimedOut, Wire
from worker.domain.backoff import PROVIDER_READ
from worker.domain.ids import ProviderName
from worker.ports.errors import (
    CircuitOpen,
    ProviderError,
    ProviderRefused,
    ProviderUnavailable,
)
from worker.ports.provider import Circuit
from worker.ports.reporter import Reporter

T = TypeVar("T")


async def unmetered() -> None:
    """Where nobody counts requests."""


TIMEOUT_S = 10.0  #: Of one exchange, waiting for a free connection included.
SINGLE_CAP = 64 * 1024  #: Bytes of a reply about one thing.
LIST_CAP = 4 * 1024 * 1024  #: Bytes of a page of a list.

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

    @property
    def buys(self) -> bool:
        return self is Operation.RENT or self is Operation.RENTAL_OPEN


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
        self._buys_from = surroundings.monotonic()  #: Bans met by a purchase last until then.
        self._wire = Wire(
            name,
            address.base_url,
            address.headers,
            max_in_flight=max_in_flight,
            timeout_s=surroundings.timeout_s,
        )

    @property
    def circuit(self) -> Circuit:
        return self._breaker.circuit

    async def close(self) -> None:
        await self._wire.close()

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
        began = self._monotonic()
        if operation.buys and began < self._buys_from:
            wait = timedelta(seconds=self._buys_from - began)
            raise CircuitOpen(self.name, retry_after=wait)
        ticket = self._breaker.admit()
        try:
            where = self._address
            reply = await self._wire.exchange(method, f"{target}{where.key_suffix}", cap)
            answer = understood(self.name, reply, read, where.told_by_5xx)
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
            stop=_is_over,
            sleep=self._before_the_next,
            reraise=True,
        )
        return await retrying(self.call, operation, target, read, cap=cap)

    async def _before_the_next(self, seconds: float) -> None:
        await self._sleep(seconds)
        await self.pay_more()

    def _backoff_s(self, state: tenacity.RetryCallState) -> float:
        return PROVIDER_READ.wait(state.attempt_number - 1, self._random()).total_seconds()

    def _banned(self, operation: Operation, seconds: float) -> None:
        """Who may not buy may still be told the codes of what he has; a look finds that out."""
        if operation.buys:
            self._buys_from = max(self._buys_from, self._monotonic() + seconds)
        else:
            self._breaker.pause(seconds)

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
                self._banned(operation, error.pause_s)
                self._breaker.answered(ticket)
            case NoneFree():
                result = "unavailable"
                self._breaker.abandoned(ticket)  # Our own crowd: it says nothing of the provider.
            case ProviderUnavailable():
                result = "timeout" if isinstance(error, TimedOut) else "unavailable"
                self._breaker.failed(ticket)
            case _:
                if error is not None:
                    result = "refused" if isinstance(error, ProviderRefused) else "unknown"
                self._breaker.answered(ticket)
        self._reporter.request(self.name, operation.value, result, self._monotonic() - began)


def _is_over(state: tenacity.RetryCallState) -> bool:
    return PROVIDER_READ.is_over(state.attempt_number, timedelta(0))


def _worth_repeating(error: BaseException) -> bool:
    return isinstance(error, ProviderUnavailable) and not isinstance(
        error, (CircuitOpen, RateLimited)
    )


def escaped(text: str) -> str:
    """An id or a word of ours as a part of a path or a query."""
    return text if text.isascii() and text.isalnum() else quote(text, safe="")
