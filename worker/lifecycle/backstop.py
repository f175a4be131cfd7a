"""The backstop: what arq starts, started without arq, straight from the database.

Redis may be gone, or every worker that took a tick dead. Whoever leads a provider (a row in the
database, so one living process at most) then runs its ticks until somebody else does again. Which
ticks, and after which silence, is in `TICKS`.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Final, Protocol

from worker.domain.ids import ProviderName
from worker.lifecycle.clock import Clock
from worker.lifecycle.failure_backoff import describe_safely
from worker.lifecycle.look import Look
from worker.lifecycle.stored_elsewhere import StoredElsewhere
from worker.lifecycle.ticks import AT_ONCE, FOR_ALL, PER_PROVIDER, TAKE_OVER, TICKS, Tick, Ticks
from worker.lifecycle.unscheduled import Unscheduled
from worker.ports.errors import ScheduleUnavailable, StoreError
from worker.ports.reporter import JobResult, Reporter
from worker.ports.schedule import Schedule
from worker.ports.store.settlements import SettlementStore


class Leadership(Protocol):
    async def leads(self, topic: str, *, reaches: bool = True) -> bool:
        """Whether this process leads *topic*; raises `StoreUnavailable` where nobody can know.

        *reaches*: whether it can do there what a leader does. One that cannot leads on until one
        asks that can.
        """
        ...


EVERY: Final = timedelta(milliseconds=500)
#: How long the loop may stand still before `/livez` says that a restart would help. A database that
#: died without a word holds it up for a minute, and for that a restart is no help.
STUCK: Final = timedelta(seconds=120)


def leadership_of(provider: ProviderName) -> str:
    """The topic: whoever leads it stands in at that provider."""
    return f"provider:{provider}"


async def leads_at(leadership: Leadership, ticks: Ticks, name: ProviderName) -> bool:
    """Whether this process leads this provider; raises `StoreUnavailable`."""
    return await leadership.leads(leadership_of(name), reaches=ticks.reaches(name))


@dataclass(slots=True, kw_only=True)
class Backstop:
    settlements: SettlementStore
    leadership: Leadership
    schedule: Schedule
    unscheduled: Unscheduled
    stored_elsewhere: StoredElsewhere
    look: Look
    ticks: Ticks
    reporter: Reporter
    clock: Clock
    redis_away: Callable[[], bool]
    _tasks: dict[str, asyncio.Task[JobResult]] = field(default_factory=dict)
    _aside: "dict[str, asyncio.Task[None]]" = field(default_factory=dict)
    #: They have passed their turn on, and wait for their last calls.
    _ending: set[asyncio.Task[JobResult]] = field(default_factory=set)
    _moved: float = field(init=False)

    def __post_init__(self) -> None:
        self._moved = self.clock.monotonic()

    async def run(self) -> None:
        """Until cancelled; a failure is reported, and the next round tries again."""
        try:
            while True:
                self._moved = self.clock.monotonic()
                try:
                    await self.look_after_all()
                except StoreError as error:
                    self.reporter.trouble("backstop.failed", detail=type(error).__name__)
                except Exception as error:  # noqa: BLE001 - without it nothing stands in for arq
                    self.reporter.trouble("backstop.failed", detail=describe_safely(error))
                await self.clock.sleep(EVERY.total_seconds())
        finally:
            tasks = [*self._tasks.values(), *self._ending, *self._aside.values()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def is_stuck(self) -> bool:
        return self.clock.monotonic() - self._moved > STUCK.total_seconds()

    async def look_after_all(self) -> None:
        self._start_aside("locked codes", self.look.record_locked)
        # The next ticks may be another host's, and to it these numbers are leased.
        self._start_aside("expire", self.ticks.steps.expire.commit_left)
        self._start_aside("pursue", self.ticks.steps.pursue.commit_left)
        await self.unscheduled.add_again()
        for name in self.ticks.providers:
            away = self.redis_away()
            await self._leave_to_others(name)
            if await self._must_stand_in(name, away=away):
                await self._start_provider_ticks(name, away=away)
            if not away and await self._looks_are_late(name):
                self._start(TICKS["watch"], name)
        away = self.redis_away()
        for tick in FOR_ALL:
            if (
                tick.after is None
                and self.ticks.configured(tick)
                and self._is_due(tick, None, away=away)
                and (not tick.led or await self.leadership.leads(tick.name))
            ):
                self._start(tick, None)

    async def _leave_to_others(self, name: ProviderName) -> None:
        """What this process cannot reach, or has no time left for, another one may."""
        if not (self.ticks.reaches(name) or await self._leads(name)):
            self.ticks.left_to_others.add(name)
        else:
            self.ticks.left_to_others.discard(name)

    async def _leads(self, name: ProviderName) -> bool:
        return await leads_at(self.leadership, self.ticks, name)

    async def _must_stand_in(self, name: ProviderName, *, away: bool) -> bool:
        """Whether nobody else ends the numbers of this provider, and this process leads it.

        Without Redis no job is started anywhere, so there is nobody to be patient with.
        """
        if not away:
            if self.ticks.silent_for("expire", name) <= TAKE_OVER:
                return False
            if not await self.settlements.behind(name, TAKE_OVER):
                return False  # Another host does the work.
        leads = await self._leads(name)
        self.reporter.leader(name, leads=leads)
        return leads

    async def _looks_are_late(self, name: ProviderName) -> bool:
        """Whether nobody looks where looks are due, and this process leads the provider.

        A listed number is due at its deadline only: who reads the list leaves a mark.
        """
        if self.ticks.silent_for("watch", name) <= TAKE_OVER:
            return False
        try:
            late = await self.schedule.lag(name) > TAKE_OVER
            if not late and self.ticks.providers[name].capabilities.list_page_size is not None:
                late = await self.schedule.list_unread(name)
        except ScheduleUnavailable:
            return False  # It fails for longer, or it does not.
        return late and await self._leads(name)

    async def _start_provider_ticks(self, name: ProviderName, *, away: bool) -> None:
        if away:  # It may take long, and no tick is to begin later because of it.
            self._start_aside(f"stored elsewhere: {name}", partial(self.stored_elsewhere, name))
        for tick in PER_PROVIDER:
            mends = away and tick.mends_schedule
            if self._is_due(tick, name, away=away) or (mends and not await self._intact(name)):
                self._start(tick, name)
                if away and tick.lasts:
                    self._start(tick, name, ":next")  # It waits in line, so no gap is between.

    def _is_due(self, tick: Tick, name: ProviderName | None, *, away: bool) -> bool:
        silence = tick.silence
        if away and tick.silence_without_redis is not None:
            silence = tick.silence_without_redis
        if silence is None:
            return False
        return silence == AT_ONCE or self.ticks.silent_for(tick.name, name) > silence

    async def _intact(self, name: ProviderName) -> bool:
        try:
            return await self.schedule.intact(name)
        except ScheduleUnavailable:
            return True  # Nothing to repair into yet.

    def _start(self, tick: Tick, name: ProviderName | None, place: str = "") -> None:
        key = f"{tick.name}:{name}{place}"
        if key in self._tasks:
            return
        ticking = self.ticks.run(tick.name, name, passed_on=lambda: self._pass_on(key))
        self._tasks[key] = task = asyncio.ensure_future(ticking)
        task.add_done_callback(lambda task: self._done(key, task))

    def _start_aside(self, what: str, step: Callable[[], Awaitable[None]]) -> None:
        """It may wait for somebody's locks: nobody is stood in for later because of it."""
        if what not in self._aside or self._aside[what].done():
            self._aside[what] = asyncio.ensure_future(self._reported(step))

    async def _reported(self, step: Callable[[], Awaitable[None]]) -> None:
        try:
            await step()
        except Exception as error:  # noqa: BLE001 - the next round tries again
            self.reporter.trouble("backstop.failed", detail=describe_safely(error))

    def _pass_on(self, key: str) -> None:
        self._ending.add(self._tasks.pop(key))

    def _done(self, key: str, task: "asyncio.Task[JobResult]") -> None:
        self._ending.discard(task)
        if self._tasks.get(key) is task:
            del self._tasks[key]
        if not task.cancelled() and (error := task.exception()) is not None:
            self.reporter.trouble("backstop.failed", detail=type(error).__name__)
