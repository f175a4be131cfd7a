"""What every request passes through: its id, its problem, its line in the access log.

The log names the route's template, never the path or the query: those hold what callers sent. What
the call was about is named by its id, where there is such a thing.
"""

import re
import traceback
from collections.abc import Callable
from http import HTTPStatus
from secrets import token_hex
from time import monotonic
from typing import TypeAlias

import orjson
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from worker.entrypoints.http.access_log import AccessLog, Log
from worker.entrypoints.http.problems import MEDIA_TYPE, Problem, ProblemKind
from worker.entrypoints.http.routing import CALLER, HELD, SCOPES, TOUCHED
from worker.ports.errors import RowLocked, StoreError

#: Is told the route, the method, the status and the seconds of a call.
Answered: TypeAlias = Callable[[str, str, int, float], None]

OTHER = "other"
REQUEST_ID = "X-Request-Id"
FRAMES_MAX = 8
_USABLE_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")


def random_request_id() -> str:
    return token_hex(16)


def unreported(_route: str, _method: str, _status: int, _seconds: float) -> None:
    """Tell nobody: probes and scrapes come every few seconds, and are no calls."""


def answering(
    log: Log,
    new_request_id: Callable[[], str],
    access_log: AccessLog,
    answered: Answered = unreported,
) -> Middleware:
    """The only middleware: it turns every exception into an answer of this API."""

    @web.middleware
    async def answer(request: web.Request, handler: Handler) -> web.StreamResponse:
        started = monotonic()
        request_id = _request_id(request, new_request_id)
        try:
            response = await handler(request)
        except Exception as error:  # noqa: BLE001 - aiohttp would answer with a page or a trace
            response = problem_response(_problem_of(error, log, request_id), request_id)
        _add_headers(response, request_id)
        if HELD in request:
            response.headers[SCOPES] = request[HELD]
        seconds = monotonic() - started
        access_log.add(_access(request, response, request_id, seconds))
        answered(*_kind_of(request), response.status, seconds)
        return response

    return answer


def problem_response(problem: Problem, request_id: str | None = None) -> web.Response:
    document = problem.details.as_json()
    if request_id is not None:
        document["request_id"] = request_id
    return web.Response(
        status=problem.details.kind.status,
        body=orjson.dumps(document),
        content_type=MEDIA_TYPE,
        headers=problem.headers,
    )


async def expect(_request: web.Request) -> None:
    """Instead of aiohttp's 100 Continue: `read_body` sends it when it reads the body."""


def _request_id(request: web.Request, new_request_id: Callable[[], str]) -> str:
    sent = request.headers.get(REQUEST_ID, "")
    return sent if _USABLE_ID.fullmatch(sent) else new_request_id()


def _problem_of(error: Exception, log: Log, request_id: str) -> Problem:
    match error:
        case Problem():
            return error
        case web.HTTPNotFound():
            return Problem(ProblemKind.NOT_FOUND)
        case web.HTTPMethodNotAllowed():
            allow = ", ".join(sorted(error.allowed_methods))
            return Problem(ProblemKind.METHOD_NOT_ALLOWED, headers={"Allow": allow})
        case StoreError():
            log.error("http.store_error", error=type(error).__name__, request_id=request_id)
            locked = "It is locked just now: send it again" if isinstance(error, RowLocked) else ""
            return Problem(ProblemKind.STORE_UNAVAILABLE, locked)
        case _:
            # The text of an exception can hold a URL, and a URL a key: only its type and place.
            log.error(
                "http.unexpected",
                error=type(error).__name__,
                where=_frames(error),
                request_id=request_id,
            )
            return Problem(ProblemKind.INTERNAL)


def _frames(error: Exception) -> list[str]:
    frames = traceback.extract_tb(error.__traceback__)[-FRAMES_MAX:]
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]


def _add_headers(response: web.StreamResponse, request_id: str) -> None:
    response.headers[REQUEST_ID] = request_id
    response.headers["Server"] = "activation-worker"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers.setdefault("Cache-Control", "no-store")


def _touched(request: web.Request, status: int) -> str | None:
    """None as well where nothing is known by that name: then it is only what somebody sent."""
    exists = status < HTTPStatus.BAD_REQUEST or status == HTTPStatus.CONFLICT
    return (request.get(TOUCHED) or None) if exists else None


def _kind_of(request: web.Request) -> tuple[str, str]:
    """The route's template and the method; what somebody made up is `other`.

    Who waits for a change waits on purpose: its seconds say nothing of those of other calls.
    """
    resource = request.match_info.route.resource
    if resource is None:
        return OTHER, OTHER
    waits = request.query_string and "wait_seconds" in request.query
    return resource.canonical + ("?wait_seconds" if waits else ""), request.method


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
        "touched": _touched(request, response.status),
        "request_id": request_id,
    }
