"""This process among all: its row, its heartbeat, and the session lock that dies with it."""

import asyncio
import os
import socket
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final, TypeVar
from uuid import uuid4

from sqlalchemy.ext.asyncio import AsyncConnection

from worker.adapters.store.database import Database, statement
from worker.adapters.store.layout import LAYOUT
from worker.adapters.store.refusals import translated
from worker.adapters.store.session import Session
from worker.domain.liveness import BEAT_EVERY, GAP, Liveness
from worker.ports.errors import StoreError
from worker.ports.instances import DeadInstance, InstanceId

T = TypeVar("T")

#: For one round trip of a heartbeat: whoever waits longer is not heard in time anyway.
ANSWER_MAX: Final = GAP
#: Who has lost its connection may not be the only one: the others have until then to lock anew.
LOCKED_ANEW: Final = BEAT_EVERY * 2
#: A beat is a write, one a second: after some seconds without, the database takes none of ours.
WRITES_WITHIN: Final = GAP + BEAT_EVERY * 2


class PostgresInstances:
    """Who this process is. What it leases goes through *pool*, its heartbeat through *own*.

    The heartbeat has a connection that nothing else uses: no busy pool makes it late.
    """

    def __init__(
        self,
        pool: Database,
        own: Database,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        host: str = "",
        pid: int | None = None,
    ) -> None:
        self._pool = pool
        self._session = Session(own)
        self._liveness = Liveness(monotonic=monotonic)
        self._monotonic = monotonic
        self._opened = 1  #: Connections of the heartbeat that are known of.
        self._judges_locks_from = float("-inf")
        self.host = host or socket.gethostname()
        self._pid = os.getpid() if pid is None else pid
        self._id: InstanceId | None = None
        self._turn = asyncio.Lock()
        self._server: datetime | None = None  #: Since when the one of the last beat runs.

    def holder(self) -> InstanceId | None:
        return self._id

    @property
    def silence(self) -> timedelta | None:
        """From which silence on another process is dead; None: this one may not judge now."""
        return self._liveness.silence

    @property
    def judgement(self) -> Mapping[str, object]:
        """By what `instance_is_dead` judges others now."""
        return {"silence": self.silence, "locks": self._monotonic() >= self._judges_locks_from}

    @property
    def writes(self) -> bool:
        """Whether the database took a beat of this process in the last seconds."""
        age = self._liveness.age
        return age is not None and age <= WRITES_WITHIN

    async def beat(self) -> bool:
        return await self.run(self._beat)

    async def alive(self, connection: AsyncConnection) -> InstanceId:
        """Who this process is, by a beat on this connection that is not older than a second."""
        age = self._liveness.age
        if age is None or age > BEAT_EVERY or self._session.lost_lock:
            await self._beat(connection)
        assert self._id is not None
        return self._id

    async def dead(self) -> list[DeadInstance]:
        async def work(connection: AsyncConnection) -> list[DeadInstance]:
            parameters = {"id": self._id, **self.judgement, "now": None}
            rows = await connection.execute(statement("instances/dead"), parameters)
            return [DeadInstance(*row) for row in rows]

        return await self.run(work)

    async def predecessors(self) -> list[DeadInstance]:
        async def work(connection: AsyncConnection) -> list[DeadInstance]:
            parameters = {"id": self._id, "host": self.host}
            rows = await connection.execute(statement("instances/predecessors"), parameters)
            return [DeadInstance(*row[:3]) for row in rows if not self._runs(row.pid)]

        return await self.run(work)

    async def dead_lately(self, within: timedelta) -> list[InstanceId]:
        async def work(connection: AsyncConnection) -> list[InstanceId]:
            parameters = {"id": self._id, "within": within, "now": None}
            rows = await connection.execute(statement("instances/dead_lately"), parameters)
            return [InstanceId(row.id) for row in rows]

        return await self.run(work)

    async def mark_dead(self, instance: DeadInstance) -> bool:
        async def work(connection: AsyncConnection) -> bool:
            return await _mark(connection, instance._asdict())

        return await self._pool.write(work)

    async def free_leases(self, instance: InstanceId) -> int:
        async def work(connection: AsyncConnection) -> int:
            return await _free_leases(connection, instance)

        return await self._pool.write(work)

    async def run(self, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        """Run *work* on the connection of the heartbeat. Raises `StoreUnavailable`."""

        async def bounded(connection: AsyncConnection) -> T:
            if self._session.opened > self._opened:
                self._opened = self._session.opened
                self._judges_locks_from = self._monotonic() + LOCKED_ANEW.total_seconds()
            async with asyncio.timeout(ANSWER_MAX.total_seconds()):
                return await work(connection)

        async with self._turn:
            return await self._session.run(bounded)

    async def close(self) -> None:
        """The end in order: nobody has to find out. Its connection is closed in any case."""
        async with self._turn:
            if self._id is not None:
                with suppress(StoreError), translated():
                    async with asyncio.timeout(ANSWER_MAX.total_seconds()):
                        await self._end(self._id)
            self._id = None
            await self._session.close()

    async def _end(self, id_: InstanceId) -> None:
        async def work(connection: AsyncConnection) -> None:
            await _mark(connection, {"id": id_, "epoch": None, "beat_at": None})

        await self._pool.write(work)

    async def _beat(self, connection: AsyncConnection) -> bool:
        """The lock comes first: a row that says it has one must not be seen without."""
        known = self._id
        if known is not None:
            await self._session.lock(connection, _key(known))
            beaten = await connection.execute(
                statement("instances/beat"), {"id": known, "now": None}
            )
            server = beaten.scalar()
            if server is not None:
                self._compare(server)
                self._liveness.beaten()
                return True
            await self._session.unlock(connection)
        await self._begin(connection)
        return known is None

    def _compare(self, server: datetime) -> None:
        """Another server than at the last beat may lack what was committed to that one."""
        if server != self._server and self._server is not None:
            self._pool.doubt()
        self._server = server

    async def _begin(self, connection: AsyncConnection) -> None:
        id_ = InstanceId(uuid4())
        await self._session.lock(connection, _key(id_))
        row = {
            "id": id_,
            "host": self.host,
            "pid": self._pid,
            "locks": self._session.locked is not None,
            "layout": LAYOUT,
            "now": None,
        }
        await connection.execute(statement("instances/begin"), row)
        self._id = id_
        self._liveness.beaten()

    def _runs(self, pid: int) -> bool:
        """Whether a process of this host runs; who has our number was here before us."""
        if pid == self._pid:
            return False
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        except OSError:
            return True  # Somebody else's, who lives.
        return True


async def _mark(connection: AsyncConnection, instance: Mapping[str, object]) -> bool:
    parameters = {**instance, "now": None}
    marked = await connection.execute(statement("instances/mark_dead"), parameters)
    id_ = marked.scalar()
    if id_ is not None:
        await _free_leases(connection, id_)
    return id_ is not None


async def _free_leases(connection: AsyncConnection, id_: InstanceId) -> int:
    freed = await connection.execute(statement("instances/free_leases"), {"id": id_, "now": None})
    return int(freed.scalar_one())


def _key(id_: InstanceId) -> str:
    return f"activation-worker/instance/{id_}"
