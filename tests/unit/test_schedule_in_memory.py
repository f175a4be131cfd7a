"""What the schedule in memory grants while its clock moves; `lease.lua` and `budget.lua` alike."""

from datetime import UTC, datetime, timedelta

from worker.adapters.redis.local import LocalSchedule
from worker.domain.ids import ProviderName
from worker.ports.schedule import Need

P = ProviderName("p")
NOW = datetime(2026, 1, 1, tzinfo=UTC)
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
