"""The outbox: events that were written with what they tell, leased, sent, or dead."""

import base64
import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import quote

import orjson
from sqlalchemy.ext.asyncio import AsyncConnection

from worker.adapters.store.database import Database, scalar, statement
from worker.adapters.store.event_feed import EventFeed, event_of
from worker.adapters.store.event_ids import thing_of
from worker.adapters.store.leases import Leases
from worker.ports.handover import RefusedIntake
from worker.ports.instances import Holder, nobody
from worker.ports.store.outbox import Event, EventFilter, EventPage, EventReplay, FailedEvent

_WHOLE_MAX: Final = 2**63  #: Of orjson.
_FORGOTTEN_TO: Final = "SELECT upto FROM retention_mark WHERE what = 'event'"


class OutboxRepository:
    """Events, leased in the order of their subject until they are sent or dead.

    *wanted*: an endpoint is configured. Then what was kept without one can be sent, too.
    """

    def __init__(
        self,
        db: Database,
        event_state: str = "kept",
        holder: Holder = nobody,
        *,
        wanted: bool = True,
    ) -> None:
        self._db = db
        self._event_state = event_state
        self._feed = EventFeed(db)
        self._holder = holder
        self._wanted = wanted
        self.leases = Leases(db, self._hand_back)

    async def lease_events(
        self, limit: int, lease: timedelta, endpoint: str, *, now: datetime | None = None
    ) -> list[Event]:
        async def work(connection: AsyncConnection) -> list[Event]:
            parameters = {
                "limit": limit,
                "lease": lease,
                "endpoint": endpoint,
                "holder": self._holder(),
                "now": now,
            }
            result = await connection.execute(statement("outbox/lease_events"), parameters)
            return [event_of(row) for row in result.mappings()]

        return await self.leases.take(work, now)

    async def _hand_back(
        self, connection: AsyncConnection, leased: Sequence[Event], now: datetime | None
    ) -> None:
        columns = _columns(
            [event.id for event in leased], attempts=[event.attempts + 1 for event in leased]
        )
        held = {**columns, "holder": self._holder(), "now": now}
        await connection.execute(statement("outbox/hand_back"), held)

    async def events_sent(
        self, statuses: Mapping[str, int | None], *, now: datetime | None = None
    ) -> None:
        columns = _columns(list(statuses), statuses=list(statuses.values()))
        await self._change("outbox/events_sent", {**columns, "now": now})

    async def events_failed(
        self, failed: Sequence[FailedEvent], *, now: datetime | None = None
    ) -> None:
        columns = _columns(
            [each.id for each in failed],
            statuses=[each.status for each in failed],
            delays=[each.retry_in for each in failed],
        )
        await self._change("outbox/events_failed", {**columns, "now": now})

    async def newest_events(
        self, which: EventFilter, *, before: int | None, limit: int
    ) -> EventPage:
        return await self._feed.newest_events(which, before=before, limit=limit)

    async def events_after(self, which: EventFilter, *, after: int, limit: int) -> EventPage:
        return await self._feed.events_after(which, after=after, limit=limit)

    async def final_seq(self) -> int:
        return await self._feed.final_seq()

    async def refuse_intake(
        self, refused: Sequence[RefusedIntake], *, now: datetime | None = None
    ) -> Sequence[RefusedIntake]:
        told = {_refused_subject(each): each for each in refused}
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
        async def work(connection: AsyncConnection) -> int:
            asked = {**_columns(ids), "kept": self._wanted}
            replayed = await connection.execute(statement("outbox/replay_events"), asked)
            return int(replayed.scalar_one())

        return await self._db.write(work)

    async def replay_range(
        self, after: int, until: int, type_: str | None, *, limit: int
    ) -> EventReplay:
        asked = {"after": after, "until": until, "type": type_, "limit": limit}

        async def work(connection: AsyncConnection) -> EventReplay:
            given = {**asked, "kept": self._wanted}
            row = (await connection.execute(statement("outbox/replay_range"), given)).one()
            return EventReplay(row.replayed, row.reached)

        return await self._db.write(work)

    async def forget_events(
        self, time: timedelta, limit: int, *, now: datetime | None = None
    ) -> int:
        asked = {"time": time, "limit": limit, "wanted": self._wanted, "now": now}

        async def work(connection: AsyncConnection) -> int:
            found = await connection.execute(statement("outbox/forget_events"), asked)
            return int(found.scalar_one_or_none() or 0)

        return await self._db.write(work)

    async def forgotten_to(self) -> int:
        return int(await self._db.read(lambda c: scalar(c, _FORGOTTEN_TO)))

    async def endpoint_gone(self, endpoint: str) -> bool:
        return await self._change("outbox/endpoint_gone", {"endpoint": endpoint}) > 0

    async def enable_endpoints(self) -> bool:
        return await self._change("outbox/enable_endpoints", {}) > 0

    async def _change(self, name: str, parameters: Mapping[str, object]) -> int:
        async def work(connection: AsyncConnection) -> int:
            return (await connection.execute(statement(name), parameters)).rowcount

        return await self._db.write(work)


def _refused_subject(refused: RefusedIntake) -> str:
    job = refused.job
    return f"intake:{quote(job.id, safe='')}:{job.enqueued}:{refused.place}"


def _refusal_json(refused: RefusedIntake) -> str:
    data = {
        "job": refused.job.id,
        "reason": refused.reason.value,
        **refused.known,
        **({"errors": list(refused.errors)} if refused.errors else {}),
        **({"body_base64": base64.b64encode(refused.body).decode()} if refused.body else {}),
    }
    if refused.payload is None:
        return _json(data)
    try:
        text = _json({**data, "payload": refused.payload})
        json.loads(text, parse_float=_kept_float)
    except (TypeError, ValueError, RecursionError):
        text = ""
    # PostgreSQL's JSON has no such character.
    return (
        text
        if text and "\\u0000" not in text
        else _json({**data, "payload": ascii(refused.payload)})
    )


def _kept_float(digits: str) -> float:
    """The database tells a greater one as a whole number, which no JSON of ours can hold."""
    number = float(digits)
    if abs(number) >= _WHOLE_MAX:
        raise ValueError("a number that cannot be told again")
    return number


def _json(data: Mapping[str, Any]) -> str:
    return orjson.dumps(data).decode()


def _columns(ids: Sequence[str], **others: Sequence[Any]) -> dict[str, list[Any]]:
    """The natural keys of events, with what is told of each; what is no id of ours is left out."""
    things = [(thing_of(id_), at) for at, id_ in enumerate(ids)]
    known = [(thing, at) for thing, at in things if thing is not None]
    return {
        "subjects": [thing.subject for thing, _ in known],
        "types": [thing.type for thing, _ in known],
        "numbers": [thing.number for thing, _ in known],
        **{name: [values[at] for _, at in known] for name, values in others.items()},
    }
