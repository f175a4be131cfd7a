"""What the schedule in memory grants while its clock moves; `lease.lua` and `budget.lua` alike."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from worker.adapters.redis.local import DROPPED_MAX, LocalSchedule
from worker.domain.ids import ActivationId, ProviderName, ProviderRef
from worker.ports.schedule import Need
from worker.ports.store.activations import LiveNumber

P = ProviderName("p")
NOW = datetime(2026, 1, 1, tzinfo=UTC)
LEASE = timedelta(seconds=30)
SECOND = timedelta(seconds=1)


class Moving:
    """A clock that goes where the test says."""

    now = NOW

    def __call__(self) -> datetime:
        return self.now


async def test_a_clock_set_back_during_a_shortage_stops_no_need() -> None:
    clock = Moving()
    schedule = LocalSchedule({P: 100.0}, clock=clock)
    clock.now += timedelta(hours=1)
    for need in (Need.DUE, Need.OWED, Need.PRESSED):
        await schedule.spend(P, 1000, need)
        clock.now += SECOND
    clock.now = NOW
    await schedule.spend(P, 1000, Need.PRESSED)
    clock.now += SECOND / 10

    assert await schedule.spend(P, 2, Need.DUE) == 1  # The share of who was not served yet.
    clock.now += SECOND
    assert await schedule.spend(P, 2, Need.DUE) == 2
    assert await schedule.spend(P, 2, Need.OWED) == 2


async def test_a_last_look_that_waited_for_the_budget_is_no_lesser_need_when_alone() -> None:
    clock = Moving()
    schedule = LocalSchedule({P: 10.0}, clock=clock)
    last = LiveNumber(ActivationId(UUID(int=1)), ProviderRef("1"), NOW, NOW + SECOND)
    await schedule.spend(P, 1)
    await schedule.add(P, [(last, NOW)])
    waits = await schedule.lease(P, 1, LEASE)
    clock.now += waits.wait

    assert waits.numbers == []
    assert [each.number for each in (await schedule.lease(P, 1, LEASE)).numbers] == [last]


def numbers(first: int, count: int, at: datetime) -> list[tuple[LiveNumber, datetime]]:
    """Due at *at*, and past their deadline a second later."""
    return [
        (LiveNumber(ActivationId(UUID(int=n)), ProviderRef(str(n)), at, at + SECOND), at)
        for n in range(first, first + count)
    ]


async def test_what_is_past_its_deadline_goes_although_nobody_leases() -> None:
    """Without Redis one process leads, and the others are handed numbers all the same."""
    clock = Moving()
    schedule = LocalSchedule({P: 100.0}, clock=clock)
    for minute in range(20):
        clock.now = NOW + minute * timedelta(minutes=1)
        await schedule.add(P, numbers(minute * 100, 100, clock.now))

    assert await schedule.size(P) <= 300


async def test_no_lease_drops_more_than_so_many_and_the_next_one_goes_on() -> None:
    clock = Moving()
    schedule = LocalSchedule({P: 100.0}, clock=clock)
    await schedule.add(P, numbers(1, 3 * DROPPED_MAX, NOW))
    clock.now += timedelta(hours=1)
    last = numbers(0, 1, clock.now)
    await schedule.add(P, last)
    left = await schedule.size(P)

    leases = [await schedule.lease(P, 10, LEASE) for _ in range(4)]

    assert left > 2 * DROPPED_MAX
    assert [len(lease.numbers) for lease in leases] == [0, 0, 1, 0]
    assert all(lease.wait == timedelta(0) for lease in leases[:2])
    assert await schedule.size(P) == 1
