"""The admin listener: metrics and probes, without secrets, personal data or tokens."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from aiohttp import web

from worker.entrypoints.http.access_log import AccessLog, Log
from worker.entrypoints.http.middleware import answering, expect, random_request_id
from worker.entrypoints.http.problems import Problem, ProblemKind

READY_SECONDS = 3.0  #: A dependency that has not answered by then is not ready.


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """The result of one check; `detail` is for a person and holds nothing secret."""

    name: str
    ok: bool
    detail: str = ""
    needed: bool = True  #: Without it no request is to come here; else it only goes on worse.


@dataclass(frozen=True, slots=True, kw_only=True)
class AdminDeps:
    metrics: Callable[[str], tuple[bytes, str]]  #: From the Accept header: body and content type.
    livez: Callable[[], Sequence[HealthCheck]]  #: Whether the loops run; asks no dependency.
    readyz: Callable[[], Awaitable[Sequence[HealthCheck]]]  #: Dependencies reachable, not draining.
    version: Mapping[str, str]
    api: str  #: HOST:PORT of the other listener, for who takes this one for it.
    log: Log


class _ErrorsOnly:
    """Probes come every few seconds, so only the failed ones are logged."""

    def __init__(self, log: Log) -> None:
        self._log = log

    def info(self, event: str, **fields: object) -> None:
        if fields.get("status", 200) != 200:
            self._log.info(event, **fields)

    def error(self, event: str, **fields: object) -> None:
        self._log.error(event, **fields)


def build_admin(deps: AdminDeps) -> web.Application:
    log = _ErrorsOnly(deps.log)
    app = web.Application(middlewares=[answering(log, random_request_id, AccessLog(log))])

    async def metrics(request: web.Request) -> web.Response:
        body, content_type = deps.metrics(",".join(request.headers.getall("Accept", [])))
        return web.Response(body=body, headers={"Content-Type": content_type})

    async def livez(request: web.Request) -> web.Response:
        return _checks_response(request, deps.livez())

    async def readyz(request: web.Request) -> web.Response:
        return _checks_response(request, await _within_time(deps.readyz))

    async def version(_request: web.Request) -> web.Response:
        return _json(200, dict(deps.version))

    async def not_the_api(_request: web.Request) -> web.Response:
        here = "This is the admin listener (admin.listen)"
        raise Problem(ProblemKind.NOT_FOUND, f"{here}; the API listens at {deps.api} (api.listen)")

    app.router.add_route("*", "/v1/{path:.*}", not_the_api, expect_handler=expect)
    for path, handler in {
        "/metrics": metrics,
        "/livez": livez,
        "/readyz": readyz,
        "/version": version,
    }.items():
        for method in ("GET", "HEAD"):
            app.router.add_route(method, path, handler, expect_handler=expect)
    return app


async def _within_time(
    readyz: Callable[[], Awaitable[Sequence[HealthCheck]]],
) -> Sequence[HealthCheck]:
    try:
        async with asyncio.timeout(READY_SECONDS):
            return await readyz()
    except TimeoutError:
        return [HealthCheck("checks", ok=False, detail=f"no answer within {READY_SECONDS:g} s")]


def _checks_response(request: web.Request, checks: Sequence[HealthCheck]) -> web.Response:
    ready = all(check.ok for check in checks if check.needed)
    whole = all(check.ok for check in checks)
    status = "failing" if not ready else "ok" if whole else "degraded"
    document: dict[str, Any] = {"status": status}
    if "verbose" in request.query:
        document["checks"] = [
            {"name": check.name, "ok": check.ok, "detail": check.detail} for check in checks
        ]
    return _json(200 if ready else 503, document)


def _json(status: int, content: dict[str, Any]) -> web.Response:
    return web.Response(status=status, body=orjson.dumps(content), content_type="application/json")
