"""Ticks: the worker's recurring work, one row per kind in `TICKS`, and what runs them.

arq's jobs, the ticker's slots, the backstop and the labels of the job metrics derive from the
table. arq starts a tick on some host; the daemon's backstop starts it where arq does not.
"""

import asyncio
import enum
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, Protocol, TypeAlias

from worker.domain.ids import ProviderName
from worker.lifecycle.audit import Audit
from worker.lifecycle.canary import Canary
from worker.lifecycle.cases.due_timers import DueTimers
from worker.lifecycle.clock import Clock, free_while
from worker.lifecycle.deliver import Deliver
from worker.lifecycle.end_and_pursue import EndAndPursue
from worker.lifecycle.expire import Expire
from worker.lifecycle.pursue import Pursue
from worker.lifecycle.reconcile import Reconcile
from worker.lifecycle.repair import Repair
from worker.lifecycle.sweep import Sweep
from worker.lifecycle.watch import Watch
from worker.ports.errors import ScheduleUnavailable
from worker.ports.provider import Circuit, Provider
from worker.ports.reporter import JobResult

STRETCH: Final = timedelta(seconds=5)  #: How long a watch or expire tick goes on.
#: The next tick may begin so late where another host takes it; a last look has no time for that.
HAND_OVER: Final = timedelta(milliseconds=500)
PATIENCE: Final = timedelta(seconds=5)  #: Without a tick, before arq is taken for gone.
#: The same where looks or endings are late besides: the host that ran the tick may be dead, and
#: arq has the next one for others only at the next slot.
TAKE_OVER: Final = timedelta(seconds=1)
AT_ONCE: Final = timedelta(0)
KEEP: Final = timedelta(seconds=1)  #: Between two questions whether Redis still knows all.
STUCK: Final = timedelta(seconds=120)

KeepGoing: TypeAlias = Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Stretch:
    """What a tick of a provider may do beside others of its kind."""

    keep_going: KeepGoing
    pass_on: Callable[[], None]  #: The next one may begin; what is left to do here goes on.


class Step(Protocol):
    """Work for all providers together."""

    async def tick(self) -> object: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class TickSteps:
    """The work that ticks run, and the time they run by."""

    clock: Clock
    watch: Watch
    expire: Expire
    pursue: Pursue
    repair: Repair
    reconcile: Reconcile
    sweep: Sweep
    timers: DueTimers
    deliver: Deliver | None  #: None where no endpoint is configured: events are kept.
    audit: Audit
    canary: Canary | None  #: None where none is configured.
    #: Held by who looks after a provider's schedule.
    keeping: defaultdict[ProviderName, asyncio.Lock] = field(
        default_factory=lambda: defaultdict(asyncio.Lock)
    )


class Overlap(enum.Enum):
    """What a tick does while another of its kind and provider runs in the same process."""

    WAIT = enum.auto()  #: It waits for the end of that one, so no gap is between; a third leaves.
    LEAVE = enum.auto()  #: It ends at once.
    JOIN = enum.auto()  #: It runs beside it: its step allows that.


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """What all kinds of tick have: when arq runs one, and when the backstop does."""

    name: str
    every: timedelta  #: arq runs one in each slot of this length, on whichever host.
    lasts: timedelta | None = None  #: It goes on for so long; None: it ends with its work.
    hand_over: timedelta = timedelta(0)  #: And so much longer, unless the next one waits here.
    overlap: Overlap = Overlap.WAIT
    #: The backstop runs it after so long without one in this process; None: it does not.
    silence: timedelta | None = None
    silence_without_redis: timedelta | None = None  #: While Redis is away; None: as with it.


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderTick(Tick):
    """A kind of tick that runs for each provider; the backstop runs it where it leads that one."""

    run: Callable[[TickSteps, Provider, Stretch], Awaitable[object]]
    #: Without Redis the backstop also runs it as soon as the schedule has lost numbers.
    mends_schedule: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedTick(Tick):
    """A kind of tick that runs for all providers together."""

    step: Callable[[TickSteps], Step | None]  #: None where it is not configured.
    led: bool = False  #: Of all processes, the backstop of one runs it.
    #: Run at the end of that tick, where this one was silent, instead of by the backstop.
    after: str | None = None


async def _watch(steps: TickSteps, provider: Provider, stretch: Stretch) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(steps.watch.tick(provider, stretch.keep_going, stretch.pass_on))
        group.create_task(_keep_schedule(steps, provider.name, stretch.keep_going))


