"""The listener for ops: metrics and probes. No secret, no personal data, no token asked for."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from aiohttp import web

from worker.entrypoints.http.deps import Log, random_request_id
from worker.entrypoints.http.middleware import answering, expect

READY_SECONDS = 3.0  #: A dependency that has not answered by then is not ready.


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was checked; `detail` is for a person and holds nothing secret."""

    name: str
    ok: bool
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AdminDeps:
    metrics: Callable[[str], tuple[bytes, str]]  #: From the Accept header: body and content type.
    livez: Callable[[], Sequence[Check]]  #: The loops are moving; asks no dependency.
    readyz: Callable[[], Awaitable[Sequence[Check]]]  #: Dependencies reachable, not draining.
    version: Mapping[str, str]
    log: Log


class _Quiet:
    """Probes come every few seconds: only what went wrong is worth a line."""

    def __init__(self, log: Log) -> None:
        self._log = log

    def info(self, event: str, **fields: object) -> None:
        if fields.get("status", 200) != 200:
            self._log.info(event, **fields)

    def error(self, event: str, **fields: object) -> None:
        self._log.error(event, **fields)


def build_admin(deps: AdminDeps) -> web.Application:
    app = web.Application(middlewares=[answering(_Quiet(deps.log), random_request_id)])

    async def metrics(request: web.Request) -> web.Response:
        body, content_type = deps.metrics(request.headers.get("Accept", ""))
        return web.Response(body=body, headers={"Content-Type": content_type})

    async def livez(request: web.Request) -> web.Response:
        return _checked(request, deps.livez())

    async def readyz(request: web.Request) -> web.Response:
        return _checked(request, await _in_time(deps.readyz))

    async def version(_request: web.Request) -> web.Response:
        return _json(200, dict(deps.version))

    for path, handler in {
        "/metrics": metrics,
        "/livez": livez,
        "/readyz": readyz,
        "/version": version,
    }.items():
        for method in ("GET", "HEAD"):
            app.router.add_route(method, path, handler, expect_handler=expect)
    return app


async def _in_time(readyz: Callable[[], Awaitable[Sequence[Check]]]) -> Sequence[Check]:
    try:
        async with asyncio.timeout(READY_SECONDS):
            return await readyz()
    except TimeoutError:
        return [Check("checks", ok=False, detail=f"no answer within {READY_SECONDS:g} s")]


def _checked(request: web.Request, checks: Sequence[Check]) -> web.Response:
    ok = all(check.ok for check in checks)
    shown: dict[str, Any] = {"status": "ok" if ok else "failing"}
    if "verbose" in request.query:
        shown["checks"] = [
            {"name": check.name, "ok": check.ok, "detail": check.detail} for check in checks
        ]
    return _json(200 if ok else 503, shown)


def _json(status: int, content: dict[str, Any]) -> web.Response:
    return web.Response(status=status, body=orjson.dumps(content), content_type="application/json")
