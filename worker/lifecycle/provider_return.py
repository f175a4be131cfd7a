"""A provider that was away and is back: who waits for it, and how long what it cost waits.

An outage ends by an answer, not by a timer, so nothing that failed because of it waits for long.
"""

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from worker.domain.backoff import AWAY, Backoff
from worker.domain.ids import ProviderName
from worker.lifecycle.clock import Clock
from worker.ports.errors import CallOvertaken, CircuitOpen, ProviderUnavailable
from worker.ports.provider import Circuit, Provider

AT_MOST: Final = timedelta(seconds=1)  #: Then a stretch asks whether it still goes on.
#: Attempts that may be an outage. A provider that fails one number more often than that while it
#: answers others would get a request a second for it, for ever.
OUTAGE_TRIES: Final = 5
TRIED_EVERY: Final = timedelta(seconds=1)  #: Whether a provider takes cancels again.


@dataclass(slots=True)
class CancelsLeftAlone:
    """Providers that answer, but fail every cancel: their breaker lets one a second out.

    Nothing is leased and nothing is paid for those that would not be sent.
    """

    _refused: dict[ProviderName, tuple[float, CircuitOpen]] = field(default_factory=dict)

    def refusal(self, provider: ProviderName, clock: Clock) -> CircuitOpen | None:
        """What a cancel would be told now, if it is known."""
        until, error = self._refused.get(provider, (float("-inf"), None))
        return error if clock.monotonic() < until else None

    def doubted(self, provider: ProviderName) -> bool:
        """Whether the next cancel asks if the provider takes them again."""
        return provider in self._refused

    def refused(self, provider: ProviderName, error: CircuitOpen, clock: Clock) -> None:
        if self.refusal(provider, clock) is None:
            self._refused[provider] = (clock.monotonic() + TRIED_EVERY.total_seconds(), error)

    def answered(self, provider: ProviderName) -> None:
        self._refused.pop(provider, None)


async def until_reachable(provider: Provider, clock: Clock) -> None:
    """Return as soon as the provider answers again, or after `AT_MOST`."""
    waits = (
        asyncio.ensure_future(provider.reachable()),
        asyncio.ensure_future(clock.sleep(AT_MOST.total_seconds())),
    )
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
        await asyncio.gather(*waits, return_exceptions=True)


def wait_while_away(
    provider: Provider,
    error: ProviderUnavailable,
    attempts: int,
    backoff: Backoff,
    chance: float,
) -> timedelta:
    """How long a number waits whose call met a provider that is away.

    Nothing is sent while the circuit is open, so it is due as soon as the circuit closes.
    """
    if isinstance(error, CallOvertaken):
        return timedelta(0)
    tries = attempts - OUTAGE_TRIES
    away = isinstance(error, CircuitOpen) or provider.circuit is Circuit.OPEN
    wait = AWAY.wait(0, chance) if away or tries < 0 else backoff.wait(tries, chance)
    return wait if error.retry_after is None else max(wait, error.retry_after)
