"""One connection of this process's own, on which a session lock may be held."""

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Final, TypeVar
from uuid import uuid4

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from worker.adapters.store.database import Database, statement
from worker.adapters.store.refusals import translated
from worker.ports.errors import StoreUnavailable

T = TypeVar("T")

_LOCK: Final = text("SELECT pg_try_advisory_lock(hashtextextended(:key, 0)), pg_backend_pid()")
_UNLOCK: Final = text("SELECT pg_advisory_unlock(hashtextextended(:key, 0)), pg_backend_pid()")
_PID: Final = text("SELECT pg_backend_pid()")


class Session:
    """The connection; lost, it is opened anew, and with it goes what was locked."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._connection: AsyncConnection | None = None
        self._stack = AsyncExitStack()
        self.keeps_locks = False  #: Whether a session lock holds here; a pooler may not keep it.
        self.locked: str | None = None
        self.opened = (
            0  #: How many connections were opened; each after the first replaces a lost one.
        )

    @property
    def lost_lock(self) -> bool:
        """Whether this connection could hold a lock, and does not."""
        return self.keeps_locks and self.locked is None

    async def run(self, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        """Raises `StoreUnavailable`, where a new connection fails, too."""
        try:
            return await self._run(work)
        except StoreUnavailable:
            await self.let_go()
            return await self._run(work)

    async def lock(self, connection: AsyncConnection, key: str) -> None:
        """Lock it, where that holds; who has the lock already does not ask again."""
        if not self.keeps_locks or self.locked == key:
            return
        taken = (await connection.execute(_LOCK, {"key": key})).one()[0]
        self.locked = key if taken else None

    async def unlock(self, connection: AsyncConnection) -> None:
        if self.locked is not None:
            await connection.execute(_UNLOCK, {"key": self.locked})
            self.locked = None

    async def let_go(self) -> None:
        connection, self._connection = self._connection, None
        self.locked = None
        if connection is not None:
            await connection.invalidate()  # Back in the pool it would keep its lock.
        stack, self._stack = self._stack, AsyncExitStack()
        await stack.aclose()

    async def close(self) -> None:
        await self.let_go()
        await self._db.close()

    async def _run(self, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        if self._connection is None:
            connection = await self._stack.enter_async_context(self._db.connection())
            self._connection = connection
            self.opened += 1
            with translated():
                async with connection.begin():
                    self.keeps_locks = await keeps_session_locks(connection)
                    if self.keeps_locks:
                        await connection.execute(statement("instances/keepalives"))
        with translated():
            async with self._connection.begin():
                return await work(self._connection)


async def keeps_session_locks(connection: AsyncConnection) -> bool:
    """Whether a lock is still ours in the next statement: a pooler may change the server process.

    It may also happen to give us the same one twice. So the process must be the one that the
    server named when we connected, which only a direct connection knows.
    """
    raw = await connection.get_raw_connection()
    driver = raw.driver_connection
    assert driver is not None
    named = driver.get_server_pid()
    if (await connection.execute(_PID)).scalar() != named:
        return False
    key = {"key": f"activation-worker/probe/{uuid4()}"}
    locked = (await connection.execute(_LOCK, key)).one()
    unlocked = (await connection.execute(_UNLOCK, key)).one()
    return tuple(locked) == tuple(unlocked) == (True, named)
