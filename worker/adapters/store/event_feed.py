"""The feed: events by their number, without gap or double, while writers commit out of order.

An event's number is taken when it is written and seen when its transaction ends, so 7 may be seen
before 6. A follower that was shown 7 would never ask for 6. So it is shown what is final: numbers
below which none can appear any more. What that costs falls on those who follow, not on the writers:

- A number given after the commit, by one process for all, would be a write and an index more for
  each event, and a delay for everybody while that process is away.
- A column with the writer's transaction id, read below `pg_snapshot_xmin`, needs no second write.
  But ids and numbers are not taken in the same order, so the cursor would be of both; and any long
  transaction of the server, of another database too, would stop the feed.
- An advisory lock around each insert is what the server does already: whoever inserts holds a lock
  on the table until its rows are seen. So it is enough to read who holds it, and to remember what
  the newest number was before each came. Nothing is written, there is no session to keep, and a
  pooler changes nothing.
"""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from worker.adapters.store.database import Database, statement
from worker.adapters.store.event_ids import event_id
from worker.domain.ids import ActivationId
from worker.ports.store.outbox import (
    EndpointReply,
    Event,
    EventFilter,
    EventPage,
    EventState,
    StoredEvent,
)

SPAN: Final = 20_000  #: Events that one filtered page looks at: some 20 ms.
_LAST: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class _Order:
    """The statements that read events in one order."""

    all_events: str
    of_subjects: str  #: Read by what they are about, however old they are.
    looked_to: str


_FEED: Final = _Order(
    "outbox/events_after", "outbox/events_after_of_subjects", "outbox/looked_up_to"
)
_NEWEST: Final = _Order(
    "outbox/newest_events", "outbox/newest_events_of_subjects", "outbox/looked_back_to"
)


@dataclass(slots=True)
class FeedHorizon:
    """Up to which number events are final, by what one process saw of the writers."""

    final: int = 0
    _server: datetime | None = None
    _newest: int = 0
    #: By writer, the newest number before it was first seen: its own numbers are higher.
    _before: dict[str, int] = field(default_factory=dict)

    def seen(self, server: datetime, newest: int, writers: Collection[str]) -> None:
        """These may still write; whoever is not among them has ended, or begins beyond *newest*."""
        if server != self._server or newest < self._newest:
            # Another server: it may have lost numbers, and it names writers anew.
            self.final, self._newest, self._before = 0, 0, {}
        self._before = {each: self._before.get(each, self._newest) for each in writers}
        self._server, self._newest = server, newest
        self.final = max(self.final, min(self._before.values(), default=newest))

    def without_gap(self, number: int) -> None:
        """Every number up to this one is seen, so none is missing."""
        self.final = max(self.final, number)

    @property
    def held_back(self) -> bool:
        """Whether a writer may still add an event before the newest."""
        return self.final < self._newest


class EventFeed:
    """Pages of events, oldest or newest first."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._horizon = FeedHorizon()
        self._turn = asyncio.Lock()  #: What is seen of the writers must come in its order.

    async def final_seq(self) -> int:
        async with self._turn:
            return await self._db.read(self._look)

    async def _look(self, connection: AsyncConnection) -> int:
        row = (await connection.execute(statement("outbox/event_writers"))).mappings().one()
        self._horizon.seen(row["server"], row["newest"], row["writers"])
        if self._horizon.held_back:
            # Most who hold the lock have no number yet; some wait for an account. None is missing.
            asked = {"final": self._horizon.final, "span": SPAN}
            beyond = await connection.execute(statement("outbox/seen_without_gap"), asked)
            self._horizon.without_gap(beyond.scalar_one())
        return self._horizon.final

    async def events_after(self, which: EventFilter, *, after: int, limit: int) -> EventPage:
        final = await self.final_seq()
        if final <= after:
            return EventPage((), after, more=False)
        bounds = {"after": after, "final": final}
        return await self._page(which, limit, bounds, _FEED, end=final)

    async def newest_events(
        self, which: EventFilter, *, before: int | None, limit: int
    ) -> EventPage:
        bounds = {"before": _LAST if before is None else before}
        return await self._page(which, limit, bounds, _NEWEST, end=0)

    async def _page(
        self, which: EventFilter, limit: int, bounds: dict[str, int], order: "_Order", *, end: int
    ) -> EventPage:
        async def work(connection: AsyncConnection) -> EventPage:
            asked = bounds | {"span": SPAN if which.narrows else limit + 1}
            reads = order.all_events if which.activation is None else order.of_subjects
            given = asked | await _filter(connection, which) | {"limit": limit + 1}
            items = [
                _stored(row)
                for row in (await connection.execute(statement(reads), given)).mappings()
            ]
            if len(items) > limit:
                return EventPage(items[:limit], items[limit - 1].seq, more=True)
            if which.narrows and which.activation is None:
                looked = await connection.execute(statement(order.looked_to), asked)
                if (reached := looked.scalar()) is not None:
                    return EventPage(items, reached, more=True)
            return EventPage(items, end, more=False)

        return await self._db.read(work)


async def _filter(connection: AsyncConnection, which: EventFilter) -> dict[str, object]:
    subjects = None
    if which.activation is not None:
        found = await connection.execute(
            statement("outbox/subjects_of"), {"activation": which.activation}
        )
        subjects = list(found.scalars())
    state = None if which.state is None else which.state.value
    return {"type": which.type, "state": state, "subjects": subjects}


def event_of(row: RowMapping) -> Event:
    activation = row["activation_id"]
    return Event(
        id=event_id(row["subject"], row["type"], row["number"]),
        type=row["type"],
        at=row["at"],
        activation=None if activation is None else ActivationId(activation),
        payload=row["payload"],
        attempts=row["attempts"],
    )


def _stored(row: RowMapping) -> StoredEvent:
    at = row["reply_at"]
    return StoredEvent(
        seq=row["seq"],
        event=event_of(row),
        state=EventState(row["state"]),
        last_reply=None if at is None else EndpointReply(at, row["reply_status"]),
    )
