"""The outbox: events that were written with what they tell, and who sends them."""

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

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


class SendResult(enum.StrEnum):
    SENT = "sent"  #: 2xx
    RETRY = "retry"  #: No answer, or one that may change.
    GONE = "gone"  #: 410: the endpoint does not want any more.


@dataclass(frozen=True, slots=True)
class Sent:
    result: SendResult
    retry_after: timedelta | None = None


class Sender(Protocol):
    """Sends one event to the endpoint. Raises nothing."""

    async def send(self, event: Event, now: datetime) -> Sent: ...


class OutboxStore(Protocol):
    """Raises `StoreError` and nothing else; every call is safe to repeat."""

    async def lease_events(
        self, limit: int, lease: timedelta, *, now: datetime | None = None
    ) -> list[Event]:
        """The next due event of each subject, oldest first; never two of one activation."""
        ...

    async def events_sent(self, ids: Sequence[str], *, now: datetime | None = None) -> None: ...

    async def event_failed(
        self, id_: str, retry_in: timedelta | None, *, now: datetime | None = None
    ) -> None:
        """Try again after `retry_in`; None: it is dead, and the next of its subject may go."""
        ...

    async def events(self, *, before: int | None, limit: int) -> list[tuple[int, Event]]:
        """Newest first, for the API."""
        ...

    async def refuse_intake(
        self, refused: Sequence[RefusedIntake], *, now: datetime | None = None
    ) -> Sequence[RefusedIntake]:
        """Keep what is not taken, and tell it as `intake.refused`; those that were not yet."""
        ...

    async def replay_events(self, ids: Sequence[str]) -> int:
        """Make dead or sent events due again; how many there were."""
        ...
