"""One tick of deliver: claims, sends, marks, and knows when to stop."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.fakes.reporter import RecordingReporter
from tests.fakes.stores import UnaskedOutbox
from worker.domain.backoff import EVENT
from worker.lifecycle.clock import Clock
from worker.lifecycle.deliver import BATCH, PAUSE_MAX, TICK_MAX, Deliver, retry_in
from worker.ports.store.outbox import Event, SendResult, Sent

START = datetime(2026, 1, 1, tzinfo=UTC)
OK = Sent(SendResult.SENT)
FAILED = Sent(SendResult.RETRY)
GONE = Sent(SendResult.GONE)


def event(number: int, attempts: int = 0) -> Event:
    return Event(f"e:{number}", "activation.refunded", START, None, {}, attempts)


@dataclass
class Outbox(UnaskedOutbox):
    """An event store of independent events, each claimed once."""

    due: list[Event]
    sent: list[str] = field(default_factory=list)
    failed: dict[str, timedelta | None] = field(default_factory=dict)

    async def lease_events(
        self, limit: int, lease: timedelta, *, now: datetime | None = None
    ) -> list[Event]:
        assert lease > timedelta(seconds=15)
        assert now is None
        claimed, self.due = self.due[:limit], self.due[limit:]
        return claimed

    async def events_sent(self, ids: Sequence[str], *, now: datetime | None = None) -> None:
        assert now is None
        self.sent += ids

    async def event_failed(
        self, id_: str, retry_in: timedelta | None, *, now: datetime | None = None
    ) -> None:
        assert now is None
        self.failed[id_] = retry_in


@dataclass
class World:
    """The endpoint, the outbox and the time."""

    outbox: Outbox
    answer: Callable[[Event], Sent] = lambda _: OK
    seconds: float = 0.0
    costs: float = 0.0  #: Seconds that each event takes.
    asked: list[str] = field(default_factory=list)
    reporter: RecordingReporter = field(default_factory=RecordingReporter)

    async def send(self, event: Event, now: datetime) -> Sent:
        assert now.tzinfo is not None
        self.asked.append(event.id)
        self.seconds += self.costs
        return self.answer(event)

    def deliver(self) -> Deliver:
        async def sleep(_: float) -> None:
            raise NotImplementedError

        clock = Clock(
            now=lambda: START + timedelta(seconds=self.seconds),
            monotonic=lambda: self.seconds,
            sleep=sleep,
            chance=lambda: 0.5,
        )
        return Deliver(outbox=self.outbox, sender=self, reporter=self.reporter, clock=clock)


def world(*events: Event) -> World:
    return World(Outbox(list(events)))


async def test_everything_due_is_sent_in_batches() -> None:
    here = world(*(event(number) for number in range(2 * BATCH + 1)))

    assert await here.deliver().tick() == 2 * BATCH + 1

    assert here.outbox.sent == [event(number).id for number in range(2 * BATCH + 1)]
    assert here.reporter.of("event_delivery") == [("sent", BATCH), ("sent", BATCH), ("sent", 1)]


async def test_nothing_due_is_no_news() -> None:
    here = world()

    assert await here.deliver().tick() == 0
    assert here.reporter.told == []


async def test_what_failed_is_due_again_later_and_the_rest_is_sent() -> None:
    here = world(event(1), event(2, attempts=1), event(3))
    here.answer = lambda event: OK if event.id == "e:3" else FAILED

    assert await here.deliver().tick() == 1

    assert here.outbox.sent == ["e:3"]
    assert here.outbox.failed == {
        "e:1": timedelta(seconds=5.5),
        "e:2": timedelta(minutes=5.5),
    }


async def test_when_nothing_gets_through_the_tick_ends() -> None:
    here = world(*(event(number) for number in range(3 * BATCH)))
    here.answer = lambda _: FAILED

    assert await here.deliver().tick() == 0

    assert len(here.asked) == BATCH


async def test_after_the_last_attempt_an_event_is_dead_and_somebody_is_told() -> None:
    here = world(event(1, attempts=len(EVENT.waits) - 1))
    here.answer = lambda _: FAILED

    await here.deliver().tick()

    assert here.outbox.failed == {"e:1": None}
    assert here.reporter.troubles == ["event.dead"]


async def test_410_ends_it_for_this_process_and_leaves_the_events() -> None:
    here = world(*(event(number) for number in range(2 * BATCH)))
    here.answer = lambda _: GONE
    deliver = here.deliver()

    await deliver.tick()
    await deliver.tick()

    assert deliver.disabled
    assert len(here.asked) == BATCH
    assert (here.outbox.sent, here.outbox.failed) == ([], {})
    assert here.reporter.troubles == ["event.endpoint_gone"]
    assert here.reporter.of("event_delivery") == [("gone", BATCH)]


async def test_retry_after_pauses_the_whole_endpoint() -> None:
    here = world(*(event(number) for number in range(BATCH + 1)))
    pause = timedelta(seconds=90)
    here.answer = lambda event: Sent(SendResult.RETRY, pause) if event.id == "e:0" else OK
    deliver = here.deliver()

    await deliver.tick()
    assert len(here.asked) == BATCH
    assert here.outbox.failed == {"e:0": pause}

    here.seconds = pause.total_seconds() - 1
    assert await deliver.tick() == 0
    here.seconds = pause.total_seconds()
    assert await deliver.tick() == 1


async def test_an_endpoint_cannot_ask_for_a_pause_without_end() -> None:
    here = world(event(0))
    here.answer = lambda _: Sent(SendResult.RETRY, timedelta(hours=24))
    deliver = here.deliver()
    await deliver.tick()
    here.outbox.due, here.answer = [event(1)], lambda _: OK

    here.seconds = PAUSE_MAX.total_seconds()

    assert await deliver.tick() == 1
    assert here.outbox.failed == {"e:0": timedelta(hours=24)}


async def test_a_slow_endpoint_does_not_keep_the_tick() -> None:
    here = world(*(event(number) for number in range(3 * BATCH)))
    here.costs = TICK_MAX.total_seconds() / BATCH * 1.01

    assert await here.deliver().tick() == BATCH


@pytest.mark.parametrize(
    ("attempts", "seconds"),
    [
        (1, 5),
        (2, 300),
        (3, 1_800),
        (4, 7_200),
        (5, 18_000),
        (6, 36_000),
        (7, 50_400),
        (8, 72_000),
        (9, 86_400),
    ],
)
def test_delays_grow_as_promised_with_jitter_on_top(attempts: int, seconds: int) -> None:
    assert retry_in(attempts, None, 0.0) == timedelta(seconds=seconds)
    assert retry_in(attempts, None, 1.0) == timedelta(seconds=seconds * 1.2)


def test_the_tenth_attempt_is_the_last() -> None:
    assert retry_in(9, None, 0) is not None
    assert retry_in(10, None, 0) is None
    assert retry_in(10, timedelta(seconds=1), 0) is None


def test_the_endpoint_may_ask_for_a_longer_delay_but_not_for_a_shorter_one() -> None:
    assert retry_in(1, timedelta(seconds=60), 0) == timedelta(seconds=60)
    assert retry_in(2, timedelta(seconds=60), 0) == timedelta(minutes=5)


async def test_how_soon_a_code_was_told_is_measured_when_it_got_through() -> None:
    code = replace(event(1), type="activation.code_received")
    refused = replace(event(2), type="activation.code_received")
    world = World(Outbox([code, event(3), refused]), costs=0.5)
    world.answer = lambda sent: FAILED if sent.id == refused.id else OK

    await world.deliver().tick()

    assert world.reporter.of("code_told") == [(timedelta(seconds=1.5),)]
