"""One connection pool to the API: sends a call, and gives its JSON or raises."""

import json
from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import quote

import aiohttp
from yarl import URL

from worker.client.api_problem import ApiProblem, ApiUnreachable

WAIT_SECONDS_MAX: Final = 30  #: The longest that the API holds a call until something changes.
_PROBLEM: Final = "application/problem+json"
_SCOPES: Final = "X-Token-Scopes"
_TIMEOUT: Final = aiohttp.ClientTimeout(total=WAIT_SECONDS_MAX + 15, sock_connect=5)


class ApiConnection:
    """Made anywhere, used with `async with`."""

    def __init__(
        self,
        url: str,
        token: str | None = None,
        *,
        actor: str | None = None,
        http: aiohttp.ClientSession | None = None,
    ) -> None:
        """*url* is the API's, without a path; *token* is one of `[api] tokens`.

        *actor* is who acts, where a program acts for several people; *http* are connections that
        somebody else opens and closes.
        """
        self._url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        if actor is not None:
            self._headers["X-Actor"] = actor
        self._http = http
        #: What the token may do, as the newest answer said: `read`, `operate`, `decide`. None:
        #: nothing was answered yet, or by a daemon that does not say.
        self.scopes: frozenset[str] | None = None

    async def __aenter__(self) -> Self:
        self._http = aiohttp.ClientSession(timeout=_TIMEOUT, cookie_jar=aiohttp.DummyCookieJar())
        return self

    def acting(self, token: str, actor: str | None = None) -> Self:
        """The same connections with another token, for calls in somebody's name."""
        return type(self)(self._url, token, actor=actor, http=self._http)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._http is not None
        await self._http.close()

    async def call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str | int | None] | None = None,
        body: Mapping[str, Any] | None = None,
        content: bytes | None = None,
        idempotency_key: str | None = None,
    ) -> Any:  # noqa: ANN401 - JSON; the methods made from the description type it
        """The answer's JSON. What is None is left out. Raises `ApiProblem`, `ApiUnreachable`."""
        headers = {} if idempotency_key is None else {"Idempotency-Key": idempotency_key}
        if body is not None:
            content, headers["Content-Type"] = _json(body), "application/json"
        given = {name: str(value) for name, value in (query or {}).items() if value is not None}
        _, document = await self.exchange(method, path, given, content, headers)
        return document

    async def exchange(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        content: bytes | None,
        headers: Mapping[str, str],
    ) -> tuple[aiohttp.ClientResponse, Any]:
        """The response with its JSON; a 304 has none."""
        assert self._http is not None, "use the client with `async with`"
        url = URL(self._url + path, encoded=True).with_query(query)
        headers = {**self._headers, **headers}
        try:
            async with self._http.request(
                method, url, data=content, headers=headers, allow_redirects=False
            ) as response:
                raw = await response.read()
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            # Not aiohttp's own text: it can hold the URL, and that of a hook has a secret.
            raise ApiUnreachable(f"no answer from {self._url}: {type(error).__name__}") from None
        if _SCOPES in response.headers:
            self.scopes = frozenset(response.headers[_SCOPES].split())
        return response, _document(response, raw)


def segment(text: str) -> str:
    """One segment of a path, whatever the text is."""
    return quote(text, safe="")


def _document(response: aiohttp.ClientResponse, raw: bytes) -> Any:  # noqa: ANN401 - JSON
    if response.status == HTTPStatus.NOT_MODIFIED:
        return None
    try:
        document = json.loads(raw)
    except ValueError:
        raise ApiUnreachable(f"HTTP {response.status} without JSON: not this API's") from None
    if response.status >= HTTPStatus.BAD_REQUEST:
        if response.content_type != _PROBLEM or not isinstance(document, dict):
            # Of a gateway before it, say: what the JSON means is not known.
            raise ApiUnreachable(f"HTTP {response.status} without a problem: not this API's")
        waits = response.headers.get("Retry-After", "")
        raise ApiProblem(
            {**document, "status": response.status}, float(waits) if waits.isdecimal() else None
        )
    return document


def _json(body: Mapping[str, Any]) -> bytes:
    given = {name: value for name, value in body.items() if value is not None}
    return to_json(given)


def to_json(value: object) -> bytes:
    """Raises `ValueError` or `TypeError` for what is no JSON."""
    return json.dumps(value, default=_plain_value, allow_nan=False).encode()


def _plain_value(value: object) -> str:
    """Instants as RFC 3339; one without its offset could be any of a day's, so it is refused."""
    if not isinstance(value, datetime):
        raise TypeError(f"not a plain value: {type(value).__name__}")
    if value.utcoffset() is None:
        raise ValueError("an instant without an offset: give it a time zone, as datetime.now(UTC)")
    return value.isoformat()
