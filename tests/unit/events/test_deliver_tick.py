"""Deliver: what it leases, sends and marks, when, and when it stops."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from tests.fakes.reporter import RecordingReporter
from tests.fakes.stores import UnaskedOutbox
from tests.fakes.turns import give_way
from worker.domain.backoff import EVENT
from worker.domain.ids import ActivationId
from worker.lifecycle.changes import Changes
from worker.lifecycle.clock import Clock
from worker.lifecycle.deliver import AT_FIRST, PAUSE_MAX, Deliver, retry_in
from worker.ports.errors import StoreUnavailable
from worker.ports.store.outbox import Event, FailedEvent, SendResult, Sent

START = datetime(2026, 1, 1, tzinfo=UTC)
OK = Sent(SendResult.SENT, status=200)
FAILED = Sent(SendResult.RETRY)
GONE = Sent(SendResult.GONE, status=410)
ONE = ActivationId(UUID(int=1))


def event(number: int, attempts: int = 0) -> Event:
    return Event(f"e:{number}", "activation.refunded", START, None, {}, attempts)


@dataclass
class Outbox(UnaskedOutbox):
    """An event store of independent events, each claimed once."""

    due: list[Event]
    sent: dict[str, int | None] = field(default_factory=dict)
    failed: dict[str, timedelta | None] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    leases: list[int] = field(default_factory=list)  #: How many each asked for.
    broken: bool = False

    async def lease_events(
        self, limit: int, lease: timedelta, endpoint: str, *, now: datetime | None = None
    ) -> list[Event]:
        assert lease > timedelta(seconds=15)
        assert now is None
        if self.broken:
            raise StoreUnavailable
        self.leases.append(limit)
        if endpoint in self.gone:
            return []
        claimed, self.due = self.due[:limit], self.due[limit:]
        return claimed

    async def events_sent(
        self, statuses: Mapping[str, int | None], *, now: datetime | None = None
    ) -> None:
        assert now is None
        if self.broken:
            raise StoreUnavailable
        self.sent |= statuses

    async def events_failed(
        self, failed: Sequence[FailedEvent], *, now: datetime | None = None
    ) -> None:
        assert now is None
        self.failed |= {each.id: each.retry_in for each in failed}

    async def endpoint_gone(self, endpoint: str) -> bool:
        new = endpoint not in self.gone
        self.gone.add(endpoint)
        return new


@dataclass
class World:
    """The endpoint, the outbox and the time."""

    outbox: Outbox
    answer: Callable[[Event], Sent] = lambda _: OK
    seconds: float = 0.0
    asked: list[str] = field(default_factory=list)
    reporter: RecordingReporter = field(default_factory=RecordingReporter)
    changes: Changes = field(default_factory=Changes)
    endpoint: str = "here"
    connections: int = 4 * AT_FIRST
    hung: set[str] = field(default_factory=set)  #: They get no answer before `answered` is set.
    answered: asyncio.Event = field(default_factory=asyncio.Event)
    most: int = 0  #: At once.
    _now: int = 0

    async def send(self, event: Event, now: datetime) -> Sent:
        assert now.tzinfo is not None
        self.asked.append(event.id)
        self._now += 1
        self.most = max(self.most, self._now)
        await give_way()
        if event.id in self.hung:
            await self.answered.wait()
        self._now -= 1
        return self.answer(event)

    async def sleep(self, seconds: float) -> None:
        """The pump's pauses are over at once; a tick's patience where something hangs."""
        if seconds > 1 and not self.hung:
            await asyncio.Event().wait()
        await turns(50 if seconds > 1 else 1)

    def deliver(self) -> Deliver:
        clock = Clock(
            now=lambda: START + timedelta(seconds=self.seconds),
            monotonic=lambda: self.seconds,
            sleep=self.sleep,
            chance=lambda: 0.5,
        )
        return Deliver(
            outbox=self.outbox,
            sender=self,
            reporter=self.reporter,
            clock=clock,
            changes=self.changes,
        )


def world(*events: Event) -> World:
    return World(Outbox(list(events)))


def ids(*numbers: int) -> list[str]:
    return [event(number).id for number in numbers]


async def turns(many: int = 50) -> None:
    for _ in range(many):
        await give_way()


async def test_everything_due_is_sent() -> None:
    here = world(*(event(number) for number in range(2 * AT_FIRST + 1)))

    assert await here.deliver().tick() == 2 * AT_FIRST + 1

    assert list(here.outbox.sent) == ids(*range(2 * AT_FIRST + 1))
    told = [count for result, count in here.reporter.of("event_delivery") if result == "sent"]
    assert sum(told) == 2 * AT_FIRST + 1


async def test_nothing_due_is_no_news() -> None:
    here = world()

    assert await here.deliver().tick() == 0
    assert here.reporter.told == []


async def test_while_all_arrive_more_are_sent_at_once_up_to_the_connections() -> None:
    here = world(*(event(number) for number in range(40 * AT_FIRST)))

    await here.deliver().tick()

    assert here.outbox.leases[:3] == [AT_FIRST, 2 * AT_FIRST, 4 * AT_FIRST]
    assert here.most == here.connections


async def test_no_more_are_leased_than_can_be_sent_at_once() -> None:
    here = world(*(event(number) for number in range(50)))
    here.connections = 7

    assert await here.deliver().tick() == 50

    assert here.most == max(here.outbox.leases) == 7


async def test_what_failed_is_due_again_later_and_the_rest_is_sent() -> None:
    here = world(event(1), event(2, attempts=1), event(3))
    here.answer = lambda event: OK if event.id == "e:3" else FAILED

    assert await here.deliver().tick() == 1

    assert here.outbox.sent == {"e:3": 200}
    assert here.outbox.failed == {
        "e:1": timedelta(seconds=5.5),
        "e:2": timedelta(minutes=5.5),
    }


async def test_when_nothing_gets_through_the_tick_ends_and_no_commit_begins_another() -> None:
    here = world(*(event(number) for number in range(5 * AT_FIRST)))
    here.answer = lambda _: FAILED
    deliver = here.deliver()

    assert await deliver.tick() == 0
    here.changes.publish([ONE])
    await turns()
    assert len(here.asked) == AT_FIRST

    await deliver.tick()
    assert len(here.asked) == 2 * AT_FIRST


async def test_after_the_last_attempt_an_event_is_dead_and_somebody_is_told() -> None:
    here = world(event(1, attempts=len(EVENT.waits) - 1))
    here.answer = lambda _: FAILED

    await here.deliver().tick()

    assert here.outbox.failed == {"e:1": None}
    assert here.reporter.troubles == ["event.dead"]


async def test_410_ends_it_for_everybody_and_leaves_the_events() -> None:
    here = world(*(event(number, attempts=9) for number in range(2 * AT_FIRST)))
    here.answer = lambda _: GONE
    deliver = here.deliver()

    await deliver.tick()
    await deliver.tick()

    assert here.outbox.gone == {"here"}
    assert len(here.asked) == AT_FIRST
    assert here.outbox.sent == {}
    assert set(here.outbox.failed.values()) == {timedelta(0)}
    assert here.reporter.troubles == ["event.endpoint_gone"]
    assert here.reporter.of("event_delivery") == [("gone", AT_FIRST)]

    here.outbox.gone.clear()
    here.answer = lambda _: OK
    assert await deliver.tick() == AT_FIRST


async def test_retry_after_pauses_the_whole_endpoint() -> None:
    here = world(*(event(number) for number in range(AT_FIRST + 1)))
    pause = timedelta(seconds=90)
    here.answer = lambda event: Sent(SendResult.RETRY, pause) if event.id == "e:0" else OK
    deliver = here.deliver()

    await deliver.tick()
    assert len(here.asked) == AT_FIRST
    assert here.outbox.failed == {"e:0": pause}

    here.seconds = pause.total_seconds() - 1
    assert await deliver.tick() == 0
    here.changes.publish([ONE])
    await turns()
    assert len(here.asked) == AT_FIRST
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


async def test_a_slow_answer_keeps_neither_the_tick_nor_what_comes_after_it() -> None:
    here = world(event(1), event(2))
    here.hung = {"e:1"}
    deliver = here.deliver()

    assert await deliver.tick() == 1

    here.outbox.due = [event(3)]
    here.changes.publish([ONE])
    await turns()
    assert list(here.outbox.sent) == ids(2, 3)
    here.answered.set()
    await turns()
    assert list(here.outbox.sent) == ids(2, 3, 1)


async def test_a_commit_of_this_process_is_sent_without_a_tick() -> None:
    here = world(event(1))
    here.deliver()

    here.changes.publish([ONE])
    await turns()

    assert list(here.outbox.sent) == ids(1)


async def test_what_is_sent_lets_the_next_of_its_subject_go_without_a_tick() -> None:
    here = world(event(1))

    def answer(_: Event) -> Sent:
        here.outbox.due += [event(len(here.asked) + 1)] if len(here.asked) < 3 else []
        return OK

    here.answer = answer

    assert await here.deliver().tick() == 3


async def test_a_reply_that_the_store_could_not_keep_is_kept_by_the_next_tick() -> None:
    here = world(event(1))
    here.hung = {"e:1"}
    deliver = here.deliver()
    await deliver.tick()
    here.outbox.broken = True
    here.answered.set()
    await turns()
    assert here.outbox.sent == {}
    assert here.reporter.troubles == ["event.delivery_failed"]

    with pytest.raises(StoreUnavailable):
        await deliver.tick()
    here.outbox.broken = False
    assert await deliver.tick() == 1

    assert here.asked == ids(1)


async def test_a_bug_about_one_event_is_told_and_counts_as_an_attempt() -> None:
    def answer(asked: Event) -> Sent:
        if asked.id == "e:1":
            raise OverflowError
        return OK

    here = world(event(1), event(2))
    here.answer = answer

    assert await here.deliver().tick() == 1
    assert set(here.outbox.failed) == set(ids(1))
    assert here.reporter.troubles == ["event.send_failed"]


async def test_at_the_end_what_is_in_flight_is_waited_for_and_nothing_more_is_leased() -> None:
    here = world(event(1))
    here.hung = {"e:1"}
    deliver = here.deliver()
    await deliver.tick()

    closing = asyncio.ensure_future(deliver.close())
    await turns()
    here.outbox.due = [event(2)]
    here.changes.publish([ONE])
    here.answered.set()
    await closing

    assert here.asked == list(here.outbox.sent) == ids(1)


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
    here = world(code, event(3), refused)
    here.seconds = 1.5
    here.answer = lambda sent: FAILED if sent.id == refused.id else OK

    await here.deliver().tick()

    assert here.reporter.of("code_told") == [(timedelta(seconds=1.5),)]
