"""Redis as the worker's schedule sees it: one memory for all processes, which can break.

The real one has its tests in `tests/integration/test_schedule_in_redis.py`; here it must follow the
simulated time, which a real server cannot.
"""

import enum
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Final, TypeVar

from tests.simulation.timed.simulated_time import GRAIN_US, SimulatedTime
from worker.adapters.redis.local import LocalSchedule
from worker.adapters.redis.members import encode, micros_of
from worker.adapters.redis.schedule import CALL_SECONDS, RING
from worker.domain.ids import ProviderName
from worker.ports.errors import ScheduleUnavailable
from worker.ports.instances import Holder, InstanceId
from worker.ports.schedule import LeaseBatch, Need, NextLook, ProbeTurn, RebuildToken, SleepFor
from worker.ports.store.activations import LiveNumber

T = TypeVar("T")

SLOW_SECONDS: Final = 1.5
GRAIN_S: Final = GRAIN_US / 1_000_000


class RedisState(enum.Enum):
    WORKS = "works"
    STOPPED = "stopped"
    REFUSES_WRITES = "refuses writes"  #: Full, or a replica: reads work.
    SLOW = "slow"  #: Each command takes `SLOW_SECONDS`, and takes effect.


class SimulatedRedis:
    """The server: what is on the schedule, and which process holds what."""

    def __init__(self, rates: dict[ProviderName, float], time: SimulatedTime) -> None:
        self.time = time
        self.state = RedisState.WORKS
        self.schedule = LocalSchedule(rates, clock=time.now)
        self.rung: set[ProviderName] = set()
        self.held: dict[tuple[ProviderName, InstanceId], dict[bytes, int]] = {}
        self.back_until: dict[ProviderName, datetime] = {}

    @property
    def takes_jobs(self) -> bool:
        """Whether arq works."""
        return self.state is RedisState.WORKS

    async def heard(self, provider: ProviderName) -> bool:
        rung = provider in self.rung
        self.rung.discard(provider)
        return rung

    def rings(self, provider: ProviderName, *looks: datetime | None) -> None:
        """What falls due while somebody may nap rings."""
        soon = self.time.now() + RING
        if any(at is not None and at <= soon for at in looks):
            self.rung.add(provider)

    def stop(self) -> None:
        """It keeps nothing over a restart."""
        self.state = RedisState.STOPPED
        self.schedule.clear()
        self.held.clear()


class RedisConnection:
    """`RemoteSchedule` of one process."""

    def __init__(self, server: SimulatedRedis, holder: Holder) -> None:
        self._server = server
        self._holder = holder

    async def add(
        self, provider: ProviderName, looks: Sequence[tuple[LiveNumber, datetime]]
    ) -> int:
        self._server.rings(provider, *(at for _, at in looks))
        return await self._write(lambda: self._server.schedule.add(provider, looks))

    async def hint(self, provider: ProviderName, *numbers: LiveNumber) -> None:
        self._server.rung.add(provider)
        await self._write(lambda: self._server.schedule.hint(provider, *numbers))

    async def nap(self, provider: ProviderName, longest: timedelta, sleep: SleepFor) -> None:
        """Until something rings; it is heard at the next grain of time."""
        left = longest.total_seconds()
        while not await self._call(lambda: self._server.heard(provider)) and left > 0:
            await sleep(min(left, GRAIN_S))
            left -= GRAIN_S

    async def ring(self, provider: ProviderName) -> None:
        self._server.rung.add(provider)

    async def lease(self, provider: ProviderName, limit: int, lease: timedelta) -> LeaseBatch:
        async def work() -> LeaseBatch:
            batch = await self._server.schedule.lease(provider, limit, lease)
            if (holder := self._holder()) is not None:
                held = self._server.held.setdefault((provider, holder), {})
                held |= {encode(each.number): each.token for each in batch.numbers}
            return batch

        return await self._write(work)

    async def release(self, provider: ProviderName, nexts: Sequence[NextLook]) -> int:
        async def work() -> int:
            self._server.rings(provider, *(each.at for each in nexts))
            released = await self._server.schedule.release(provider, nexts)
            if (holder := self._holder()) is not None:
                held = self._server.held.get((provider, holder), {})
                for each in nexts:
                    held.pop(encode(each.leased.number), None)
            return released

        return await self._write(work)

    async def free(self, provider: ProviderName, instance: InstanceId) -> int:
        async def work() -> int:
            numbers = self._server.schedule._by_provider[provider]
            held = self._server.held.pop((provider, instance), {})
            theirs = [each for each, token in held.items() if numbers.scores.get(each) == token]
            for each in theirs:
                numbers.put(each, micros_of(self._server.time.now()))
            return len(theirs)

        return await self._write(work)

    async def free_own(self, provider: ProviderName) -> None:
        if (holder := self._holder()) is not None:
            await self.free(provider, holder)

    async def spend(self, provider: ProviderName, wanted: int, need: Need = Need.DUE) -> int:
        return await self._write(lambda: self._server.schedule.spend(provider, wanted, need))

    async def probe_turn(self, provider: ProviderName, open_for: timedelta) -> ProbeTurn:
        async def work() -> ProbeTurn:
            back = self._server.back_until.get(provider)
            is_back = back is not None and back > self._server.time.now()
            return ProbeTurn.BACK if is_back else ProbeTurn.ASK

        assert open_for >= timedelta(0)
        return await self._write(work)

    async def answers_again(self, provider: ProviderName) -> None:
        async def work() -> None:
            self._server.back_until[provider] = self._server.time.now() + timedelta(seconds=1)

        await self._write(work)

    async def check_writes(self) -> None:
        async def work() -> None:
            """It means nothing."""

        await self._write(work)

    async def size(self, provider: ProviderName) -> int:
        return await self._call(lambda: self._server.schedule.size(provider))

    async def open_size(self, provider: ProviderName) -> int:
        return await self._call(lambda: self._server.schedule.open_size(provider))

    async def mark_list_read(self, provider: ProviderName, lasts: timedelta) -> None:
        await self._write(lambda: self._server.schedule.mark_list_read(provider, lasts))

    async def list_unread(self, provider: ProviderName) -> bool:
        return await self._call(lambda: self._server.schedule.list_unread(provider))

    async def lag(self, provider: ProviderName) -> timedelta:
        return await self._call(lambda: self._server.schedule.lag(provider))

    async def begin_rebuild(self, provider: ProviderName) -> RebuildToken:
        return await self._write(lambda: self._server.schedule.begin_rebuild(provider))

    async def rebuilt(self, provider: ProviderName, token: RebuildToken) -> bool:
        return await self._write(lambda: self._server.schedule.rebuilt(provider, token))

    async def intact(self, provider: ProviderName) -> bool:
        return await self._call(lambda: self._server.schedule.intact(provider))

    async def _write(self, work: Callable[[], Awaitable[T]]) -> T:
        if self._server.state is RedisState.REFUSES_WRITES:
            raise ScheduleUnavailable("simulated: it takes no writes")
        return await self._call(work)

    async def _call(self, work: Callable[[], Awaitable[T]]) -> T:
        if self._server.state is RedisState.STOPPED:
            raise ScheduleUnavailable("simulated: it is stopped")
        if self._server.state is RedisState.SLOW:
            await self._server.time.sleep(CALL_SECONDS)
            await work()  # What was sent takes effect, and nobody waits for its answer.
            raise ScheduleUnavailable("simulated: it is slow")
        return await work()
