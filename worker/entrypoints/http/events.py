"""The outgoing events, for shops that ask instead of being told."""

from collections.abc import Sequence

from worker.entrypoints.http import render
from worker.entrypoints.http.auth import Scope
from worker.entrypoints.http.cursor import after_number, number_in
from worker.entrypoints.http.deps import ApiDeps
from worker.entrypoints.http.requests import Cursor, Limit
from worker.entrypoints.http.responses import EventList
from worker.entrypoints.http.routing import Answer, Route
from worker.ports.store.outbox import OutboxStore


class Events:
    def __init__(self, outbox: OutboxStore) -> None:
        self._outbox = outbox

    async def newest(self, cursor: Cursor | None = None, limit: Limit = 50) -> Answer:
        """List outgoing events, newest first."""
        before = number_in("events", cursor)
        found = await self._outbox.events(before=before, limit=limit + 1)
        shown = found[:limit]
        more = after_number("events", shown[-1][0]) if len(found) > limit else None
        items = [render.event(event) for _, event in shown]
        return Answer(200, {"items": items, "next_cursor": more})


def routes(deps: ApiDeps) -> Sequence[Route]:
    return (
        Route(
            method="GET",
            path="/v1/events",
            handler=Events(deps.outbox).newest,
            scope=Scope.READ,
            answers={200: EventList},
        ),
    )
