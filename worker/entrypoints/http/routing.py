"""From a handler's signature to a validated call, and from what it returns to a response.

A handler is an async function. Its parameters say what it takes:

    a name of the path template             from the path
    `body: SomeModel`                       the JSON body, read strictly
    `x: Annotated[str | None, Header(..)]`  a header, as it was sent
    `request: web.Request`                  the request itself
    any other                               the query string

It returns an `Answer` or raises a `Problem`. `openapi` reads the same signatures.
"""

import inspect
import json
import re
from asyncio import timeout
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Annotated, Any, TypeAlias, get_args, get_origin, get_type_hints

import orjson
from aiohttp import web
from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from worker.entrypoints.http.auth import Admission, Scope
from worker.entrypoints.http.problems import (
    ERRORS_MAX,
    FieldError,
    Problem,
    ProblemKind,
    field_errors_of,
    invalid,
)
from worker.entrypoints.http.responses import masked

BODY_MAX = 1024 * 1024
BODY_SECONDS = 30.0
#: Who tells what this call says: its token, after the actor if it names one. Set for each call.
TOLD_BY: ContextVar[str | None] = ContextVar("told_by", default=None)
#: Whether a person acts, and no program of the shop: one is named, or the token may decide, as
#: programs need not. Set for each call.
BY_STAFF: ContextVar[bool] = ContextVar("by_staff", default=False)
CALLER: web.RequestKey[str] = web.RequestKey("caller", str)  #: The name of the token.
#: The id of what the call was about, for the log; set where the caller was let in.
TOUCHED: web.RequestKey[str] = web.RequestKey("touched", str)
#: On every answer to a token that may make the call: all the scopes that it has.
SCOPES = "X-Token-Scopes"
HELD: web.RequestKey[str] = web.RequestKey("held", str)  #: The same; set where it was let in.


@dataclass(frozen=True, slots=True)
class Header:
    """Marks a parameter that is read from the header of this name."""

    name: str
    required: bool = False
    pattern: str | None = None  #: For the description only; the handler checks the value.


#: Who acts: kept with what was done, and shown. `openapi` names the routes.
ACTOR = Header("X-Actor", pattern=r"^[!-~]([ -~]{0,126}[!-~])?$")
#: Of the routes with `run_once`; where the key is required, the handler takes it itself.
IDEMPOTENCY_KEY = Header("Idempotency-Key", pattern=r"^[!-~]([ -~]{0,253}[!-~])?$")


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    content: Any = None  #: Plain JSON values; None: no body.
    headers: Mapping[str, str] = field(default_factory=dict)


