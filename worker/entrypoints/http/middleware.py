"""What every request passes through: its id, the problem it ends with, its line in the access log.

The log names the route's template, never the path or the query: those hold what callers put there.
"""

import re
import traceback
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import TypeAlias

import orjson
from aiohttp import web
from aiohttp.typedefs import Middleware

from worker.entrypoints.http.deps import Log
from worker.entrypoints.http.problems import MEDIA_TYPE, Kind, Problem
from worker.entrypoints.http.routing import CALLER
from worker.ports.errors import StoreError

Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]

REQUEST_ID = "X-Request-Id"
FRAMES_MAX = 8
_USABLE_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")


def answering(log: Log, new_request_id: Callable[[], str]) -> Middleware:
    """The one middleware: whatever happens inside, the caller gets an answer of ours."""

    @web.middleware
    async def answer(request: web.Request, handler: Handler) -> web.StreamResponse:
        started = monotonic()
        request_id = _request_id(request, new_request_id)
        try:
            response = await handler(request)
        except Exception as error:  # noqa: BLE001 - the last resort: no page, no stack trace
            response = problem_response(_problem_of(error, log, request_id), request_id)
        _finish(response, request_id)
        log.info("http.request", **_access(request, response, request_id, monotonic() - started))
        return response

    return answer


def problem_response(problem: Problem, request_id: str | None = None) -> web.Response:
    shown = problem.failure.as_json()
    if request_id is not None:
        shown["request_id"] = request_id
    return web.Response(
        status=problem.failure.kind.status,
        body=orjson.dumps(shown),
        content_type=MEDIA_TYPE,
        headers=problem.headers,
    )


async def expect(_request: web.Request) -> None:
    """Instead of aiohttp's 100 Continue: `read_body` says it when it wants the body."""


def _request_id(request: web.Request, new_request_id: Callable[[], str]) -> str:
    sent = request.headers.get(REQUEST_ID, "")
    return sent if _USABLE_ID.fullmatch(sent) else new_request_id()


def _problem_of(error: Exception, log: Log, request_id: str) -> Problem:
    match error:
        case Problem():
            return error
        case web.HTTPNotFound():
            return Problem(Kind.NOT_FOUND)
        case web.HTTPMethodNotAllowed():
            allow = ", ".join(sorted(error.allowed_methods))
            return Problem(Kind.METHOD_NOT_ALLOWED, headers={"Allow": allow})
        case StoreError():
            log.error("http.store_error", error=type(error).__name__, request_id=request_id)
            return Problem(Kind.STORE_UNAVAILABLE)
        case _:
            # The text of an exception can hold a URL, and a URL a key: only its type and place.
            log.error(
                "http.unexpected",
                error=type(error).__name__,
                where=_frames(error),
                request_id=request_id,
            )
            return Problem(Kind.INTERNAL)


def _frames(error: Exception) -> list[str]:
    frames = traceback.extract_tb(error.__traceback__)[-FRAMES_MAX:]
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]


def _finish(response: web.StreamResponse, request_id: str) -> None:
    response.headers[REQUEST_ID] = request_id
    response.headers["Server"] = "activation-worker"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers.setdefault("Cache-Control", "no-store")


def _access(
    request: web.Request, response: web.StreamResponse, request_id: str, seconds: float
) -> dict[str, object]:
    resource = request.match_info.route.resource
    return {
        "method": request.method[:16],
        "route": None if resource is None else resource.canonical,
        "status": response.status,
        "duration_ms": round(seconds * 1000, 3),
        "bytes": response.content_length,
        "caller": request.get(CALLER),
        "request_id": request_id,
    }