async def _keep_schedule(steps: TickSteps, name: ProviderName, keep_going: KeepGoing) -> None:
    """A flushed Redis forgets who is to be looked at: the database tells it again at once."""
    # To tell it takes long where many numbers are live: the tick before may be at it.
    if not await free_while(steps.keeping[name], keep_going, steps.clock.sleep):
        return
    async with steps.keeping[name]:
        while keep_going():
            try:
                if not await steps.repair.schedule.intact(name):
                    await steps.repair.reschedule(name)
            except ScheduleUnavailable:
                steps.repair.reporter.trouble("schedule.unavailable", provider=name)
            await steps.clock.sleep(KEEP.total_seconds())


async def _expire(steps: TickSteps, provider: Provider, stretch: Stretch) -> None:
    work = EndAndPursue(steps.expire, steps.pursue, steps.clock, provider)
    await work.run(stretch.keep_going, stretch.pass_on)


PER_PROVIDER: Final = (
    ProviderTick(
        name="watch",
        every=STRETCH,  # Each lasts as long as its slot: the next one takes over.
        lasts=STRETCH,
        hand_over=HAND_OVER,
        silence_without_redis=AT_ONCE,
        run=_watch,
    ),
    ProviderTick(
        name="expire",
        every=STRETCH,
        lasts=STRETCH,
        silence=TAKE_OVER,
        silence_without_redis=AT_ONCE,
        run=_expire,
    ),
    ProviderTick(
        name="repair",
        every=timedelta(seconds=30),
        silence_without_redis=timedelta(seconds=60),
        mends_schedule=True,
        run=lambda steps, provider, _: steps.repair.tick(provider),
    ),
    ProviderTick(
        name="reconcile",
        every=timedelta(hours=1),
        run=lambda steps, provider, _: steps.reconcile.tick(provider),
    ),
)

FOR_ALL: Final = (
    SharedTick(
        name="sweep",
        every=timedelta(seconds=1),
        silence=PATIENCE,  # Others may sweep all along; once more costs two cheap questions.
        silence_without_redis=timedelta(seconds=1),  # Nobody else sweeps then.
        step=lambda steps: steps.sweep,
    ),
    SharedTick(
        name="timers",
        every=timedelta(seconds=5),
        silence=timedelta(seconds=10),  # Dates are days away: that long is harmless.
        after="sweep",
        step=lambda steps: steps.timers,
    ),
    SharedTick(
        name="deliver_events",
        every=timedelta(seconds=1),
        # One pump sends for all ticks of a process.
        overlap=Overlap.LEAVE,
        silence=PATIENCE,
        silence_without_redis=AT_ONCE,  # Codes go out by events. Each event is leased by one.
        step=lambda steps: steps.deliver,
    ),
    SharedTick(
        name="audit",
        every=timedelta(minutes=5),
        overlap=Overlap.JOIN,  # All wait for the one round that goes on.
        step=lambda steps: steps.audit,
    ),
    SharedTick(
        name="canary",
        every=timedelta(seconds=5),
        silence_without_redis=AT_ONCE,  # Customers are served without Redis: it has to show that.
        led=True,
        step=lambda steps: steps.canary,
    ),
)

TICKS: Final[Mapping[str, ProviderTick | SharedTick]] = {
    tick.name: tick for tick in (*PER_PROVIDER, *FOR_ALL)
}

_Key: TypeAlias = tuple[str, ProviderName | None]