Handler: TypeAlias = Callable[..., Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class KeyedCall:
    """A call that was sent with an Idempotency-Key."""

    header: str
    route: str  #: Its name.
    arguments: Mapping[str, Any]
    content: bytes  #: The same for the same call.


#: Runs a call at most once under its key.
RunOnce: TypeAlias = Callable[[KeyedCall, Callable[[], Awaitable[Answer]]], Awaitable[Answer]]


@dataclass(frozen=True, kw_only=True)
class Route:
    """One call of the API, as the contract lists it."""

    name: str  #: Its `operationId`: part of the contract, so no class or function gives it.
    method: str
    path: str
    handler: Handler
    scope: Scope | None  #: Any of these is enough. None: the call needs no token.
    answers: Mapping[int, type[BaseModel] | None]
    problems: Sequence[ProblemKind] = ()
    run_once: RunOnce | None = None  #: Set where the caller may send an Idempotency-Key.
    body: type[BaseModel] | None = None  #: For the description, where the handler reads the body.
    #: Where it depends on the body: which of `scope` are enough for this one.
    scope_of_body: Callable[[Any], Scope] | None = None

    @cached_property
    def inputs(self) -> "Inputs":
        return read_signature(self.handler, self.path)


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a handler takes, by where it comes from."""

    path: type[BaseModel]
    query: type[BaseModel]
    headers: Mapping[str, Header]
    body: type[BaseModel] | None
    request: bool
    #: What a call without a query gives, where that is enough.
    no_query: Mapping[str, Any] | None


def read_signature(handler: Handler, path: str) -> Inputs:
    in_path = set(re.findall(r"{(\w+)}", path))
    hints = get_type_hints(handler, include_extras=True)
    places: dict[str, dict[str, Any]] = {"path": {}, "query": {}}
    headers: dict[str, Header] = {}
    for name, parameter in inspect.signature(handler).parameters.items():
        header = _header_of(hints[name])
        if header is not None:
            headers[name] = header
        elif name not in {"body", "request"}:
            default = ... if parameter.default is parameter.empty else parameter.default
            places["path" if name in in_path else "query"][name] = (hints[name], default)
    assert set(places["path"]) == in_path, f"{path}: the handler takes {set(places['path'])}"
    forbid = ConfigDict(extra="forbid")
    query = create_model("Query", __config__=forbid, **places["query"])
    needed = any(field.is_required() for field in query.model_fields.values())
    return Inputs(
        path=create_model("Path", __config__=forbid, **places["path"]),
        query=query,
        headers=headers,
        body=hints.get("body"),
        request="request" in hints,
        no_query=None if needed else _fields(query()),
    )


def _header_of(hint: object) -> Header | None:
    if get_origin(hint) is not Annotated:
        return None
    return next((mark for mark in get_args(hint) if isinstance(mark, Header)), None)


def endpoint(route: Route, admit: Admission) -> Callable[[web.Request], Awaitable[web.Response]]:
    """The aiohttp handler of a route: check the token, read the arguments, call, answer."""

    async def handle(request: web.Request) -> web.Response:
        if route.scope is None:
            return respond(await _answer(route, request, await _arguments(route, request)))
        header = request.headers.get("Authorization")
        caller = admit(header, request.remote or "", route.scope)
        request[CALLER], request[HELD] = caller.name, " ".join(caller.scope.words)
        actor = _actor(request)
        TOLD_BY.set(caller.name if actor is None else f"{actor} ({caller.name})")
        BY_STAFF.set(actor is not None or bool(caller.scope & Scope.DECIDE))
        arguments = await _arguments(route, request)
        if route.scope_of_body is not None:
            caller.allows(route.scope_of_body(arguments["body"]))
        request[TOUCHED] = "/".join(request.match_info.values())
        answer = await _answer(route, request, arguments)
        request[TOUCHED] = _id_in(answer) or request[TOUCHED]
        return respond(answer if caller.sees_codes else _without_codes(answer))

    return handle


def _actor(request: web.Request) -> str | None:
    named = _single_header(request, ACTOR.name)
    assert ACTOR.pattern is not None
    if named is not None and re.fullmatch(ACTOR.pattern, named) is None:
        raise Problem(ProblemKind.BAD_REQUEST, f"{ACTOR.name} is not 1 to 128 printable characters")
    return named


def _id_in(answer: Answer) -> str | None:
    id_ = answer.content.get("id") if isinstance(answer.content, dict) else None
    return id_ if isinstance(id_, str) else None


def _without_codes(answer: Answer) -> Answer:
    return replace(answer, content=masked(answer.content))


async def _answer(route: Route, request: web.Request, arguments: Mapping[str, Any]) -> Answer:
    key = None if route.run_once is None else _single_header(request, IDEMPOTENCY_KEY.name)
    if route.run_once is None or key is None:
        return await route.handler(**arguments)
    body = arguments.get("body")
    content = [route.method, request.path, None if body is None else _fields(body)]
    # Not orjson: a fact may be an integer of any length.
    canonical = json.dumps(content, sort_keys=True, default=str).encode()
    asked = KeyedCall(key, route.name, arguments, canonical)
    return await route.run_once(asked, lambda: route.handler(**arguments))


async def _arguments(route: Route, request: web.Request) -> dict[str, Any]:
    inputs = route.inputs
    arguments = _fields(_validated(inputs.path, request.match_info))
    if route.scope is not None:
        # Without a token the query is ignored: an error would tell strangers which paths exist.
        arguments |= _query_of(request, inputs)
    arguments |= {
        name: _single_header(request, header.name) for name, header in inputs.headers.items()
    }
    if inputs.request:
        arguments["request"] = request
    if inputs.body is not None:
        arguments["body"] = read_json(inputs.body, await read_json_body(request))
    return arguments


def _query_of(request: web.Request, inputs: Inputs) -> Mapping[str, Any]:
    if inputs.no_query is not None and not request.query_string:
        return inputs.no_query
    return _fields(_validated(inputs.query, _single_query(request)))


def _fields(model: BaseModel) -> dict[str, Any]:
    return dict(vars(model))


def _validated(model: type[BaseModel], values: Mapping[str, str]) -> BaseModel:
    try:
        return model.model_validate(dict(values))
    except ValidationError as error:
        raise invalid(error) from None


def _single_query(request: web.Request) -> Mapping[str, str]:
    """The query; a name with two values is refused, because either could be meant."""
    repeated = {name for name in request.query if len(request.query.getall(name)) > 1}
    if repeated:
        errors = [FieldError(f"/{name}"[:200], "Given more than once") for name in sorted(repeated)]
        raise Problem(ProblemKind.INVALID, errors=errors[:ERRORS_MAX])
    return request.query


def _single_header(request: web.Request, name: str) -> str | None:
    values = request.headers.getall(name, [])
    if len(values) > 1:
        raise Problem(ProblemKind.BAD_REQUEST, f"{name} is given more than once")
    return values[0] if values else None


async def read_json_body(request: web.Request, most: int = BODY_MAX) -> bytes:
    """The body of a call that takes JSON; a missing content type is taken as JSON."""
    sent = request.headers.get("Content-Type", "application/json")
    media = sent.partition(";")[0].strip().lower()
    if media != "application/json" and not media.endswith("+json"):
        raise Problem(ProblemKind.UNSUPPORTED_MEDIA_TYPE)
    return await read_body(request, most)


async def read_body(request: web.Request, most: int) -> bytes:
    """At most *most* bytes, decompressed; a larger Content-Length is refused unread."""
    if (request.content_length or 0) > most:
        raise _too_large(most)
    await _say_continue(request)
    body = bytearray()
    try:
        # Most bodies come with their head: then there is nothing to wait for.
        async with timeout(None if request.content.is_eof() else BODY_SECONDS):
            async for chunk in request.content.iter_any():
                body += chunk
                if len(body) > most:
                    raise _too_large(most)
    except TimeoutError:
        raise Problem(ProblemKind.BODY_TIMEOUT) from None
    except (web.RequestPayloadError, ConnectionError):
        raise Problem(
            ProblemKind.BAD_REQUEST, "The body is not whole, or not packed as it says"
        ) from None
    return bytes(body)


async def _say_continue(request: web.Request) -> None:
    """Sent here and not earlier: a client that is refused before sends no body at all."""
    if request.headers.get("Expect", "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        # Otherwise aiohttp takes these bytes for the start of the response.
        request.writer.output_size = 0


def _too_large(most: int) -> Problem:
    return Problem(ProblemKind.CONTENT_TOO_LARGE, f"At most {most} bytes")


def read_json(model: type[BaseModel], raw: bytes) -> BaseModel:
    try:
        return model.model_validate_json(raw)
    except ValidationError as error:
        raise refuse_json(error) from None


def refuse_json(error: ValidationError) -> Problem:
    """The problem of a body that is no JSON, or JSON of another shape."""
    loc, detail = field_errors_of(error)[0]
    # What is no JSON is one error: those of a body that has many are not read again.
    if (
        not loc
        and error.error_count() == 1
        and error.errors(include_input=False)[0]["type"] == "json_invalid"
    ):
        return Problem(ProblemKind.INVALID_JSON, detail)
    return invalid(error)


def respond(answer: Answer) -> web.Response:
    if answer.content is None:
        return web.Response(status=answer.status, headers=answer.headers)
    headers = {**answer.headers, "Content-Type": "application/json"}
    return web.Response(status=answer.status, body=orjson.dumps(answer.content), headers=headers)
