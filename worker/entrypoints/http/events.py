"""The outgoing events, for shops that poll instead of taking webhooks."""

from collections.abc import Sequence
from typing import Any

from worker.entrypoints.http.auth import Scope
from worker.entrypoints.http.deps import ApiDeps
from worker.entrypoints.http.pagination import after_number, number_in, page
from worker.entrypoints.http.requests import Cursor, Limit
from worker.entrypoints.http.responses import Moment, ResponseBody, instant
from worker.entrypoints.http.routing import Answer, Route
from worker.ports.store.outbox import Event, OutboxStore


class EventShown(ResponseBody):
    """One outgoing event; `data` is what its endpoint gets."""

    id: str
    type: str
    timestamp: Moment
    activation: str | None
    attempts: int
    data: dict[str, Any]


class EventList(ResponseBody):
    items: list[EventShown]
    next_cursor: str | None


class EventHandlers:
    def __init__(self, outbox: OutboxStore) -> None:
        self._outbox = outbox

    async def newest(self, cursor: Cursor | None = None, limit: Limit = 50) -> Answer:
        """List outgoing events, newest first."""
        before = number_in("events", cursor)
        rows = await self._outbox.events(before=before, limit=limit + 1)
        return Answer(200, page(rows, limit, _event_json, _cursor_after))


def _cursor_after(row: tuple[int, Event]) -> str:
    return after_number("events", row[0])


def _event_json(row: tuple[int, Event]) -> dict[str, Any]:
    _, event = row
    return EventShown.of(event, timestamp=instant(event.at), data=dict(event.payload))


def routes(deps: ApiDeps) -> Sequence[Route]:
    return (
        Route(
            name="list_events",
            method="GET",
            path="/v1/events",
            handler=EventHandlers(deps.outbox).newest,
            scope=Scope.READ,
            answers={200: EventList},
        ),
    )
