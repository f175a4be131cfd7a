"""The running daemon: where it is, the token for it, and its HTTP API: JSON, or a `Failure`."""

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import quote

import aiohttp
from yarl import URL

from worker.entrypoints.cli.exit_codes import Exit, Failure
from worker.settings import Settings, load_settings
from worker.settings.values import ListenAddress, check_http_url, is_loopback

#: `dev` writes its token here, so that the other terminal needs no configuration.
DEV_TOKEN_FILE = Path(".state/dev/token")
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


def target_of(url: str | None, token_file: Path | None, config: Path | None) -> Target:
    """The target of a command that was called with these options."""
    return find_target(TargetOptions(url, token_file, config), os.environ)


def find_target(options: TargetOptions, environ: Mapping[str, str]) -> Target:
    """Settings are read only for what the options leave out: a client may have none."""
    token = _given_token(options, environ)
    settings = None
    if options.url is None or token is None:
        settings = load_settings(options.config, environ=environ)
    url = (options.url or _url_of(settings)).rstrip("/")
    try:
        check_http_url(url)
    except ValueError as error:
        raise Failure(Exit.USAGE, f"--url {error}") from None
    return Target(url, token or _token_of(settings, url))


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


def _url_of(settings: Settings | None) -> str:
    assert settings is not None
    listen = settings.api.listen
    if listen.port == 0:
        hint = "--url with the port that the daemon printed"
        raise Failure(Exit.USAGE, "api.listen leaves the port open", hint=hint)
    here = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - read, not listened on
    return f"http://{ListenAddress(here.get(listen.host, listen.host), listen.port)}"


def _token_of(settings: Settings | None, url: str) -> str | None:
    assert settings is not None
    # An operate token comes first; a read token still serves `show`.
    tokens = sorted(settings.api.tokens, key=lambda token: token.scope != "operate")
    if tokens:
        return tokens[0].secret.get_secret_value()
    if is_loopback(url) and DEV_TOKEN_FILE.is_file():
        return _read_token(DEV_TOKEN_FILE)
    return None


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
            if not cursor or not page["items"]:
                return

    async def _call(self, method: str, path: str, **parts: Any) -> Document:
        try:
            async with self._http.request(
                method,
                URL(self.url + path, encoded=True),
                timeout=_TIMEOUT,
                allow_redirects=False,
                **parts,
            ) as response:
                return await _document(response)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            message = f"no answer from {self.url} ({type(error).__name__})"
            hint = "start a daemon with `activation-worker dev`, or name one with --url"
            raise Failure(Exit.UNREACHABLE, message, hint=hint) from None


async def _document(response: aiohttp.ClientResponse) -> Document:
    try:
        body = await response.json(content_type=None)
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
        hint = "--token-file FILE or AW_TOKEN, with a token of the scope operate"
        return Failure(Exit.NOT_AUTHORISED, message, code=slug, hint=hint)
    return Failure(Exit.UNREACHABLE if slug in _UNAVAILABLE else Exit.FAILED, message, code=slug)


@asynccontextmanager
async def connected(target: Target) -> AsyncIterator[Daemon]:
    headers = {"Authorization": f"Bearer {target.token}"} if target.token else {}
    async with aiohttp.ClientSession(headers=headers) as http:
        yield Daemon(http, target.url)
