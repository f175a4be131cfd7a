"""Deliver: send what the outbox owes the endpoint, at least once, in order per activation."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from worker.domain.backoff import EVENT
from worker.lifecycle.clock import Clock
from worker.ports.reporter import Reporter
from worker.ports.store.outbox import Event, OutboxStore, Sender, SendResult, Sent

CODE: Final = "activation.code_received"  #: The event that customers wait for.
BATCH: Final = 100  #: Sent at once.
LEASE: Final = timedelta(seconds=60)  #: Longer than any attempt may take: no event goes out twice.
TICK_MAX: Final = timedelta(seconds=3)  #: After it no further batch is begun.
PAUSE_MAX: Final = timedelta(minutes=5)  #: However long the endpoint asks to be spared.


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
    #: The endpoint said 410: this process sends it nothing more, and the events stay.
    disabled: bool = False
    _not_before: datetime | None = field(default=None)

    async def tick(self) -> int:
        """Send batches until nothing is due or the time is up; how many events were sent."""
        began = self.clock.monotonic()
        sent = 0
        while not self._must_wait() and (events := await self.outbox.lease_events(BATCH, LEASE)):
            arrived = await self._deliver(events)
            sent += arrived
            if not arrived or self.clock.monotonic() - began > TICK_MAX.total_seconds():
                break  # Nothing got through, or the time of this tick is up.
        return sent

    async def _deliver(self, events: Sequence[Event]) -> int:
        results = await asyncio.gather(
            *(self.sender.send(event, self.clock.now()) for event in events)
        )
        pairs = list(zip(events, results, strict=True))
        arrived = [event.id for event, sent in pairs if sent.result is SendResult.SENT]
        if arrived:
            self._told(event for event, sent in pairs if sent.result is SendResult.SENT)
            await self.outbox.events_sent(arrived)
        for event, sent in pairs:
            if sent.result is SendResult.RETRY:
                await self._failed(event, sent)
        self._follow(results)
        return len(arrived)

    def _told(self, arrived: Iterable[Event]) -> None:
        now = self.clock.now()
        for event in arrived:
            if event.type == CODE:
                self.reporter.code_told(now - event.at)

    async def _failed(self, event: Event, sent: Sent) -> None:
        delay = retry_in(event.attempts + 1, sent.retry_after, self.clock.chance())
        await self.outbox.event_failed(event.id, delay)
        if delay is None:
            self.reporter.trouble("event.dead", detail=event.type)

    def _follow(self, results: Sequence[Sent]) -> None:
        """Do what the endpoint asks for: pause, or send nothing more."""
        for result, count in Counter(sent.result for sent in results).items():
            self.reporter.event_delivery(result, count)
        waits = [sent.retry_after for sent in results if sent.retry_after is not None]
        if waits:
            self._not_before = self.clock.now() + min(max(waits), PAUSE_MAX)
        if any(sent.result is SendResult.GONE for sent in results) and not self.disabled:
            self.disabled = True
            self.reporter.trouble("event.endpoint_gone")

    def _must_wait(self) -> bool:
        if self.disabled:
            return True
        return self._not_before is not None and self.clock.now() < self._not_before
