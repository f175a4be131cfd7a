"""Ticks: one stretch of each kind of work, at most one at once per process and provider.

arq starts them on some host; the daemon's backstop starts the same ones when nobody does.
"""

import enum
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from worker.domain.ids import ProviderName
from worker.lifecycle.clock import Clock
from worker.lifecycle.expire import Expire
from worker.lifecycle.pursue import Pursue
from worker.lifecycle.repair import Repair
from worker.lifecycle.sweep import Sweep
from worker.lifecycle.watch import Watch
from worker.ports.provider import Circuit, Provider

STRETCH: Final = timedelta(seconds=5)  #: How long a watch or expire tick goes on.
IDLE: Final = timedelta(milliseconds=250)  #: Between two questions for what is due.


class Ticked(enum.Enum):
    """How a tick ended; "nothing to do" is no failure."""

    DONE = "done"
    BUSY = "busy"  #: The same tick runs in this process already.
    UNKNOWN = "unknown"  #: No such provider is configured here.


@dataclass(slots=True, kw_only=True)
class Ticks:
    providers: Mapping[ProviderName, Provider]
    watching: Watch
    expiring: Expire
    pursuing: Pursue
    sweeping: Sweep
    repairing: Repair
    clock: Clock
    moved: Callable[[str], None]  #: Tells liveness that the loop of this name moves.
    _running: set[tuple[str, ProviderName | None]] = field(default_factory=set)
    _ended: dict[tuple[str, ProviderName | None], float] = field(default_factory=dict)

    async def watch(self, name: ProviderName) -> Ticked:
        until = self.clock.monotonic() + STRETCH.total_seconds()
        return await self._tick("watch", name, lambda p: self.watching.tick(p, until))

    async def expire(self, name: ProviderName) -> Ticked:
        return await self._tick("expire", name, self._expire)

    async def repair(self, name: ProviderName) -> Ticked:
        return await self._tick("repair", name, self.repairing.tick)

    async def sweep(self) -> Ticked:
        async with self._once("sweep", None) as mine:
            if mine:
                await self.sweeping.tick()
            return Ticked.DONE if mine else Ticked.BUSY

    def silent_for(self, kind: str, name: ProviderName | None) -> timedelta:
        """How long ago the last such tick of this process ended; nothing while one runs."""
        if (kind, name) in self._running:
            return timedelta(0)
        ended = self._ended.setdefault((kind, name), self.clock.monotonic())
        return timedelta(seconds=self.clock.monotonic() - ended)

    async def _expire(self, provider: Provider) -> None:
        """End and pursue what is due, until the stretch is over; new numbers fall due all along."""
        until = self.clock.monotonic() + STRETCH.total_seconds()
        while self.clock.monotonic() < until:
            self.moved("expire")
            done = await self.expiring.tick(provider)
            done += await self.pursuing.tick(provider)
            if not done or provider.circuit is Circuit.OPEN:
                await self.clock.sleep(IDLE.total_seconds())

    async def _tick(
        self, kind: str, name: ProviderName, work: Callable[[Provider], Awaitable[object]]
    ) -> Ticked:
        provider = self.providers.get(name)
        if provider is None:
            return Ticked.UNKNOWN
        async with self._once(kind, name) as mine:
            if mine:
                await work(provider)
            return Ticked.DONE if mine else Ticked.BUSY

    @asynccontextmanager
    async def _once(self, kind: str, name: ProviderName | None) -> AsyncIterator[bool]:
        if (kind, name) in self._running:
            yield False
            return
        self._running.add((kind, name))
        try:
            yield True
            self.moved(kind)
        finally:
            self._running.discard((kind, name))
            self._ended[(kind, name)] = self.clock.monotonic()
