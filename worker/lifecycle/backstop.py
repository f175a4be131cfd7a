"""The backstop: what arq starts, started without arq, straight from the database.

Redis may be gone, or every worker that took a tick dead. Whoever leads a provider (a lock in the
database, so one process at most) then runs its ticks until somebody else does again.
"""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from worker.domain.ids import ProviderName
from worker.lifecycle.clock import Clock
from worker.lifecycle.ticks import TickResult, Ticks
from worker.ports.errors import ScheduleUnavailable, StoreError
from worker.ports.leadership import Leadership
from worker.ports.reporter import Reporter
from worker.ports.store.settlements import SettlementStore

PATIENCE: Final = timedelta(seconds=5)  #: Without a tick, before we take it for gone.
EVERY: Final = timedelta(seconds=1)
REPAIR_EVERY: Final = timedelta(seconds=60)


@dataclass(slots=True, kw_only=True)
class Backstop:
    settlements: SettlementStore
    leadership: Leadership
    ticks: Ticks
    reporter: Reporter
    clock: Clock
    redis_away: Callable[[], bool]
    moved: Callable[[], None]  #: Tells liveness that this loop moves.
    _tasks: dict[str, asyncio.Task[TickResult]] = field(default_factory=dict)
    _stands_in: set[ProviderName] = field(default_factory=set)  #: For whom, while Redis is away.

    async def run(self) -> None:
        """Until cancelled; a failure is reported, and the next second tries again."""
        try:
            while True:
                self.moved()
                try:
                    await self.look_after_all()
                except StoreError as error:
                    self.reporter.trouble("backstop.failed", detail=type(error).__name__)
                await self.clock.sleep(EVERY.total_seconds())
        finally:
            for task in self._tasks.values():
                task.cancel()
            await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def look_after_all(self) -> None:
        for name in self.ticks.providers:
            await self._look_after(name)
        if self.ticks.silent_for("sweep", None) > PATIENCE:
            # Others may sweep all along; once more costs two cheap questions.
            self._start("sweep", self.ticks.sweep())
        away = self.redis_away()
        if self.ticks.delivering and (
            away or self.ticks.silent_for("deliver_events", None) > PATIENCE
        ):
            # Codes go out by events, too. Whoever sends them, each is leased by one.
            self._start("deliver_events", self.ticks.deliver_events())
        if self.ticks.canary_run and away and await self.leadership.leads("canary"):
            # Customers are served without Redis: it has to show that.
            self._start("canary", self.ticks.canary())

    async def _look_after(self, name: ProviderName) -> None:
        away = self.redis_away()
        if not away:
            self._stands_in.discard(name)
        if name not in self._stands_in and self.ticks.silent_for("expire", name) <= PATIENCE:
            return
        if not away and not await self.settlements.behind(name, PATIENCE):
            return  # Another host does the work.
        if not await self.leadership.leads(f"provider:{name}"):
            self._stands_in.discard(name)
            return
        self._start(f"expire:{name}", self.ticks.expire(name))
        if away:
            # Patience was for the first time: a last look must not fall between two stretches.
            self._stands_in.add(name)
            self._start(f"expire:{name}:next", self.ticks.expire(name))
            self._start(f"watch:{name}", self.ticks.watch(name))
            self._start(f"watch:{name}:next", self.ticks.watch(name))
            if self.ticks.silent_for("repair", name) > REPAIR_EVERY or not await self._intact(name):
                self._start(f"repair:{name}", self.ticks.repair(name))

    async def _intact(self, name: ProviderName) -> bool:
        try:
            return await self.ticks.repairing.schedule.intact(name)
        except ScheduleUnavailable:
            return True  # Nothing to repair into yet.

    def _start(self, key: str, tick: Coroutine[Any, Any, TickResult]) -> None:
        if key in self._tasks:
            tick.close()
            return
        self._tasks[key] = asyncio.ensure_future(tick)
        self._tasks[key].add_done_callback(lambda task: self._done(key, task))

    def _done(self, key: str, task: "asyncio.Task[TickResult]") -> None:
        self._tasks.pop(key, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.reporter.trouble("backstop.failed", detail=type(error).__name__)
