"""A circuit breaker: after several failures in a row a provider is left alone until it answers.

It judges each operation, too. A provider that answers its probe and fails every cancel is no outage
that ends by an answer: then only cancels are left alone, one a second asks, and all else goes on.

Our own, because purgatory 3.0 reads `time.time()` itself, lets every call through while it is half
open, and waits by a timer; here the clock is injected, and an answer closes the circuit, no timer.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple

from worker.domain.backoff import BAN
from worker.ports.errors import CircuitOpen
from worker.ports.provider import Circuit
from worker.ports.reporter import Operation

# A provider that fails half of its calls is degraded, not gone: left alone it would deliver no code
# to anybody. So it takes many failures in a row, or a few and nothing else for a while.
FAILURES_TO_OPEN = 20
FEW_TO_OPEN = 5
FEW_LAST_S = 1.0
#: Between two questions whether it answers again. However long it was away: a wait that grew with
#: the outage cost up to a minute of codes after it.
PROBE_EVERY_S = 1.0

#: What a number waits whose operation alone is left alone. Longer than a probe: of thousands that
#: wait only one may ask, and each that comes back costs the database a lease.
OPERATION_RETRY_S = 2.0

assert FEW_TO_OPEN < FAILURES_TO_OPEN
assert PROBE_EVERY_S < OPERATION_RETRY_S


class Ticket(NamedTuple):
    """What a call holds from `admit` to its end."""

    generation: int
    operation: Operation | None  #: None: a probe.


@dataclass(slots=True)
class _Streak:
    """Failures in a row, and since when."""

    failures: int = 0
    since: float = 0.0

    def add(self, now: float) -> None:
        if self.failures == 0:
            self.since = now
        self.failures += 1

    def is_outage(self, now: float) -> bool:
        lasted = now - self.since >= FEW_LAST_S
        return self.failures >= (FEW_TO_OPEN if lasted else FAILURES_TO_OPEN)


@dataclass(slots=True)
class _OperationState(_Streak):
    """One operation. `suspect`: it has not been answered since the last outage."""

    suspect: bool = False
    ask_at: float | None = None  #: It is left alone: when the next call may ask.


@dataclass(slots=True)
class _Ban:
    """Bans of one kind of call, in a row, that did not say until when."""

    times: int = 0
    alone: bool = False  #: Other kinds are answered: they need not wait for its end.
    ask_at: float = float("-inf")  #: Where it is alone: when the next such call may ask.


class Breaker:
    """One per provider account.

    Outcomes of calls that began before the last change say nothing about now: their tickets
    carry an older generation and are ignored.
    """

    def __init__(
        self,
        provider: str,
        *,
        monotonic: Callable[[], float],
        changed: Callable[[Circuit], None],
        probed: bool,
    ) -> None:
        self._provider = provider
        self._monotonic = monotonic
        self._changed = changed  #: Called with OPEN or CLOSED when it becomes that.
        #: Whether somebody probes while it is open; else one call a second is the probe.
        self._probed = probed
        self._closed = True
        self._generation = 0
        self._streak = _Streak()
        self._operations: dict[Operation, _OperationState] = {}
        self._work_answered = True  #: Since the last outage.
        self._silent_until = monotonic()  #: No call goes out before: a 429 asked for it.
        self._bans: dict[Operation, _Ban] = {}
        self._probe_at = monotonic()  #: When the next call is a probe, where nobody else probes.

    @property
    def circuit(self) -> Circuit:
        sends = (self._closed or self._probes()) and self._silent_until <= self._monotonic()
        return Circuit.CLOSED if sends else Circuit.OPEN

    @property
    def silent_s(self) -> float:
        """How long no call goes out, not even a probe."""
        return max(0.0, self._silent_until - self._monotonic())

    def admit(self, operation: Operation) -> Ticket:
        """Let a call go out, or raise `CircuitOpen`."""
        if self._silent_until > self._monotonic():
            raise CircuitOpen(self._provider, retry_after=timedelta(seconds=self.silent_s))
        self._raise_if_banned(operation)
        if not self._closed:
            if not self._probes():
                raise CircuitOpen(self._provider)
            self._probe_at = self._monotonic() + PROBE_EVERY_S
        state = self._operations.get(operation)
        if state is not None and state.ask_at is not None:
            self._ask_again(state)
        return Ticket(self._generation, operation)

    def _raise_if_banned(self, operation: Operation) -> None:
        ban = self._bans.get(operation)
        if ban is not None and (left := ban.ask_at - self._monotonic()) > 0:
            raise CircuitOpen(self._provider, retry_after=timedelta(seconds=left))

    def _ask_again(self, state: _OperationState) -> None:
        """One call a second asks whether this operation works again."""
        now = self._monotonic()
        if state.ask_at is not None and now < state.ask_at:
            raise CircuitOpen(self._provider, retry_after=timedelta(seconds=OPERATION_RETRY_S))
        state.ask_at = now + PROBE_EVERY_S

    def _probes(self) -> bool:
        """Whether the next call is itself the question if the provider answers again."""
        return not self._probed and self._monotonic() >= self._probe_at

    @property
    def doubted(self) -> bool:
        """Whether all that was sent since the last outage failed, so that a probe has to ask."""
        left_alone = any(state.ask_at is not None for state in self._operations.values())
        return self._closed and not self._work_answered and left_alone

    @property
    def ticket(self) -> Ticket:
        """That of a probe, which goes out although the circuit is open."""
        return Ticket(self._generation, None)

    def answered(self, ticket: Ticket) -> None:
        """The provider replied, whatever it said: it can be reached."""
        if ticket.generation != self._generation:
            return
        if ticket.operation is not None:
            self._operations.pop(ticket.operation, None)
            self._work_answered = True
        self._streak.failures = 0
        if not self._closed:
            self.close()

    def close(self) -> None:
        """The provider answers, as this or another process found out."""
        if self._closed:
            return
        self._switch(closed=True)
        self._changed(Circuit.CLOSED)

    def failed(self, ticket: Ticket) -> None:
        """Nothing usable came: no connection, no answer, or a server error."""
        if ticket.generation != self._generation or not self._closed:
            return
        now = self._monotonic()
        if ticket.operation is None:
            if self.doubted:
                self._open(now)
            return
        state = self._operations.setdefault(ticket.operation, _OperationState())
        state.add(now)
        if not state.suspect:
            self._streak.add(now)
            if self._streak.is_outage(now):
                self._open(now)
                return
        if state.ask_at is None and state.is_outage(now):
            state.ask_at = now + PROBE_EVERY_S

    def _open(self, now: float) -> None:
        self._switch(closed=False)
        self._work_answered = False
        # A probe's answer will not show that these work: then their failures are no new outage.
        self._operations = {
            operation: _OperationState(suspect=True) for operation in self._operations
        }
        self._probe_at = now + PROBE_EVERY_S
        self._changed(Circuit.OPEN)

    def pause(self, seconds: float) -> None:
        """The provider asked for silence (429); a longer silence already promised stays."""
        self._silent_until = max(self._silent_until, self._monotonic() + seconds)

    def ban(self, operation: Operation, seconds: float | None) -> None:
        """The account is banned for so long; None: until when is not told, so ask now and then."""
        if seconds is None:
            ban = self._bans.setdefault(operation, _Ban())
            now = self._monotonic()
            if max(self._silent_until, ban.ask_at) > now:
                return  # Sent before the call that was told so first.
            seconds = BAN.wait(ban.times).total_seconds()
            ban.times += 1
            if ban.alone:
                ban.ask_at = now + seconds
                return
        self.pause(seconds)

    def allowed(self, operation: Operation) -> None:
        """This kind of call is answered, so it is not banned; others may be."""
        if self.silent_s > 0:
            return  # It was sent before the ban.
        ban = self._bans.get(operation)
        if ban is not None and ban.ask_at <= self._monotonic():
            del self._bans[operation]
        for kind, other in self._bans.items():
            other.alone |= kind is not operation

    def _switch(self, *, closed: bool) -> None:
        self._closed = closed
        self._generation += 1
        self._streak.failures = 0
