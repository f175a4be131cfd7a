"""The whole store: six repositories over one database, and who leads while Redis is away."""

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from worker.adapters.store.activations import ActivationRepository
from worker.adapters.store.books import BookRepository
from worker.adapters.store.cases import CaseRepository
from worker.adapters.store.database import Database, scalar, statement, translated
from worker.adapters.store.migrate import ROLE, check
from worker.adapters.store.outbox import OutboxRepository
from worker.adapters.store.policies import PolicyRepository
from worker.adapters.store.purchases import PurchaseRepository
from worker.adapters.store.settlements import SettlementRepository
from worker.domain.policy import Profile
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


NO_POLICIES: Final[Mapping[str, Profile]] = {}


class PostgresStore:
    """Give it a URL of the primary, and the policies of this process.

    `events_wanted` is whether an endpoint is configured. `db` is another pool than the one that
    would be opened on *url*.
    """

    def __init__(
        self,
        url: str,
        *,
        policies: Mapping[str, Profile] = NO_POLICIES,
        pool_size: int = 10,
        events_wanted: bool = False,
        db: Database | None = None,
    ) -> None:
        event_state = "pending" if events_wanted else "kept"
        self.db = db or Database(url, pool_size=pool_size, role=ROLE)
        self.leadership = PostgresLeadership(Database(url, pool_size=1, role=ROLE))
        self.policies = PolicyRepository(self.db, policies)
        self.activations = ActivationRepository(self.db, self.policies, event_state)
        self.settlements = SettlementRepository(self.db, event_state)
        self.purchases = PurchaseRepository(self.db, self.policies)
        self.books = BookRepository(self.db)
        self.cases = CaseRepository(self.db, self.policies, event_state)
        self.outbox = OutboxRepository(self.db)

    async def ping(self) -> None:
        """Raises `StoreUnavailable`, or `SchemaMissing` where the schema is not this version's."""

        async def work(connection: AsyncConnection) -> None:
            await connection.run_sync(check)

        await self.db.read(work)

    async def time(self) -> datetime:
        """The database's clock, whatever the hosts' clocks say. Raises `StoreUnavailable`."""

        async def work(connection: AsyncConnection) -> datetime:
            now: datetime = await scalar(connection, "SELECT clock_timestamp()")
            return now

        return await self.db.read(work)

    async def close(self) -> None:
        await self.leadership.close()
        await self.db.close()
