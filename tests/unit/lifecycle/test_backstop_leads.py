"""The backstop acts when nobody else does, alone, and without a gap while Redis is away."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.fakes.reporter import RecordingReporter
from tests.fakes.turns import at_rest, until
from tests.unit.lifecycle.scripted import SIM, OwnTime, ScriptedProvider, Stub, StubStore
from worker.domain.families import Capabilities
from worker.domain.ids import ProviderName
from worker.lifecycle.backstop import EVERY, STUCK, Backstop
from worker.lifecycle.ticks import PATIENCE, TAKE_OVER, TICKS, SharedTick
from worker.lifecycle.unscheduled import Unscheduled
from worker.ports.errors import ScheduleUnavailable, StoreUnavailable
from worker.ports.provider import Circuit
from worker.ports.reporter import JobResult

LONG = PATIENCE + EVERY
LISTED = Capabilities(list_page_size=100)
#: What is started for a provider while Redis is away.
STOOD_IN = ["expire", "expire", "watch", "watch"]
REPAIR_EVERY = TICKS["repair"].silence_without_redis or timedelta(0)


@dataclass
class Step:
    """A step whose results the store failed to take."""

    left: list[str]

    async def commit_left(self) -> None:
        self.left.append("committed")


class NoLockedCodes:
    async def record_locked(self) -> None:
        """No code waits for its row."""


class Watched:
    """A backstop over ticks that only remember being started, until they are let go."""

    def __init__(self) -> None:
        self.time = OwnTime()
        self.away = False
        self.silence: dict[str, timedelta] = {}
        self.started: list[str] = []
        self.go = asyncio.Event()
        self.failure: Exception | None = None
        self.store = StubStore(behind=True)
        self.leadership = StubStore(leads=True)
        self.schedule = Stub(intact=True, lag=timedelta(0), list_unread=False)
        self.reporter = RecordingReporter()
        self.providers = {SIM: ScriptedProvider()}
        self.not_configured = {"canary", "deliver_events"}
        self.left: list[str] = []  #: Whose results were left, and are committed.
        self.left_to_others: set[ProviderName] = set()
        self.steps = SimpleNamespace(expire=Step(self.left), pursue=Step(self.left))
        self.passed_on: list[Callable[[], None]] = []
        self.elsewhere: list[ProviderName] = []  #: Asked what others stored there.
        self.backstop = Backstop(
            stored_elsewhere=cast("Any", self.stored_elsewhere),
            settlements=cast("Any", self.store),
            leadership=cast("Any", self.leadership),
            schedule=cast("Any", self.schedule),
            unscheduled=Unscheduled(schedule=cast("Any", self.schedule), reporter=self.reporter),
            look=cast("Any", NoLockedCodes()),
            ticks=cast("Any", self),
            reporter=self.reporter,
            clock=self.time.clock(),
            redis_away=lambda: self.away,
        )

    async def stored_elsewhere(self, provider: ProviderName) -> None:
        self.elsewhere.append(provider)

    def silent_for(self, kind: str, _: ProviderName | None) -> timedelta:
        return self.silence.get(kind, timedelta(0))

    def reaches(self, name: ProviderName) -> bool:
        return self.providers[name].circuit is not Circuit.OPEN

    def configured(self, tick: SharedTick) -> bool:
        return tick.name not in self.not_configured

    async def run(
        self, kind: str, _: ProviderName | None, *, passed_on: Callable[[], None]
    ) -> JobResult:
        self.started.append(kind)
        self.passed_on.append(passed_on)
        await self.go.wait()
        if self.failure is not None:
            raise self.failure
        return JobResult.DONE

    async def second(self) -> list[str]:
        """What is started in one second of looking after all."""
        self.started.clear()
        await self.backstop.look_after_all()
        await at_rest()
        return sorted(self.started)

    async def end_all(self) -> None:
        """Every running tick comes to its end."""
        self.go.set()
        await until(lambda: not (self.backstop._tasks or self.backstop._ending))
        self.go.clear()


@pytest.fixture
async def watched() -> Any:
    watched = Watched()
    yield watched
    await watched.end_all()


async def test_while_somebody_ticks_it_does_nothing(watched: Watched) -> None:
    watched.silence["expire"] = TAKE_OVER

    assert await watched.second() == []
    assert watched.leadership.calls == []


async def test_it_does_not_act_where_another_host_does_the_work(watched: Watched) -> None:
    watched.silence["expire"] = LONG
    watched.store.answers["behind"] = False

    assert await watched.second() == []
    assert watched.leadership.calls == []


async def test_it_does_not_act_where_another_process_leads(watched: Watched) -> None:
    watched.silence["expire"] = LONG
    watched.away = True
    watched.leadership.answers["leads"] = False

    assert await watched.second() == []
    assert watched.leadership.asked("leads") == [(f"provider:{SIM}", True)]


async def test_a_provider_out_of_reach_is_left_to_a_process_that_leads(watched: Watched) -> None:
    watched.providers[SIM].circuit = Circuit.OPEN
    watched.leadership.answers["leads"] = False
    await watched.second()
    assert watched.left_to_others == {SIM}
    assert set(watched.leadership.asked("leads")) == {(f"provider:{SIM}", False)}

    watched.providers[SIM].circuit = Circuit.CLOSED
    await watched.second()
    assert watched.left_to_others == set()


async def test_the_leader_waits_for_a_provider_that_nobody_reaches(watched: Watched) -> None:
    watched.providers[SIM].circuit = Circuit.OPEN

    await watched.second()

    assert watched.left_to_others == set()


async def test_numbers_that_fall_behind_are_ended_and_the_looks_left_to_redis(
    watched: Watched,
) -> None:
    watched.silence["expire"] = LONG

    assert await watched.second() == ["expire"]


async def test_looks_that_are_late_are_made_where_nobody_else_looks(watched: Watched) -> None:
    """The host that watched may be dead, and arq starts the next one only at the next slot."""
    watched.silence["watch"] = LONG
    watched.schedule.answers["lag"] = LONG

    assert await watched.second() == ["watch"]


@pytest.mark.parametrize(
    ("lag", "leads"), [(TAKE_OVER, True), (LONG, False), (ScheduleUnavailable(), True)]
)
async def test_looks_that_others_make_are_left_to_them(
    watched: Watched, lag: Any, *, leads: bool
) -> None:
    watched.silence["watch"] = LONG
    watched.schedule.answers["lag"] = lag
    watched.leadership.answers["leads"] = leads

    assert await watched.second() == []


async def test_a_list_that_nobody_reads_is_read(watched: Watched) -> None:
    """Its numbers are due at their deadlines only, so no look is late."""
    watched.providers[SIM].capabilities = LISTED
    watched.silence["watch"] = LONG
    watched.schedule.answers["list_unread"] = True

    assert await watched.second() == ["watch"]


@pytest.mark.parametrize(
    ("silence", "capabilities", "unread", "leads"),
    [
        (LONG, Capabilities(), True, True),
        (LONG, LISTED, False, True),
        (LONG, LISTED, ScheduleUnavailable(), True),
        (LONG, LISTED, True, False),
        (TAKE_OVER, LISTED, True, True),
    ],
)
async def test_a_list_is_left_to_others_who_read_it(
    watched: Watched, silence: timedelta, capabilities: Capabilities, unread: Any, *, leads: bool
) -> None:
    watched.providers[SIM].capabilities = capabilities
    watched.silence["watch"] = silence
    watched.schedule.answers["list_unread"] = unread
    watched.leadership.answers["leads"] = leads

    assert await watched.second() == []


async def test_without_redis_it_ends_and_looks_with_the_next_stretch_in_line(
    watched: Watched,
) -> None:
    watched.silence["expire"] = timedelta(0)
    watched.away = True

    assert await watched.second() == STOOD_IN
    assert await watched.second() == []  # They run, and the next ones are in line.
    assert watched.store.asked("behind") == []


async def test_without_redis_one_that_waits_for_its_last_calls_is_followed_by_another(
    watched: Watched,
) -> None:
    watched.away = True
    started = await watched.second()
    assert await watched.second() == []

    for passed_on in watched.passed_on[: len(started)]:
        passed_on()

    assert await watched.second() == started
    await watched.end_all()
    assert watched.backstop._ending == set()


async def test_without_redis_it_goes_on_without_being_patient_again(watched: Watched) -> None:
    watched.silence["expire"] = LONG
    watched.away = True
    await watched.second()
    await watched.end_all()
    watched.silence["expire"] = timedelta(0)

    assert await watched.second() == STOOD_IN


async def test_once_redis_is_back_it_is_patient_again(watched: Watched) -> None:
    watched.silence["expire"] = LONG
    watched.away = True
    await watched.second()
    await watched.end_all()
    watched.silence["expire"] = timedelta(0)
    watched.away = False

    assert await watched.second() == []


async def test_who_lost_the_lead_starts_nothing_until_it_leads_again(watched: Watched) -> None:
    watched.away = True
    await watched.second()
    await watched.end_all()
    watched.leadership.answers["leads"] = False
    assert await watched.second() == []
    watched.leadership.answers["leads"] = True

    assert await watched.second() == STOOD_IN


@pytest.mark.parametrize(
    ("silence", "intact", "repaired"),
    [
        (REPAIR_EVERY, True, False),
        (REPAIR_EVERY + EVERY, True, True),
        (timedelta(0), False, True),
        (timedelta(0), ScheduleUnavailable(), False),
    ],
)
async def test_without_redis_the_schedule_is_repaired_when_it_needs_it(
    watched: Watched,
    silence: timedelta,
    intact: Any,
    repaired: bool,
) -> None:
    watched.silence |= {"expire": LONG, "repair": silence}
    watched.away = True
    watched.schedule.answers["intact"] = intact

    assert ("repair" in await watched.second()) == repaired


async def test_without_redis_who_leads_asks_for_what_others_stored(watched: Watched) -> None:
    await watched.second()
    watched.away, watched.leadership.answers["leads"] = True, False
    await watched.second()
    assert watched.elsewhere == []

    watched.leadership.answers["leads"] = True
    await watched.second()

    assert watched.elsewhere == [SIM]


async def test_without_redis_it_sweeps_each_second(watched: Watched) -> None:
    watched.silence["sweep"] = timedelta(seconds=1.1)
    assert await watched.second() == []

    watched.away = True
    assert "sweep" in await watched.second()


async def test_a_silent_sweep_is_made_up_for_once(watched: Watched) -> None:
    watched.silence["sweep"] = LONG

    assert await watched.second() == ["sweep"]
    assert await watched.second() == []


async def test_without_redis_one_process_runs_the_canary(watched: Watched) -> None:
    watched.not_configured, watched.away = {"deliver_events"}, True

    assert await watched.second() == ["canary", *STOOD_IN]
    assert watched.leadership.asked("leads") == [(f"provider:{SIM}", True), ("canary",)]
    await watched.end_all()
    watched.leadership.answers["leads"] = False
    assert await watched.second() == []


async def test_with_redis_the_canary_is_left_to_its_job(watched: Watched) -> None:
    watched.not_configured = {"deliver_events"}

    assert await watched.second() == []
    assert watched.leadership.calls == []


async def test_without_redis_events_are_delivered_all_along(watched: Watched) -> None:
    watched.not_configured, watched.away = {"canary"}, True

    assert await watched.second() == ["deliver_events", *STOOD_IN]
    assert await watched.second() == []
    await watched.end_all()
    assert await watched.second() == ["deliver_events", *STOOD_IN]


async def test_events_nobody_delivers_are_delivered(watched: Watched) -> None:
    watched.not_configured = {"canary"}
    assert await watched.second() == []
    watched.silence["deliver_events"] = LONG

    assert await watched.second() == ["deliver_events"]


async def test_where_no_endpoint_is_configured_none_is_served(watched: Watched) -> None:
    watched.away = True
    watched.silence["deliver_events"] = LONG

    assert await watched.second() == STOOD_IN


async def test_a_tick_that_fails_is_told_and_started_again(watched: Watched) -> None:
    watched.silence["sweep"] = LONG
    watched.failure = StoreUnavailable("database: gone")
    await watched.second()
    await watched.end_all()

    told = [("backstop.failed", None, "StoreUnavailable")]
    assert watched.reporter.of("trouble") == told
    assert await watched.second() == ["sweep"]


async def test_a_database_that_is_away_for_a_second_does_not_end_the_loop(
    watched: Watched,
) -> None:
    watched.silence["expire"] = LONG
    watched.store.answers["behind"] = StoreUnavailable("database: gone")
    running = asyncio.ensure_future(watched.backstop.run())
    await until(lambda: len(watched.reporter.troubles) >= 3)
    watched.store.answers["behind"] = True
    await until(lambda: "expire" in watched.started)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)

    assert set(watched.reporter.troubles) == {"backstop.failed"}
    assert len(watched.time.naps) >= 3


async def test_stopping_it_stops_what_it_started(watched: Watched) -> None:
    watched.silence["sweep"] = LONG
    running = asyncio.ensure_future(watched.backstop.run())
    await until(lambda: bool(watched.started))

    running.cancel()
    await asyncio.gather(running, return_exceptions=True)

    assert watched.backstop._tasks == {}
    assert watched.reporter.troubles == []


async def test_results_that_were_left_are_committed_though_nothing_is_started(
    watched: Watched,
) -> None:
    """The next ticks may be another host's, and to it their numbers are leased."""
    assert await watched.second() == []

    assert watched.left == ["committed", "committed"]


async def test_a_loop_that_stands_still_is_stuck_until_it_moves_again(watched: Watched) -> None:
    assert not watched.backstop.is_stuck()
    watched.time.pass_by(STUCK)
    assert not watched.backstop.is_stuck()

    watched.time.pass_by(timedelta(seconds=1))
    assert watched.backstop.is_stuck()

    running = asyncio.ensure_future(watched.backstop.run())
    await until(lambda: not watched.backstop.is_stuck())
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
