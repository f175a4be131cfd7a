"""Numbers that were accepted or pushed and could not be scheduled: they are put there again.

The database knows them, and the regular repair or the next look would find them, but some of them
have no time for that. Only this process remembers them here: after a crash the repair is who finds
them.
"""

import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Final, TypeAlias, TypeVar

from worker.domain.ids import ProviderName
from worker.ports.errors import ScheduleUnavailable
from worker.ports.reporter import Reporter
from worker.ports.schedule import Schedule
from worker.ports.store.activations import LiveNumber

T = TypeVar("T")

#: Of one provider, some 50 MB; the repair finds what is beyond.
REMEMBERED_MAX: Final = 100_000
BATCH: Final = 1_000

FirstLooks: TypeAlias = Sequence[tuple[LiveNumber, datetime]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unscheduled:
    schedule: Schedule
    reporter: Reporter
    _left: dict[ProviderName, list[tuple[LiveNumber, datetime]]] = field(default_factory=dict)
    _hints: dict[ProviderName, list[LiveNumber]] = field(default_factory=dict)

    async def add(self, provider: ProviderName, looks: FirstLooks) -> None:
        """Put numbers on the schedule, or remember them. Raises nothing."""
        try:
            await self.schedule.add(provider, looks)
        except ScheduleUnavailable:
            self.reporter.trouble("schedule.unavailable", provider=provider)
            left = self._left.setdefault(provider, [])
            left += looks
            del left[:-REMEMBERED_MAX]

    async def hint(self, provider: ProviderName, numbers: Sequence[LiveNumber]) -> None:
        """Have numbers looked at now, or remember them. Raises nothing."""
        try:
            await self.schedule.hint(provider, *numbers)
        except ScheduleUnavailable:
            self.reporter.trouble("schedule.unavailable", provider=provider)
            left = self._hints.setdefault(provider, [])
            left += numbers
            del left[:-REMEMBERED_MAX]

    async def add_again(self) -> None:
        """Put what is remembered on the schedule; adding a number twice changes nothing."""
        with contextlib.suppress(ScheduleUnavailable):  # What is left is tried again.
            for provider, left in list(self._left.items()):
                await _in_batches(left, partial(self.schedule.add, provider))
                del self._left[provider]
            for provider, hints in list(self._hints.items()):
                await _in_batches(hints, partial(self._hint, provider))
                del self._hints[provider]

    async def _hint(self, provider: ProviderName, numbers: Sequence[LiveNumber]) -> None:
        await self.schedule.hint(provider, *numbers)


async def _in_batches(left: list[T], put: Callable[[Sequence[T]], Awaitable[object]]) -> None:
    """Put and remove them; what fails stays."""
    while left:
        batch = left[:BATCH]
        await put(batch)
        del left[: len(batch)]
