"""`/providers` and `/events`: where we rent, and what is told to shops, as ops see them."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, cast

from aiohttp import web

from worker.client import Client
from worker.entrypoints.desk.notices import Notice
from worker.entrypoints.desk.visit import PageHandler, Visit, acted, done

EVENTS_LISTED: Final = 50
EVENT_STATES: Final = ("pending", "dead", "sent", "kept")


async def providers(visit: Visit) -> web.StreamResponse:
    return await _providers(visit)


async def _providers(visit: Visit, notice: Notice | None = None, status: int = 200) -> web.Response:
    found = await visit.client.list_providers()
    wanted = visit.query("name")
    known = {each["name"] for each in found["items"]}
    whole = await visit.client.get_provider(wanted) if wanted in known and wanted else None
    return visit.page(
        "providers.html", notice=notice, status=status, providers=found["items"], whole=whole
    )


def _press(word: str, call: Callable[..., Awaitable[Any]]) -> PageHandler:
    async def press(visit: Visit) -> web.StreamResponse:
        name = visit.request.match_info["name"]
        act = call(visit.client, name, note=visit.form.get("note", "").strip())
        return await acted(visit, act, _providers, done("/providers", word))

    return press


async def resume(visit: Visit) -> web.StreamResponse:
    """Numbers are rented there again, unless too much of our money is open there."""
    states: list[str] = []

    async def start() -> None:
        name, why = visit.request.match_info["name"], visit.form.get("note", "").strip()
        states.append((await visit.client.resume_provider(name, note=why))["state"])

    shown = await acted(visit, start(), _providers, done("/providers", "resumed"))
    return shown if states in ([], ["taking"]) else done("/providers", "not_taking")


async def events(visit: Visit) -> web.StreamResponse:
    return await _events(visit)


async def _events(visit: Visit, notice: Notice | None = None, status: int = 200) -> web.Response:
    state, activation = visit.query("state"), visit.query("activation")
    found = await visit.client.list_events(
        state=cast("Any", state if state in EVENT_STATES else None),
        activation=activation,
        cursor=visit.query("cursor"),
        limit=EVENTS_LISTED,
    )
    return visit.page(
        "events.html",
        notice=notice,
        status=status,
        events=found["items"],
        next_cursor=found["next_cursor"],
        states=EVENT_STATES,
        state_now=state,
        activation=activation,
    )


async def send_again(visit: Visit) -> web.StreamResponse:
    act = visit.client.replay_events(ids=[visit.id])
    return await acted(visit, act, _events, done("/events", "again"))


async def enable_endpoint(visit: Visit) -> web.StreamResponse:
    act = visit.client.enable_endpoint()
    return await acted(visit, act, _events, done("/events", "enabled"))


ROUTES: Final[Sequence[tuple[str, str, PageHandler]]] = (
    ("GET", "/providers", providers),
    ("POST", "/providers/{name}/pause", _press("paused", Client.pause_provider)),
    ("POST", "/providers/{name}/resume", resume),
    ("POST", "/providers/{name}/drain", _press("paused", Client.drain_provider)),
    ("GET", "/events", events),
    ("POST", "/events/{id}/replay", send_again),
    ("POST", "/events/endpoint/enable", enable_endpoint),
)
