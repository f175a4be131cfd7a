"""`/events`: what is told to shops, how each was taken, and sending it again."""

from collections.abc import Sequence
from typing import Any, Final, cast

from aiohttp import web

from worker.desk.problems import Notice
from worker.desk.visit import Handler, Visit, acted, done

LISTED: Final = 50
STATES: Final = ("pending", "dead", "sent", "kept")


async def events(visit: Visit) -> web.StreamResponse:
    return await _page(visit)


async def _page(visit: Visit, notice: Notice | None = None, status: int = 200) -> web.Response:
    state = visit.query("state")
    found = await visit.client.list_events(
        state=cast("Any", state if state in STATES else None),
        type_=visit.query("type"),
        cursor=visit.query("cursor"),
        limit=LISTED,
    )
    return visit.page(
        "events.html",
        notice=notice,
        status=status,
        events=found["items"],
        next_cursor=found["next_cursor"],
        states=STATES,
        state_now=state,
    )


async def again(visit: Visit) -> web.StreamResponse:
    act = visit.client.replay_events(ids=[visit.id])
    return await acted(visit, act, _page, done("/events", "again"))


async def enable(visit: Visit) -> web.StreamResponse:
    act = visit.client.enable_endpoint()
    return await acted(visit, act, _page, done("/events", "enabled"))


ROUTES: Final[Sequence[tuple[str, str, Handler]]] = (
    ("GET", "/events", events),
    ("POST", "/events/{id}/replay", again),
    ("POST", "/events/endpoint/enable", enable),
)
