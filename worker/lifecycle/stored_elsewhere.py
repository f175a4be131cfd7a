"""Numbers that other processes store while Redis is away: whoever looks is to know of them, too.

Each process has a schedule of its own then, and one process looks. A number that is handed over to
another one stands on a schedule that nobody looks at; the database is how the two meet.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from worker.domain.ids import ActivationId, ProviderName
from worker.lifecycle.accept import Accept
from worker.lifecycle.clock import Clock
from worker.ports.store.activations import ActivationStore

#: From the beginning of a transaction that stores a number to its commit: it waits for an account's
#: row for up to ten seconds.
STORED_WITHIN: Final = timedelta(seconds=15)
READ_MAX: Final = 20_000  #: Numbers at once; the repair finds what is beyond.
#: Of the time that is spent reading, one part in so many: a read looks at all that is live there.
REST: Final = 20


@dataclass(slots=True)
class _Read:
    """What the last read of one provider left behind."""

    begun_at: datetime
    again_at: float = 0.0  #: On the process's clock.
    found: frozenset[ActivationId] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredElsewhere:
    activations: ActivationStore
    accept: Accept
    clock: Clock
    _read: dict[ProviderName, _Read] = field(default_factory=dict)

    async def __call__(self, provider: ProviderName) -> None:
        """Put on this process's schedule what was stored since the last time.

        Each number once: the schedule would take one again whose looks are over.
        """
        now, began = self.clock.now(), self.clock.monotonic()
        last = self._read.setdefault(provider, _Read(now))
        if began < last.again_at:
            return
        since = last.begun_at - STORED_WITHIN
        live = await self.activations.live_since(provider, since=since, limit=READ_MAX)
        if new := [number for number in live if number.id not in last.found]:
            await self.accept.put_on_schedule(provider, new)
        ended = self.clock.monotonic()
        again_at = ended + (ended - began) * REST
        self._read[provider] = _Read(now, again_at, frozenset(number.id for number in live))
