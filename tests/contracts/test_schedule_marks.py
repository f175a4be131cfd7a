"""What every schedule promises of its marks: that it is whole, and that a list is being read."""

import pytest

from tests.contracts.schedules import ENDED, FAST, LEASE, LONG_AGO, NOW, SLOW, number
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


async def test_a_list_is_unread_where_a_number_is_open_and_nobody_tells_that_he_reads_it(
    schedule: Schedule,
) -> None:
    assert not await schedule.list_unread(FAST)
    await schedule.add(FAST, [(number(1), NOW), (number(2)._replace(deadline_at=LONG_AGO), NOW)])
    await schedule.add(SLOW, [(number(3)._replace(deadline_at=LONG_AGO), NOW)])

    assert [await schedule.list_unread(name) for name in (FAST, SLOW)] == [True, False]

    await schedule.mark_list_read(FAST, LEASE)
    assert not await schedule.list_unread(FAST)


async def test_who_reads_a_list_no_longer_says_so(schedule: Schedule) -> None:
    await schedule.add(FAST, [(number(1), NOW)])
    await schedule.mark_list_read(FAST, LEASE)

    await schedule.mark_list_read(FAST, ENDED)

    assert await schedule.list_unread(FAST)
    await schedule.mark_list_read(FAST, ENDED)
    assert await schedule.list_unread(FAST)


async def test_the_mark_of_a_list_says_nothing_of_another_providers(schedule: Schedule) -> None:
    await schedule.add(FAST, [(number(1), NOW)])

    await schedule.mark_list_read(SLOW, LEASE)

    assert await schedule.list_unread(FAST)
