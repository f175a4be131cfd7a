"""The outbox: events that were written with what they tell, who sends and who follows them."""

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple, Protocol

from worker.domain.ids import ActivationId
from worker.ports.handover import RefusedIntake


@dataclass(frozen=True, slots=True)
class Event:
    """One event; `payload` is the body's `data`. Its id is stable over retries."""

    id: str
    type: str
    at: datetime
    activation: ActivationId | None
    payload: Mapping[str, Any]
    attempts: int


class EventState(enum.StrEnum):
    """What became of an event at the endpoint."""

    PENDING = "pending"  #: It is due, or will be.
    SENT = "sent"  #: The endpoint took it.
    DEAD = "dead"  #: It was tried as often as promised; a replay makes it pending again.
    KEPT = "kept"  #: No endpoint was configured when it was written.


@dataclass(frozen=True, slots=True)
class EndpointReply:
    """What came of the last attempt to send an event."""

    at: datetime
    status: int | None  #: None: no answer came in time.


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event with its place among all, and where its delivery stands."""

    seq: int
    event: Event
    state: EventState
    last_reply: EndpointReply | None  #: None: nobody tried yet.


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFilter:
    """Which events are asked for; None: whichever they have."""

    type: str | None = None
    activation: ActivationId | None = None  #: Its own, and those of its cases.
    state: EventState | None = None

    @property
    def narrows(self) -> bool:
        return not (self.type is None and self.activation is None and self.state is None)


@dataclass(frozen=True, slots=True)
class EventPage:
    """Some events, and how far the store looked for them: nothing else matches up to there."""

    items: Sequence[StoredEvent]
    reached: int  #: The next page begins beyond it.
    more: bool  #: Whether there was anything beyond it.


class SendResult(enum.StrEnum):
    SENT = "sent"  #: 2xx
    RETRY = "retry"  #: No answer, or one that may change.
    GONE = "gone"  #: 410: the endpoint does not want any more.


@dataclass(frozen=True, slots=True)
class Sent:
    result: SendResult
    retry_after: timedelta | None = None
    status: int | None = None  #: None: no answer came in time.


class Sender(Protocol):
    """Sends one event to the endpoint. Raises nothing."""

    @property
    def endpoint(self) -> str:
        """Which endpoint that is, without its URL: that may hold a token."""
        ...

    @property
    def connections(self) -> int:
        """How many events may be sent at once."""
        ...

    async def send(self, event: Event, now: datetime) -> Sent: ...


@dataclass(frozen=True, slots=True)
class FailedEvent:
    """An attempt that failed."""

    id: str
    retry_in: timedelta | None  #: None: it is dead, and the next of its subject may go.
    status: int | None  #: None: no answer came in time.


class EventReplay(NamedTuple):
    """Some events of a range are due again."""

    replayed: int
    reached: int | None  #: The next ones are beyond it; None: those were all.


class OutboxStore(Protocol):
    """Raises `StoreError` and nothing else; every call is safe to repeat."""

    async def lease_events(
        self, limit: int, lease: timedelta, endpoint: str, *, now: datetime | None = None
    ) -> list[Event]:
        """The next due event of each subject, oldest first; never two of one activation.

        None while *endpoint* is gone.
        """
        ...

    async def events_sent(
        self, statuses: Mapping[str, int | None], *, now: datetime | None = None
    ) -> None:
        """The endpoint took these, each with this status."""
        ...

    async def events_failed(
        self, failed: Sequence[FailedEvent], *, now: datetime | None = None
    ) -> None:
        """These did not arrive; what comes after them, about the same subject, waits with them."""
        ...

    async def newest_events(
        self, which: EventFilter, *, before: int | None, limit: int
    ) -> EventPage:
        """Newest first, for people."""
        ...

    async def events_after(self, which: EventFilter, *, after: int, limit: int) -> EventPage:
        """Oldest first from *after* on, for followers: whoever reads on misses none.

        An event appears once no transaction can write one before it any more.
        """
        ...

    async def final_seq(self) -> int:
        """Up to this number every event is there that ever will be."""
        ...

    async def refuse_intake(
        self, refused: Sequence[RefusedIntake], *, now: datetime | None = None
    ) -> Sequence[RefusedIntake]:
        """Keep what is not taken, and tell it as `intake.refused`; those that were not yet."""
        ...

    async def replay_events(self, ids: Sequence[str]) -> int:
        """Make these due again, whatever became of them; how many there were."""
        ...

    async def replay_range(
        self, after: int, until: int, type_: str | None, *, limit: int
    ) -> EventReplay:
        """The same for those after one number and up to another, *limit* at once."""
        ...

    async def forget_events(
        self, time: timedelta, limit: int, *, now: datetime | None = None
    ) -> int:
        """Delete up to *limit* of the oldest that were told longer ago than *time*; how many.

        No further than the first one that still waits to be sent, where an endpoint is wanted.
        """
        ...

    async def forgotten_to(self) -> int:
        """The number of the newest event that was deleted; 0: none was."""
        ...

    async def endpoint_gone(self, endpoint: str) -> bool:
        """It answered 410: nothing more is leased for it. False where that was known."""
        ...

    async def enable_endpoints(self) -> bool:
        """Take endpoints into use again that answered 410; whether there was one."""
        ...
