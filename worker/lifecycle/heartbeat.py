"""The heartbeat: this process tells that it lives, and makes due what dead ones had leased.

In the database that is one transaction for each dead process, done by whoever comes first. What it
held on the schedule in Redis is freed by the same one, as soon as Redis answers. What this process
has leased itself, and nobody works on, is due just as soon: its next tick may run on another host.

Who dies before it has freed all leaves that to the next: to whoever starts, or marks it dead.
"""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from worker.domain.ids import ProviderName
from worker.domain.liveness import BEAT_EVERY, SILENCE
from worker.lifecycle.clock import Clock
from worker.ports.errors import ScheduleUnavailable
from worker.ports.instances import DeadInstance, InstanceId, Instances, LeasedLooks, OwnLeases
from worker.ports.reporter import Reporter

#: The server ends a dead process's transactions when it learns of its end, and until then their
#: rows are passed over. It learns no later than others that the process is silent.
FREED_AGAIN_FOR: Final = SILENCE
#: After so long next to no lease of a dead process still stands.
LEASES_STAND: Final = timedelta(seconds=30)


@dataclass(slots=True, kw_only=True)
class Heartbeat:
    instances: Instances
    looks: LeasedLooks
    own: OwnLeases
    providers: Collection[ProviderName]
    reporter: Reporter
    clock: Clock
    #: Dead processes whose looks Redis could not free yet.
    _to_free: set[tuple[ProviderName, InstanceId]] = field(default_factory=set)
    #: Dead processes, and until when what they locked is freed by this one.
    _freed_until: dict[InstanceId, float] = field(default_factory=dict)

    async def begin(self) -> None:
        """Be there, and bury those that were here before. Raises `StoreError`."""
        await self.instances.beat()
        predecessors = await self.instances.predecessors()
        await self._mark(predecessors)
        await self._take_on()
        await self.free_the_dead()

    async def keep(self) -> None:
        """Until cancelled. Two loops: whoever waits for locked rows must not look dead himself."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keep_beating())
            group.create_task(self._keep_freeing())

    async def beat(self) -> None:
        if not await self.instances.beat():
            self.reporter.trouble("instance.was_dead")

    async def free_the_dead(self) -> None:
        """Make due what the dead had leased. Raises `StoreError`."""
        for instance in list(self._freed_until):
            await self.instances.free_leases(instance)
            if self.clock.monotonic() > self._freed_until[instance]:
                del self._freed_until[instance]
        await self._mark(await self.instances.dead())
        for provider, instance in list(self._to_free):
            try:
                await self.looks.free(provider, instance)
            except ScheduleUnavailable:
                return  # The next second asks again; without Redis nobody needs it.
            self._to_free.discard((provider, instance))

    async def _mark(self, dead: Collection[DeadInstance]) -> None:
        for instance in dead:
            if await self.instances.mark_dead(instance):
                self.reporter.trouble("instance.dead", detail=str(instance.id))
                self._free(instance.id)
        if dead:
            # Among them is one that this process has marked, where its COMMIT was not answered.
            await self._take_on()

    async def _take_on(self) -> None:
        """Free what those held that died before, as whoever did that may be dead now."""
        for instance in await self.instances.dead_lately(LEASES_STAND):
            self._free(instance)

    def _free(self, instance: InstanceId) -> None:
        self._freed_until[instance] = self.clock.monotonic() + FREED_AGAIN_FOR.total_seconds()
        self._to_free |= {(provider, instance) for provider in self.providers}

    async def _keep_beating(self) -> None:
        while True:
            await self.clock.sleep(BEAT_EVERY.total_seconds())
            try:
                await self.beat()
            except Exception as error:  # noqa: BLE001 - who stops beating is taken for dead
                self.reporter.trouble("instance.beat_failed", detail=type(error).__name__)

    async def _keep_freeing(self) -> None:
        while True:
            await self.clock.sleep(BEAT_EVERY.total_seconds())
            for step in (self.own.hand_back, self.free_the_dead):
                try:
                    await step()
                except Exception as error:  # noqa: BLE001 - and nobody else might be left to free
                    self.reporter.trouble("instance.freeing_failed", detail=type(error).__name__)
