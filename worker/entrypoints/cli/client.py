"""The running daemon, over its HTTP API: its JSON, or a `Failure`."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any, TypeAlias
from urllib.parse import quote

import aiohttp
from yarl import URL

from worker.entrypoints.cli.exit_codes import Exit, Failure
from worker.entrypoints.cli.target import Target

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
