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
from typing import Final, TypeAlias

from worker.domain.ids import ActivationId
from worker.lifecycle.clock import Clock
from worker.ports.store.settlements import DueNumber, SettlementStore

CONFIRMED_FOR: Final = timedelta(seconds=1)
_CONFIRMED_S: Final = CONFIRMED_FOR.total_seconds()
#: And when it was read, no later: a plain pair, because each number that ends has one.
_Lease: TypeAlias = tuple[DueNumber, float]


@dataclass(slots=True, kw_only=True)
class LeaseFence:
    """The leases of one run.

    Each counts from its own reading, so a run that leases more while it works asks nothing as long
    as it reaches each number within the second. No lock stands before a call: a lane that waits
    in line for one is a call slot that idles.
    """

    settlements: SettlementStore
    clock: Clock
    _left: dict[ActivationId, _Lease] = field(default_factory=dict)
    _asking: "asyncio.Task[None] | None" = None

    def add(self, leased: Sequence[DueNumber], read_at: float) -> None:
        """*read_at*: no later than they were read, by the process's clock."""
        self._left.update([(number.id, (number, read_at)) for number in leased])

    async def holds(self, number: DueNumber) -> bool:
        """Whether something may be sent about this number; asked once for each."""
        lease = self._left.get(number.id)
        if lease is not None and self._is_old(lease):
            # A question that was under way may have begun before this number was leased.
            while self._left.get(number.id) is lease:
                await asyncio.shield(self._question())
        return self._left.pop(number.id, None) is not None

    def _is_old(self, lease: _Lease) -> bool:
        _, read_at = lease
        return self.clock.monotonic() - read_at > _CONFIRMED_S

    def _question(self) -> "asyncio.Task[None]":
        """The one question that is under way, or a new one."""
        if self._asking is None or self._asking.done():
            self._asking = asyncio.ensure_future(self._confirm())
        return self._asking

    async def _confirm(self) -> None:
        begun = self.clock.monotonic()
        asked = list(self._left.values())
        held = await self.settlements.still_leased([number for number, _ in asked])
        for lease in asked:
            number, _ = lease
            id_ = number.id
            if self._left.get(id_) is not lease:
                continue  # It was taken meanwhile, on a lease that still counted.
            if id_ in held:
                self._left[id_] = number, begun
            else:
                del self._left[id_]
