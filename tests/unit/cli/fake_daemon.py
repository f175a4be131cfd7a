"""A daemon without a worker: the HTTP API as the contract has it, whose activations end when read.

Time does not pass here: each read of a list or of one activation moves it one state on.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

OPERATE, READ = "operate-token", "read-token"
RENTED_AT, DEADLINE_AT = "2026-01-01T00:00:00.000000Z", "2026-01-01T00:20:00.000000Z"
PROBLEM = "application/problem+json"
SUMMARY = "No code came in time, and 0.20 USD is back."


def activation(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "id": f"00000000-0000-5000-8000-{number:012}",
        "provider": "sim",
        "provider_ref": str(number),
        "order_ref": f"order-{number}",
        "account": "shop",
        "phone": "15550001",
        "service": "timeout",
        "country": "0",
        "price_minor": 20,
        "currency": "USD",
        "policy": "default",
        "state": "waiting",
        "provider_state": "open",
        "rented_at": RENTED_AT,
        "deadline_at": DEADLINE_AT,
        "codes": [],
        "settlement": None,
        "summary": SUMMARY,
        "timeline": [{"at": RENTED_AT, "what": "accepted"}],
        **changes,
    }


def event(number: int, **data: Any) -> dict[str, Any]:
    return {
        "seq": number + 1,
        "id": f"evt_{number}",
        "type": "activation.refunded",
        "timestamp": RENTED_AT,
        "activation": activation(number)["id"],
        "state": "sent",
        "attempts": 1,
        "data": {"provider": "sim", "state": "refunded", **data},
    }


@dataclass
class FakeDaemon:
    """`path` is the states an activation goes through; what it was asked is in `calls`."""

    path: Sequence[str] = ("waiting", "expiring", "refunded")
    activations: dict[str, dict[str, Any]] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)
    forgotten_to: int = 0  #: The `seq` of the last event that is not kept any more.
    refuse_cancel: str = ""
    page: int = 200
    calls: list[tuple[str, str, Any]] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)
    actors: list[str | None] = field(default_factory=list)  #: Of each call.
    url: str = ""

    def add(self, shown: dict[str, Any]) -> str:
        self.activations[shown["id"]] = shown
        return str(shown["id"])

    def app(self) -> web.Application:
        app = web.Application(middlewares=[self._allowed])
        app.router.add_put("/v1/accounts/{account}", self._account)
        app.router.add_post("/v1/accounts/{account}/topups", self._account)
        app.router.add_post("/v1/activations", self._rent)
        app.router.add_get("/v1/activations", self._list)
        app.router.add_get("/v1/activations/{id}", self._one)
        app.router.add_post("/v1/activations/{id}/cancel", self._cancel)
        app.router.add_post("/v1/activations/{id}/notes", self._one)
        app.router.add_post("/v1/activations/{id}/report", self._one)
        app.router.add_get("/v1/events", self._events)
        app.router.add_get("/page/v1/activations", self._html)
        return app

    @web.middleware
    async def _allowed(self, request: web.Request, handler: Any) -> web.StreamResponse:
        body = await request.json() if request.can_read_body else None
        self.calls.append((request.method, request.path, body))
        self.actors.append(request.headers.get("X-Actor"))
        match request.headers.get("Authorization", "").removeprefix("Bearer "):
            case "operate-token":
                answer: web.StreamResponse = await handler(request)
            case "read-token" if request.method == "GET":
                answer = await handler(request)
            case "read-token":
                answer = problem(403, "forbidden", "This token may read, not write")
            case _:
                answer = problem(401, "unauthenticated", "A valid bearer token is needed")
        return answer

    async def _account(self, request: web.Request) -> web.Response:
        return web.json_response({"account": request.match_info["account"]})

    async def _rent(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.keys.append(request.headers.get("Idempotency-Key"))
        if body["provider"] == "down":
            return problem(503, "provider-unavailable", "The provider cannot be used just now")
        body.pop("window_seconds")
        shown = activation(len(self.activations) + 1, **body)
        self.add(shown)
        return web.json_response(shown, status=201)

    async def _list(self, request: web.Request) -> web.Response:
        found = [
            self._moved(each)
            for each in list(self.activations.values())
            if all(_fits(each, k, v) for k, v in request.query.items())
        ]
        return self._paged(request, found)

    async def _one(self, request: web.Request) -> web.Response:
        shown = self.activations.get(request.match_info["id"])
        if shown is None:
            return problem(404, "unknown-activation", "There is no such activation")
        return web.json_response(self._moved(shown))

    async def _cancel(self, request: web.Request) -> web.Response:
        if self.refuse_cancel:
            return problem(409, self.refuse_cancel, "Refused")
        return web.json_response(self.activations[request.match_info["id"]], status=202)

    async def _events(self, request: web.Request) -> web.Response:
        state = request.query.get("state")
        events = [one for one in self.events if state in {None, one["state"]}]
        if "after" not in request.query:
            return self._paged(request, events[::-1])
        after, limit = int(request.query["after"]), int(request.query["limit"])
        if after < self.forgotten_to:
            title = "Older events are not kept any more"
            return problem(410, "events-forgotten", title, seq=self.forgotten_to + 1)
        items = [one for one in events if one["seq"] > after][:limit]
        reached = items[-1]["seq"] if items else after
        return web.json_response({"items": items, "next_cursor": None, "next_after": reached})

    async def _html(self, _: web.Request) -> web.Response:
        return web.Response(text="<html>", content_type="text/html", status=502)

    def _paged(self, request: web.Request, items: list[dict[str, Any]]) -> web.Response:
        start = int(request.query.get("cursor", "0"))
        limit = min(int(request.query["limit"]), self.page)
        more = str(start + limit) if start + limit < len(items) else None
        return web.json_response({"items": items[start : start + limit], "next_cursor": more})

    def _moved(self, shown: dict[str, Any]) -> dict[str, Any]:
        if shown["state"] in self.path[:-1]:
            before = dict(shown)
            shown["state"] = self.path[self.path.index(shown["state"]) + 1]
            return before
        return shown


def _fits(shown: dict[str, Any], name: str, value: str) -> bool:
    match name:
        case "limit" | "cursor":
            return True
        case "id_tail":
            return str(shown["id"]).endswith(value)
        case "phone":
            return str(shown["phone"]).endswith(value.removeprefix("+"))
        case _:
            return bool(shown[name] == value)


def problem(status: int, slug: str, title: str, **more: Any) -> web.Response:
    document = {"type": f"/problems/{slug}", "title": title, "status": status, **more}
    return web.json_response(document, status=status, content_type=PROBLEM)


@asynccontextmanager
async def running(daemon: FakeDaemon) -> AsyncIterator[FakeDaemon]:
    runner = web.AppRunner(daemon.app(), access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    assert runner.addresses
    daemon.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield daemon
    finally:
        await runner.cleanup()
