"""One daemon in simulated time: all that runs in the real one, without its listeners and arq."""

import asyncio
import errno
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from datetime import timedelta
from random import Random
from typing import Any, Final, cast
from uuid import UUID

from sqlalchemy import event

from tests.fakes.reporter import RecordingReporter
from tests.fakes.resources import POLICIES, resources
from tests.integration.lifecycle.world import SIM
from tests.simulation.process import OUTSIDE, Gate, Gated, GatedStore, Killed, Peer
from tests.simulation.their_side import LIFETIME, TheirSide
from tests.simulation.timed.simulated_line import (
    MAX_IN_FLIGHT,
    ReachedSide,
    SimulatedTransport,
    TheirGate,
)
from tests.simulation.timed.simulated_redis import RedisConnection, SimulatedRedis
from tests.simulation.timed.simulated_time import SimulatedTime
from tests.unit.lifecycle.scripted import terms
from worker.adapters.providers.transport import ProviderContext
from worker.adapters.redis.failover import FailoverSchedule
from worker.adapters.redis.local import LocalSchedule
from worker.adapters.store.connections import ConnectionPool
from worker.adapters.store.database import Database
from worker.adapters.store.postgres import PostgresStore
from worker.adapters.store.revisions import ROLE
from worker.bootstrap.assemble import Worker, assemble
from worker.domain.ids import ProviderName
from worker.lifecycle.budget import ProviderTerms
from worker.lifecycle.clock import Clock, DatabaseTime
from worker.lifecycle.heartbeat import Heartbeat
from worker.ports.provider import Provider

RATE: Final = 100.0  #: Requests a second, of all daemons together.
POLL: Final = timedelta(seconds=3)


class NotingReporter(RecordingReporter):
    """Notes what a person would find in the log."""

    def __init__(self, note: Callable[[str], None]) -> None:
        super().__init__()
        self._note = note

    def trouble(
        self,
        what: str,
        *,
        provider: ProviderName | None = None,
        detail: str = "",
        **ids: UUID | str | None,
    ) -> None:
        super().trouble(what, provider=provider, detail=detail, **ids)
        self._note(f"{what} {detail}".rstrip())

    def circuit(self, provider: ProviderName, *, is_open: bool) -> None:
        super().circuit(provider, is_open=is_open)
        self._note(f"circuit open: {is_open}")


class ScarceDatabase(Database):
    """A pool whose new connections fail while the process has no free descriptor."""

    def __init__(self, url: str, has_descriptors: Callable[[], bool]) -> None:
        super().__init__(url, pool_size=10, role=ROLE)
        self._has_descriptors = has_descriptors

    async def _opened(self) -> ConnectionPool:
        first = self._pool is None
        if first:
            self._connect()
        pool = await super()._opened()
        if first:
            event.listen(pool.engine.sync_engine, "do_connect", self._connect)
        return pool

    def _connect(self, *_: Any) -> None:
        if not self._has_descriptors():
            raise OSError(errno.EMFILE, "simulated: too many open files")


class TimedGate(Gate):
    """Time waits for the answers of real servers; what is frozen goes on when it thaws."""

    def __init__(self, time: SimulatedTime) -> None:
        super().__init__()
        self._time = time

    async def _sent(self, peer: Peer, work: Coroutine[Any, Any, Any]) -> Any:
        if peer is not Peer.STORE:
            return await super()._sent(peer, work)
        with self._time.outside():
            return await super()._sent(peer, work)

    async def sleep(self, seconds: float) -> None:
        await self._time.sleep(seconds)
        await self.thawed.wait()


class TimedStore(GatedStore):
    def __init__(self, real: PostgresStore, gate: Gate) -> None:
        super().__init__(real, gate)
        self.leadership = cast("Any", Gated(real.leadership, Peer.STORE, gate))
        self.instances = cast("Any", Gated(real.instances, Peer.STORE, gate))


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedWorld:
    """What all daemons of a run share."""

    time: SimulatedTime
    redis: SimulatedRedis
    theirs: TheirSide
    line: TheirGate
    note: Callable[[str], None]
    host_ahead: timedelta  #: Of every host's clock.
    rate: float

    @property
    def terms(self) -> dict[ProviderName, ProviderTerms]:
        of = terms(
            lifetime=LIFETIME,
            requests_per_second=self.rate,
            max_in_flight=MAX_IN_FLIGHT,
            poll=POLL,
        )
        return {SIM: of}


