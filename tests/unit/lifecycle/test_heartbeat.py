"""A process tells that it lives, and frees what dead ones held."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from tests.fakes.reporter import RecordingReporter
from tests.unit.lifecycle.scripted import SIM, OwnTime
from worker.domain.ids import ProviderName
from worker.domain.liveness import BEAT_EVERY, GAP, GRACE, SILENCE, Liveness
from worker.lifecycle.heartbeat import FREED_AGAIN_FOR, LEASES_STAND, Heartbeat
from worker.ports.errors import ScheduleUnavailable, StoreUnavailable
from worker.ports.instances import DeadInstance, InstanceId

OTHER = ProviderName("other")
NOW = datetime(2026, 1, 1, tzinfo=UTC)
DEAD = DeadInstance(InstanceId(UUID(int=1)), 1, NOW)
OLD = DeadInstance(InstanceId(UUID(int=2)), 1, NOW)


@dataclass
class Others:
    """`Instances`, `LeasedLooks` and `OwnLeases` of a test."""

    is_new: bool = True
    found: list[DeadInstance] = field(default_factory=list)
    before: list[DeadInstance] = field(default_factory=list)
    lately: list[InstanceId] = field(default_factory=list)
    marked_by_another: bool = False
    redis_away: bool = False
    failure: Exception | None = None
    beats: int = 0
    handed_back: int = 0
    marked: list[DeadInstance] = field(default_factory=list)
    freed: list[tuple[ProviderName, InstanceId]] = field(default_factory=list)
    freed_again: list[InstanceId] = field(default_factory=list)

    async def beat(self) -> bool:
        self.beats += 1
        if self.failure is not None:
            raise self.failure
        return self.is_new

    async def dead(self) -> list[DeadInstance]:
        if self.failure is not None:
            raise self.failure
        found, self.found = self.found, []
        return found

    async def predecessors(self) -> list[DeadInstance]:
        return self.before

    async def dead_lately(self, within: timedelta) -> list[InstanceId]:
        assert within == LEASES_STAND
        return self.lately

    async def hand_back(self) -> None:
        self.handed_back += 1

    async def mark_dead(self, instance: DeadInstance) -> bool:
        self.marked.append(instance)
        return not self.marked_by_another

    async def free_leases(self, instance: InstanceId) -> int:
        self.freed_again.append(instance)
        return 0

    async def free(self, provider: ProviderName, instance: InstanceId) -> int:
        if self.redis_away:
            raise ScheduleUnavailable("away")
        self.freed.append((provider, instance))
        return 1


def heartbeat(
    others: Others,
    reporter: RecordingReporter,
    providers: Sequence[ProviderName] = (SIM,),
    time: OwnTime | None = None,
) -> Heartbeat:
    return Heartbeat(
        instances=others,
        looks=others,
        own=others,
        providers=providers,
        reporter=reporter,
        clock=(time or OwnTime()).clock(),
    )


async def test_a_process_that_starts_buries_its_predecessors_before_it_begins() -> None:
    others, reporter = Others(found=[DEAD], before=[OLD]), RecordingReporter()

    await heartbeat(others, reporter).begin()

    assert others.beats == 1
    assert others.marked == [OLD, DEAD]
    assert set(others.freed) == {(SIM, OLD.id), (SIM, DEAD.id)}
    assert reporter.troubles == ["instance.dead", "instance.dead"]


async def test_who_marks_a_process_frees_its_looks_at_every_provider() -> None:
    others, reporter = Others(found=[DEAD]), RecordingReporter()

    await heartbeat(others, reporter, (SIM, OTHER)).free_the_dead()

    assert sorted(others.freed) == [(OTHER, DEAD.id), (SIM, DEAD.id)]


async def test_looks_are_freed_by_the_one_that_marked_the_process() -> None:
    others, reporter = Others(found=[DEAD], marked_by_another=True), RecordingReporter()

    await heartbeat(others, reporter).free_the_dead()

    assert others.freed == []
    assert reporter.troubles == []


async def test_a_process_whose_mark_was_committed_without_an_answer_is_freed_all_the_same() -> None:
    others = Others(found=[DEAD], lately=[DEAD.id], marked_by_another=True)
    reporter = RecordingReporter()

    await heartbeat(others, reporter).free_the_dead()

    assert others.freed == [(SIM, DEAD.id)]
    assert reporter.troubles == []


async def test_looks_that_redis_could_not_free_are_freed_once_it_answers() -> None:
    others, reporter = Others(found=[DEAD], redis_away=True), RecordingReporter()
    beating = heartbeat(others, reporter)
    await beating.free_the_dead()
    assert others.freed == []

    others.redis_away = False
    await beating.free_the_dead()
    await beating.free_the_dead()

    assert others.freed == [(SIM, DEAD.id)]


async def test_what_a_dead_process_kept_locked_is_freed_until_its_transactions_are_over() -> None:
    others, time = Others(found=[DEAD]), OwnTime()
    beating = heartbeat(others, RecordingReporter(), time=time)
    await beating.free_the_dead()
    assert others.freed_again == []

    await beating.free_the_dead()
    await beating.free_the_dead()
    assert others.freed_again == [DEAD.id, DEAD.id]

    time.pass_by(FREED_AGAIN_FOR + BEAT_EVERY)
    await beating.free_the_dead()
    await beating.free_the_dead()
    assert others.freed_again == [DEAD.id] * 3


async def test_a_process_that_starts_frees_what_the_one_before_had_begun_to_free() -> None:
    others = Others(lately=[DEAD.id])

    await heartbeat(others, RecordingReporter()).begin()

    assert others.freed_again == [DEAD.id]
    assert others.freed == [(SIM, DEAD.id)]


async def test_who_marks_a_process_goes_on_with_what_that_one_had_begun_to_free() -> None:
    others = Others(found=[DEAD], lately=[OLD.id])
    beating = heartbeat(others, RecordingReporter())

    await beating.free_the_dead()
    await beating.free_the_dead()

    assert sorted(others.freed_again) == [DEAD.id, OLD.id]
    assert sorted(others.freed) == [(SIM, DEAD.id), (SIM, OLD.id)]


@pytest.mark.parametrize(("is_new", "told"), [(True, []), (False, ["instance.was_dead"])])
async def test_a_process_that_was_marked_dead_is_reported(is_new: bool, told: list[str]) -> None:
    others, reporter = Others(is_new=is_new), RecordingReporter()

    await heartbeat(others, reporter).beat()

    assert reporter.troubles == told


@pytest.mark.parametrize("failure", [StoreUnavailable("away"), RuntimeError("a bug")])
async def test_no_failure_ends_the_heartbeat(failure: Exception) -> None:
    others, reporter = Others(failure=failure), RecordingReporter()
    task = asyncio.ensure_future(heartbeat(others, reporter).keep())
    await reporter.heard("trouble", "instance.beat_failed", times=2)
    await reporter.heard("trouble", "instance.freeing_failed", times=2)

    others.failure = None
    others.found = [DEAD]
    await reporter.heard("trouble", "instance.dead")

    assert not task.done()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_what_nobody_works_on_is_handed_back_each_second() -> None:
    """This process's next tick may be another host's."""
    others, reporter = Others(found=[DEAD]), RecordingReporter()
    task = asyncio.ensure_future(heartbeat(others, reporter).keep())
    await reporter.heard("trouble", "instance.dead")

    assert others.handed_back >= 1
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@dataclass
class Beats:
    """A process's own beats, by a clock of the test."""

    now: float = 100.0

    def monotonic(self) -> float:
        return self.now

    def liveness(self) -> Liveness:
        liveness = Liveness(monotonic=self.monotonic)
        liveness.beaten()
        return liveness

    def passes(self, time: timedelta) -> None:
        self.now += time.total_seconds()


def test_who_never_beat_judges_nobody() -> None:
    assert Liveness(monotonic=Beats().monotonic).silence is None


def test_who_beats_calls_others_dead_after_the_silence() -> None:
    beats = Beats()
    liveness = beats.liveness()
    assert liveness.silence == SILENCE

    beats.passes(BEAT_EVERY)
    liveness.beaten()
    assert liveness.silence == SILENCE


def test_who_was_silent_itself_judges_nobody_until_others_had_time_to_beat() -> None:
    beats = Beats()
    liveness = beats.liveness()

    beats.passes(GAP + BEAT_EVERY)
    assert liveness.silence is None
    liveness.beaten()
    assert liveness.silence is None

    beats.passes(GRACE - BEAT_EVERY)
    liveness.beaten()
    assert liveness.silence is None
    beats.passes(BEAT_EVERY)
    assert liveness.silence == SILENCE
