"""One provider account: its bulkhead, its limits, its breaker, and the only place with the key."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeVar
from urllib.parse import quote

import tenacity

from worker.adapters.providers.breaker import Breaker
from worker.adapters.providers.reply import Banned, RateLimited, Reply, interpret
from worker.adapters.providers.wire import (
    CONNECT_TIMEOUT_S,
    NoFreeConnection,
    TimedOut,
    Wire,
)
from worker.domain.backoff import PROVIDER_READ
from worker.domain.ids import ProviderName
from worker.ports.errors import (
    CircuitOpen,
    ProviderError,
    ProviderRefused,
    ProviderUnavailable,
)
from worker.ports.provider import Circuit
from worker.ports.reporter import Operation, Reporter, RequestResult

T = TypeVar("T")


async def unmetered() -> None:
    """For callers whose requests are not counted."""


TIMEOUT_S = 10.0  #: Of one exchange, waiting for a free connection included.
SINGLE_CAP = 64 * 1024  #: Bytes of a reply that is no list.
LIST_CAP = 4 * 1024 * 1024  #: Bytes of a page of a list.

assert CONNECT_TIMEOUT_S < TIMEOUT_S
assert SINGLE_CAP < LIST_CAP


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where requests go. The key is added last: behind every target, or in the headers."""

    base_url: str = field(repr=False)
    key_suffix: str = field(repr=False, default="")  #: As in `&api_key=K`, percent-encoded.
    headers: Mapping[str, str] = field(repr=False, default_factory=dict)
    answer_statuses: frozenset[int] = frozenset()  #: From 500 on, which are answers in this family.


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderContext:
    """What every provider is given: the reporter, the clock, how to wait and random numbers."""

    reporter: Reporter
    sleep: Callable[[float], Awaitable[None]]
    monotonic: Callable[[], float]
    random: Callable[[], float]  #: In [0, 1).
    #: Buys a request from the rate budget, beyond the first of a call, which the caller has bought.
    pay: Callable[[], Awaitable[None]] = unmetered
    timeout_s: float = TIMEOUT_S


class Transport:
    """Sends each call once, reads its reply, and reports the result."""

    def __init__(
        self,
        name: ProviderName,
        endpoint: Endpoint,
        context: ProviderContext,
        *,
        max_in_flight: int,
    ) -> None:
        self.name = name
        self._endpoint = endpoint
        self._reporter = context.reporter
        self._sleep = context.sleep
        self._monotonic = context.monotonic
        self._random = context.random
        self.pay_more = context.pay
        self._breaker = Breaker(
            name,
            monotonic=context.monotonic,
            random=context.random,
            changed=self._circuit_changed,
        )
        self._buys_from = context.monotonic()  #: The end of the last ban that a purchase met.
        self._wire = Wire(
            name,
            endpoint.base_url,
            endpoint.headers,
            max_in_flight=max_in_flight,
            timeout_s=context.timeout_s,
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
        """Send one request, once, and return what *read* makes of the reply.

        *target* is path and query, percent-encoded, without the key.
        """
        began = self._monotonic()
        if operation.buys and began < self._buys_from:
            wait = timedelta(seconds=self._buys_from - began)
            raise CircuitOpen(self.name, retry_after=wait)
        ticket = self._breaker.admit()
        try:
            endpoint = self._endpoint
            reply = await self._wire.exchange(method, f"{target}{endpoint.key_suffix}", cap)
            answer = interpret(self.name, reply, read, endpoint.answer_statuses)
        except ProviderError as error:
            self._report(operation, ticket, began, error)
            raise
        except BaseException:
            self._breaker.abandoned(ticket)
            raise
        self._report(operation, ticket, began, None)
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
        """A banned account may not buy. A look finds out whether it still gets its codes."""
        if operation.buys:
            self._buys_from = max(self._buys_from, self._monotonic() + seconds)
        else:
            self._breaker.pause(seconds)

    def _circuit_changed(self, circuit: Circuit) -> None:
        self._reporter.circuit(self.name, is_open=circuit is Circuit.OPEN)

    def _report(
        self, operation: Operation, ticket: int, began: float, error: ProviderError | None
    ) -> None:
        result = RequestResult.OK
        match error:
            case RateLimited():
                result = RequestResult.RATE_LIMITED
                self._breaker.pause(error.pause_s)
                self._breaker.answered(ticket)
            case Banned():
                result = RequestResult.REFUSED
                self._banned(operation, error.pause_s)
                self._breaker.answered(ticket)
            case NoFreeConnection():
                result = RequestResult.UNAVAILABLE
                self._breaker.abandoned(ticket)  # Our own load: it says nothing about the provider.
            case ProviderUnavailable():
                result = RequestResult.UNAVAILABLE
                if isinstance(error, TimedOut):
                    result = RequestResult.TIMEOUT
                self._breaker.failed(ticket)
            case _:
                if isinstance(error, ProviderRefused):
                    result = RequestResult.REFUSED
                elif error is not None:
                    result = RequestResult.UNKNOWN
                self._breaker.answered(ticket)
        self._reporter.request(self.name, operation, result, self._monotonic() - began)


def _is_over(state: tenacity.RetryCallState) -> bool:
    return PROVIDER_READ.is_over(state.attempt_number, timedelta(0))


def _worth_repeating(error: BaseException) -> bool:
    return isinstance(error, ProviderUnavailable) and not isinstance(
        error, (CircuitOpen, RateLimited)
    )


def escaped(text: str) -> str:
    """An id or a word of ours as a part of a path or a query."""
    return text if text.isascii() and text.isalnum() else quote(text, safe="")
