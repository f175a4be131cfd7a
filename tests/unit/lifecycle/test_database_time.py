"""The database's time decides, whatever this host's clock says."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from tests.fakes.reporter import RecordingReporter
from worker.lifecycle.clock import EVERY, ROUND_TRIP_MAX, DatabaseTime
from worker.ports.errors import StoreUnavailable

START = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)


class Enough(Exception):
    """Ends a loop that goes on for ever."""


@dataclass
class Clocks:
    """The database's clock, the host's, and a process's monotonic one."""

    passed: timedelta = timedelta(0)  #: Really.
    stepped: timedelta = timedelta(0)  #: What the database's clock was set by.
    host_ahead: timedelta = timedelta(0)
    round_trip: timedelta = timedelta(0)
    away: bool = False
    reporter: RecordingReporter = field(default_factory=RecordingReporter)

    def database(self) -> datetime:
        return START + self.stepped + self.passed

    def host(self) -> datetime:
        return START + self.passed + self.host_ahead

    async def ask(self) -> datetime:
        if self.away:
            raise StoreUnavailable("away")
        self.passed += self.round_trip / 2
        answer = self.database()
        self.passed += self.round_trip / 2
        return answer

    def monotonic(self) -> float:
        return 1_000.0 + self.passed.total_seconds()

    def time(self) -> DatabaseTime:
        return DatabaseTime(ask=self.ask, monotonic=self.monotonic, host_now=self.host)


@pytest.mark.parametrize("ahead", [timedelta(0), HOUR, -HOUR])
async def test_it_is_the_databases_time_on_a_host_whose_clock_is_wrong(ahead: timedelta) -> None:
    clocks = Clocks(host_ahead=ahead, round_trip=SECOND / 10)
    time = clocks.time()
    await time.read(clocks.reporter)

    clocks.passed += 7 * SECOND

    assert time.now() == clocks.database()
    assert time.host_ahead == ahead


async def test_a_host_that_is_set_while_it_runs_changes_nothing_and_is_reported_once() -> None:
    clocks = Clocks()
    time = clocks.time()
    await time.read(clocks.reporter)
    assert clocks.reporter.troubles == []

    clocks.host_ahead = HOUR
    for _ in range(3):
        await time.read(clocks.reporter)
    assert time.now() == clocks.database()
    assert clocks.reporter.of("trouble") == [("clock.host_differs", None, "+3600.0 s")]

    clocks.host_ahead = timedelta(0)
    await time.read(clocks.reporter)
    assert clocks.reporter.of("trouble")[1:] == [("clock.host_differs", None, "+0.0 s")]


async def test_a_step_of_the_databases_clock_is_followed_and_reported() -> None:
    clocks = Clocks()
    time = clocks.time()
    await time.read(clocks.reporter)

    clocks.stepped = -90 * SECOND
    clocks.host_ahead = -90 * SECOND  # The same server has both.
    await time.read(clocks.reporter)

    assert time.now() == clocks.database()
    assert clocks.reporter.of("trouble") == [("clock.database_stepped", None, "-90.0 s")]


async def test_a_slow_answer_is_not_used_where_there_is_a_better_one() -> None:
    clocks = Clocks()
    time = clocks.time()
    await time.read(clocks.reporter)

    clocks.round_trip = ROUND_TRIP_MAX * 3
    clocks.stepped = HOUR
    await time.read(clocks.reporter)

    assert time.now() == clocks.database() - HOUR


@pytest.mark.parametrize("waited", [0.3, 0.45, 0.9])
async def test_an_answer_that_waited_for_a_connection_moves_no_last_look(waited: float) -> None:
    clocks = Clocks()
    asks, time = clocks.ask, clocks.time()

    async def ask() -> datetime:
        clocks.passed += waited * SECOND
        return await asks()

    await time.read(clocks.reporter)
    time.ask = ask
    await time.read(clocks.reporter)

    assert abs(time.now() - clocks.database()) < SECOND / 20


async def test_a_slow_answer_is_replaced_by_one_that_is_less_slow() -> None:
    clocks = Clocks(round_trip=3 * ROUND_TRIP_MAX)
    time = clocks.time()
    await time.read(clocks.reporter)
    for round_trip in (2 * ROUND_TRIP_MAX, 4 * ROUND_TRIP_MAX):
        clocks.round_trip, clocks.stepped = round_trip, clocks.stepped + HOUR
        await time.read(clocks.reporter)

    assert time.now() == clocks.database() - HOUR


async def test_it_counts_on_while_the_database_is_away() -> None:
    clocks = Clocks()
    time = clocks.time()
    await time.read(clocks.reporter)
    sleeps: list[float] = []

    async def sleep(seconds: float) -> None:
        sleeps.append(seconds)
        clocks.passed += timedelta(seconds=seconds)
        clocks.away = len(sleeps) < 3
        if len(sleeps) == 4:
            raise Enough

    with pytest.raises(Enough):
        await time.keep(sleep, clocks.reporter)

    assert sleeps == [EVERY.total_seconds()] * 4
    assert time.now() == clocks.database()
    assert clocks.reporter.troubles == []