class SimulatedDaemon:
    """Begins at once; `ready` once it is one of the instances and does its work."""

    def __init__(self, name: str, url: str, rng: Random, around: SharedWorld) -> None:
        self.name = name
        time, note = around.time, around.note
        self.gate = TimedGate(time)
        self.reporter = NotingReporter(lambda what: note(f"{name}: {what}"))
        self.has_descriptors = True
        self.is_cut = False  #: Whether it alone cannot reach the provider.
        database = ScarceDatabase(url, lambda: self.has_descriptors)
        self.store = PostgresStore(url, policies=POLICIES, events_wanted=True, db=database)
        store = TimedStore(self.store, self.gate)
        self._database_time = DatabaseTime(
            ask=lambda: self.gate.carry(Peer.STORE, "time", self.store.time()),
            monotonic=time.monotonic,
            host_now=lambda: time.now() + around.host_ahead,
        )
        clock = Clock(
            now=self._database_time.now,
            monotonic=time.monotonic,
            sleep=self.gate.sleep,
            chance=rng.random,
        )
        self._clock = clock
        connection = RedisConnection(around.redis, self.store.instances.holder)
        remote = cast("RedisConnection", Gated(connection, Peer.SCHEDULE, self.gate))
        self._heartbeat = Heartbeat(
            instances=store.instances,
            looks=remote,
            own=store,
            providers=tuple(around.terms),
            reporter=self.reporter,
            clock=clock,
        )
        self.schedule = FailoverSchedule(
            remote,
            LocalSchedule({SIM: around.rate}, clock=clock.now),
            self.reporter,
            monotonic=clock.monotonic,
        )
        reached = self._reached(around.theirs, around.line)
        parts = resources(
            store=cast("PostgresStore", store),
            schedule=self.schedule,
            providers={SIM: cast("Provider", reached)},
            terms=around.terms,
            reporter=self.reporter,
            clock=clock,
        )
        self.worker: Worker = assemble(replace(parts, redis_away=lambda: self.schedule.away))
        self.ready = False
        self._main = self.gate.own(self._lives())

    def _reached(self, theirs: TheirSide, line: TheirGate) -> ReachedSide:
        """The provider, over this process's own line."""
        context = ProviderContext(
            reporter=self.reporter,
            sleep=self._clock.sleep,
            monotonic=self._clock.monotonic,
            random=self._clock.chance,
            turns=self.schedule,
        )
        return ReachedSide(
            theirs, line, SimulatedTransport(theirs, line, context, lambda: self.is_cut)
        )

    @property
    def is_dead(self) -> bool:
        return self.gate.dead.is_set()

    @property
    def is_frozen(self) -> bool:
        return self.gate.frozen.is_set()

    @property
    def takes_jobs(self) -> bool:
        return self.ready and not self.is_dead and not self.is_frozen

    def does(self, work: Coroutine[Any, Any, Any]) -> "asyncio.Task[Any]":
        """A job or a call, whose failure on the outside is nobody else's."""
        return self.gate.own(_alone(work))

    async def kill(self) -> None:
        """Its connections are for the caller to cut."""
        await self.gate.end()

    async def close(self) -> None:
        await self.store.close()

    def check(self) -> None:
        """Raise what ended it, if anything did but a kill."""
        if self._main.done() and not self.is_dead:
            self._main.result()
            raise AssertionError(f"{self.name} ended")

    async def _lives(self) -> None:
        await self._database_time.read(self.reporter)
        await self.worker.parts.policies.every_version()
        await self._heartbeat.begin()
        self.ready = True
        async with asyncio.TaskGroup() as group:
            group.create_task(self._database_time.keep(self._clock.sleep, self.reporter))
            group.create_task(self._heartbeat.keep())
            group.create_task(self.schedule.keep_probing(self._clock.sleep))
            group.create_task(self.worker.backstop.run())


async def _alone(work: Coroutine[Any, Any, Any]) -> Any:
    try:
        return await work
    except (Killed, *OUTSIDE):
        return None
    except BaseExceptionGroup as group:
        _mine, rest = group.split((Killed, *OUTSIDE))
        if rest is not None:
            raise rest from None
        return None
