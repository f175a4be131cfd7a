"""The running daemon: where it is, the token for it, its HTTP API, and its changes as they happen.

A call gives the daemon's JSON, or raises `Failure`.
"""

import asyncio
import getpass
import json
import os
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeAlias
from urllib.parse import quote

import aiohttp
import orjson
from yarl import URL

from worker.domain.activation import FINAL, State
from worker.entrypoints.cli.configured import configured
from worker.entrypoints.cli.exit_codes import Exit, Failure
from worker.settings import Loaded
from worker.settings.values import ListenAddress, check_http_url, is_loopback

DEV_PROVIDER = "sim"  #: What `dev` calls its simulated provider.
TOKEN_CHARS_MAX = 4096


@dataclass(frozen=True, slots=True)
class Target:
    url: str
    token: str | None = field(repr=False)  #: None: the daemon answers that it needs one.


@dataclass(frozen=True, slots=True)
class TargetOptions:
    """The options of the command line; None where one was not given."""

    url: str | None
    token_file: Path | None
    config: Path | None


def target_of(
    url: str | None, token_file: Path | None, config: Path | None, loaded: Loaded | None = None
) -> Target:
    """The target of a command that was called with these options."""
    return find_target(TargetOptions(url, token_file, config), os.environ, loaded)


def find_target(
    options: TargetOptions, environ: Mapping[str, str], loaded: Loaded | None = None
) -> Target:
    """Settings are read only for what the options leave out: a client may have none."""
    token = _given_token(options, environ)
    if loaded is None and (options.url is None or token is None):
        loaded = configured(options.config, environ)
    url = (options.url or _url_of(loaded)).rstrip("/")
    try:
        check_http_url(url)
    except ValueError as error:
        raise Failure(Exit.USAGE, f"--url {error}") from None
    return Target(url, token or _token_of(loaded, url))


def _given_token(options: TargetOptions, environ: Mapping[str, str]) -> str | None:
    if options.token_file is not None:
        return _read_token(options.token_file)
    return _usable(environ["AW_TOKEN"], "AW_TOKEN") if environ.get("AW_TOKEN") else None


def _read_token(file: Path) -> str:
    try:
        with file.open(encoding="utf-8") as stream:
            token = stream.read(TOKEN_CHARS_MAX).strip()
    except (OSError, UnicodeDecodeError):
        raise Failure(Exit.USAGE, f"the token file {file} cannot be read") from None
    return _usable(token, str(file))


def _usable(token: str, source: str) -> str:
    """Accepts NAME:SCOPE:TOKEN too, the form of the daemon's own file."""
    token = token.rsplit(":", maxsplit=1)[-1] if token.count(":") == 2 else token
    if not (token and token.isascii() and token.isprintable()) or " " in token:
        raise Failure(Exit.USAGE, f"{source} must hold one token")
    return token


def _url_of(loaded: Loaded | None) -> str:
    assert loaded is not None
    listen = loaded.settings.api.listen
    if listen.port == 0:
        hint = "--url with the port that the daemon printed"
        raise Failure(Exit.USAGE, "api.listen leaves the port open", hint=hint)
    here = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - read, not listened on
    return f"http://{ListenAddress(here.get(listen.host, listen.host), listen.port)}"


def _token_of(loaded: Loaded | None, url: str) -> str | None:
    assert loaded is not None
    if loaded.context is not None and not is_loopback(url):
        return None  # The token of `dev` stays on this machine.
    # The one that may do most comes first; a read token still serves `show`. A hash is no token.
    usable = [token for token in loaded.settings.api.tokens if not token.is_hash]
    tokens = sorted(usable, key=lambda token: -len(set(token.scope.split("+")) - {"read"}))
    return tokens[0].secret.get_secret_value() if tokens else None


Document: TypeAlias = dict[str, Any]

ACTIVATIONS = "/v1/activations"
WAIT_SECONDS = 25  #: How long the daemon may hold a read until something changes.
_TIMEOUT = aiohttp.ClientTimeout(total=WAIT_SECONDS + 15, sock_connect=5)
_LIMIT_MAX = 200  # items of one page, as the API has it
_UNAVAILABLE = {"store-unavailable", "provider-unavailable"}


def path_of(id_: str, action: str = "") -> str:
    """The path of one activation; an id of any text stays one segment."""
    return f"{ACTIVATIONS}/{quote(id_, safe='')}{action}"


class Daemon:
    def __init__(self, http: aiohttp.ClientSession, url: str) -> None:
        self._http = http
        self.url = url

    async def get(self, path: str, **params: str | int) -> Document:
        return await self._call("GET", path, params=params)

    async def put(self, path: str, body: Document) -> Document:
        return await self._call("PUT", path, json=body)

    async def post(self, path: str, body: Document | None = None, *, key: str = "") -> Document:
        headers = {"Idempotency-Key": key} if key else {}
        return await self._call("POST", path, json=body, headers=headers)

    async def post_bulk(self, path: str, body: bytes) -> Document:
        """*body* is JSON already; the answer of a thousand items is a megabyte."""
        headers = {"Content-Type": "application/json"}
        return await self._call("POST", path, orjson.loads, data=body, headers=headers)

    async def pages(self, path: str, limit: int, **params: str) -> AsyncIterator[Document]:
        """Up to *limit* items, newest first, page by page."""
        cursor = ""
        while limit > 0:
            more = {"cursor": cursor} if cursor else {}
            page = await self.get(path, limit=min(limit, _LIMIT_MAX), **params, **more)
            for item in page["items"]:
                yield item
            limit -= len(page["items"])
            cursor = page["next_cursor"]
            if not cursor:
                return  # A page of a filtered list may be empty, and not be the last.

    async def _call(
        self, method: str, path: str, read: Callable[[bytes], Any] = json.loads, **parts: Any
    ) -> Document:
        try:
            async with self._http.request(
                method,
                URL(self.url + path, encoded=True),
                timeout=_TIMEOUT,
                allow_redirects=False,
                **parts,
            ) as response:
                return await _document(response, read)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            message = f"no answer from {self.url} ({type(error).__name__})"
            hint = "start a daemon with `activation-worker dev`, or name one with --url"
            raise Failure(Exit.UNREACHABLE, message, hint=hint) from None


