"""Deliver: send what the outbox owes the endpoint, at least once, in order per activation.

    commit ──► wake ─┐
                     ├─► lease ──► send, many at once ──► keep the replies ──► lease the next
    each second: tick┘

One pump does that in this process. It runs while something is due or in flight, and ends then: an
outbox without events costs one question a second. What this process commits wakes it at once; what
others commit wakes theirs, and whatever a wake missed is the next tick's.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, TypeAlias

from worker.domain.backoff import EVENT
from worker.domain.ids import ActivationId
from worker.lifecycle.changes import Changes
from worker.lifecycle.clock import Clock
from worker.lifecycle.failure_backoff import describe_safely
from worker.ports.reporter import Reporter
from worker.ports.store.outbox import Event, FailedEvent, OutboxStore, Sender, SendResult, Sent

#: Sent at once at first. While all arrive it doubles, up to the sender's connections; when none
#: arrives it is this again, once a tick: an endpoint that is down is not asked by everything.
AT_FIRST: Final = 100
CODE: Final = "activation.code_received"  #: The event that customers wait for.
LEASE: Final = timedelta(seconds=60)  #: Longer than any attempt may take: no event goes out twice.
TICK_MAX: Final = timedelta(seconds=3)  #: A tick ends then; what is in flight goes on.
CLOSE_MAX: Final = timedelta(seconds=5)  #: For what is in flight when the process ends.
PAUSE_MAX: Final = timedelta(minutes=5)  #: However long the endpoint asks to be spared.
#: A reply waits so long for others: together they cost one transaction.
GATHER: Final = timedelta(milliseconds=5)

_Reply: TypeAlias = tuple[Event, Sent]


def retry_in(attempts: int, retry_after: timedelta | None, chance: float) -> timedelta | None:
    """When to try again after *attempts* failed ones; None when there were enough."""
    assert attempts >= 1
    wait = EVENT.wait(attempts - 1, chance)
    return wait if wait is None or retry_after is None else max(wait, retry_after)


@dataclass(slots=True, kw_only=True)
class Deliver:
    """One endpoint, as this process sees it."""

    outbox: OutboxStore
    sender: Sender
    reporter: Reporter
    clock: Clock
    changes: Changes
    _arrived: int = 0
    _width: int = AT_FIRST  #: At most so many are in flight.
    _nothing_arrives: bool = False  #: Then nothing is leased before the next tick.
    _not_before: datetime | None = None
    _closing: bool = False
    _due: bool = False  #: Something may be due.
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _sending: "set[asyncio.Task[None]]" = field(default_factory=set)
    _replies: list[_Reply] = field(default_factory=list)
    _pump: "asyncio.Task[None] | None" = None

    def __post_init__(self) -> None:
        self.changes.subscribe(self._wake)

    async def tick(self) -> int:
        """Send until nothing is due or the time is up; how many events were sent."""
        before = self._arrived
        self._nothing_arrives = False
        if self._may_lease() or self._replies:
            pump = self._look()
            patience = asyncio.ensure_future(self.clock.sleep(TICK_MAX.total_seconds()))
            try:
                await asyncio.wait({pump, patience}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                patience.cancel()
            if pump.done():
                pump.result()  # Raises what it failed by.
        return self._arrived - before

    async def close(self) -> None:
        """Lease no more, and wait for what is in flight, but not for long.

        What is cut off then may have arrived. It is due again with the end of this process, and
        goes out under the same id.
        """
        self._closing = True
        if self._pump is not None:
            await asyncio.wait({self._pump}, timeout=CLOSE_MAX.total_seconds())
            rest = {self._pump, *self._sending}
            for task in rest:
                task.cancel()
            await asyncio.gather(*rest, return_exceptions=True)

    def _wake(self, _changed: Sequence[ActivationId]) -> None:
        """What this process has just committed may have events."""
        if self._may_lease():
            _ = self._look()

    def _look(self) -> "asyncio.Task[None]":
        self._due = True
        self._news.set()
        if self._pump is None or self._pump.done():
            self._pump = asyncio.ensure_future(self._run())
            self._pump.add_done_callback(self._ended)
        return self._pump

    def _ended(self, pump: "asyncio.Task[None]") -> None:
        if not pump.cancelled() and (error := pump.exception()) is not None:
            self.reporter.trouble("event.delivery_failed", detail=describe_safely(error))

    async def _run(self) -> None:
        while True:
            self._news.clear()
            if self._replies:
                await self._keep_replies()
            if self._due and self._may_lease():
                await self._lease()
            if self._sending and not self._news.is_set():
                await self._news.wait()
                await self.clock.sleep(GATHER.total_seconds())
            elif not (self._news.is_set() or self._replies or self._sending):
                return

    def _may_lease(self) -> bool:
        if self._closing or self._nothing_arrives:
            return False
        return self._not_before is None or self.clock.now() >= self._not_before

    async def _lease(self) -> None:
        """Lease as many as can be sent at once: none waits here for a connection."""
        width = min(self._width, self.sender.connections)
        room = width - len(self._sending)
        if room < max(1, width // 4):
            return  # The next replies make more: few leases of many cost less.
        self._due = False
        leased = await self.outbox.lease_events(room, LEASE, self.sender.endpoint)
        for event in leased:
            task = asyncio.ensure_future(self._send(event))
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)
        if len(leased) == room:
            self._due = True

    async def _send(self, event: Event) -> None:
        try:
            sent = await self.sender.send(event, self.clock.now())
        except Exception as error:  # noqa: BLE001 - nobody awaits this task; it counts as an attempt
            self.reporter.trouble(
                "event.send_failed",
                detail=describe_safely(error),
                event_id=event.id,
                activation=event.activation,
            )
            sent = Sent(SendResult.RETRY)
        if event.type == CODE and _arrived(sent):
            self.reporter.code_told(self.clock.now() - event.at, event.activation)
        self._replies.append((event, sent))
        self._news.set()

    async def _keep_replies(self) -> None:
        """In the store first: where that fails they are kept by the next run."""
        replies = list(self._replies)
        arrived = {event.id: sent.status for event, sent in replies if _arrived(sent)}
        if arrived:
            await self.outbox.events_sent(arrived)
        failed = [self._failed(event, sent) for event, sent in replies if not _arrived(sent)]
        if failed:
            await self.outbox.events_failed(failed)
        del self._replies[: len(replies)]
        self._arrived += len(arrived)
        await self._follow(replies)
        # What was sent lets the next of its subject go.
        self._due = self._due or bool(arrived)
        if arrived and not failed:
            self._width = min(self._width * 2, max(self.sender.connections, AT_FIRST))
        elif not arrived:
            self._width, self._nothing_arrives = AT_FIRST, True

    def _failed(self, event: Event, sent: Sent) -> FailedEvent:
        if sent.result is SendResult.GONE:  # It is due as soon as somebody enables the endpoint.
            return FailedEvent(event.id, timedelta(0), sent.status)
        delay = retry_in(event.attempts + 1, sent.retry_after, self.clock.chance())
        if delay is None:
            self.reporter.trouble(
                "event.dead", detail=event.type, event_id=event.id, activation=event.activation
            )
        return FailedEvent(event.id, delay, sent.status)

    async def _follow(self, replies: Sequence[_Reply]) -> None:
        """Do what the endpoint asks for: pause, or send nothing more."""
        for result, count in Counter(sent.result for _, sent in replies).items():
            self.reporter.event_delivery(result, count)
        waits = [sent.retry_after for _, sent in replies if sent.retry_after is not None]
        if waits:
            self._not_before = self.clock.now() + min(max(waits), PAUSE_MAX)
        gone = any(sent.result is SendResult.GONE for _, sent in replies)
        if gone and await self.outbox.endpoint_gone(self.sender.endpoint):
            self.reporter.trouble("event.endpoint_gone")


def _arrived(sent: Sent) -> bool:
    return sent.result is SendResult.SENT
