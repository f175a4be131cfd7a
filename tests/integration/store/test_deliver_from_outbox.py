"""Deliver on the real outbox: in order per activation, at least once, under one id."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from tests.fakes.reporter import RecordingReporter
from tests.integration.store.shop import RENTED, Shop, delivery
from worker.lifecycle.changes import Changes
from worker.lifecycle.clock import Clock
from worker.lifecycle.deliver import GATHER, Deliver
from worker.ports.store.outbox import Event, SendResult, Sent

SENT = Sent(SendResult.SENT)
FAILED = Sent(SendResult.RETRY)


@dataclass
class Endpoint:
    """The shop's side of it."""

    answer: Callable[[Event], Sent] = lambda _: SENT
    came: list[Event] = field(default_factory=list)
    endpoint: str = "here"
    connections: int = 400

    async def send(self, event: Event, now: datetime) -> Sent:
        assert now.tzinfo is not None
        self.came.append(event)
        return self.answer(event)


def deliver(shop: Shop, endpoint: Endpoint) -> Deliver:
    async def sleep(seconds: float) -> None:
        await asyncio.sleep(min(seconds, GATHER.total_seconds()) if seconds < 1 else 60)

    clock = Clock(
        now=lambda: datetime.now(UTC), monotonic=lambda: 0.0, sleep=sleep, chance=lambda: 0.5
    )
    reporter = RecordingReporter()
    return Deliver(
        outbox=shop.store.outbox,
        sender=endpoint,
        reporter=reporter,
        clock=clock,
        changes=Changes(),
    )


async def ended(shop: Shop, count: int) -> None:
    """Numbers with two events each."""
    await shop.open()
    for number in range(count):
        await shop.rent(str(number))
        await shop.code(str(number), "1234", RENTED)
    due = await shop.store.settlements.due_deliveries(count)
    await shop.store.settlements.settle([delivery(one.id) for one in due])


async def states(shop: Shop) -> dict[str, int]:
    return dict(await shop.rows("SELECT state, count(*) FROM event GROUP BY state"))


async def test_one_tick_sends_everything_in_order_per_activation(shop: Shop) -> None:
    await ended(shop, 20)
    endpoint = Endpoint()

    assert await deliver(shop, endpoint).tick() == 40

    kinds: dict[object, list[str]] = {}
    for event in endpoint.came:
        kinds.setdefault(event.activation, []).append(event.type)
    assert set(map(tuple, kinds.values())) == {("activation.code_received", "activation.delivered")}
    assert await states(shop) == {"sent": 40}


async def test_a_failed_event_holds_up_its_own_activation_only(shop: Shop) -> None:
    await ended(shop, 3)
    (first,) = await shop.rows("SELECT activation_id FROM event ORDER BY seq LIMIT 1")
    endpoint = Endpoint(lambda event: FAILED if event.activation == first[0] else SENT)

    assert await deliver(shop, endpoint).tick() == 4

    assert [e.type for e in endpoint.came if e.activation == first[0]] == [
        "activation.code_received"
    ]
    assert await states(shop) == {"sent": 4, "pending": 2}


async def test_what_was_sent_but_not_marked_is_sent_again_under_its_id(shop: Shop) -> None:
    """A crash between the answer and its mark: the receiver knows the id already."""
    await ended(shop, 1)
    endpoint = Endpoint()
    (claimed,) = await shop.store.outbox.lease_events(10, timedelta(0), "here")
    await endpoint.send(claimed, RENTED)

    await deliver(shop, endpoint).tick()

    ids = [event.id for event in endpoint.came]
    assert ids[0] == ids[1]
    assert len(set(ids)) == 2
    assert endpoint.came[1].attempts == 1


async def test_ten_failures_are_the_end_of_it_until_somebody_replays(shop: Shop) -> None:
    await ended(shop, 1)
    endpoint = Endpoint(lambda _: FAILED)
    for _ in range(10):
        await deliver(shop, endpoint).tick()
        await shop.admin.execute("UPDATE event SET next_at = '-infinity' WHERE attempts > 0")

    assert await states(shop) == {"dead": 1, "pending": 1}
    (dead,) = {event.id for event in endpoint.came}
    assert await shop.store.outbox.replay_events([dead]) == 1
    endpoint.answer = lambda _: SENT

    assert await deliver(shop, endpoint).tick() == 2
