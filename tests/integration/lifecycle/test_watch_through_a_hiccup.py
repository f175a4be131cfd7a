"""Redis fails for a moment: the tick goes on, and keeps nothing leased that it looked at."""

from collections.abc import Sequence
from datetime import timedelta
from functools import cached_property

from tests.integration.lifecycle.world import SIM, World, turns
from tests.unit.lifecycle.scripted import ScriptedProvider
from worker.adapters.redis.local import LocalSchedule
from worker.domain.families import Capabilities
from worker.domain.ids import ProviderName
from worker.ports.errors import ScheduleUnavailable
from worker.ports.provider import Waiting
from worker.ports.schedule import NextLook

SOON = timedelta(seconds=4)  #: After the first look, before the end of its lease.


class Hiccup(LocalSchedule):
    """Its first release fails."""

    failures = 0

    async def release(self, provider: ProviderName, nexts: Sequence[NextLook]) -> int:
        if not self.failures:
            self.failures += 1
            raise ScheduleUnavailable("simulated")
        return await super().release(provider, nexts)


class HiccupWorld(World):
    @cached_property
    def schedule(self) -> Hiccup:
        return Hiccup({SIM: self.budget}, clock=self.now)


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
