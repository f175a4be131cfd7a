"""What every schedule promises: Redis, memory, both behind one face, and what stands in for one."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.contracts.schedules import (
    ENDED,
    FAST,
    LEASE,
    LONG_AGO,
    NOW,
    RATES,
    SECOND,
    SLOW,
    Stopped,
    number,
)
from tests.fakes.reporter import RecordingReporter
from tests.fakes.schedules import mark_rebuilt
from worker.adapters.redis import schedule as schedule_of_redis
from worker.adapters.redis.failover import PATIENCE_SECONDS, FailoverSchedule
from worker.adapters.redis.local import LocalSchedule
from worker.adapters.redis.members import decode, encode
from worker.adapters.redis.schedule import BATCH, RedisSchedule
from worker.domain.ids import ActivationId, ProviderRef
from worker.ports.instances import InstanceId
from worker.ports.schedule import Leased, Need, NextLook, ProbeTurn, Schedule
from worker.ports.store.activations import LiveNumber

pytestmark = pytest.mark.usefixtures("patient")


async def test_a_due_number_is_claimed_as_it_was_added(schedule: Schedule) -> None:
    assert await schedule.add(FAST, [(number(1), LONG_AGO)]) == 1

    claim = await schedule.lease(FAST, 10, LEASE)

    assert [claimed.number for claimed in claim.numbers] == [number(1)]


async def test_a_number_that_is_not_due_is_not_claimed(schedule: Schedule) -> None:
    await schedule.add(FAST, [(number(1), NOW + 60 * SECOND)])

    claim = await schedule.lease(FAST, 10, LEASE)

    assert claim.numbers == []
    assert 59 * SECOND < claim.wait <= 60 * SECOND


async def test_the_oldest_are_claimed_first_and_no_more_than_asked_for(schedule: Schedule) -> None:
    await schedule.add(FAST, [(number(i), LONG_AGO - i * SECOND) for i in range(5)])

    claim = await schedule.lease(FAST, 3, LEASE)

    assert [claimed.number for claimed in claim.numbers] == [number(4), number(3), number(2)]
    assert claim.wait == timedelta(0)


async def test_nobody_else_gets_a_claimed_number(schedule: Schedule) -> None:
    await schedule.add(FAST, [(number(1), LONG_AGO)])
    await schedule.lease(FAST, 10, LEASE)

    claim = await schedule.lease(FAST, 10, LEASE)

    assert claim.numbers == []
    assert 29 * SECOND < claim.wait <= LEASE
    assert await schedule.size(FAST) == 1


async def test_a_claim_whose_lease_is_over_is_given_again(schedule: Schedule) -> None:
    await schedule.add(FAST, [(number(1), LONG_AGO)])
    await schedule.lease(FAST, 10, ENDED)

    claim = await schedule.lease(FAST, 10, LEASE)

    assert [claimed.number for claimed in claim.numbers] == [number(1)]


async def test_a_released_number_is_due_when_it_was_said(schedule: Schedule) -> None:
    await schedule.add(FAST, [(number(1), LONG_AGO), (number(2), LONG_AGO)])
    claim = await schedule.lease(FAST, 10, LEASE)
    again = {number(1): NOW, number(2): NOW + 60 * SECOND}

    held = await schedule.release(FAST, [NextLook(c, again[c.number]) for c in claim.numbers])
    claim = await schedule.lease(FAST, 10, LEASE)

    assert held == 2
    assert [claimed.number for claimed in claim.numbers] == [number(1)]


async def test_a_number_that_is_handed_back_keeps_its_place(schedule: Schedule) -> None:
    await schedule.add(FAST, [(number(1), NOW - 9 * SECOND)])
    claim = await schedule.lease(FAST, 10, LEASE)
    await schedule.add(FAST, [(number(2), NOW - 5 * SECOND)])

    handed_back = [NextLook(claimed, NOW - 9 * SECOND) for claimed in claim.numbers]
    assert await schedule.release(FAST, handed_back) == 1

    (first,) = (await schedule.lease(FAST, 1, LEASE)).numbers
    assert first.number == number(1)
    assert first.late >= 9 * SECOND


async def test_what_is_past_its_deadline_is_dropped_and_costs_no_request(
    schedule: Schedule,
) -> None:
    late = [number(i)._replace(deadline_at=NOW - SECOND) for i in range(20)]
    await schedule.add(SLOW, [(one, LONG_AGO - SECOND) for one in late])
    in_time = number(99)._replace(deadline_at=NOW)
    await schedule.add(SLOW, [(in_time, LONG_AGO)])

    claim = await schedule.lease(SLOW, 1, LEASE)

    assert [claimed.number for claimed in claim.numbers] == [in_time]
    assert await schedule.size(SLOW) == 1


async def test_thousands_past_their_deadline_are_dropped_in_a_few_claims(
    schedule: Schedule,
) -> None:
    late = [number(i)._replace(deadline_at=NOW - SECOND) for i in range(4_500)]
    await schedule.add(FAST, [(one, LONG_AGO) for one in late])

    for _ in range(3):
        assert not (await schedule.lease(FAST, 500, LEASE)).numbers

    assert await schedule.size(FAST) == 0


async def test_a_number_that_is_done_leaves_the_schedule(schedule: Schedule) -> None:
    await schedule.add(FAST, [(number(1), LONG_AGO)])
    claim = await schedule.lease(FAST, 10, LEASE)

    assert await schedule.release(FAST, [NextLook(claim.numbers[0], None)]) == 1

    assert await schedule.size(FAST) == 0


async def test_numbers_whose_windows_are_over_count_while_one_is_open(schedule: Schedule) -> None:
    ended = [number(index)._replace(deadline_at=NOW - SECOND) for index in range(1, 4)]
    await schedule.add(FAST, [(each, LONG_AGO) for each in ended])

    assert await schedule.open_size(FAST) == 0

    await schedule.add(FAST, [(number(4), NOW), (number(5), NOW + SECOND)])

    assert await schedule.open_size(FAST) == 5
    assert await schedule.open_size(SLOW) == 0


async def test_who_is_slower_than_the_lease_changes_nothing(schedule: Schedule) -> None:
    await schedule.add(FAST, [(number(1), LONG_AGO)])
    slow = await schedule.lease(FAST, 10, ENDED)
    await schedule.lease(FAST, 10, LEASE)

    held = await schedule.release(FAST, [NextLook(slow.numbers[0], None)])

    assert held == 0
    assert await schedule.size(FAST) == 1


async def test_a_release_counts_only_what_is_still_held(schedule: Schedule) -> None:
    await schedule.add(FAST, [(number(1), LONG_AGO)])
    claim = await schedule.lease(FAST, 10, LEASE)
    gone = NextLook(claim.numbers[0], None)

    assert [await schedule.release(FAST, [gone]), await schedule.release(FAST, [gone])] == [1, 0]


async def test_adding_again_moves_nothing(schedule: Schedule) -> None:
    await schedule.add(FAST, [(number(1), NOW + 60 * SECOND)])

    assert await schedule.add(FAST, [(number(1), LONG_AGO), (number(2), LONG_AGO)]) == 1

    claim = await schedule.lease(FAST, 10, LEASE)
    assert [claimed.number for claimed in claim.numbers] == [number(2)]


async def test_a_hint_brings_a_look_forward(schedule: Schedule) -> None:
    await schedule.add(FAST, [(number(1), NOW + 60 * SECOND)])

    await schedule.hint(FAST, number(1))

    claim = await schedule.lease(FAST, 10, LEASE)
    assert [claimed.number for claimed in claim.numbers] == [number(1)]


async def test_a_hint_puts_a_number_on_the_schedule(schedule: Schedule) -> None:
    await schedule.hint(FAST, number(1))

    assert (await schedule.lease(FAST, 10, LEASE)).numbers


async def test_a_hint_does_not_lose_a_place_in_the_line(schedule: Schedule) -> None:
    await schedule.add(FAST, [(number(1), LONG_AGO), (number(2), NOW - SECOND)])

    await schedule.hint(FAST, number(1))

    claim = await schedule.lease(FAST, 1, LEASE)
    assert [claimed.number for claimed in claim.numbers] == [number(1)]


async def test_a_hint_during_a_look_has_it_looked_at_again(schedule: Schedule) -> None:
    await schedule.add(FAST, [(number(1), LONG_AGO)])
    before = await schedule.lease(FAST, 10, LEASE)

    await schedule.hint(FAST, number(1))

    assert await schedule.release(FAST, [NextLook(before.numbers[0], None)]) == 0
    assert (await schedule.lease(FAST, 10, LEASE)).numbers


async def test_an_empty_schedule_says_to_wait(schedule: Schedule) -> None:
    claim = await schedule.lease(FAST, 10, LEASE)

    assert claim.numbers == []
    assert SECOND < claim.wait <= timedelta(minutes=1)


async def test_empty_batches_are_harmless(schedule: Schedule) -> None:
    assert await schedule.add(FAST, []) == 0
    assert await schedule.release(FAST, []) == 0
    assert await schedule.spend(FAST, 0) == 0


async def test_providers_do_not_see_each_other(schedule: Schedule) -> None:
    await schedule.add(FAST, [(number(1), LONG_AGO)])
    await mark_rebuilt(schedule, FAST)

    assert (await schedule.lease(SLOW, 10, LEASE)).numbers == []
    assert [await schedule.size(FAST), await schedule.size(SLOW)] == [1, 0]
    assert [await schedule.intact(FAST), await schedule.intact(SLOW)] == [True, False]


async def test_more_than_one_batch_is_added_and_released(schedule: Schedule) -> None:
    many = 2 * BATCH + 1
    assert await schedule.add(FAST, [(number(i), LONG_AGO) for i in range(many)]) == many

    claims = [await schedule.lease(FAST, BATCH, LEASE) for _ in range(3)]
    everyone = [claimed for claim in claims for claimed in claim.numbers]

    assert {claimed.number for claimed in everyone} == {number(i) for i in range(many)}
    assert await schedule.release(FAST, [NextLook(c, None) for c in everyone]) == many
    assert await schedule.size(FAST) == 0


async def test_the_lag_is_that_of_the_oldest_due_number(schedule: Schedule) -> None:
    assert await schedule.lag(FAST) == timedelta(0)
    await schedule.add(FAST, [(number(1), LONG_AGO), (number(2), NOW + 60 * SECOND)])

    assert timedelta(hours=1) <= await schedule.lag(FAST) < timedelta(hours=1, minutes=1)

    await schedule.lease(FAST, 10, LEASE)
    assert await schedule.lag(FAST) == timedelta(0)


async def test_looks_are_paid_from_the_budget(schedule: Schedule) -> None:
    await schedule.add(SLOW, [(number(1), LONG_AGO), (number(2), LONG_AGO)])

    claim = await schedule.lease(SLOW, 10, LEASE)

    assert len(claim.numbers) == 1
    assert timedelta(0) < claim.wait <= timedelta(seconds=0.6)
    assert await schedule.spend(SLOW, 1) == 0


async def test_what_is_spent_is_missing_for_looks(schedule: Schedule) -> None:
    await schedule.add(SLOW, [(number(1), LONG_AGO)])

    assert await schedule.spend(SLOW, 5) == 1

    claim = await schedule.lease(SLOW, 10, LEASE)
    assert claim.numbers == []
    assert timedelta(0) < claim.wait <= timedelta(seconds=0.6)


@pytest.mark.parametrize("limit", [1, 10])
async def test_a_window_that_ends_goes_before_all_that_wait_longer(
    schedule: Schedule, limit: int
) -> None:
    ending = number(9)._replace(deadline_at=NOW + SECOND)
    waiting = [(number(each), LONG_AGO) for each in range(3)]
    await schedule.add(SLOW, [*waiting, (ending, NOW)])

    claim = await schedule.lease(SLOW, limit, LEASE)

    assert [leased.number for leased in claim.numbers] == [ending]


async def test_where_the_budget_is_enough_the_oldest_goes_first(schedule: Schedule) -> None:
    ending = number(9)._replace(deadline_at=NOW + SECOND)
    await schedule.add(FAST, [(number(1), LONG_AGO), (ending, NOW)])

    claim = await schedule.lease(FAST, 10, LEASE)

    assert [leased.number for leased in claim.numbers] == [number(1), ending]


async def test_while_a_greater_need_waits_a_lesser_one_gets_a_share(schedule: Schedule) -> None:
    assert await schedule.spend(FAST, 10**6, Need.PRESSED) < 10**6

    # By the server's time hundreds could be had again; where time stands, none.
    assert await schedule.spend(FAST, 100, Need.OWED) <= 1
    assert await schedule.spend(FAST, 100, Need.DUE) <= 1


async def test_a_new_schedule_is_not_intact_until_it_is_rebuilt(schedule: Schedule) -> None:
    assert not await schedule.intact(FAST)

    await mark_rebuilt(schedule, FAST)

    assert await schedule.intact(FAST)


async def test_claims_at_once_get_different_numbers(schedule: Schedule) -> None:
    await schedule.add(FAST, [(number(i), LONG_AGO) for i in range(40)])

    claims = await asyncio.gather(*(schedule.lease(FAST, 10, LEASE) for _ in range(4)))

    claimed = [c.number.id.int for claim in claims for c in claim.numbers]
    assert sorted(claimed) == list(range(40))


@given(
    st.builds(
        LiveNumber,
        id=st.uuids().map(ActivationId),
        ref=st.text(min_size=1).map(ProviderRef),
        rented_at=st.datetimes(min_value=datetime(1990, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - hypothesis adds the zone
        deadline_at=st.datetimes(min_value=datetime(1990, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - the same
    )
)
def test_a_member_holds_the_whole_number(live: LiveNumber) -> None:
    assert decode(encode(live)) == live


async def test_of_several_who_wait_for_a_provider_each_may_be_told_to_ask(
    schedule: Schedule,
) -> None:
    assert await schedule.probe_turn(FAST, SECOND) is ProbeTurn.ASK

    await schedule.answers_again(FAST)

    # A process alone asks again; one of several hears the answer of another.
    assert await schedule.probe_turn(FAST, SECOND) in {ProbeTurn.ASK, ProbeTurn.BACK}
    assert await schedule.probe_turn(SLOW, SECOND) is ProbeTurn.ASK


async def test_a_leased_number_says_how_late_it_is(schedule: Schedule) -> None:
    number = LiveNumber(ActivationId(UUID(int=7)), ProviderRef("7"), LONG_AGO, NOW + LEASE)
    await schedule.add(FAST, [(number, NOW - 3 * SECOND)])

    (leased,) = (await schedule.lease(FAST, 1, LEASE)).numbers

    # Redis has its own clock, and takes what is due already for due now.
    assert timedelta(0) <= leased.late <= 3 * SECOND + LEASE


async def test_a_nap_ends_by_itself(schedule: Schedule) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    await schedule.nap(FAST, timedelta(milliseconds=20), sleep)

    assert slept in ([], [0.02])


@pytest.mark.parametrize("how", ["hinted", "handed over", "freed", "released", "passed on"])
async def test_who_naps_hears_of_what_is_due_sooner(schedule: Schedule, how: str) -> None:
    remote = schedule._redis if isinstance(schedule, FailoverSchedule) else schedule
    if not isinstance(remote, RedisSchedule) or getattr(schedule, "away", False):
        pytest.skip("memory rings for nobody: its naps are short")
    gone = InstanceId(UUID(int=7))
    leased: Sequence[Leased] = ()
    if how in {"freed", "released"}:
        remote._holder = lambda: gone
        await schedule.add(FAST, [(number(1), NOW)])
        leased = (await schedule.lease(FAST, 1, LEASE)).numbers
        await schedule.nap(FAST, timedelta(milliseconds=10), asyncio.sleep)  # What rang by then.
    nap = asyncio.ensure_future(schedule.nap(FAST, timedelta(hours=1), asyncio.sleep))
    await until_it_waits(remote)
    match how:
        case "hinted":
            await schedule.hint(FAST, number(1))
        case "handed over":
            await schedule.add(FAST, [(number(1), NOW + schedule_of_redis.RING)])
        case "released":
            await schedule.release(FAST, [NextLook(leased[0], NOW)])
        case "passed on":
            await schedule.ring(FAST)
        case _:
            assert await remote.free(FAST, gone) == 1

    async with asyncio.timeout(schedule_of_redis.RING.total_seconds() / 2):
        await nap
    assert await remote._redis.exists(schedule_of_redis.ring_key(FAST)) == 0


async def until_it_waits(remote: RedisSchedule) -> None:
    """In the server, which tells of those who do."""
    for _ in range(1_000):
        if any("b" in each["flags"] for each in await remote._redis.client_list()):
            return
    raise AssertionError("nobody naps")


async def test_what_is_due_later_than_any_nap_wakes_nobody(redis_url: str) -> None:
    remote = RedisSchedule(redis_url, RATES, clock=lambda: NOW)
    later = NOW + schedule_of_redis.RING + timedelta(milliseconds=1)
    await remote.add(FAST, [(number(1), later)])

    assert await remote._redis.exists(schedule_of_redis.ring_key(FAST)) == 0
    await remote.close()


async def test_who_naps_at_a_redis_that_is_given_up_goes_on_without(redis_url: str) -> None:
    """Otherwise the looks of a second would be missed."""
    clock, left = Stopped(), asyncio.Event()

    class Silent(RedisSchedule):
        async def nap(self, *_: object) -> None:
            left.set()
            await asyncio.Event().wait()

    remote = Silent(redis_url, RATES, clock=lambda: clock.now)
    local = LocalSchedule(RATES, clock=lambda: clock.now)
    both = FailoverSchedule(remote, local, RecordingReporter(), monotonic=lambda: clock.seconds)
    nap = asyncio.ensure_future(both.nap(FAST, SECOND, asyncio.sleep))
    await left.wait()
    both._give_up(-PATIENCE_SECONDS)

    await nap
    await remote.close()
