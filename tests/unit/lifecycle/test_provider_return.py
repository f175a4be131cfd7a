"""Who waits for a provider goes on as soon as it answers, and otherwise looks up once a second."""

import asyncio
from datetime import timedelta
from typing import Any, cast

import pytest

from tests.fakes.reporter import RecordingReporter
from tests.fakes.turns import at_rest
from tests.unit.lifecycle.scripted import (
    DEADLINE,
    RENTED,
    SECOND,
    OwnTime,
    Refunds,
    ScriptedProvider,
    StubStore,
    due,
    terms,
)
from worker.domain.backoff import AWAY
from worker.domain.cadence import LAST_LOOK, LAST_LOOK_AGAIN
from worker.lifecycle.clock import Clock
from worker.lifecycle.look import Look
from worker.lifecycle.provider_return import AT_MOST, until_reachable
from worker.lifecycle.settle import Settle
from worker.ports.errors import (
    CallOvertaken,
    CircuitOpen,
    ProviderError,
    ProviderUnavailable,
    UnknownReply,
)
from worker.ports.provider import Circuit
from worker.ports.store.activations import LiveNumber


async def never(_: float) -> None:
    await asyncio.Event().wait()


async def test_a_return_wakes_everyone_who_waits_without_a_nap() -> None:
    provider, time = ScriptedProvider(), OwnTime()
    provider.circuit = Circuit.OPEN
    back = asyncio.Event()
    provider.reachable = cast("Any", back.wait)  # type: ignore[method-assign] # no turn of a loop
    clock = Clock(now=time.now, monotonic=lambda: 0.0, sleep=never, chance=lambda: 0.0)
    waiting = [asyncio.ensure_future(until_reachable(provider, clock)) for _ in range(3)]
    await at_rest()
    assert not any(one.done() for one in waiting)

    back.set()

    await asyncio.gather(*waiting)


async def test_without_a_return_a_stretch_is_asked_every_second_whether_it_goes_on() -> None:
    provider, time = ScriptedProvider(), OwnTime()
    provider.circuit = Circuit.OPEN

    await until_reachable(provider, time.clock())

    assert time.naps == [AT_MOST.total_seconds()]


def look(time: OwnTime) -> Look:
    store = cast("Any", StubStore())
    reporter = RecordingReporter()
    return Look(
        activations=store,
        settlements=store,
        reporter=reporter,
        settle=Settle(settlements=store, reporter=reporter),
        rules=Refunds(),
        clock=time.clock(),
    )


NUMBER = due()
assert NUMBER.ref is not None
LIVE = LiveNumber(NUMBER.id, NUMBER.ref, RENTED, DEADLINE)
LAST = DEADLINE - LAST_LOOK


async def seen_at(time: OwnTime, error: ProviderError, gap: timedelta = timedelta(0)) -> Any:
    provider = ScriptedProvider().will("look", error)
    return await look(time).once(provider, LIVE, terms(look_gap=gap))


async def test_a_look_at_a_provider_that_is_away_is_due_within_a_second() -> None:
    time = OwnTime(elapsed=600.0)

    for error in (CircuitOpen("sim"), ProviderUnavailable("sim", "HTTP 503")):
        assert await seen_at(time, error) == time.now() + AWAY.wait(0, 0.0)


GAP = 4 * SECOND
FAILURES = (
    CallOvertaken("sim", "given up"),
    CircuitOpen("sim"),
    ProviderUnavailable("sim", "HTTP 503"),
    UnknownReply("sim", "HTML"),
)


@pytest.mark.parametrize("error", FAILURES, ids=lambda error: type(error).__name__)
async def test_a_look_that_failed_waits_as_long_as_the_provider_demands(
    error: ProviderError,
) -> None:
    time = OwnTime(elapsed=60.0)

    seen = await seen_at(time, error, GAP)
    failed = look(time).failed(LIVE, terms(look_gap=GAP), KeyError("a bug"))

    assert all(at is not None and at >= time.now() + GAP for at in (seen, failed))


@pytest.mark.parametrize("error", FAILURES, ids=lambda error: type(error).__name__)
async def test_the_last_look_is_due_whatever_the_provider_demands(error: ProviderError) -> None:
    time = OwnTime(start=LAST - SECOND)

    assert await seen_at(time, error, GAP) == LAST
    assert look(time).failed(LIVE, terms(look_gap=GAP), KeyError("a bug")) == LAST


@pytest.mark.parametrize("error", FAILURES, ids=lambda error: type(error).__name__)
async def test_a_last_look_is_not_repeated_where_that_would_be_too_soon(
    error: ProviderError,
) -> None:
    assert await seen_at(OwnTime(start=LAST), error, GAP) is None


async def test_no_wait_passes_the_last_look() -> None:
    time = OwnTime(start=LAST - SECOND)
    limited = ProviderUnavailable("sim", "429", retry_after=timedelta(minutes=5))

    assert await seen_at(time, limited) == LAST
    assert await seen_at(time, UnknownReply("sim", "HTML")) == LAST


async def test_a_look_that_fails_by_a_bug_is_tried_at_the_last_look_at_the_latest() -> None:
    time = OwnTime(start=LAST - SECOND)
    sut = look(time)

    assert [sut.failed(LIVE, terms(), KeyError("a bug")) for _ in range(5)] == [LAST] * 5


async def test_a_last_look_that_told_nothing_is_repeated_until_the_deadline() -> None:
    for error in (UnknownReply("sim", "HTML"), ProviderUnavailable("sim", "HTTP 503")):
        time = OwnTime(start=LAST)
        looks = 0
        while (at := await seen_at(time, error)) is not None:
            assert at - time.now() == LAST_LOOK_AGAIN
            time.pass_by(at - time.now())
            looks += 1
        assert looks == 3
        assert time.now() < DEADLINE
