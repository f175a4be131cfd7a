"""The outbox: events that were written with what they tell, leased, sent, or dead."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import quote, unquote

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from worker.adapters.store.database import Database, statement
from worker.domain.ids import ActivationId
from worker.ports.instances import Holder, nobody
from worker.ports.store.outbox import Event


class _Thing(NamedTuple):
    """What an event is the event of: its natural key."""

    subject: str
    type: str
    number: int


def event_id(subject: str, type_: str, number: int) -> str:
    """The event's id: made from the thing, so that it is the same after a failover, too.

    A number of the table could come to mean another event there, and receivers would drop it.
    Without a dot, which separates what a webhook's signature covers.
    """
    thing = quote(subject, safe="").replace(".", "%2E")
    return f"{type_.replace('.', '-')}:{number}:{thing}"


def _thing(id_: str) -> _Thing | None:
    """The thing behind an id; None for what is no id of ours."""
    match id_.split(":"):
        case [kind, number, thing] if number.isdecimal() and len(number) < 10:
            return _Thing(unquote(thing), kind.replace("-", "."), int(number))
        case _:
            return None


class OutboxRepository:
    """Events, leased in the order of their subject until they are sent or dead."""

    def __init__(self, db: Database, holder: Holder = nobody) -> None:
        self._db = db
        self._holder = holder

    async def lease_events(
        self, limit: int, lease: timedelta, *, now: datetime | None = None
    ) -> list[Event]:
        async def work(connection: AsyncConnection) -> list[Event]:
            parameters = {"limit": limit, "lease": lease, "holder": self._holder(), "now": now}
            result = await connection.execute(statement("outbox/lease_events"), parameters)
            return [_event(row) for row in result.mappings()]

        return await self._db.write(work)

    async def events_sent(self, ids: Sequence[str], *, now: datetime | None = None) -> None:
        del now  # When it was sent is the endpoint's business; the order is ours.
        await self._change("outbox/events_sent", _columns(ids))

    async def event_failed(
        self, id_: str, retry_in: timedelta | None, *, now: datetime | None = None
    ) -> None:
        thing = _thing(id_)
        if thing is not None:
            await self._change(
                "outbox/event_failed", {**thing._asdict(), "retry_in": retry_in, "now": now}
            )

    async def events(self, *, before: int | None, limit: int) -> list[tuple[int, Event]]:
        return await self._read("outbox/newest_events", before=before, limit=limit)

    async def events_about(self, id_: ActivationId) -> list[tuple[int, Event]]:
        return await self._read("outbox/events_about", id=str(id_))

    async def _read(self, name: str, **parameters: object) -> list[tuple[int, Event]]:
        async def work(connection: AsyncConnection) -> list[tuple[int, Event]]:
            result = await connection.execute(statement(name), parameters)
            return [(row["seq"], _event(row)) for row in result.mappings()]

        return await self._db.read(work)

    async def replay_events(self, ids: Sequence[str]) -> int:
        return await self._change("outbox/replay_events", _columns(ids))

    async def _change(self, name: str, parameters: Mapping[str, object]) -> int:
        async def work(connection: AsyncConnection) -> int:
            return (await connection.execute(statement(name), parameters)).rowcount

        return await self._db.write(work)


def _columns(ids: Sequence[str]) -> dict[str, list[Any]]:
    things = [thing for thing in map(_thing, ids) if thing is not None]
    return {
        "subjects": [thing.subject for thing in things],
        "types": [thing.type for thing in things],
        "numbers": [thing.number for thing in things],
    }


def _event(row: RowMapping) -> Event:
    activation = row["activation_id"]
    return Event(
        id=event_id(row["subject"], row["type"], row["number"]),
        type=row["type"],
        at=row["at"],
        activation=None if activation is None else ActivationId(activation),
        payload=row["payload"],
        attempts=row["attempts"],
    )
