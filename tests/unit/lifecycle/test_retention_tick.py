"""What a tick forgets: of each kind a batch, and nothing of a kind that is kept for ever.

What fails is reported, rests for an hour, and stops nothing else.
"""

from datetime import timedelta
from typing import Any, cast
from uuid import UUID

import pytest

from tests.fakes.reporter import RecordingReporter
from tests.unit.lifecycle.scripted import RENTED, OwnTime, StubStore
from worker.domain.ids import ActivationId
from worker.lifecycle.retention import (
    AGAIN,
    LIMITS_REACH,
    NOTHING_DUE,
    PUSHES_KEPT,
    Retention,
    RetentionTimes,
)
from worker.ports.errors import RowLocked, StoreUnavailable
from worker.ports.store.activations import SettledPlace

DAY = timedelta(days=1)
PLACE = SettledPlace(RENTED, ActivationId(UUID(int=1)))
KINDS = ("texts", "phones", "events", "settled")


def retention(time: OwnTime, store: StubStore, **days: int) -> Retention:
    times = {kind: days[kind] * DAY if kind in days else None for kind in KINDS}
    return Retention(
        activations=cast("Any", store),
        books=cast("Any", store),
        outbox=cast("Any", store),
        purchases=cast("Any", store),
        reporter=RecordingReporter(),
        clock=time.clock(),
        times=RetentionTimes(**times),
        batch=7,
    )


async def test_each_kind_has_its_time_and_what_has_none_stays() -> None:
    store = StubStore(forget_answers=0, forget_pushes=0, forget_texts=0, forget_events=0)

    await retention(OwnTime(), store, texts=21, events=30).forget()

    assert store.calls == [
        ("forget_answers", (7,)),
        ("forget_pushes", (PUSHES_KEPT, 7)),
        ("forget_texts", (21 * DAY, 7)),
        ("forget_events", (30 * DAY, 7)),
    ]


async def test_a_kind_of_which_nothing_is_due_rests_for_a_minute_and_the_others_go_on() -> None:
    store = StubStore(forget_answers=0, forget_pushes=7, forget_texts=3)
    time = OwnTime()
    step = retention(time, store, texts=21)

    await step.forget()
    await step.forget()
    of_each_tick = ["forget_pushes", "forget_texts"]
    assert [name for name, _ in store.calls] == ["forget_answers", *of_each_tick, *of_each_tick]
    time.elapsed += NOTHING_DUE.total_seconds()
    await step.forget()

    assert len(store.asked("forget_answers")) == 2


async def test_old_numbers_are_looked_at_from_one_to_the_next_and_again_after_a_rest() -> None:
    places = iter((PLACE, None, None))
    store = StubStore(forget_answers=0, forget_pushes=0, forget_settled=lambda *_: next(places))
    time = OwnTime()
    step = retention(time, store, settled=400)

    for _ in range(3):
        await step.forget()
    long = 400 * DAY
    assert store.asked("forget_settled") == [(long, 7, None), (long, 7, PLACE)], "then it rests"
    time.elapsed += AGAIN.total_seconds()
    await step.forget()

    assert store.asked("forget_settled")[2:] == [(long, 7, None)]


async def test_a_number_stays_for_as_long_as_a_limit_may_count_it() -> None:
    store = StubStore(forget_answers=0, forget_pushes=0, forget_settled=None)

    await retention(OwnTime(), store, settled=1).forget()

    assert store.asked("forget_settled") == [(LIMITS_REACH, 7, None)]


@pytest.mark.parametrize("error", [StoreUnavailable("slow"), RowLocked("locked"), ValueError("x")])
async def test_a_kind_that_fails_is_reported_and_rests_while_the_others_go_on(
    error: Exception,
) -> None:
    store = StubStore(forget_answers=error, forget_pushes=0, forget_texts=error, forget_events=7)
    time = OwnTime()
    step = retention(time, store, texts=21, events=30)

    await step.forget()
    await step.forget()

    reporter = cast("RecordingReporter", step.reporter)
    assert reporter.of("trouble") == [
        ("job.failed", None, f"retention: {kind}: {type(error).__name__}")
        for kind in ("answers", "texts")
    ]
    assert reporter.of("retention_failed") == [("answers",), ("texts",)]
    assert len(store.asked("forget_events")) == 2
    time.elapsed += AGAIN.total_seconds()
    await step.forget()
    assert len(store.asked("forget_answers")) == 2


async def test_numbers_that_cannot_be_forgotten_do_not_keep_those_after_them() -> None:
    store = StubStore(
        forget_answers=0,
        forget_pushes=0,
        forget_settled=StoreUnavailable("slow"),
        settled_place=PLACE,
    )
    time = OwnTime()
    step = retention(time, store, settled=400)

    for _ in range(2):
        await step.forget()
        time.elapsed += AGAIN.total_seconds()

    long = 400 * DAY
    assert store.asked("settled_place") == [(7, None), (7, PLACE)]
    assert store.asked("forget_settled") == [(long, 7, None), (long, 7, PLACE)]
