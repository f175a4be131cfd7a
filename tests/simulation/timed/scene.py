"""A shop, a provider, Redis and some daemons in simulated time, and what happens to them when."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from typing import Any, Final, TypeAlias

import asyncpg

from tests.integration.lifecycle.world import SIM, handed_over
from tests.simulation.their_side import TheirSide
from tests.simulation.timed.simulated_daemon import RATE, SharedWorld, SimulatedDaemon
from tests.simulation.timed.simulated_line import TheirGate
from tests.simulation.timed.simulated_redis import SimulatedRedis
from tests.simulation.timed.simulated_time import INSTALL, SimulatedTime
from worker.adapters.store.revisions import ROLE
from worker.domain.ids import AccountId
from worker.lifecycle.ticks import TICKS
from worker.ports.reporter import JobResult
from worker.ports.store.activations import AcceptOutcome
from worker.simulator.behaviours import Behaviour
from worker.simulator.numbers import SimulatedNumber

ROLES: Final = 12  #: Daemons of one run at most: each has a role of its own, to be cut off by.
ACCOUNTS: Final = 6
TOPPED_UP: Final = 100_000
ARQ_EVERY: Final = 0.2  #: Seconds between two questions of the arq workers.
#: The ticks that arq starts here; the others have nothing to do in these runs.
STARTED_BY_ARQ: Final = ("watch", "expire", "repair", "sweep")
CALLS_AGAIN: Final = 0.5  #: Seconds until a shop that got no answer calls again.
CALLS_MAX: Final = 240

_WAITS_FOR_LOCK: Final = """
SELECT count(*) FROM pg_stat_activity
 WHERE datname = current_database() AND state = 'active' AND wait_event_type = 'Lock'
