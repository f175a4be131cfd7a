"""When a list is read, and how late: told only by a tick that knows when it was read before."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final, cast

import pytest

from tests.fakes.reporter import RecordingReporter
from tests.unit.lifecycle.scripted import RENTED, SIM, OwnTime, ScriptedProvider, Stub, terms
from worker.domain.families import Capabilities
from worker.lifecycle.listing import Listing
from worker.lifecycle.look import Look
from worker.lifecycle.watch import LIST_LATE, LIST_READ_WITHIN, Watch
from worker.ports.errors import ScheduleUnavailable, StoreUnavailable
from worker.ports.provider import Circuit
from worker.ports.schedule import LeaseBatch

POLL: Final = timedelta(seconds=3)
NONE_DUE: Final = LeaseBatch([], timedelta(seconds=1))


@dataclass
class Lists:
    """A list of which each reading takes so long."""

    time: OwnTime
    takes: timedelta = timedelta(0)
    readings: list[float] = field(default_factory=list)
    also: Callable[[], None] = lambda: None

    def unfinished(self, _: object) -> bool:
        return False

    def unanswered(self, _: object) -> int:
        return 0

    async def read(self, *_: object) -> int:
        self.readings.append(self.time.elapsed)
        self.time.pass_by(self.takes)
        self.also()
        return 0


class Watched:
    def __init__(self) -> None:
        self.time = OwnTime(RENTED)
        self.lists = Lists(self.time)
        self.reporter = RecordingReporter()
        self.provider = ScriptedProvider(capabilities=Capabilities(list_page_size=100))
        self.schedule = Stub(lease=NONE_DUE, nap=None, ring=None, open_size=1, mark_list_read=None)
        self.terms = {SIM: terms(poll=POLL)}
        self.watch = Watch(
            schedule=cast("Any", self.schedule),
            reporter=self.reporter,
            look=cast("Look", None),
            listing=cast("Listing", self.lists),
            clock=self.time.clock(),
            terms=self.terms,
        )

    async def tick(self, readings: int) -> None:
        """One that ends after so many readings more."""
        goes_on: Callable[[], bool] = lambda: len(self.lists.readings) < most  # noqa: E731 - one line
        most = len(self.lists.readings) + readings
        await self.watch.tick(self.provider, goes_on)

    def late(self) -> list[timedelta]:
        return [late for _, late in self.reporter.of("look_late")]


@pytest.fixture
def watched() -> Watched:
    return Watched()


async def test_readings_of_one_tick_are_as_late_as_the_one_before_took(watched: Watched) -> None:
    watched.lists.takes = timedelta(seconds=9)

    await watched.tick(3)

    assert watched.late() == [timedelta(seconds=6), timedelta(seconds=6)]


async def test_what_another_process_may_have_read_between_two_ticks_is_not_late(
    watched: Watched,
) -> None:
    await watched.tick(1)
    watched.time.pass_by(timedelta(minutes=1))

    await watched.tick(1)

    assert watched.late() == []


async def test_the_first_reading_after_an_outage_is_not_late(watched: Watched) -> None:
    def fail() -> None:
        watched.provider.circuit = Circuit.OPEN

    async def back() -> None:
        watched.provider.circuit = Circuit.CLOSED

    watched.lists.also = fail
    watched.provider.reachable = back  # type: ignore[method-assign] # it is back at once

    await watched.tick(3)

    assert watched.late() == []


async def test_a_new_tick_reads_no_sooner_than_the_list_is_due(watched: Watched) -> None:
    await watched.tick(1)
    await watched.tick(1)

    first, second = watched.lists.readings
    assert second - first >= POLL.total_seconds()


@pytest.mark.parametrize(("demanded", "apart"), [(0, 1), (2, 2)])
async def test_a_list_without_an_answer_is_read_again_as_soon_as_the_provider_allows(
    watched: Watched, demanded: float, apart: float
) -> None:
    watched.terms[SIM] = terms(poll=POLL, look_gap=timedelta(seconds=demanded))
    watched.lists.unanswered = lambda _: 1  # type: ignore[method-assign] # no page can be had

    await watched.tick(2)

    first, second = watched.lists.readings
    assert apart <= second - first < apart + 1


async def test_a_list_is_read_as_soon_as_a_lost_schedule_knows_its_numbers(
    watched: Watched,
) -> None:
    """Redis was given up: memory knows nobody for a moment, as the list is due."""
    rebuilt_at = 0.3

    def rebuilt(_: object) -> bool:
        return watched.time.elapsed >= rebuilt_at

    watched.schedule.answers |= {"intact": rebuilt, "open_size": lambda name: int(rebuilt(name))}

    await watched.tick(2)

    first, second = watched.lists.readings
    assert rebuilt_at <= first < rebuilt_at + 1
    assert second - first >= POLL.total_seconds()
    assert watched.late() == [timedelta(0)]


async def test_where_no_number_is_open_it_is_asked_once_in_a_poll(watched: Watched) -> None:
    watched.schedule.answers |= {"intact": True, "open_size": 0}

    await watched.watch.tick(watched.provider, lambda: watched.time.elapsed < 2 * POLL.seconds)

    assert len(watched.schedule.asked("open_size")) <= 3


async def test_whoever_reads_a_list_tells_it_for_longer_than_until_the_next_reading(
    watched: Watched,
) -> None:
    watched.lists.takes = timedelta(seconds=1)

    await watched.tick(2)

    assert (
        watched.schedule.asked("mark_list_read")
        == [
            (SIM, POLL + LIST_READ_WITHIN),
            (SIM, POLL + LIST_LATE),
        ]
        * 2
    )


async def test_a_list_is_read_though_nobody_can_be_told(watched: Watched) -> None:
    watched.schedule.answers["mark_list_read"] = ScheduleUnavailable()

    await watched.tick(1)

    assert len(watched.lists.readings) == 1


async def test_a_reading_that_lasts_longer_than_a_poll_goes_on_and_is_told_again(
    watched: Watched,
) -> None:
    async def read(*asked: Any) -> int:
        keep_going = asked[-1]
        while keep_going():
            watched.time.pass_by(POLL / 4)
        watched.lists.readings.append(watched.time.elapsed)
        return 0

    watched.lists.read = read  # type: ignore[method-assign] # a long one
    watched.lists.unfinished = lambda _: bool(watched.lists.readings)  # type: ignore[method-assign]

    await watched.tick(3)

    assert watched.lists.readings == [POLL.total_seconds() * count for count in (1, 2, 3)]
    assert len(watched.schedule.asked("mark_list_read")) == 6


async def test_a_list_whose_codes_could_not_be_stored_is_read_again_at_once(
    watched: Watched,
) -> None:
    """The database was away for a moment as a page was read. The next tick begins at once."""

    def fail() -> None:
        watched.lists.also = lambda: None
        raise StoreUnavailable("simulated")

    watched.lists.also = fail
    with pytest.raises(ExceptionGroup):
        await watched.tick(1)
    failed_at = watched.time.elapsed

    await watched.tick(1)

    assert len(watched.lists.readings) == 2
    assert watched.lists.readings[1] - failed_at < 1
    told = [lasts for _, lasts in watched.schedule.asked("mark_list_read")]
    assert told == [
        POLL + LIST_READ_WITHIN,
        timedelta(0),
        POLL + LIST_READ_WITHIN,
        POLL + LIST_LATE,
    ]
