"""Redis while it is there, this process's memory while it is not.

A switch loses the schedule on purpose: `intact` is False until it is rebuilt from the database.
"""

import asyncio
import contextlib
from asyncio import FIRST_COMPLETED
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

from worker.adapters.redis.local import LocalSchedule
from worker.domain.ids import ProviderName
from worker.ports.errors import ScheduleUnavailable
from worker.ports.reporter import Dependency, Reporter
from worker.ports.schedule import (
    LeaseBatch,
    Need,
    NextLook,
    ProbeTurn,
    RebuildToken,
    Schedule,
    SleepFor,
)
from worker.ports.store.activations import LiveNumber

T = TypeVar("T")

#: How long Redis may fail before this process goes on without it. No code that arrives three
#: seconds after a fault may be missed, and the schedule has to be rebuilt from the database first.
PATIENCE_SECONDS = 1.0
PROBE_EVERY_SECONDS = 0.5
#: Numbers whose deadline is nearer are handed over to a Redis that is back, the others come from
#: the database. Longer than that takes for a million.
HANDED_OVER = timedelta(seconds=30)
EVER = timedelta(days=365)


class RemoteSchedule(Schedule, Protocol):
    """A schedule that can be out of reach, or reachable and of no use."""

    async def check_writes(self) -> None:
        """Write something of no meaning. Raises `ScheduleUnavailable` where that fails."""
        ...

    async def free_own(self, provider: ProviderName) -> None:
        """Make due what this process has leased there."""
        ...


