"""Who leads a topic while Redis is away: one process at most, by a lock in the database."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from worker.adapters.store.database import Database, translated
from worker.adapters.store.statements import statement
from worker.ports.errors import StoreUnavailable

_ALIVE = text("SELECT true WHERE CAST(:topic AS text) IS NOT NULL")


@dataclass(slots=True)
class PostgresLeadership:
    """Topics this process leads, by session locks on one connection that nothing else uses.

    The locks end with the connection, so a process that lost it leads nothing until it asks again.
    """

    db: Database
    _held: set[str] = field(default_factory=set)
    _connection: AsyncConnection | None = None
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)
    _one: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def leads(self, topic: str) -> bool:
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
            asked = _ALIVE if topic in self._held else statement("leadership/leads")
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
