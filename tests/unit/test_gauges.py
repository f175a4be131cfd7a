"""Who exports the lag of the schedule: all while Redis is there, without it the leader alone."""

from collections.abc import Mapping
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.fakes.reporter import RecordingReporter
from worker.bootstrap import Worker
from worker.domain.ids import ProviderName
from worker.entrypoints.gauges import keep_gauges

A, B = ProviderName("a"), ProviderName("b")


class Enough(Exception):
    """One round is over."""


def worker(reporter: RecordingReporter, *, away: bool, leads: set[str]) -> Worker:
    async def done(*_: object, **__: object) -> None: ...

    async def is_leader(topic: str) -> bool:
        return topic.removeprefix("provider:") in leads

    async def lag(name: ProviderName) -> timedelta:
        return timedelta(seconds={A: 3, B: 7}[name])

    async def sleep(_: float) -> None:
        raise Enough

    parts: Mapping[str, Any] = {
        "reporter": reporter,
        "redis_away": lambda: away,
        "providers": {A: None, B: None},
        "clock": SimpleNamespace(sleep=sleep),
        "schedule": SimpleNamespace(lag=lag),
        "store": SimpleNamespace(
            ping=done,
            connections=dict,
            books=SimpleNamespace(queue_stats=done),
            leadership=SimpleNamespace(leads=is_leader),
        ),
    }
    steps = SimpleNamespace(sweep=SimpleNamespace(grace=timedelta(seconds=60)))
    return cast("Worker", SimpleNamespace(parts=SimpleNamespace(**parts), steps=steps))


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
    assert ("dependency", ("redis", not away)) in reporter.told
    assert reporter.troubles == []