class FailoverSchedule:
    """`Schedule`; raises `ScheduleUnavailable` only until it has lost patience with Redis.

    Redis counts as present while it takes writes in time: one that is full, or a replica, answers
    every read, and no number can be put on its schedule.
    """

    def __init__(
        self,
        redis: RemoteSchedule,
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
        self._switches = 0  #: Between Redis and memory: a rebuild that spans one is none.
        self._left = asyncio.Event()  #: Set while it is away: nobody waits for its ring any more.
        self._failing_since: float | None = None
        self._last_probe_failed = False
        #: Rebuilt since Redis came back; None: it has not been away.
        self._rebuilt: set[ProviderName] | None = None

    @property
    def away(self) -> bool:
        """Whether the schedule is this process's own: then one process at most should look."""
        return self._away

    async def add(
        self, provider: ProviderName, looks: Sequence[tuple[LiveNumber, datetime]]
    ) -> int:
        return await self._ask(lambda schedule: schedule.add(provider, looks))

    async def hint(self, provider: ProviderName, *numbers: LiveNumber) -> None:
        await self._ask(lambda schedule: schedule.hint(provider, *numbers))

    async def nap(self, provider: ProviderName, longest: timedelta, sleep: SleepFor) -> None:
        nap = asyncio.ensure_future(
            self._ask(lambda schedule: schedule.nap(provider, longest, sleep))
        )
        left = asyncio.ensure_future(self._left.wait())
        try:
            # Once away it is the memory's nap, which is short.
            await asyncio.wait({nap} if self._away else {nap, left}, return_when=FIRST_COMPLETED)
            if nap.done():
                nap.result()
        finally:
            for task in (nap, left):
                task.cancel()

    async def ring(self, provider: ProviderName) -> None:
        await self._ask(lambda schedule: schedule.ring(provider))

    async def lease(self, provider: ProviderName, limit: int, lease: timedelta) -> LeaseBatch:
        return await self._ask(lambda schedule: schedule.lease(provider, limit, lease))

    async def release(self, provider: ProviderName, nexts: Sequence[NextLook]) -> int:
        if not (self._away or self._local.is_empty(provider)):
            return await self._release_after_return(provider, nexts)
        return await self._ask(lambda schedule: schedule.release(provider, nexts))

    async def _release_after_return(self, provider: ProviderName, nexts: Sequence[NextLook]) -> int:
        """Some of them were leased from our memory: what comes next is for Redis to know."""
        released = await self._local.release(provider, nexts)
        looks = self._local.take(provider, EVER)
        try:
            await self._ask(lambda schedule: schedule.add(provider, looks))
        except ScheduleUnavailable:
            await self._local.add(provider, looks)  # To be tried with the next release.
            raise
        return released + await self._ask(lambda schedule: schedule.release(provider, nexts))

    async def spend(self, provider: ProviderName, wanted: int, need: Need = Need.DUE) -> int:
        return await self._ask(lambda schedule: schedule.spend(provider, wanted, need))

    async def probe_turn(self, provider: ProviderName, open_for: timedelta) -> ProbeTurn:
        return await self._ask(lambda schedule: schedule.probe_turn(provider, open_for))

    async def answers_again(self, provider: ProviderName) -> None:
        await self._ask(lambda schedule: schedule.answers_again(provider))

    async def size(self, provider: ProviderName) -> int:
        return await self._ask(lambda schedule: schedule.size(provider))

    async def open_size(self, provider: ProviderName) -> int:
        return await self._ask(lambda schedule: schedule.open_size(provider))

    async def mark_list_read(self, provider: ProviderName, lasts: timedelta) -> None:
        await self._ask(lambda schedule: schedule.mark_list_read(provider, lasts))

    async def list_unread(self, provider: ProviderName) -> bool:
        return await self._ask(lambda schedule: schedule.list_unread(provider))

    async def lag(self, provider: ProviderName) -> timedelta:
        return await self._ask(lambda schedule: schedule.lag(provider))

    async def begin_rebuild(self, provider: ProviderName) -> RebuildToken:
        token = await self._ask(lambda schedule: schedule.begin_rebuild(provider))
        return RebuildToken(f"{self._switches}:{token}")

    async def rebuilt(self, provider: ProviderName, token: RebuildToken) -> bool:
        """Redis may have kept its token: numbers that came meanwhile are in memory only."""
        switches, _, asked = token.partition(":")
        if switches != str(self._switches):
            return False
        marked = await self._ask(lambda schedule: schedule.rebuilt(provider, RebuildToken(asked)))
        if switches != str(self._switches):
            return False
        if marked and self._rebuilt is not None and not self._away:
            self._rebuilt.add(provider)
        return marked

    async def intact(self, provider: ProviderName) -> bool:
        intact = await self._ask(lambda schedule: schedule.intact(provider))
        missed = self._rebuilt is not None and not self._away and provider not in self._rebuilt
        return intact and not missed

    async def _ask(self, question: Callable[[Schedule], Awaitable[T]]) -> T:
        if self._away:
            return await question(self._local)
        try:
            answer = await question(self._redis)
        except ScheduleUnavailable:
            if not self._give_up(self._monotonic()):
                raise
            return await question(self._local)
        if not self._last_probe_failed:  # A read succeeds where no write does.
            self._failing_since = None
        return answer

    async def keep_probing(self, sleep: Callable[[float], Awaitable[None]]) -> None:
        """See by writing whether Redis works, or works again, until cancelled.

        Nobody else asks one that is away: while it is slow, whoever asks it misses his last looks.
        """
        while True:
            await sleep(PROBE_EVERY_SECONDS)
            try:
                await (self._try_to_return() if self._away else self._probe())
            except Exception as error:  # noqa: BLE001 - without it nobody goes back to Redis
                self._reporter.trouble("schedule.probe_failed", detail=type(error).__name__)

    async def _probe(self) -> None:
        began = self._monotonic()
        try:
            await self._redis.check_writes()
        except ScheduleUnavailable:
            self._last_probe_failed = True
            self._give_up(began)
        else:
            self._last_probe_failed = False
            self._failing_since = None

    def _give_up(self, since: float) -> bool:
        """Whether Redis, which fails at least *since* then, has failed for long enough."""
        now = self._monotonic()
        if self._failing_since is None:
            self._failing_since = since
        if not self._away and now - self._failing_since >= PATIENCE_SECONDS:
            self._away = True
            self._switches += 1
            self._left.set()
            self._local.clear()
            self._reporter.dependency(Dependency.REDIS, works=False)
            self._reporter.trouble("schedule.redis_lost")
        return self._away

    async def _try_to_return(self) -> None:
        """Ask by a write of no meaning whether Redis is back.

        What our memory granted in the last second, Redis does not know of. So all that it would
        grant at once is taken there: from then on it grants by the rate, as our memory did.

        What this process had leased from Redis is due there again first: how those looks ended,
        only memory was told, and to add a number does not end its lease. A look that still goes on
        is made once more; it lasts longer than Redis was away.

        A last look that is due before the schedule is rebuilt is not to be missed. So the numbers
        whose window ends soon go there before us, taken off here: nobody looks at one twice.
        """
        taken: dict[ProviderName, list[tuple[LiveNumber, datetime]]] = {}
        try:
            await self._redis.check_writes()
            for provider in self._local.providers:
                await self._redis.free_own(provider)
                if await self._local.intact(provider):  # This process looks at its numbers.
                    taken[provider] = self._local.take(provider, HANDED_OVER)
                    await self._redis.add(provider, taken[provider])
            for provider in self._local.providers:
                at_once = self._local.most_at_once(provider)
                await self._redis.spend(provider, at_once, Need.PRESSED)  # Whoever else waits.
        except Exception as error:
            for provider, looks in taken.items():
                await self._local.add(provider, looks)
            if isinstance(error, ScheduleUnavailable):
                return
            raise
        self._away = False
        self._switches += 1
        self._left.clear()
        self._failing_since = None
        self._last_probe_failed = False
        self._rebuilt = set()
        left = {provider: self._local.take(provider, HANDED_OVER) for provider in taken}
        self._local.keep_leased()
        self._reporter.dependency(Dependency.REDIS, works=True)
        self._reporter.trouble("schedule.redis_back")
        for provider, looks in left.items():  # They came here while Redis took the others.
            if looks:
                with contextlib.suppress(ScheduleUnavailable):  # The database knows them, too.
                    await self._redis.add(provider, looks)
