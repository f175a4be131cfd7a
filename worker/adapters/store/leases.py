"""Leases whose COMMIT was not answered: whoever leases next hands them back first.

What a lease took is read before its COMMIT. Where the answer to that is lost, the lease may stand
and nobody works on it: what it took would wait until the lease is over.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Generic, TypeAlias, TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from worker.adapters.store.database import Database

Item = TypeVar("Item")
Lease: TypeAlias = Callable[[AsyncConnection], Awaitable[list[Item]]]
#: `None`: the database's clock says when.
HandBack: TypeAlias = Callable[
    [AsyncConnection, Sequence[Item], datetime | None], Awaitable[object]
]


#: Remembered of a server that answers no COMMIT; what is beyond waits for the end of its lease.
REMEMBERED_MAX: Final = 10_000


@dataclass(slots=True)
class Leases(Generic[Item]):
    """Of one process. `hand_back` leaves alone what this process does not hold by these leases."""

    db: Database
    hand_back: HandBack[Item]
    _unanswered: list[Item] = field(default_factory=list)

    async def take(self, lease: Lease[Item], now: datetime | None) -> list[Item]:
        """What *lease* takes. Raises `StoreError`; what it may have taken then is remembered."""
        mine, self._unanswered = self._unanswered, []

        async def work(connection: AsyncConnection) -> list[Item]:
            if mine:
                await self.hand_back(connection, mine, now)
            taken = await lease(connection)
            mine.extend(taken)
            return taken

        try:
            return await self.db.write(work)
        except BaseException:
            self._unanswered = (self._unanswered + mine)[-REMEMBERED_MAX:]
            raise
