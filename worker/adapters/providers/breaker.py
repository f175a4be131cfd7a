"""A circuit breaker: after several failures in a row a provider is left alone until it answers.

Our own, because purgatory 3.0 reads `time.time()` itself, lets every call through while it is half
open, and waits by a timer; here the clock is injected, and an answer closes the circuit, no timer.
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
#: Between two questions whether it answers again. However long it was away: a wait that grew with
#: the outage cost up to a minute of codes after it.
PROBE_EVERY_S = 1.0

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
        self._failures = 0
        self._failing_since = monotonic()
        self._silent_until = monotonic()  #: No call goes out before: a 429 asked for it.
        self._probe_at = monotonic()  #: When the next call is a probe, where nobody else probes.

    @property
    def circuit(self) -> Circuit:
        sends = (self._closed or self._probes()) and self._silent_until <= self._monotonic()
        return Circuit.CLOSED if sends else Circuit.OPEN

    @property
    def silent_s(self) -> float:
        """How long no call goes out, not even a probe."""
        return max(0.0, self._silent_until - self._monotonic())

    def admit(self) -> int:
        """Let a call go out, or raise `CircuitOpen`."""
        if self._silent_until > self._monotonic():
            raise CircuitOpen(self._provider, retry_after=timedelta(seconds=self.silent_s))
        if not self._closed:
            if not self._probes():
                raise CircuitOpen(self._provider)
            self._probe_at = self._monotonic() + PROBE_EVERY_S
        return self._generation

    def _probes(self) -> bool:
        """Whether the next call is itself the question if the provider answers again."""
        return not self._probed and self._monotonic() >= self._probe_at

    @property
    def ticket(self) -> int:
        """That of a probe, which goes out although the circuit is open."""
        return self._generation

    def answered(self, ticket: int) -> None:
        """The provider replied, whatever it said: it can be reached."""
        if ticket != self._generation:
            return
        self._failures = 0
        if not self._closed:
            self.close()

    def close(self) -> None:
        """The provider answers, as this or another process found out."""
        if self._closed:
            return
        self._switch(closed=True)
        self._changed(Circuit.CLOSED)

    def failed(self, ticket: int) -> None:
        """Nothing usable came: no connection, no answer, or a server error."""
        if ticket != self._generation or not self._closed:
            return
        if self._failures == 0:
            self._failing_since = self._monotonic()
        self._failures += 1
        if self._is_outage():
            self._switch(closed=False)
            self._probe_at = self._monotonic() + PROBE_EVERY_S
            self._changed(Circuit.OPEN)

    def _is_outage(self) -> bool:
        """Whether the failures in a row are an outage."""
        lasted = self._monotonic() - self._failing_since >= FEW_LAST_S
        return self._failures >= (FEW_TO_OPEN if lasted else FAILURES_TO_OPEN)

    def pause(self, seconds: float) -> None:
        """The provider asked for silence (429); a longer silence already promised stays."""
        self._silent_until = max(self._silent_until, self._monotonic() + seconds)

    def _switch(self, *, closed: bool) -> None:
        self._closed = closed
        self._generation += 1
        self._failures = 0
