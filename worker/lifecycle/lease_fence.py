"""A fence before the provider: nothing that changes a number is sent on a lease that is over.

A ref may be sold again while a cancel of the old number waits here for its turn, and a cancel of a
ref reaches whoever has it now. So a lease counts for `CONFIRMED_FOR`, then the database is asked
about all that are left, in one question. A batch that is worked off sooner asks nothing.

It is asked before the call waits for a free connection: up to half of a call's time, where all are
busy. And what was sent before the new rental was stored cannot be called back.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from worker.domain.ids import ActivationId
from worker.lifecycle.clock import Clock
from worker.ports.store.settlements import DueNumber, SettlementStore

CONFIRMED_FOR: Final = timedelta(seconds=1)


@dataclass(slots=True, kw_only=True)
class LeaseFence:
    """The leases of one run; `begun` before they were read, by the process's clock."""

    settlements: SettlementStore
    clock: Clock
    begun: float
    _left: dict[ActivationId, DueNumber] = field(default_factory=dict)
    _asking: asyncio.Lock = field(default_factory=asyncio.Lock)

    def add(self, leased: Sequence[DueNumber]) -> None:
        self._left.update((number.id, number) for number in leased)

    async def holds(self, number: DueNumber) -> bool:
        """Whether something may be sent about this number; asked once for each."""
        async with self._asking:
            if self.clock.monotonic() - self.begun > CONFIRMED_FOR.total_seconds():
                await self._confirm()
        return self._left.pop(number.id, None) is not None

    async def _confirm(self) -> None:
        begun = self.clock.monotonic()
        asked = list(self._left.values())
        held = await self.settlements.still_leased(asked) if asked else set()
        for number in asked:
            if number.id not in held:
                self._left.pop(number.id, None)
        self.begun = begun
