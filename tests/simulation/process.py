"""One process of the worker, whose every way to the outside can break, and which can be killed.

A boundary is where a call of store, provider or schedule goes out, and where its answer comes in.
A killed process is gone at once: its tasks are dropped, and what their `finally` asks for no longer
leaves it.
"""

import asyncio
import enum
import inspect
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from typing import Any, Final, TypeVar, cast

import asyncpg
from sqlalchemy.ext.asyncio import AsyncConnection

from tests.integration.lifecycle.world import SIM, World
from tests.simulation.their_side import LIFETIME, TheirSide
from tests.unit.lifecycle.scripted import ScriptedProvider, terms
from worker.adapters.redis.local import LocalSchedule
from worker.adapters.store.database import Database
from worker.adapters.store.postgres import PostgresStore
from worker.adapters.store.revisions import ROLE
from worker.ports.errors import (
    CommitUnknown,
    ProviderError,
    ProviderUnavailable,
    ScheduleUnavailable,
    StoreError,
    StoreUnavailable,
)

T = TypeVar("T")

SHORTEST_NAP_S: Final = 5.0  #: Hosts are busy; and who waits for 25 s asks five times, not 250.
BURIED_WITHIN: Final = 20  #: Seconds; statements that were under way end by then.
OUTSIDE: Final = (StoreError, ScheduleUnavailable, ProviderError)


class Killed(BaseException):
    """The process is dead: nothing leaves it any more."""


class Peer(enum.Enum):
    STORE = "store"
    PROVIDER = "provider"
    SCHEDULE = "schedule"


class Gate:
    """The one way out of a process. This one lets everything pass."""

    def __init__(self) -> None:
        self.dead = asyncio.Event()
        self.frozen = asyncio.Event()
        self.thawed = asyncio.Event()
        self.thawed.set()
        self.tasks: set[asyncio.Task[Any]] = set()
        self.passed: list[str] = []
        self._under_way = 0
        self._idle = asyncio.Event()
        self._idle.set()

    def pass_out(self, peer: Peer) -> None:
        """A call is about to be sent."""

    def pass_in(self, peer: Peer) -> None:
        """It has taken effect, and its answer comes in."""

    def kill(self) -> Killed:
        self.dead.set()
        self.thaw()
        return Killed()

    def freeze(self) -> None:
        """As SIGSTOP does: nothing goes on, and nothing knows of it."""
        self.thawed.clear()
        self.frozen.set()

    def thaw(self) -> None:
        self.frozen.clear()
        self.thawed.set()

    async def carry(self, peer: Peer, call: str, work: Coroutine[Any, Any, Any]) -> Any:
        try:
            await self.thawed.wait()
            self._living()
            self.passed.append(f"before {peer.value}.{call}")
            self.pass_out(peer)
            answer = await self._sent(peer, work)
        finally:
            work.close()
        self._living()
        self.passed.append(f"after {peer.value}.{call}")
        self.pass_in(peer)
        await self.thawed.wait()
        self._living()
        return answer

    async def quiet(self) -> None:
        """Until nothing is under way any more."""
        await self._idle.wait()

    async def _sent(self, _whom: Peer, work: Coroutine[Any, Any, Any]) -> Any:
        self._under_way += 1
        self._idle.clear()
        try:
            return await work
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._idle.set()

    async def end(self) -> None:
        """As a crash would."""
        self.kill()
        await self.bury()

    async def bury(self) -> None:
        """Drop all tasks of the dead process."""
        async with asyncio.timeout(BURIED_WITHIN):
            # A statement that is under way ends by itself; cut twice, it would lose its connection.
            await self.quiet()
            while living := [task for task in self.tasks if not task.done()]:
                for task in living:
                    task.cancel()
                await asyncio.wait(living)
        for task in self.tasks:
            if not task.cancelled():
                task.exception()  # Asked for, so that asyncio does not tell of it.

    def own(self, work: Coroutine[Any, Any, T]) -> "asyncio.Task[T]":
        """Begin *work* as a task of this process, with all tasks that it begins."""
        token = _OWNER.set(self)
        try:
            return asyncio.ensure_future(work)
        finally:
            _OWNER.reset(token)

    def _living(self) -> None:
        if self.dead.is_set():
            raise Killed


#: Whose task it is that runs: it is dropped with its process.
_OWNER: ContextVar[Gate | None] = ContextVar("_OWNER", default=None)


def owned(loop: asyncio.AbstractEventLoop, work: Any, **more: Any) -> "asyncio.Task[Any]":
    """A task factory that knows which process each task belongs to."""
    task: asyncio.Task[Any] = asyncio.Task(work, loop=loop, **more)
    if (gate := _OWNER.get()) is not None:
        gate.tasks.add(task)
    return task


class Gated:
    """Anything of the outside, every call of which goes through a gate."""

    def __init__(self, real: object, peer: Peer, gate: Gate) -> None:
        self._real = real
        self._peer = peer
        self._gate = gate

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._real, name)
        if not inspect.iscoroutinefunction(real) or name == "nap":
            return real  # A nap is no call that is under way: it ends with its process.

        async def call(*arguments: Any, **named: Any) -> Any:
            return await self._gate.carry(self._peer, name, real(*arguments, **named))

        return call