async def _document(response: aiohttp.ClientResponse, read: Callable[[bytes], Any]) -> Document:
    try:
        body = read(await response.read())
    except ValueError:
        body = None
    if not isinstance(body, dict):
        message = f"{response.url.origin()} answers {response.status} without JSON"
        raise Failure(Exit.FAILED, message, hint="is that an activation-worker?")
    if response.status >= HTTPStatus.BAD_REQUEST:
        raise _failure(response.status, body)
    return body


def _failure(status: int, problem: Mapping[str, Any]) -> Failure:
    slug = str(problem.get("type", "")).removeprefix("/problems/")
    parts = [str(problem[key]) for key in ("title", "detail") if problem.get(key)]
    parts += [f"{error['pointer']}: {error['detail']}" for error in problem.get("errors", [])]
    message = "; ".join(parts) or f"HTTP {status}"
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        hint = "--token-file FILE or AW_TOKEN, with a token whose scope allows it"
        return Failure(Exit.NOT_AUTHORISED, message, code=slug, hint=hint)
    how = Exit.UNREACHABLE if slug in _UNAVAILABLE else Exit.FAILED
    return Failure(how, message, code=slug, seq=problem.get("seq"))


@asynccontextmanager
async def acting(target: Target) -> AsyncIterator[Daemon]:
    """As `connected`, for what a person does: in the name of whoever is logged in here."""
    async with connected(target, {"X-Actor": name} if (name := _user()) else {}) as daemon:
        yield daemon


async def get_document(target: Target, path: str) -> Document:
    """The JSON of one GET, by a connection of its own."""
    async with connected(target) as daemon:
        return await daemon.get(path)


async def post_act(target: Target, path: str, body: Document | None) -> Document:
    """The JSON of one POST, done in the name of the user who runs this command."""
    async with acting(target) as daemon:
        return await daemon.post(path, body)


def _user() -> str:
    """Empty where the system has no name for this user, or one that no header takes."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        return ""
    return name if name.isascii() and name.isprintable() and 0 < len(name) <= 128 else ""


@asynccontextmanager
async def connected(
    target: Target, others: Mapping[str, str] = MappingProxyType({})
) -> AsyncIterator[Daemon]:
    headers = {"Authorization": f"Bearer {target.token}"} if target.token else {}
    headers |= others
    async with aiohttp.ClientSession(headers=headers) as http:
        yield Daemon(http, target.url)


Sleep: TypeAlias = Callable[[float], Awaitable[None]]

#: The daemon answers at a change; without one, the next call comes after so long.
CHANGE_WAIT_SECONDS = 2
_PAUSE_SECONDS = 0.2  # where a daemon answers at once though nothing has changed
_FIRST = 10  # events shown at the start, for context

#: Nothing more happens to the customer; in review, a person has to decide.
ENDED = frozenset({state.value for state in FINAL} | {State.IN_REVIEW.value})


async def changes(
    daemon: Daemon, id_: str, sleep: Sleep = asyncio.sleep
) -> AsyncIterator[Document]:
    """The activation now and after each change, up to its end."""
    path = path_of(id_)
    seen = await daemon.get(path)
    yield seen
    while seen["state"] not in ENDED:
        current = await daemon.get(path, wait_seconds=CHANGE_WAIT_SECONDS)
        if current == seen:
            await sleep(_PAUSE_SECONDS)
            continue
        seen = current
        yield seen


async def events(
    daemon: Daemon, sleep: Sleep = asyncio.sleep, *, first: int = _FIRST
) -> AsyncGenerator[Document, None]:
    """The last few events, then every new one, for ever."""
    newest = [event async for event in daemon.pages("/v1/events", _FIRST)]
    shown = {event["seq"] for event in newest}
    for event in reversed(newest[:first]):
        yield event
    # From the oldest shown: one before the newest may have been written and not seen yet.
    after = min(shown, default=0)
    while True:
        try:
            page = await daemon.get(
                "/v1/events", after=after, limit=_LIMIT_MAX, wait_seconds=CHANGE_WAIT_SECONDS
            )
        except Failure as failure:
            if after or failure.seq is None:
                raise
            after = failure.seq - 1  # Nothing is shown, so nothing was missed.
            continue
        for event in page["items"]:
            if event["seq"] not in shown:
                yield event
        after = page["next_after"]
        if not page["items"]:
            await sleep(_PAUSE_SECONDS)
