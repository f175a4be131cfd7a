"""Leases that nobody works on: whoever leases next hands them back first.

What a lease took is read before its COMMIT. Where the answer to that is lost, the lease may stand
and nobody works on it: what it took would wait until the lease is over. The same is true of what
somebody leased and could not begin, because the database went away.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Generic, TypeAlias, TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from worker.adapters.store.database import Database

Item = TypeVar("Item")
Lease: TypeAlias = Callable[[AsyncConnection], Awaitable[list[Item]]]
#: `None`: the database's clock says when.
HandBack: TypeAlias = Callable[
    [AsyncConnection, Sequence[Item], datetime | None], Awaitable[object]
]


#: Remembered; what is beyond waits for the end of its lease.
REMEMBERED_MAX: Final = 10_000


@dataclass(slots=True)
class Leases(Generic[Item]):
    """Of one process. `back` leaves alone what this process does not hold by these leases."""

    db: Database
    back: HandBack[Item]
    _nobodys: list[Item] = field(default_factory=list)

    async def take(self, lease: Lease[Item], now: datetime | None) -> list[Item]:
        """What *lease* takes. Raises `StoreError`; what it may have taken then is remembered."""
        mine, self._nobodys = self._nobodys, []

        async def work(connection: AsyncConnection) -> list[Item]:
            if mine:
                await self.back(connection, mine, now)
            taken = await lease(connection)
            mine.extend(taken)
            return taken

        try:
            return await self.db.write(work)
        except BaseException:
            self.leave(mine)
            raise

    def leave(self, items: Sequence[Item]) -> None:
        """Nobody works on these; it asks nothing of the database, which may be away."""
        self._nobodys = [*self._nobodys, *items][-REMEMBERED_MAX:]

    async def hand_back(self) -> None:
        """Make due now what nobody works on. Raises `StoreError`."""
        if self._nobodys:
            await self.take(_nothing, None)


async def _nothing(_: AsyncConnection) -> list[Any]:
    return []