class GatedStore:
    """The store, with every repository behind a gate."""

    def __init__(self, real: PostgresStore, gate: Gate) -> None:
        self.doubts = real.doubts
        self.policies = Gated(real.policies, Peer.STORE, gate)
        self.leadership = real.leadership
        self.instances = real.instances
        self.activations = Gated(real.activations, Peer.STORE, gate)
        self.settlements = Gated(real.settlements, Peer.STORE, gate)
        self.purchases = Gated(real.purchases, Peer.STORE, gate)
        self.books = Gated(real.books, Peer.STORE, gate)
        self.cases = Gated(real.cases, Peer.STORE, gate)
        self.outbox = Gated(real.outbox, Peer.STORE, gate)
        self.hand_back = Gated(real, Peer.STORE, gate).hand_back


def refusal(peer: Peer) -> Exception:
    """The call never left."""
    match peer:
        case Peer.STORE:
            return StoreUnavailable("simulated")
        case Peer.PROVIDER:
            return ProviderUnavailable(SIM, "simulated", sent=False)
        case Peer.SCHEDULE:
            return ScheduleUnavailable("simulated")


def lost_answer(peer: Peer) -> Exception:
    """The call took effect, and nobody knows."""
    match peer:
        case Peer.STORE:
            return CommitUnknown("simulated")
        case Peer.PROVIDER:
            return ProviderUnavailable(SIM, "simulated", sent=True)
        case Peer.SCHEDULE:
            return ScheduleUnavailable("simulated")


class ForgetfulDatabase(Database):
    """Does one commit without an answer: what was to be committed is run again."""

    def __init__(self, url: str) -> None:
        super().__init__(url, pool_size=10, role=ROLE)
        self.forgets = False  #: The next one.

    async def write(
        self,
        work: Callable[[AsyncConnection], Awaitable[T]],
        *,
        lock_wait: timedelta | None = None,
    ) -> T:
        if self.forgets:
            self.forgets = False
            await super().write(work, lock_wait=lock_wait)
        return await super().write(work, lock_wait=lock_wait)


@dataclass(frozen=True, slots=True)
class Outside:
    """What stays when a process dies."""

    store: PostgresStore
    admin: asyncpg.Connection
    theirs: TheirSide


@dataclass
class Host(World):
    """A process with a clock that goes on while it sleeps, and a schedule of its own."""

    gate: Gate = field(default_factory=Gate)

    @cached_property
    def schedule(self) -> LocalSchedule:
        schedule = LocalSchedule({SIM: self.budget}, clock=self.now)
        return cast("LocalSchedule", Gated(schedule, Peer.SCHEDULE, self.gate))

    async def _sleep(self, seconds: float) -> None:
        self.elapsed += max(seconds, SHORTEST_NAP_S)
        await super()._sleep(seconds)


@dataclass(slots=True)
class Process:
    """The worker of one process, behind its gate."""

    world: World
    gate: Gate = field(default_factory=Gate)
    _asleep: "asyncio.Task[Any] | None" = None  #: What it did when it froze.

    async def does(self, work: Coroutine[Any, Any, Any]) -> Any:
        """What *work* comes to; None where it failed on the outside, or died or froze of it."""
        return await self._outcome(self.gate.own(work))

    async def wakes(self) -> None:
        """It goes on where it froze, with what it knew then."""
        asleep, self._asleep = self._asleep, None
        self.gate.thaw()
        if asleep is not None:
            await self._outcome(asleep)

    async def _outcome(self, task: "asyncio.Task[Any]") -> Any:
        ends = [asyncio.ensure_future(each.wait()) for each in (self.gate.dead, self.gate.frozen)]
        await asyncio.wait((task, *ends), return_when=asyncio.FIRST_COMPLETED)
        for end in ends:
            end.cancel()
        if self.gate.dead.is_set():
            await self.gate.bury()
            return None
        if self.gate.frozen.is_set():
            self._asleep = task
            return None
        try:
            return await task
        except Exception as error:
            if not all(isinstance(each, OUTSIDE) for each in _leaves(error)):
                raise
            return None

    @property
    def is_dead(self) -> bool:
        return self.gate.dead.is_set()

    @property
    def is_frozen(self) -> bool:
        return self.gate.frozen.is_set()

    async def end(self) -> None:
        """As a crash would."""
        await self.gate.end()


def started(outside: Outside, gate: Gate) -> Process:
    """A new process on what is there: it knows nothing of those before."""
    provider = Gated(outside.theirs, Peer.PROVIDER, gate)
    store = GatedStore(outside.store, gate)
    world = Host(
        cast("PostgresStore", store),
        outside.admin,
        provider=cast("ScriptedProvider", provider),
        terms={SIM: terms(lifetime=LIFETIME)},
        gate=gate,
    )
    return Process(world, gate)


def _leaves(error: BaseException) -> list[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        return [leaf for each in error.exceptions for leaf in _leaves(each)]
    return [error]
