"""What every schedule promises of its marks: that it is whole, and that a list is being read."""

import pytest

from tests.contracts.schedules import FAST, SLOW
from worker.ports.schedule import Schedule

pytestmark = pytest.mark.usefixtures("patient")


async def test_all_who_rebuild_at_once_have_one_token(schedule: Schedule) -> None:
    token = await schedule.begin_rebuild(FAST)

    assert await schedule.begin_rebuild(FAST) == token
    assert await schedule.begin_rebuild(SLOW) != token


async def test_a_schedule_is_whole_once_its_rebuild_is_done(schedule: Schedule) -> None:
    token = await schedule.begin_rebuild(FAST)
    assert not await schedule.intact(FAST)

    assert await schedule.rebuilt(FAST, token)

    assert await schedule.intact(FAST)
    assert not await schedule.intact(SLOW)
    assert await schedule.rebuilt(FAST, token)


@pytest.mark.parametrize("begun", [True, False])
async def test_the_token_of_another_schedule_marks_nothing(
    schedule: Schedule, *, begun: bool
) -> None:
    other = await schedule.begin_rebuild(SLOW)
    if begun:
        await schedule.begin_rebuild(FAST)

    assert not await schedule.rebuilt(FAST, other)

    assert not await schedule.intact(FAST)
