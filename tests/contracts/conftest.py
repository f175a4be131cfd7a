"""Every schedule, also those that stand in for one in tests."""

from collections.abc import AsyncIterator

import pytest

from tests.contracts.schedules import FAST, NOWHERE, RATES, Stopped, flaky, simulated
from tests.fakes.reporter import RecordingReporter
from worker.adapters.redis import connect
from worker.adapters.redis import schedule as schedule_of_redis
from worker.adapters.redis.failover import PATIENCE_SECONDS, FailoverSchedule
from worker.adapters.redis.local import LocalSchedule
from worker.adapters.redis.schedule import RedisSchedule
from worker.ports.errors import ScheduleUnavailable
from worker.ports.schedule import Schedule


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is promised here holds on a busy machine too; how soon Redis is given up is not."""
    monkeypatch.setattr(connect, "ANSWER_SECONDS", 30)
    monkeypatch.setattr(schedule_of_redis, "CALL_SECONDS", 30)


@pytest.fixture(
    params=["redis", "local", "failover", "failover without redis", "simulated", "flaky"]
)
async def schedule(request: pytest.FixtureRequest) -> AsyncIterator[Schedule]:
    clock = Stopped()
    local = LocalSchedule(RATES, clock=lambda: clock.now)
    in_memory: dict[str, Schedule] = {
        "local": local,
        "simulated": simulated(clock),
        "flaky": flaky(clock),
    }
    if request.param in in_memory:
        yield in_memory[request.param]
        return
    up = request.param != "failover without redis"
    url = request.getfixturevalue("redis_url") if up else NOWHERE
    remote = RedisSchedule(url, RATES, clock=lambda: clock.now)
    if request.param == "redis":
        yield remote
    else:
        both = FailoverSchedule(remote, local, RecordingReporter(), monotonic=lambda: clock.seconds)
        if not up:
            await lose_patience(both, clock)
        yield both
    await remote.close()


async def lose_patience(schedule: FailoverSchedule, clock: Stopped) -> None:
    with pytest.raises(ScheduleUnavailable):
        await schedule.size(FAST)
    clock.seconds += PATIENCE_SECONDS
    assert await schedule.size(FAST) == 0
    assert schedule.away
