"""A rebuild of which a part went to another schedule, or was lost, does not count as one."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID

import pytest

from tests.fakes.schedules import mark_rebuilt
from tests.integration.test_schedule_failover import NOW, P, World
from worker.domain.ids import ActivationId, ProviderName, ProviderRef
from worker.lifecycle.repair import PAGE, Repair
from worker.ports.errors import StoreUnavailable
from worker.ports.store.activations import LiveNumber

PAGES = 3


class LiveNumbers:
    """What the database knows; something may happen before a page of it is read."""

    def __init__(self) -> None:
        deadline = NOW + timedelta(minutes=20)
        self.numbers = [
            LiveNumber(ActivationId(UUID(int=n)), ProviderRef(str(n)), NOW, deadline)
            for n in range(PAGES * PAGE)
        ]
        self.before: dict[int, Callable[[], Awaitable[Any]]] = {}
        self.asked = 0

    async def live_numbers(
        self, _: ProviderName, *, after: ActivationId | None, limit: int
    ) -> Sequence[LiveNumber]:
        self.asked += 1
        if happens := self.before.pop(self.asked, None):
            await happens()
        rest = [each for each in self.numbers if after is None or each.id.int > after.int]
        return rest[:limit]


class Accept:
    def looks(
        self, _: ProviderName, numbers: Sequence[LiveNumber]
    ) -> list[tuple[LiveNumber, datetime]]:
        return [(number, NOW) for number in numbers]


class Rebuilds:
    """A process that rebuilds a schedule whose Redis is ours."""

    def __init__(self) -> None:
        self.world = World()
        self.live = LiveNumbers()
        self.repair = Repair(
            purchases=cast("Any", None),
            activations=cast("Any", self.live),
            schedule=self.world.schedule,
            reporter=self.world.reporter,
            accept=cast("Any", Accept()),
            proof=cast("Any", None),
        )

    async def flushed(self) -> None:
        self.world.redis.clear()

    async def killed(self) -> None:
        raise StoreUnavailable("simulated")

    async def until_intact(self) -> None:
        """What a watch tick does each second."""
        for _ in range(3):
            if not await self.world.schedule.intact(P):
                await self.repair.reschedule(P)
        assert await self.world.schedule.intact(P)

    async def all_there(self) -> bool:
        return await self.world.schedule.size(P) == len(self.live.numbers)


@pytest.fixture
def rebuilds() -> Rebuilds:
    return Rebuilds()


async def test_one_rebuild_puts_every_page_there_and_is_told(rebuilds: Rebuilds) -> None:
    await rebuilds.repair.reschedule(P)

    assert await rebuilds.world.schedule.intact(P)
    assert await rebuilds.all_there()
    assert rebuilds.world.reporter.troubles == ["schedule.rebuilt"]


async def test_redis_that_comes_back_while_memory_is_rebuilt_gets_every_page(
    rebuilds: Rebuilds,
) -> None:
    await rebuilds.world.lose_redis()
    await rebuilds.flushed()
    rebuilds.live.before[2] = rebuilds.world.get_redis_back

    await rebuilds.repair.reschedule(P)
    assert not await rebuilds.world.schedule.intact(P)

    await rebuilds.until_intact()
    assert await rebuilds.all_there()


async def test_memory_that_takes_over_while_redis_is_rebuilt_gets_every_page(
    rebuilds: Rebuilds,
) -> None:
    rebuilds.live.before[2] = rebuilds.world.lose_redis

    await rebuilds.repair.reschedule(P)
    assert not await rebuilds.world.schedule.intact(P)

    await rebuilds.until_intact()
    assert rebuilds.world.schedule.away
    assert await rebuilds.all_there()


async def test_a_rebuild_during_which_redis_was_away_and_came_back_begins_anew(
    rebuilds: Rebuilds,
) -> None:
    """The page of that moment went to memory."""
    rebuilds.live.before = {2: rebuilds.world.lose_redis, 3: rebuilds.world.get_redis_back}

    await rebuilds.repair.reschedule(P)
    assert not await rebuilds.world.schedule.intact(P)

    await rebuilds.until_intact()
    assert not rebuilds.world.schedule.away
    assert await rebuilds.all_there()


async def test_a_flush_during_a_rebuild_begins_it_anew(rebuilds: Rebuilds) -> None:
    rebuilds.live.before[2] = rebuilds.flushed

    await rebuilds.repair.reschedule(P)
    assert not await rebuilds.world.schedule.intact(P)

    await rebuilds.until_intact()
    assert await rebuilds.all_there()


async def test_a_rebuild_begun_beside_a_usual_repair_begins_with_the_first_page(
    rebuilds: Rebuilds,
) -> None:
    """The watch tick sees the flush while the repair tick is under way in the same process."""
    await rebuilds.repair.reschedule(P)

    async def rebuilt_after_a_flush() -> None:
        await rebuilds.flushed()
        await rebuilds.repair.reschedule(P)

    rebuilds.live.before[rebuilds.live.asked + 2] = rebuilt_after_a_flush
    await rebuilds.repair.reschedule(P)

    await rebuilds.until_intact()
    assert await rebuilds.all_there()


async def test_a_rebuild_that_was_cut_off_goes_on_where_it_was(rebuilds: Rebuilds) -> None:
    rebuilds.live.before[3] = rebuilds.killed
    with pytest.raises(StoreUnavailable):
        await rebuilds.repair.reschedule(P)

    added = await rebuilds.repair.reschedule(P)

    assert added == (PAGES - 2) * PAGE
    assert await rebuilds.world.schedule.intact(P)
    assert await rebuilds.all_there()


@pytest.mark.parametrize("lost", ["flushed", "away and back"])
async def test_a_rebuild_that_was_cut_off_begins_anew_where_its_pages_are_lost(
    rebuilds: Rebuilds, lost: str
) -> None:
    rebuilds.live.before[3] = rebuilds.killed
    with pytest.raises(StoreUnavailable):
        await rebuilds.repair.reschedule(P)
    if lost == "away and back":
        await rebuilds.world.lose_redis()
    await rebuilds.flushed()
    if lost == "away and back":
        await rebuilds.world.get_redis_back()

    await rebuilds.until_intact()

    assert await rebuilds.all_there()


async def test_numbers_that_came_during_an_outage_are_found_though_redis_lost_nothing(
    rebuilds: Rebuilds,
) -> None:
    """The rebuild had passed the place of the new one when it was cut off."""
    (late, *rebuilds.live.numbers) = rebuilds.live.numbers
    rebuilds.live.before[3] = rebuilds.killed
    with pytest.raises(StoreUnavailable):
        await rebuilds.repair.reschedule(P)
    await rebuilds.world.lose_redis()
    rebuilds.live.numbers.insert(0, late)
    await rebuilds.world.get_redis_back()

    await rebuilds.until_intact()

    assert await rebuilds.all_there()


async def test_a_usual_repair_that_was_cut_off_is_no_part_of_a_rebuild(rebuilds: Rebuilds) -> None:
    await mark_rebuilt(rebuilds.world.schedule, P)
    rebuilds.live.before[3] = rebuilds.killed
    with pytest.raises(StoreUnavailable):
        await rebuilds.repair.reschedule(P)
    await rebuilds.flushed()

    await rebuilds.until_intact()

    assert await rebuilds.all_there()
