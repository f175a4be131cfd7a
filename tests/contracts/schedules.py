"""The schedules that are held to one contract, and what their tests put there."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from tests.integration.test_schedule_failover import Flaky
from tests.simulation.timed.simulated_redis import RedisConnection, SimulatedRedis
from tests.simulation.timed.simulated_time import SimulatedTime
from worker.domain.ids import ActivationId, ProviderName, ProviderRef
from worker.ports.instances import InstanceId
from worker.ports.store.activations import LiveNumber

FAST = ProviderName("fast")
SLOW = ProviderName("slow")
RATES: Final[dict[ProviderName, float]] = {FAST: 1_000_000.0, SLOW: 2.0}

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
LONG_AGO = NOW - timedelta(hours=1)
SECOND = timedelta(seconds=1)
LEASE = timedelta(seconds=30)
ENDED = timedelta(0)  #: A lease that is over as soon as it is given.
NOWHERE = "redis://127.0.0.1:9"
HERE = InstanceId(UUID(int=1))


@dataclass
class Stopped:
    """A clock that stands. Redis has its own: instants given to it become delays."""

    now: datetime = NOW
    seconds: float = 0.0


class StoppedTime(SimulatedTime):
    """The same for what is simulated."""

    def __init__(self, clock: Stopped) -> None:
        super().__init__(_untold, _unblocked)
        self._clock = clock

    def now(self) -> datetime:
        return self._clock.now


async def _untold(_micros: int) -> None:
    """There is no database."""


async def _unblocked() -> int:
    return 0


def simulated(clock: Stopped) -> RedisConnection:
    return RedisConnection(SimulatedRedis(RATES, StoppedTime(clock)), lambda: HERE)


def flaky(clock: Stopped) -> Flaky:
    return Flaky(lambda: clock.now, RATES)


def number(index: int, ref: str | None = None) -> LiveNumber:
    return LiveNumber(
        id=ActivationId(UUID(int=index)),
        ref=ProviderRef(ref or f"ref-{index}"),
        rented_at=NOW - timedelta(minutes=1, microseconds=index),
        deadline_at=NOW + timedelta(minutes=19),
    )
