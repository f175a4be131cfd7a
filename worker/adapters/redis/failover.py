"""Redis while it is there, this process's memory while it is not.

A switch loses the schedule on purpose: `intact` is False until it is rebuilt from the database.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

from worker.adapters.redis.local import LocalSchedule
from worker.domain.ids import ProviderName
from worker.ports.errors import ScheduleUnavailable
from worker.ports.reporter import Reporter
from worker.ports.schedule import LeaseBatch, NextLook, ProbeTurn, Schedule
from worker.ports.store.activations import LiveNumber

T = TypeVar("T")

# A restart of Redis takes a second or two, a rebuild in our memory of a million numbers longer.
PATIENCE_SECONDS = 3.0
TRY_EVERY_SECONDS = 1.0
# What was granted from our memory counts for as long as a provider counts: a second.
QUIET_SECONDS = 1.0


class FailoverSchedule:
    """`Schedule`; raises `ScheduleUnavailable` only until it has lost patience with Redis."""

    def __init__(
        self,
        redis: Schedule,
        local: LocalSchedule,
        reporter: Reporter,
        *,
        monotonic: Callable[[], float],
    ) -> None:
        self._redis = redis
        self._local = local
        self._reporter = reporter
        self._monotonic = monotonic
        self._away = False
        self._failing_since: float | None = None
        self._next_try = 0.0
        self._quiet_until = 0.0
        #: Rebuilt since Redis came back; None: it has not been away.
        self._rebuilt: set[ProviderName] | None = None

    @property
    def away(self) -> bool:
        """Whether the schedule is this process's own: then one process at most should look."""
        return self._away

    async def add(
        self, provider: ProviderName, looks: Sequence[tuple[LiveNumber, datetime]]
    ) -> int:
        return await self._ask(provider, lambda schedule: schedule.add(provider, looks))

    async def hint(self, provider: ProviderName, number: LiveNumber) -> None:
        await self._ask(provider, lambda schedule: schedule.hint(provider, number))

    async def lease(self, provider: ProviderName, limit: int, lease: timedelta) -> LeaseBatch:
        if quiet := await self._quiet(provider):
            return LeaseBatch((), quiet)
        return await self._ask(provider, lambda schedule: schedule.lease(provider, limit, lease))

    async def release(self, provider: ProviderName, nexts: Sequence[NextLook]) -> int:
        return await self._ask(provider, lambda schedule: schedule.release(provider, nexts))

    async def spend(self, provider: ProviderName, wanted: int) -> int:
        if await self._quiet(provider):
            return 0
        return await self._ask(provider, lambda schedule: schedule.spend(provider, wanted))

    async def probe_turn(self, provider: ProviderName, open_for: timedelta) -> ProbeTurn:
        return await self._ask(provider, lambda schedule: schedule.probe_turn(provider, open_for))

    async def answers_again(self, provider: ProviderName) -> None:
        await self._ask(provider, lambda schedule: schedule.answers_again(provider))

    async def size(self, provider: ProviderName) -> int:
        return await self._ask(provider, lambda schedule: schedule.size(provider))

    async def lag(self, provider: ProviderName) -> timedelta:
        return await self._ask(provider, lambda schedule: schedule.lag(provider))

    async def rebuilt(self, provider: ProviderName) -> None:
        await self._ask(provider, lambda schedule: schedule.rebuilt(provider))
        if self._rebuilt is not None and not self._away:
            self._rebuilt.add(provider)

    async def intact(self, provider: ProviderName) -> bool:
        intact = await self._ask(provider, lambda schedule: schedule.intact(provider))
        missed = self._rebuilt is not None and not self._away and provider not in self._rebuilt
        return intact and not missed

    async def _ask(self, provider: ProviderName, question: Callable[[Schedule], Awaitable[T]]) -> T:
        await self._try_to_return(provider)
        if self._away:
            return await question(self._local)
        try:
            answer = await question(self._redis)
        except ScheduleUnavailable:
            if not self._give_up():
                raise
            return await question(self._local)
        self._failing_since = None
        return answer

    def _give_up(self) -> bool:
        """Whether Redis has failed for long enough to go on without it."""
        now = self._monotonic()
        if self._failing_since is None:
            self._failing_since = now
        if not self._away and now - self._failing_since >= PATIENCE_SECONDS:
            self._away = True
            self._local.clear()
            self._next_try = now + TRY_EVERY_SECONDS
            self._reporter.trouble("schedule.redis_lost")
        return self._away

    async def _try_to_return(self, provider: ProviderName) -> None:
        """At most one caller a second asks whether Redis is back, with a question of no effect."""
        now = self._monotonic()
        if not self._away or now < self._next_try:
            return
        self._next_try = now + TRY_EVERY_SECONDS
        try:
            await self._redis.size(provider)
        except ScheduleUnavailable:
            self._next_try = self._monotonic() + TRY_EVERY_SECONDS
            return
        self._away = False
        self._failing_since = None
        self._rebuilt = set()
        self._quiet_until = self._monotonic() + QUIET_SECONDS
        self._local.clear()
        self._reporter.trouble("schedule.redis_back")

    async def _quiet(self, provider: ProviderName) -> timedelta:
        await self._try_to_return(provider)
        return timedelta(seconds=max(0.0, self._quiet_until - self._monotonic()))
