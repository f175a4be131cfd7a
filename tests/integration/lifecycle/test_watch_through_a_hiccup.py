"""Redis fails for a moment: the tick goes on, and keeps nothing leased that it looked at."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from functools import cached_property
from typing import Any

from tests.integration.lifecycle.world import SIM, World, turns
from tests.unit.lifecycle.scripted import ScriptedProvider
from worker.adapters.redis.local import LocalSchedule
from worker.domain.families import Capabilities
from worker.domain.ids import ProviderName
from worker.ports.errors import ScheduleUnavailable
from worker.ports.provider import Waiting
from worker.ports.schedule import LeaseBatch, NextLook

SOON = timedelta(seconds=4)  #: After the first look, before the end of its lease.


class Hiccup(LocalSchedule):
    """Its first release fails."""

    failures = 0

    async def release(self, provider: ProviderName, nexts: Sequence[NextLook]) -> int:
        if not self.failures:
            self.failures += 1
            raise ScheduleUnavailable("simulated")
        return await super().release(provider, nexts)


class HeldUp(Hiccup):
    """Its lease is answered when it may be."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.asked, self.answers = asyncio.Event(), asyncio.Event()

    async def lease(self, provider: ProviderName, limit: int, lease: timedelta) -> LeaseBatch:
        batch = await super().lease(provider, limit, lease)
        self.asked.set()
        await self.answers.wait()
        return batch


class HiccupWorld(World):
    @cached_property
    def schedule(self) -> Hiccup:
        return Hiccup({SIM: self.budget}, clock=self.now)


class HeldUpWorld(World):
    @cached_property
    def schedule(self) -> HeldUp:
        return HeldUp({SIM: self.budget}, clock=self.now)


async def test_a_number_is_looked_at_again_in_time_though_its_release_failed_once(
    world: World,
) -> None:
    hiccup = HiccupWorld(world.store, world.admin, ScriptedProvider(capabilities=Capabilities()))
    hiccup.provider.will("look", Waiting(), Waiting())
    await hiccup.take("1")
    for _ in range(2):
        hiccup.skew += SOON
        await hiccup.watch.tick(hiccup.provider, turns(2))

    assert hiccup.schedule.failures == 1
    assert len(hiccup.provider.asked("look")) == 2


async def test_what_a_tick_leased_as_it_was_cut_off_is_due_though_its_release_failed_once(
    world: World,
) -> None:
    held_up = HeldUpWorld(world.store, world.admin, ScriptedProvider(capabilities=Capabilities()))
    await held_up.take("1")
    held_up.skew += SOON
    tick = asyncio.ensure_future(held_up.watch.tick(held_up.provider, lambda: True))
    await held_up.schedule.asked.wait()

    tick.cancel()
    held_up.schedule.answers.set()
    await asyncio.gather(tick, return_exceptions=True)

    assert held_up.schedule.failures == 1
    assert len((await held_up.schedule.lease(SIM, 1, SOON)).numbers) == 1
