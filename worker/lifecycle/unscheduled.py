"""Numbers that were accepted and could not be put on the schedule: they are put there again.

The database knows them, and the regular repair would find them, but some of them have no time for
that. Only this process remembers them here: after a crash the repair is who finds them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, TypeAlias

from worker.domain.ids import ProviderName
from worker.ports.errors import ScheduleUnavailable
from worker.ports.reporter import Reporter
from worker.ports.schedule import Schedule
from worker.ports.store.activations import LiveNumber

#: Of one provider, some 50 MB; the repair finds what is beyond.
REMEMBERED_MAX: Final = 100_000
BATCH: Final = 1_000

FirstLooks: TypeAlias = Sequence[tuple[LiveNumber, datetime]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unscheduled:
    schedule: Schedule
    reporter: Reporter
    _left: dict[ProviderName, list[tuple[LiveNumber, datetime]]] = field(default_factory=dict)

    async def add(self, provider: ProviderName, looks: FirstLooks) -> None:
        """Put numbers on the schedule, or remember them. Raises nothing."""
        try:
            await self.schedule.add(provider, looks)
        except ScheduleUnavailable:
            self.reporter.trouble("schedule.unavailable", provider=provider)
            left = self._left.setdefault(provider, [])
            left += looks
            del left[:-REMEMBERED_MAX]

    async def add_again(self) -> None:
        """Put what is remembered on the schedule; adding a number twice changes nothing."""
        for provider, left in list(self._left.items()):
            while left:
                batch = left[:BATCH]
                try:
                    await self.schedule.add(provider, batch)
                except ScheduleUnavailable:
                    return
                del left[: len(batch)]
            del self._left[provider]
