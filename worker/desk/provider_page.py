"""`/providers`: whether each may be rented at, what it owes, how well it delivers."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from aiohttp import web

from worker.client import Client
from worker.desk.problems import Notice
from worker.desk.visit import Handler, Visit, acted, done


async def providers(visit: Visit) -> web.StreamResponse:
    return await _page(visit)


async def _page(visit: Visit, notice: Notice | None = None, status: int = 200) -> web.Response:
    found = await visit.client.list_providers()
    wanted = visit.query("name")
    known = {each["name"] for each in found["items"]}
    whole = await visit.client.get_provider(wanted) if wanted in known and wanted else None
    return visit.page(
        "providers.html", notice=notice, status=status, providers=found["items"], whole=whole
    )


def _press(word: str, call: Callable[..., Awaitable[Any]]) -> Handler:
    async def press(visit: Visit) -> web.StreamResponse:
        name = visit.request.match_info["name"]
        act = call(visit.client, name, note=visit.form.get("note", "").strip())
        return await acted(visit, act, _page, done("/providers", word))

    return press


ROUTES: Final[Sequence[tuple[str, str, Handler]]] = (
    ("GET", "/providers", providers),
    ("POST", "/providers/{name}/pause", _press("paused", Client.pause_provider)),
    ("POST", "/providers/{name}/resume", _press("resumed", Client.resume_provider)),
    ("POST", "/providers/{name}/drain", _press("paused", Client.drain_provider)),
)
