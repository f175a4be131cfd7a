"""The daemon's loops survive an error that nobody expects: it is reported, and they go on."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.fakes.reporter import RecordingReporter
from tests.unit.lifecycle.scripted import Stub
from worker.adapters.redis.failover import FailoverSchedule
from worker.adapters.redis.local import LocalSchedule
from worker.entrypoints.gauges import keep_gauges
from worker.entrypoints.ticker import QueuedTick, Ticker
from worker.lifecycle.backstop import Backstop
from worker.lifecycle.clock import DatabaseTime
from worker.lifecycle.unscheduled import Unscheduled
from worker.ports.provider import Circuit

ROUNDS = 3


class PasswordChanged(Exception):
    """What no port declares; its message may hold a secret."""


class Enough(BaseException):
    """Ends a loop that would run for ever; no loop may catch it."""


class Rounds:
    """A clock that lets a loop sleep a few times, and what the loop asks fails each time."""

    def __init__(self) -> None:
        self.reporter = RecordingReporter()
        self.slept = 0

    async def sleep(self, _: float) -> None:
        self.slept += 1
        if self.slept > ROUNDS:
            raise Enough

    async def fail(self, *_: object, **__: object) -> Any:
        raise PasswordChanged("secret")

    def troubles(self, what: str) -> list[str]:
        told = [detail for name, _, detail in self.reporter.of("trouble") if name == what]
        assert all(detail.startswith("PasswordChanged at ") for detail in told)
        assert "secret" not in str(told)
        return told


async def test_the_gauges_loop_goes_on() -> None:
    rounds = Rounds()
    worker = SimpleNamespace(
        parts=SimpleNamespace(
            store=SimpleNamespace(
                books=SimpleNamespace(queue_stats=rounds.fail),
                ping=rounds.fail,
                connections=dict,
            ),
            redis_away=lambda: False,
            reporter=rounds.reporter,
            clock=SimpleNamespace(sleep=rounds.sleep),
        ),
        steps=SimpleNamespace(sweep=SimpleNamespace(grace=timedelta(seconds=60))),
    )

    with pytest.raises(Enough):
        await keep_gauges(cast("Any", worker))

    assert len(rounds.troubles("queue_stats.failed")) == ROUNDS + 1


async def test_the_ticker_goes_on() -> None:
    rounds = Rounds()
    ticker = Ticker(
        cast("Any", SimpleNamespace(pipeline=lambda **_: 1 / 0)),
        [QueuedTick("sweep", 1_000, None)],
        now=lambda: datetime(2026, 1, 1, tzinfo=UTC),
        reporter=rounds.reporter,
        sleep=rounds.sleep,
    )

    with pytest.raises(Enough):
        await ticker.run()

    told = rounds.reporter.of("trouble")
    assert [name for name, _, _ in told] == ["ticker.failed"] * (ROUNDS + 1)


async def test_the_backstop_goes_on() -> None:
    rounds = Rounds()
    step = Stub(commit_left=None)
    ticks = SimpleNamespace(
        providers={"sim": SimpleNamespace(name="sim", circuit=Circuit.CLOSED)},
        left_to_others=set(),
        reaches=lambda _: True,
        silent_for=_for_long,
        steps=SimpleNamespace(expire=step, pursue=step),
    )
    backstop = Backstop(
        settlements=cast("Any", SimpleNamespace(behind=rounds.fail)),
        leadership=cast("Any", SimpleNamespace(leads=rounds.fail)),
        schedule=cast("Any", SimpleNamespace()),
        unscheduled=Unscheduled(schedule=cast("Any", SimpleNamespace()), reporter=rounds.reporter),
        stored_elsewhere=cast("Any", rounds.fail),
        look=cast("Any", Stub(record_locked=None)),
        ticks=cast("Any", ticks),
        reporter=rounds.reporter,
        clock=cast("Any", SimpleNamespace(sleep=rounds.sleep, monotonic=lambda: 0.0)),
        redis_away=lambda: False,
    )

    with pytest.raises(Enough):
        await backstop.run()

    assert len(rounds.troubles("backstop.failed")) == ROUNDS + 1


def _for_long(*_: object) -> timedelta:
    return timedelta(hours=1)


async def test_the_loop_that_reads_the_database_time_goes_on() -> None:
    rounds = Rounds()
    time = DatabaseTime(
        ask=rounds.fail,
        monotonic=lambda: 0.0,
        host_now=lambda: datetime(2026, 1, 1, tzinfo=UTC),
    )

    with pytest.raises(Enough):
        await time.keep(rounds.sleep, rounds.reporter)

    assert len(rounds.troubles("clock.read_failed")) == ROUNDS


@pytest.mark.parametrize("away", [False, True])
async def test_the_loop_that_finds_redis_back_goes_on(*, away: bool) -> None:
    rounds = Rounds()
    schedule = FailoverSchedule(
        cast("Any", SimpleNamespace(check_writes=rounds.fail)),
        LocalSchedule({}, clock=lambda: datetime(2026, 1, 1, tzinfo=UTC)),
        rounds.reporter,
        monotonic=lambda: 0.0,
    )
    schedule._away = away

    with pytest.raises(Enough):
        await schedule.keep_probing(rounds.sleep)

    told = rounds.reporter.of("trouble")
    assert told == [("schedule.probe_failed", None, "PasswordChanged")] * ROUNDS