"""

Action: TypeAlias = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Plan:
    """What happens to one number, in seconds since the start."""

    account: AccountId
    handed_at: float
    window: float
    code_after: float | None  #: After the rental; None: no SMS comes.


@dataclass(slots=True)
class Handed:
    """A number that the shop rented and handed over."""

    plan: Plan
    number: SimulatedNumber
    answered_at: float | None = None  #: When the shop was told that it is watched.

    @property
    def ref(self) -> str:
        return str(self.number.id)

    @property
    def code(self) -> str:
        return f"{self.number.id % 9000 + 1000}"


@dataclass
class Scene:
    url: str
    admin: asyncpg.Connection
    rng: Random
    has_list: bool
    host_ahead: timedelta = timedelta(0)
    rate: float = RATE  #: Of the provider, and of what it is asked.
    handed: list[Handed] = field(default_factory=list)
    daemons: list[SimulatedDaemon] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    #: Held while the database is another one: time does not pass then.
    admins: asyncio.Lock = field(default_factory=asyncio.Lock)
    _actions: list[tuple[float, int, Action]] = field(default_factory=list)
    _taken: dict[str, int] = field(default_factory=dict)
    _jobs: set["asyncio.Task[Any]"] = field(default_factory=set)
    _arq_from: float = 0.0

    def __post_init__(self) -> None:
        self.time = SimulatedTime(self._tell, self._blocked)
        self.redis = SimulatedRedis({SIM: self.rate}, self.time)
        self.theirs = TheirSide(self.time.now)
        self.theirs.offers(has_list=self.has_list)
        self.line = TheirGate(self.time)
        self._shared = SharedWorld(
            time=self.time,
            redis=self.redis,
            theirs=self.theirs,
            line=self.line,
            note=self.note,
            host_ahead=self.host_ahead,
            rate=self.rate,
        )

    async def prepare(self) -> None:
        """A database with a clock of its own, some roles, and customers with money."""
        await self.admin.execute(INSTALL)
        await self.time.tell()
        for number in range(ROLES):
            role = f"simulated_{number}"
            if not await self.admin.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", role):
                await self.admin.execute(f"CREATE ROLE {role} LOGIN IN ROLE {ROLE}")
            await self.admin.execute(
                f"ALTER ROLE {role} SET search_path = simulated, pg_catalog, public"
            )
        store = self.start_daemon().store
        for account in accounts():
            await store.books.open_account(account, "USD")
            await store.books.top_up(account, "first", TOPPED_UP)

    def start_daemon(self) -> SimulatedDaemon:
        name = f"simulated_{len(self.daemons)}"
        url = self.url.replace("postgres@", f"{name}@")
        daemon = SimulatedDaemon(name, url, Random(self.rng.random()), self._shared)
        self.daemons.append(daemon)
        self.note(f"{name} begins")
        return daemon

    def at(self, seconds: float, action: Action) -> None:
        self._actions.append((seconds, len(self._actions), action))

    def note(self, what: str) -> None:
        self.log.append(f"{self.time.elapsed:6.1f}  {what}")

    async def runs(self, plans: Sequence[Plan], until: float) -> None:
        for plan in plans:
            self.at(plan.handed_at, _call(self._rented, plan))
        arq = asyncio.ensure_future(self._arq())
        shop: set[asyncio.Task[None]] = set()
        try:
            for at, _, action in sorted(self._actions, key=lambda each: each[:2]):
                await self.time.passes_until(at)
                _raise_first(shop)
                shop.add(asyncio.ensure_future(_awaited(action)))
            await self.time.passes_until(until)
            for daemon in self.daemons:
                daemon.check()
            for task in shop:
                assert task.done(), "a shop still waits for its answer"
                task.result()
        finally:
            arq.cancel()
            for task in shop:
                task.cancel()
            await asyncio.gather(arq, *shop, return_exceptions=True)

    async def close(self) -> None:
        for daemon in self.daemons:
            if not daemon.is_dead:
                await daemon.kill()
        for daemon in self.daemons:
            await daemon.close()

    async def kill(self, daemon: SimulatedDaemon) -> None:
        self.note(f"{daemon.name} is killed")
        await daemon.kill()
        await self.cut(daemon)

    async def cut(self, daemon: SimulatedDaemon) -> None:
        """The server ends the connections of a process that is gone."""
        await self.ask(
            "SELECT pg_terminate_backend(pid, 1000) FROM pg_stat_activity WHERE usename = $1",
            daemon.name,
        )

    async def ask(self, sql: str, *arguments: Any) -> list[asyncpg.Record]:
        """Ask the database, without any time passing."""
        with self.time.outside():
            async with self.admins:
                return list(await self.admin.fetch(sql, *arguments))

    def redis_works_again(self, after: float) -> None:
        """arq's workers wait for up to *after* seconds until they try again."""
        self._arq_from = self.time.elapsed + after

    async def _tell(self, micros: int) -> None:
        async with self.admins:
            await self.admin.fetchval("SELECT setval('simulated.clock', $1)", micros)

    async def _blocked(self) -> int:
        async with self.admins:
            return int(await self.admin.fetchval(_WAITS_FOR_LOCK))

    async def _rented(self, plan: Plan) -> None:
        """The shop rents a number and hands it over until it has an answer; its SMS may come."""
        number = self.theirs.sell(Behaviour.TIMEOUT, timedelta(0))
        handed = Handed(plan, number)
        self.handed.append(handed)
        await asyncio.gather(self._hand_over(handed), self._code_comes(handed))

    async def _code_comes(self, handed: Handed) -> None:
        if handed.plan.code_after is not None:
            await self.time.sleep(handed.plan.code_after)
            self.theirs.receive(handed.number, handed.code)

    async def _hand_over(self, handed: Handed) -> None:
        intake = handed_over(
            handed.ref,
            account=handed.plan.account,
            phone=handed.number.phone,
            rented_at=handed.number.created_at,
            window=timedelta(seconds=handed.plan.window),
        )
        for _ in range(CALLS_MAX):
            if ready := [daemon for daemon in self.daemons if daemon.takes_jobs]:
                daemon = self.rng.choice(ready)
                asked = daemon.does(daemon.worker.service.accept([intake]))
                dying = asyncio.ensure_future(daemon.gate.dead.wait())
                await asyncio.wait((asked, dying), return_when=asyncio.FIRST_COMPLETED)
                dying.cancel()
                if asked.done() and not asked.cancelled() and asked.result() is not None:
                    (result,) = asked.result()
                    if result.how is not AcceptOutcome.ACCOUNT_LOCKED:
                        assert result.activation is not None, result
                        handed.answered_at = self.time.elapsed
                        return
            await self.time.sleep(CALLS_AGAIN)
        raise AssertionError("the shop had no answer")

    async def _arq(self) -> None:
        """For each slot of each tick one job, which the first free worker takes."""
        while True:
            if self.redis.takes_jobs and self.time.elapsed >= self._arq_from:
                for name in STARTED_BY_ARQ:
                    self._start(name)
            await self.time.sleep(ARQ_EVERY)

    def _start(self, name: str) -> None:
        slot = int(self.time.elapsed / TICKS[name].every.total_seconds())
        ready = [daemon for daemon in self.daemons if daemon.takes_jobs]
        if self._taken.get(name) == slot or not ready:
            return
        self._taken[name] = slot
        daemon = self.rng.choice(ready)
        of = None if name == "sweep" else SIM
        self._jobs.add(job := daemon.does(daemon.worker.ticks.run(name, of)))
        job.add_done_callback(lambda job: self._ended(job, name, slot))

    def _ended(self, job: "asyncio.Task[Any]", name: str, slot: int) -> None:
        self._jobs.discard(job)
        passed_on = not job.cancelled() and job.result() is JobResult.PASSED_ON
        if passed_on and self._taken[name] == slot:
            del self._taken[name]


def accounts() -> list[AccountId]:
    return [AccountId(f"customer-{number}") for number in range(ACCOUNTS)]


def _raise_first(tasks: Iterable["asyncio.Task[None]"]) -> None:
    for task in tasks:
        if task.done():
            task.result()


def _call(work: Callable[..., Awaitable[None]], *arguments: Any) -> Action:
    return lambda: work(*arguments)


async def _awaited(action: Action) -> None:
    await action()
