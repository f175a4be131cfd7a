"""A circuit breaker: after several failures in a row a provider is left alone, then probed.

Our own, because purgatory 3.0 reads `time.time()` itself, lets every call through while it is half
open, and always waits equally long; here the clock is injected, probes are counted, waits double.
"""

from collections.abc import Callable
from datetime import timedelta

from worker.ports.errors import CircuitOpen
from worker.ports.provider import Circuit

# A provider that fails half of its calls is degraded, not gone: left alone it would deliver no code
# to anybody. So it takes many failures in a row, or a few and nothing else for a while.
FAILURES_TO_OPEN = 20
FEW_TO_OPEN = 5
FEW_LAST_S = 1.0
PROBES = 2  #: At once, while half open.
# One lost probe proves nothing of a provider that fails half of its calls, and its wait is doubled:
# with one failure to open again it was left alone for half of a brown-out, with three hardly ever.
PROBES_TO_OPEN = 3
WAIT_FIRST_S = 5.0
WAIT_MAX_S = 60.0
JITTER = 0.2  #: Of the wait, at most, on top: replicas must not probe in step.

assert WAIT_FIRST_S <= WAIT_MAX_S
assert FEW_TO_OPEN < FAILURES_TO_OPEN


class Breaker:
    """One per provider account. A ticket is what a call holds from `admit` to its end.

    Outcomes of calls that began before the last change say nothing about now: their tickets
    carry an older generation and are ignored.
    """

    def __init__(
        self,
        provider: str,
        *,
        monotonic: Callable[[], float],
        random: Callable[[], float],
        changed: Callable[[Circuit], None],
    ) -> None:
        self._provider = provider
        self._monotonic = monotonic
        self._random = random
        self._changed = changed  #: Called with OPEN or CLOSED when it becomes that.
        self._closed = True
        self._generation = 0
        self._failures = 0
        self._failing_since = monotonic()
        self._probes = 0
        self._wait_s = WAIT_FIRST_S
        #: No call goes out before: the circuit is open, or a 429 asked for it.
        self._silent_until = monotonic()

    @property
    def circuit(self) -> Circuit:
        if self._monotonic() < self._silent_until:
            return Circuit.OPEN
        if self._closed:
            return Circuit.CLOSED
        return Circuit.PROBING if self._probes < PROBES else Circuit.OPEN

    def admit(self) -> int:
        """Let a call go out, or raise `CircuitOpen`."""
        silent_s = self._silent_until - self._monotonic()
        if silent_s > 0:
            raise CircuitOpen(self._provider, retry_after=timedelta(seconds=silent_s))
        if not self._closed:
            if self._probes >= PROBES:
                raise CircuitOpen(self._provider)
            self._probes += 1
        return self._generation

    def answered(self, ticket: int) -> None:
        """The provider replied, whatever it said: it can be reached."""
        if ticket != self._generation:
            return
        self._failures = 0
        if not self._closed:
            self._switch(closed=True)
            self._wait_s = WAIT_FIRST_S
            self._changed(Circuit.CLOSED)

    def failed(self, ticket: int) -> None:
        """Nothing usable came: no connection, no answer, or a server error."""
        if ticket != self._generation:
            return
        if self._failures == 0:
            self._failing_since = self._monotonic()
        self._failures += 1
        if not self._closed:
            self._probe_failed()
        elif self._is_outage():
            self._open()
            self._changed(Circuit.OPEN)

    def _probe_failed(self) -> None:
        self._probes -= 1  # Its place is free for the next.
        if self._failures >= PROBES_TO_OPEN:
            self._wait_s = min(self._wait_s * 2, WAIT_MAX_S)
            self._open()

    def _is_outage(self) -> bool:
        """Whether the failures in a row are an outage."""
        lasted = self._monotonic() - self._failing_since >= FEW_LAST_S
        return self._failures >= (FEW_TO_OPEN if lasted else FAILURES_TO_OPEN)

    def abandoned(self, ticket: int) -> None:
        """Our side gave up the call. That says nothing of the provider; a probe's place is free."""
        if ticket == self._generation and not self._closed:
            self._probes -= 1

    def pause(self, seconds: float) -> None:
        """The provider asked for silence (429); a longer silence already promised stays."""
        self._silent_until = max(self._silent_until, self._monotonic() + seconds)

    def _open(self) -> None:
        self._switch(closed=False)
        self.pause(self._wait_s * (1 + JITTER * self._random()))

    def _switch(self, *, closed: bool) -> None:
        self._closed = closed
        self._generation += 1
        self._failures = self._probes = 0
