"""A second connection that stops where a race is decided: after its work, before its COMMIT."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeVar

import asyncpg
from sqlalchemy.ext.asyncio import AsyncConnection

from worker.adapters.store.database import Database, scalar
from worker.adapters.store.postgres import PostgresStore
from worker.adapters.store.revisions import ROLE

T = TypeVar("T")

PATIENCE_SECONDS = 20


@dataclass
class Gate:
    """Where a transaction stands still; `backend` is the process that holds its locks."""

    reached: asyncio.Event = field(default_factory=asyncio.Event)
    go: asyncio.Event = field(default_factory=asyncio.Event)
    backend: int = 0


class PausingDatabase(Database):
    """Every first try of a transaction waits at the gate; a second one and reads go on."""

    def __init__(self, url: str, gate: Gate) -> None:
        super().__init__(url, pool_size=2, role=ROLE)
        self.gate = gate

    async def read(self, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        return await super().write(work)

    async def write(
        self,
        work: Callable[[AsyncConnection], Awaitable[T]],
        *,
        lock_wait: timedelta | None = None,
    ) -> T:
        async def paused(connection: AsyncConnection) -> T:
            result = await work(connection)
            if not self.gate.reached.is_set():
                self.gate.backend = await scalar(connection, "SELECT pg_backend_pid()")
                self.gate.reached.set()
                await self.gate.go.wait()
            return result

        return await super().write(paused, lock_wait=lock_wait)


class CountingDatabase(Database):
    """Counts how often transactions were begun: more often than asked for means run again."""

    def __init__(self, url: str) -> None:
        super().__init__(url, pool_size=5, role=ROLE)
        self.begun = 0

    async def write(
        self,
        work: Callable[[AsyncConnection], Awaitable[T]],
        *,
        lock_wait: timedelta | None = None,
    ) -> T:
        async def counted(connection: AsyncConnection) -> T:
            self.begun += 1
            return await work(connection)

        return await super().write(counted, lock_wait=lock_wait)


@dataclass
class Rival:
    """Another process of the worker, whose next transaction stands still before its COMMIT."""

    store: PostgresStore
    gate: Gate
    admin: asyncpg.Connection

    async def start(self, call: Coroutine[Any, Any, T]) -> "asyncio.Task[T]":
        """Run *call* up to its COMMIT."""
        task = asyncio.create_task(call)
        async with asyncio.timeout(PATIENCE_SECONDS):
            await self.gate.reached.wait()
        return task

    async def run_into(self, call: Coroutine[Any, Any, T]) -> "asyncio.Task[T]":
        """Run *call* until it waits for what the rival has locked."""
        task = asyncio.create_task(call)
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not await self._blocks_somebody():
                assert not task.done(), "it did not wait"
        return task

    async def kill(self) -> None:
        """End the rival's backend as a crash would, and wait until it is gone."""
        await self.admin.fetchval("SELECT pg_terminate_backend($1, 10000)", self.gate.backend)

    async def _blocks_somebody(self) -> bool:
        return bool(
            await self.admin.fetchval(
                "SELECT count(*) FROM pg_stat_activity WHERE $1 = ANY(pg_blocking_pids(pid))",
                self.gate.backend,
            )
        )