@dataclass(slots=True, kw_only=True)
class Ticks:
    """Runs ticks, at most one at once of each kind and provider in this process."""

    steps: TickSteps
    providers: Mapping[ProviderName, Provider]
    left_to_others: set[ProviderName] = field(default_factory=set)  #: Out of reach from here.
    _locks: dict[_Key, asyncio.Lock] = field(default_factory=dict)
    _waiting: set[_Key] = field(default_factory=set)
    _stopping: bool = False
    #: Of all ticks that run; one that has passed on its turn runs, too.
    _since: dict[object, tuple[str, float]] = field(default_factory=dict)
    _ended: dict[_Key, float] = field(default_factory=dict)

    async def run(
        self,
        name: str,
        provider: ProviderName | None = None,
        *,
        passed_on: Callable[[], None] = lambda: None,
    ) -> JobResult:
        """One tick of that kind. *passed_on* is called once the next may begin beside it."""
        match TICKS[name]:
            case ProviderTick() as tick:
                return await self._run_for_provider(tick, provider, passed_on)
            case SharedTick() as tick:
                if (result := await self._run_for_all(tick)) is not JobResult.BUSY:
                    await self._run_silent_after(tick)
                return result

    def configured(self, tick: SharedTick) -> bool:
        return tick.step(self.steps) is not None

    def silent_for(self, name: str, provider: ProviderName | None = None) -> timedelta:
        """Since one ended in this process; nothing while one runs, `timedelta.max` before any."""
        key = (name, provider)
        if (lock := self._locks.get(key)) is not None and lock.locked():
            return timedelta(0)
        ended, now = self._ended.get(key), self.steps.clock.monotonic()
        return timedelta.max if ended is None else timedelta(seconds=now - ended)

    def stop(self) -> None:
        """End the running stretches at their next step; none goes on for long after."""
        self._stopping = True

    def reaches(self, name: ProviderName) -> bool:
        """Whether this process can do there what is due: it goes on, and has a way there."""
        return not self._stopping and self.providers[name].circuit is not Circuit.OPEN

    def stuck(self) -> list[str]:
        """The kinds of tick that run for longer than any may: a restart would help."""
        since = self.steps.clock.monotonic() - STUCK.total_seconds()
        return sorted({kind for kind, at in self._since.values() if at < since})

    async def _run_for_provider(
        self, tick: ProviderTick, name: ProviderName | None, passed_on: Callable[[], None]
    ) -> JobResult:
        provider = None if name is None else self.providers.get(name)
        if provider is None:
            return JobResult.UNKNOWN
        if self._is_for_others(name):
            return JobResult.PASSED_ON
        async with self._turn(tick, name) as pass_on:
            if pass_on is None:
                return JobResult.BUSY

            def next_may_begin() -> None:
                pass_on()
                passed_on()

            stretch = Stretch(self._keep_going(tick, name), next_may_begin)
            await tick.run(self.steps, provider, stretch)
            return JobResult.PASSED_ON if self._is_for_others(name) else JobResult.DONE

    async def _run_for_all(self, tick: SharedTick) -> JobResult:
        step = tick.step(self.steps)
        if step is None:
            return JobResult.DONE
        if tick.overlap is Overlap.JOIN:
            return _result(await step.tick())
        async with self._turn(tick, None) as turn:
            return JobResult.BUSY if turn is None else _result(await step.tick())

    async def _run_silent_after(self, ended: SharedTick) -> None:
        """Nobody starts these here: arq may be gone, and the backstop has started *ended*."""
        for tick in FOR_ALL:
            if tick.after == ended.name and self.silent_for(tick.name) > (tick.silence or AT_ONCE):
                await self.run(tick.name)

    def _keep_going(self, tick: Tick, name: ProviderName | None) -> KeepGoing:
        """Whether the tick that begins now still goes on."""
        if tick.lasts is None:
            return lambda: not self._stopping
        key, now = (tick.name, name), self.steps.clock.monotonic
        until, more = now() + tick.lasts.total_seconds(), tick.hand_over.total_seconds()
        return lambda: (
            not self._is_for_others(name) and now() < until + more * (key not in self._waiting)
        )

    def _is_for_others(self, name: ProviderName | None) -> bool:
        return self._stopping or name in self.left_to_others

    @asynccontextmanager
    async def _turn(
        self, tick: Tick, name: ProviderName | None
    ) -> AsyncIterator[Callable[[], None] | None]:
        """This tick's turn, which may come once the one that runs has passed it on or ended."""
        key = (tick.name, name)
        lock = self._locks.setdefault(key, asyncio.Lock())
        if key in self._waiting or (tick.overlap is Overlap.LEAVE and lock.locked()):
            yield None
            return
        self._waiting.add(key)
        try:
            await lock.acquire()
        finally:
            self._waiting.discard(key)
        passed_on = False

        def pass_on() -> None:
            nonlocal passed_on
            if not passed_on:
                passed_on = True
                lock.release()
                self._ended[key] = self.steps.clock.monotonic()

        self._since[pass_on] = tick.name, self.steps.clock.monotonic()
        try:
            yield pass_on
        finally:
            del self._since[pass_on]
            pass_on()


def _result(ended: object) -> JobResult:
    return ended if isinstance(ended, JobResult) else JobResult.DONE
