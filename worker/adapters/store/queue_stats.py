"""What the gauges show, counted on live rows, and who leads a topic while Redis is away."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from worker.adapters.store.database import Database, translated
from worker.adapters.store.statements import statement
from worker.domain.ids import ProviderName
from worker.ports.errors import StoreUnavailable
from worker.ports.store.books import QueueStats
from worker.ports.store.purchases import ACCOUNT

SAMPLE: Final = 10_000  #: Endings that the cancel ratio is taken from.
CANARIES: Final = 1_000  #: As far back as one that went all the way is looked for.
_ON_TIME: Final = timedelta(0)
_ALIVE = text("SELECT true WHERE CAST(:topic AS text) IS NOT NULL")


class QueueStatsReader:
    """The part of the store that counts."""

    db: Database

    async def queue_stats(self, grace: timedelta, *, now: datetime | None = None) -> QueueStats:
        return await self.db.read(lambda c: _queue_stats(c, grace, now))


async def _queue_stats(
    connection: AsyncConnection, grace: timedelta, now: datetime | None
) -> QueueStats:
    live = (
        (await connection.execute(statement("stats_live"), {"grace": grace, "now": now}))
        .mappings()
        .all()
    )
    exposure = (await connection.execute(statement("stats_exposure"))).mappings()
    exposed = {(ProviderName(r["provider"]), r["currency"]): r["amount_minor"] for r in exposure}
    ended = (
        await connection.execute(statement("stats_cancelled"), {"now": now, "sample": SAMPLE})
    ).mappings()
    timers = (await connection.execute(statement("stats_timers"), {"now": now})).mappings()
    canary = await connection.execute(
        statement("stats_canary"), {"account": ACCOUNT, "sample": CANARIES}
    )
    late = [r["now"] - r["oldest_deadline"] for r in live if r["oldest_deadline"] is not None]
    return QueueStats(
        live={ProviderName(r["provider"]): r["live"] for r in live},
        overdue=sum(r["overdue"] for r in live),
        oldest_overdue=max(late, default=_ON_TIME),
        exposure_minor=exposed,
        events_pending=(await connection.execute(statement("stats_events"))).scalar_one(),
        cancel_ratio={ProviderName(r["provider"]): r["cancelled"] / r["ended"] for r in ended},
        timers_overdue={r["kind"]: r["overdue"] for r in timers},
        canary_success=canary.scalar_one_or_none(),
    )


@dataclass(slots=True)
class Leadership:
    """Topics this process leads, by session locks on one connection that nothing else uses.

    The locks end with the connection, so a process that lost it leads nothing until it asks again.
    """

    db: Database
    _held: set[str] = field(default_factory=set)
    _connection: AsyncConnection | None = None
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)
    _one: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def lead(self, topic: str) -> bool:
        """Raises `StoreUnavailable` where nobody can know."""
        async with self._one:
            try:
                return await self._ask(topic)
            except StoreUnavailable:
                await self._let_go()  # And with a new connection, once:
                return await self._ask(topic)

    async def close(self) -> None:
        async with self._one:
            await self._let_go()
        await self.db.close()

    async def _ask(self, topic: str) -> bool:
        if self._connection is None:
            self._connection = await self._stack.enter_async_context(self.db.connection())
        with translated():
            # A lock is held once per success: asking for one we have would stack it up.
            asked = _ALIVE if topic in self._held else statement("leads")
            if (await self._connection.execute(asked, {"topic": topic})).scalar():
                self._held.add(topic)
        return topic in self._held

    async def _let_go(self) -> None:
        self._held.clear()
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.invalidate()  # Back in the pool it would keep its locks.
        stack, self._stack = self._stack, AsyncExitStack()
        await stack.aclose()
