"""The outbox: events that were written with what they tell, leased, sent, or dead."""

import base64
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import quote, unquote

import orjson
from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from worker.adapters.store.database import Database, statement
from worker.domain.ids import ActivationId
from worker.ports.handover import RefusedIntake
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

    def __init__(self, db: Database, event_state: str = "kept", holder: Holder = nobody) -> None:
        self._db = db
        self._event_state = event_state
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
        async def work(connection: AsyncConnection) -> list[tuple[int, Event]]:
            result = await connection.execute(
                statement("outbox/newest_events"), {"before": before, "limit": limit}
            )
            return [(row["seq"], _event(row)) for row in result.mappings()]

        return await self._db.read(work)

    async def refuse_intake(
        self, refused: Sequence[RefusedIntake], *, now: datetime | None = None
    ) -> Sequence[RefusedIntake]:
        told = {f"intake:{quote(each.job, safe='')}:{each.place}": each for each in refused}
        parameters = {
            "subjects": list(told),
            "accounts": [each.known.get("account") for each in told.values()],
            "payloads": [_refusal_json(each) for each in told.values()],
            "event_state": self._event_state,
            "now": now,
        }

        async def work(connection: AsyncConnection) -> Sequence[RefusedIntake]:
            result = await connection.execute(statement("outbox/refuse_intake"), parameters)
            return [told[row[0]] for row in result]

        return await self._db.write(work)

    async def replay_events(self, ids: Sequence[str]) -> int:
        return await self._change("outbox/replay_events", _columns(ids))

    async def _change(self, name: str, parameters: Mapping[str, object]) -> int:
        async def work(connection: AsyncConnection) -> int:
            return (await connection.execute(statement(name), parameters)).rowcount

        return await self._db.write(work)


def _refusal_json(refused: RefusedIntake) -> str:
    data = {
        "job": refused.job,
        "reason": refused.reason.value,
        **refused.known,
        **({"errors": list(refused.errors)} if refused.errors else {}),
        **({"body_base64": base64.b64encode(refused.body).decode()} if refused.body else {}),
    }
    if refused.payload is None:
        return _json(data)
    try:
        text = _json({**data, "payload": refused.payload})
    except (TypeError, ValueError, RecursionError):
        text = ""
    # PostgreSQL's JSON has no such character.
    return (
        text
        if text and "\\u0000" not in text
        else _json({**data, "payload": ascii(refused.payload)})
    )


def _json(data: Mapping[str, Any]) -> str:
    return orjson.dumps(data).decode()


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
