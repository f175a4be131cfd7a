"""A share of a provider's connections, for calls that may hang and must leave others the rest."""

import asyncio
from collections.abc import Awaitable
from typing import Generic, TypeVar

from worker.adapters.providers.pool import Cuttable, Pool, RawAnswer

C = TypeVar("C", bound=Cuttable)


class PoolShare(Generic[C]):
    """A pool inside a pool: so many of its connections at most."""

    def __init__(self, pool: Pool[C], most: int, wait_s: float) -> None:
        """*wait_s*: for a connection to become free, as in the pool itself."""
        self._pool = pool
        self._most = most
        self._wait_s = wait_s
        self._places = asyncio.Semaphore(most)
        self._taken: set[C] = set()

    @property
    def full(self) -> bool:
        """All of it waits for answers: what has no connection yet may wait for the provider."""
        return len(self._taken) >= self._most

    async def take(self) -> C:
        if not self._places.locked():  # The usual case needs no timer: the pool has its own.
            return await self._take()
        async with asyncio.timeout(self._wait_s):
            return await self._take()

    def ask(self, connection: C, request: bytes, cap: int) -> Awaitable[RawAnswer]:
        return self._pool.ask(connection, request, cap)

    def free(self, connection: C) -> None:
        self._pool.free(connection)
        self._leave(connection)

    def drop(self, connection: C) -> None:
        self._pool.drop(connection)
        self._leave(connection)

    async def close(self) -> None:
        await self._pool.close()

    async def _take(self) -> C:
        await self._places.acquire()
        try:
            connection = await self._pool.take()
        except BaseException:
            self._places.release()
            raise
        self._taken.add(connection)
        return connection

    def _leave(self, connection: C) -> None:
        if connection in self._taken:
            self._taken.discard(connection)
            self._places.release()
