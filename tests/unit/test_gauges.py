"""Who exports the lag of the schedule, and that a server which is silent is told as away."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.fakes.reporter import RecordingReporter
from worker.bootstrap import Worker
from worker.domain.ids import ProviderName
from worker.entrypoints.daemon import _readyz
from worker.entrypoints.gauges import keep_gauges, watch_dependencies
from worker.ports.errors import StoreUnavailable
from worker.ports.provider import Circuit

A, B = ProviderName("a"), ProviderName("b")


class Enough(Exception):
    """One round is over."""


async def enough(_: float) -> None:
    raise Enough


async def done(*_: object, **__: object) -> None:
    """Whatever is asked is answered."""


def worker(
    reporter: RecordingReporter,
    *,
    away: bool,
    leads: set[str],
    down: Collection[ProviderName] = (),
    takes_writes: Callable[[], Awaitable[None]] = done,
    sleep: Callable[[float], Awaitable[None]] = enough,
    queue_stats: Callable[..., Awaitable[None]] = done,
) -> Worker:

    async def is_leader(topic: str, *, reaches: bool) -> bool:
        name = topic.removeprefix("provider:")
        assert reaches is (name not in down)
        return name in leads

    async def lag(name: ProviderName) -> timedelta:
        return timedelta(seconds={A: 3, B: 7}[name])

    parts: Mapping[str, Any] = {
        "reporter": reporter,
        "redis_away": lambda: away,
        "providers": {
            name: SimpleNamespace(
                name=name, circuit=Circuit.OPEN if name in down else Circuit.CLOSED
            )
            for name in (A, B)
        },
        "clock": SimpleNamespace(sleep=sleep),
        "schedule": SimpleNamespace(lag=lag),
        "store": SimpleNamespace(
            ping=done,
            takes_writes=takes_writes,
            connections=dict,
            books=SimpleNamespace(queue_stats=queue_stats),
            leadership=SimpleNamespace(leads=is_leader),
        ),
    }
    steps = SimpleNamespace(sweep=SimpleNamespace(grace=timedelta(seconds=60)))
    ticks = SimpleNamespace(reaches=lambda name: name not in down)
    found = SimpleNamespace(parts=SimpleNamespace(**parts), steps=steps, ticks=ticks)
    return cast("Worker", found)


@pytest.mark.parametrize(
    ("away", "leads", "lag"),
    [
        (False, set(), timedelta(seconds=7)),
        (True, set(), None),
        (True, {"a"}, timedelta(seconds=3)),
        (True, {"a", "b"}, timedelta(seconds=7)),
    ],
)
async def test_the_lag_is_told_by_those_who_know_it(
    away: bool, leads: set[str], lag: timedelta | None
) -> None:
    reporter = RecordingReporter()
    with pytest.raises(Enough):
        await keep_gauges(worker(reporter, away=away, leads=leads))

    assert reporter.of("schedule_lag") == [(lag,)]
    assert reporter.troubles == []


@pytest.mark.parametrize(
    ("away", "down", "lag"),
    [
        (False, {B}, timedelta(seconds=3)),
        (False, {A, B}, timedelta(0)),
        (True, {B}, timedelta(seconds=3)),
        (True, {A, B}, None),
    ],
)
async def test_a_provider_that_is_not_asked_lags_behind_nothing(
    away: bool, down: set[ProviderName], lag: timedelta | None
) -> None:
    reporter = RecordingReporter()
    with pytest.raises(Enough):
        await keep_gauges(worker(reporter, away=away, leads={"a", "b"}, down=down))

    assert reporter.of("schedule_lag") == [(lag,)]


async def test_who_cannot_reach_the_database_leads_nothing() -> None:
    async def cut_off(*_: object) -> None:
        raise StoreUnavailable("no route")

    reporter = RecordingReporter()
    with pytest.raises(Enough):
        await keep_gauges(worker(reporter, away=True, leads={"a"}, queue_stats=cut_off))

    assert reporter.of("leader") == [(A, False), (B, False)]
    assert reporter.troubles == ["queue_stats.failed"]


@pytest.mark.parametrize(("away", "told"), [(True, [(None,)]), (False, [])])
async def test_who_may_not_lead_any_more_without_redis_does_not_know_the_lag(
    away: bool, told: list[tuple[None]]
) -> None:
    """With Redis it needs no lead to know the lag: what it read last stands."""

    async def cut_off(*_: object) -> None:
        raise StoreUnavailable

    reporter = RecordingReporter()
    with pytest.raises(Enough):
        await keep_gauges(worker(reporter, away=away, leads={"a"}, queue_stats=cut_off))

    assert reporter.of("schedule_lag") == told


async def test_a_database_that_does_not_answer_is_told_as_away_at_once() -> None:
    """The question goes on: it is answered when the database is back."""
    reporter, back, rounds = RecordingReporter(), asyncio.Event(), iter((1, 2))

    async def takes_writes() -> None:
        await back.wait()

    async def sleep(_: float) -> None:
        if next(rounds, None) is None:
            raise Enough
        back.set()

    silent = worker(reporter, away=True, leads=set(), takes_writes=takes_writes, sleep=sleep)
    with pytest.raises(Enough):
        await watch_dependencies(silent, timedelta(milliseconds=1))

    told = reporter.of("dependency")
    assert [works for what, works in told if what == "database"] == [False, True, True]
    assert {works for what, works in told if what == "redis"} == {False}


async def test_a_database_that_only_answers_reads_is_told_as_away() -> None:
    reporter = RecordingReporter()

    async def takes_writes() -> None:
        raise StoreUnavailable("the database takes no writes")

    with pytest.raises(Enough):
        await watch_dependencies(
            worker(reporter, away=False, leads=set(), takes_writes=takes_writes)
        )

    assert [works for what, works in reporter.of("dependency") if what == "database"] == [False]


@pytest.mark.parametrize("writes", [True, False])
async def test_readyz_wants_a_database_that_takes_writes(writes: bool) -> None:
    async def takes_writes() -> None:
        if not writes:
            raise StoreUnavailable("the database takes no writes")

    asked = worker(RecordingReporter(), away=False, leads=set(), takes_writes=takes_writes)
    checks = {check.name: check.ok for check in await _readyz(asked, asyncio.Event())()}

    assert checks == {"draining": True, "database": writes, "redis": True}
