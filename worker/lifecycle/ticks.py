"""Ticks: one stretch of each kind of work, at most one at once per process and provider.

arq starts them on some host; the daemon's backstop starts the same ones when nobody does.
"""

import asyncio
import enum
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from worker.domain.ids import ProviderName
from worker.lifecycle.canary import Canary
from worker.lifecycle.cases.due_timers import DueTimers
from worker.lifecycle.clock import Clock
from worker.lifecycle.deliver import Deliver
from worker.lifecycle.expire import Expire
from worker.lifecycle.pursue import Pursue
from worker.lifecycle.reconcile import Reconcile
from worker.lifecycle.repair import Repair
from worker.lifecycle.sweep import Sweep
from worker.lifecycle.watch import Watch
from worker.ports.provider import Circuit, Provider

STRETCH: Final = timedelta(seconds=5)  #: How long a watch or expire tick goes on.
KEEP: Final = timedelta(seconds=1)  #: Between two questions whether Redis still knows all.
STUCK: Final = timedelta(seconds=120)
SILENT: Final = timedelta(seconds=10)  #: Dates are days away: that long without a look is harmless.
IDLE: Final = timedelta(milliseconds=250)  #: Between two questions for what is due.


class TickResult(enum.Enum):
    """How a tick ended; "nothing to do" is no failure."""

    DONE = "done"
    BUSY = "busy"  #: The same tick runs in this process already, and another one is of no use.
    UNKNOWN = "unknown"  #: No such provider is configured here.


@dataclass(slots=True, kw_only=True)
class Ticks:
    providers: Mapping[ProviderName, Provider]
    watching: Watch
    expiring: Expire
    pursuing: Pursue
    sweeping: Sweep
    repairing: Repair
    reconciling: Reconcile
    timing: DueTimers
    clock: Clock
    canary_run: Canary | None = None  #: None where none is configured.
    delivering: Deliver | None = None  #: None where no endpoint is configured: events are kept.
    _locks: dict[tuple[str, ProviderName | None], asyncio.Lock] = field(default_factory=dict)
    _waiting: set[tuple[str, ProviderName | None]] = field(default_factory=set)
    _stopping: bool = False
    _since: dict[tuple[str, ProviderName | None], float] = field(default_factory=dict)
    _ended: dict[tuple[str, ProviderName | None], float] = field(default_factory=dict)

    async def watch(self, name: ProviderName) -> TickResult:
        return await self._tick("watch", name, self._watch)

    async def expire(self, name: ProviderName) -> TickResult:
        return await self._tick("expire", name, self._expire)

    async def repair(self, name: ProviderName) -> TickResult:
        return await self._tick("repair", name, self.repairing.tick)

    async def reconcile(self, name: ProviderName) -> TickResult:
        return await self._tick("reconcile", name, self.reconciling.tick)

    async def sweep(self) -> TickResult:
        async with self._once("sweep", None) as mine:
            if mine:
                await self.sweeping.tick()
        if self.silent_for("timers", None) > SILENT:
            # Nobody starts their tick here: arq may be gone, and the backstop starts this one.
            await self.timers()
        return TickResult.DONE if mine else TickResult.BUSY

    async def timers(self) -> TickResult:
        async with self._once("timers", None) as mine:
            if mine:
                await self.timing.tick()
            return TickResult.DONE if mine else TickResult.BUSY

    async def canary(self) -> TickResult:
        async with self._once("canary", None) as mine:
            if mine and self.canary_run is not None:
                await self.canary_run.tick()
            return TickResult.DONE if mine else TickResult.BUSY

    async def deliver_events(self) -> TickResult:
        """One batch has all connections there are: what a second one leases would only fail."""
        if self.delivering is None:
            return TickResult.DONE
        if ("deliver_events", None) in self._since:
            return TickResult.BUSY
        async with self._once("deliver_events", None):
            await self.delivering.tick()
        return TickResult.DONE

    def silent_for(self, kind: str, name: ProviderName | None) -> timedelta:
        """How long ago the last such tick of this process ended; nothing while one runs."""
        if (lock := self._locks.get((kind, name))) is not None and lock.locked():
            return timedelta(0)
        ended = self._ended.setdefault((kind, name), self.clock.monotonic())
        return timedelta(seconds=self.clock.monotonic() - ended)

    def stop(self) -> None:
        """End the running stretches at their next step; none goes on for long after."""
        self._stopping = True

    def _stretch(self) -> Callable[[], bool]:
        """Whether the stretch that begins now still goes on."""
        until = self.clock.monotonic() + STRETCH.total_seconds()
        return lambda: not self._stopping and self.clock.monotonic() < until

    def stuck(self) -> list[str]:
        """The kinds of tick that run for longer than any may: a restart would help."""
        now = self.clock.monotonic()
        return sorted(
            {key[0] for key, at in self._since.items() if now - at > STUCK.total_seconds()}
        )

    async def _watch(self, provider: Provider) -> None:
        keep_going = self._stretch()
        async with asyncio.TaskGroup() as group:
            group.create_task(self.watching.tick(provider, keep_going))
            group.create_task(self._keep_schedule(provider.name, keep_going))

    async def _keep_schedule(self, name: ProviderName, keep_going: Callable[[], bool]) -> None:
        """A flushed Redis forgets who is to be looked at: the database tells it again at once."""
        while keep_going():
            if not await self.repairing.schedule.intact(name):
                await self.repairing.reschedule(name)
            await self.clock.sleep(KEEP.total_seconds())

    async def _expire(self, provider: Provider) -> None:
        """End and pursue what is due, until the stretch is over; new numbers fall due all along."""
        keep_going = self._stretch()
        while keep_going():
            done = await self.expiring.tick(provider, keep_going)
            done += await self.pursuing.tick(provider)
            if not done or provider.circuit is Circuit.OPEN:
                await self.clock.sleep(IDLE.total_seconds())

    async def _tick(
        self, kind: str, name: ProviderName, work: Callable[[Provider], Awaitable[object]]
    ) -> TickResult:
        provider = self.providers.get(name)
        if provider is None:
            return TickResult.UNKNOWN
        async with self._once(kind, name) as mine:
            if mine:
                await work(provider)
            return TickResult.DONE if mine else TickResult.BUSY

    @asynccontextmanager
    async def _once(self, kind: str, name: ProviderName | None) -> AsyncIterator[bool]:
        """Whether it is ours; the next one waits for the last to end, so that no gap is between."""
        key = (kind, name)
        if key in self._waiting:
            yield False
            return
        lock = self._locks.setdefault(key, asyncio.Lock())
        self._waiting.add(key)
        try:
            await lock.acquire()
        finally:
            self._waiting.discard(key)
        try:
            self._since[key] = self.clock.monotonic()
            yield True
        finally:
            del self._since[key]
            lock.release()
            self._ended[key] = self.clock.monotonic()
