"""One provider account: its bulkhead, its limits, its breaker, and the only place with the key."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import NamedTuple, TypeVar
from urllib.parse import quote

from worker.adapters.providers.breaker import PROBE_EVERY_S, Breaker, Ticket
from worker.adapters.providers.own_pool import OwnPool
from worker.adapters.providers.patience import SHOW_CODES, WORK, Patience, Patiences
from worker.adapters.providers.reply import BAN_PAUSE_S, Banned, RateLimited, Reply, interpret
from worker.adapters.providers.wire import (
    CONNECT_TIMEOUT_S,
    NOTHING_MORE,
    Endpoint,
    MoreSent,
    NoFreeConnection,
    OpenPool,
    OutgoingRequest,
    TimedOut,
    Wire,
)
from worker.adapters.tenacity_retry import TenacityRetry
from worker.domain.backoff import PROVIDER_READ
from worker.domain.ids import ProviderName
from worker.ports.errors import (
    CallOvertaken,
    CircuitOpen,
    ProviderError,
    ProviderRefused,
    ProviderUnavailable,
    ScheduleUnavailable,
)
from worker.ports.provider import Circuit
from worker.ports.reporter import Operation, Reporter, RequestResult
from worker.ports.schedule import ProbeTurn, ProbeTurns

T = TypeVar("T")


async def unmetered() -> None:
    """For callers whose requests are not counted."""


class OwnTurns:
    """`ProbeTurns` for a process that shares nothing with others: each turn is its own."""

    async def probe_turn(self, _provider: ProviderName, _open_for: timedelta) -> ProbeTurn:
        return ProbeTurn.ASK

    async def answers_again(self, _provider: ProviderName) -> None:
        """Nobody else waits for it."""


TIMEOUT_S = 10.0  #: Of one exchange, waiting for a free connection included.
SINGLE_CAP = 64 * 1024  #: Bytes of a reply that is no list.
LIST_CAP = 4 * 1024 * 1024  #: Bytes of a page of a list.
#: Between two questions whose turn the next probe is, and whether another process had an answer.
TURN_EVERY_S = PROBE_EVERY_S / 4
PROBES_APART_S = 0.9 * PROBE_EVERY_S  #: Less than a turn lasts: none is taken and not used.
PROBES_AT_ONCE = 12  #: Of a provider that answers nothing, a second apart: each may time out.

assert CONNECT_TIMEOUT_S < TIMEOUT_S
assert SINGLE_CAP < LIST_CAP
assert PROBES_AT_ONCE * PROBE_EVERY_S > TIMEOUT_S


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderContext:
    """What every provider is given: the reporter, the clock, how to wait and random numbers."""

    reporter: Reporter
    sleep: Callable[[float], Awaitable[None]]
    monotonic: Callable[[], float]
    random: Callable[[], float]  #: In [0, 1).
    #: Buys a request from the rate budget, beyond the first of a call, which the caller has bought.
    pay: Callable[[], Awaitable[None]] = unmetered
    turns: ProbeTurns = field(default_factory=OwnTurns)  #: Which process probes.
    timeout_s: float = TIMEOUT_S
    pool: OpenPool = OwnPool


class Probe(NamedTuple):
    """A read that is free at the provider and shows whether it answers again."""

    operation: Operation
    target: str
    read: Callable[[Reply], object]
    method: str = "GET"


class Transport:
    """Sends each call once, reads its reply, and reports the result."""

    def __init__(
        self,
        name: ProviderName,
        endpoint: Endpoint,
        context: ProviderContext,
        *,
        max_in_flight: int,
        probe: Probe | None = None,
        reads_once: bool = False,
    ) -> None:
        """Without a *probe* one call a second asks for itself whether the provider is back.

        *reads_once*: what was read may have been paid for, and is not read again where it hangs.
        """
        self.name = name
        self._endpoint = endpoint
        self._reporter = context.reporter
        self._sleep = context.sleep
        self.monotonic = context.monotonic
        self.retry = TenacityRetry(
            sleep=self._before_the_next, monotonic=context.monotonic, chance=context.random
        )
        self.pay_more = context.pay
        self._breaker = Breaker(
            name,
            monotonic=context.monotonic,
            changed=self._circuit_changed,
            probed=probe is not None,
        )
        self._turns = context.turns
        self._probe = probe
        self._probing: asyncio.Task[None] | None = None
        self._probed_at = float("-inf")
        self._patiences = Patiences(context.timeout_s, reads_once=reads_once)
        self._suspicions: set[asyncio.Task[None]] = set()
        self._closed = asyncio.Event()  #: The circuit is.
        self._closed.set()
        self._closed_at: float | None = None  #: Until the first answer to work after an outage.
        self._buys_from = context.monotonic()  #: The end of the last ban that a purchase met.
        self._wire = Wire(
            name,
            endpoint.base_url,
            endpoint.headers,
            max_in_flight=max_in_flight,
            timeout_s=context.timeout_s,
            quiet=self._gone_quiet,
            pool=context.pool,
        )
        #: Its own: hanging calls may keep all other connections. Not limited by *max_in_flight*:
        #: where that is small, hanging probes would hold up the one that sees the return.
        self._probe_wire = Wire(
            name,
            endpoint.base_url,
            endpoint.headers,
            max_in_flight=PROBES_AT_ONCE,
            timeout_s=context.timeout_s,
            pool=context.pool,
        )

    @property
    def circuit(self) -> Circuit:
        return self._breaker.circuit

    async def close(self) -> None:
        if self._probing is not None:
            self._probing.cancel()
            await asyncio.gather(self._probing, return_exceptions=True)
        for task in self._suspicions:
            task.cancel()
        await asyncio.gather(*self._suspicions, return_exceptions=True)
        await self._probe_wire.close()
        await self._wire.close()

    async def reachable(self) -> None:
        """Return once calls go out: at once when the provider answers again."""
        while self.circuit is Circuit.OPEN:
            if self._breaker.silent_s > 0:
                await self._sleep(self._breaker.silent_s)
            else:
                await self._closed.wait()

    def call(
        self,
        operation: Operation,
        target: str,
        read: Callable[[Reply], T],
        *,
        method: str = "GET",
        cap: int = SINGLE_CAP,
        more: MoreSent = NOTHING_MORE,
    ) -> Awaitable[T]:
        """Send one request, once; await it for what *read* makes of the reply.

        *target* is path and query, percent-encoded, without the key.
        """
        if operation.buys and (now := self.monotonic()) < self._buys_from:
            wait = timedelta(seconds=self._buys_from - now)
            raise CircuitOpen(self.name, retry_after=wait)
        ticket = self._breaker.admit(operation)
        out = self._endpoint.request(method, target, more)
        patience, shared = self._patiences.of(operation), operation not in SHOW_CODES
        exchange = self._exchange(self._wire, out, cap, patience=patience, shared=shared)
        return self._send(ticket, operation, exchange, read)

    def _exchange(
        self,
        wire: Wire,
        out: OutgoingRequest,
        cap: int,
        *,
        patience: Patience | None = None,
        shared: bool = False,
    ) -> Awaitable[Reply | ProviderError]:
        """One request and what came of it; a family that signs in does so here."""
        method, target, more = out
        return wire.exchange(method, target, cap, patience=patience, shared=shared, more=more)

    async def _send(
        self,
        ticket: Ticket,
        operation: Operation,
        exchange: Awaitable[Reply | ProviderError],
        read: Callable[[Reply], T],
    ) -> T:
        began = self.monotonic()
        try:
            reply = await exchange
            answer = interpret(self.name, reply, read, self._endpoint.answer_statuses)
        except ProviderError as error:
            self._report(operation, ticket, began, error)
            raise
        self._report(operation, ticket, began, None)
        return answer

    async def call_patiently(
        self,
        operation: Operation,
        target: str,
        read: Callable[[Reply], T],
        *,
        method: str = "GET",
        cap: int = SINGLE_CAP,
        on: tuple[type[ProviderError], ...] = (ProviderUnavailable,),
    ) -> T:
        """The same, a few times: only for what changes nothing and nobody else repeats."""
        return await self.retry(
            PROVIDER_READ,
            lambda: self.call(operation, target, read, method=method, cap=cap),
            on=on,
            unless=(CircuitOpen, RateLimited),
        )

    async def _before_the_next(self, seconds: float) -> None:
        await self._sleep(seconds)
        await self.pay_more()

    def _rate_limited(self, _operation: Operation, seconds: float) -> None:
        """Nothing is sent for so long; a family may know what alone is limited."""
        self._breaker.pause(seconds)

    def _banned(self, operation: Operation, seconds: float | None) -> None:
        """A banned account may not buy. A look finds out whether it still gets its codes."""
        if operation.buys:
            until = self.monotonic() + (seconds or BAN_PAUSE_S)
            self._buys_from = max(self._buys_from, until)
        else:
            self._breaker.ban(operation, seconds)

    def _circuit_changed(self, circuit: Circuit) -> None:
        self._report_circuit(circuit)
        if circuit is Circuit.CLOSED:
            self._closed.set()
            self._closed_at = self.monotonic()
            self._overtake()  # They were sent before it was away, and hang.
            return
        self._closed.clear()
        self._closed_at = None
        if self._probe is not None:
            if self._probing is not None:
                self._probing.cancel()  # It saw the circuit close, and not open again.
            self._probing = asyncio.ensure_future(self._probe_until_back(self._probe))

    def _report_circuit(self, circuit: Circuit) -> None:
        self._reporter.circuit(self.name, is_open=circuit is Circuit.OPEN)

    async def _probe_until_back(self, probe: Probe) -> None:
        """Ask about once a second, of all processes one at a time, until there is an answer."""
        opened = self.monotonic()
        probes: set[asyncio.Task[None]] = set()
        try:
            while not self._closed.is_set():
                match await self._turn(timedelta(seconds=self.monotonic() - opened)):
                    case ProbeTurn.BACK:
                        self._breaker.close()
                        return
                    case ProbeTurn.ASK if self._may_probe(len(probes)):
                        self._probed_at = self.monotonic()
                        # Not awaited: what hangs until its timeout must not hold up the next one.
                        probes.add(task := asyncio.ensure_future(self._ask(probe)))
                        task.add_done_callback(probes.discard)
                    case ProbeTurn.ASK | ProbeTurn.WAIT:
                        pass
                await self._sleep(TURN_EVERY_S)
        finally:
            for task in probes:
                task.cancel()
            await asyncio.gather(*probes, return_exceptions=True)

    async def _turn(self, open_for: timedelta) -> ProbeTurn:
        try:
            return await self._turns.probe_turn(self.name, open_for)
        except Exception:  # noqa: BLE001 - no bug about turns may leave a provider alone for ever
            return ProbeTurn.ASK  # Nobody tells whose turn it is: each process takes its own.

    def _may_probe(self, under_way: int) -> bool:
        """Whether the last probe was long enough ago: also across a circuit that flaps."""
        if self._breaker.silent_s > 0 or under_way >= PROBES_AT_ONCE:
            return False
        return self.monotonic() - self._probed_at >= PROBES_APART_S

    async def _ask(self, probe: Probe) -> None:
        await self.pay_more()
        ticket = self._breaker.ticket
        was_open = not self._closed.is_set()
        answered = False
        out = self._endpoint.request(probe.method, probe.target, NOTHING_MORE)
        exchange = self._exchange(self._probe_wire, out, SINGLE_CAP)
        with contextlib.suppress(ProviderError):  # Reported where it was sent.
            await self._send(ticket, probe.operation, exchange, probe.read)
            answered = True
            self._overtake()
        if answered or (was_open and self._closed.is_set()):
            with contextlib.suppress(ScheduleUnavailable):
                await self._turns.answers_again(self.name)

    def _gone_quiet(self, seconds: float) -> None:
        """Nothing came for so long: ask whether other calls are answered, and these hang."""
        if self._patiences.common.is_over(seconds):
            self._suspect()

    def _suspect(self) -> None:
        """Ask although the circuit is closed."""
        if self._probe is None:
            return
        if self._closed.is_set() and self._may_probe(len(self._suspicions)):
            self._probed_at = self.monotonic()
            task = asyncio.ensure_future(self._ask(self._probe))
            self._suspicions.add(task)
            task.add_done_callback(self._suspicions.discard)

    def _overtake(self) -> None:
        """Give up what hangs although the provider answers: whoever asked may ask again."""
        patience = self._patiences.common
        if not patience.spent:
            patience.spent = self._wire.overtake(patience.seconds)

    def _report(
        self, operation: Operation, ticket: Ticket, began: float, error: ProviderError | None
    ) -> None:
        took = self.monotonic() - began
        match error:
            case None:
                result = RequestResult.OK
                self._patiences.answered(operation, took)
                self._breaker.answered(ticket)
                self._breaker.allowed(operation)
                self._works_again(operation)
            case RateLimited():
                result = RequestResult.RATE_LIMITED
                self._rate_limited(operation, error.pause_s)
                self._breaker.answered(ticket)
            case Banned():
                result = RequestResult.REFUSED
                self._banned(operation, error.pause_s)
                self._breaker.answered(ticket)
            case NoFreeConnection() | CallOvertaken():
                result = RequestResult.UNAVAILABLE  # Our own doing: it says nothing about them.
            case ProviderUnavailable():
                timed_out = isinstance(error, TimedOut)
                result = RequestResult.TIMEOUT if timed_out else RequestResult.UNAVAILABLE
                self._breaker.failed(ticket)
                if self._breaker.doubted:
                    self._suspect()
            case _:
                refused = isinstance(error, ProviderRefused)
                result = RequestResult.REFUSED if refused else RequestResult.UNKNOWN
                self._patiences.answered(operation, took)
                self._breaker.answered(ticket)
                self._works_again(operation)
        self._reporter.request(self.name, operation, result, took)

    def _works_again(self, operation: Operation) -> None:
        """Tell how long the first answer to work took since the circuit closed."""
        if self._closed_at is not None and operation in WORK:
            self._reporter.answers_again(self.name, self.monotonic() - self._closed_at)
            self._closed_at = None


def escaped(text: str) -> str:
    """An id or a word of ours as a part of a path or a query."""
    return text if text.isascii() and text.isalnum() else quote(text, safe="")
