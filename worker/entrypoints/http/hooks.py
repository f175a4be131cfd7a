"""Where providers push SMS: a hint to look, kept and answered at once, and told nothing.

Most providers sign nothing, so the path holds a secret. Whoever does not know it finds no such
path; whoever does learns nothing but that the push was taken.
"""

import hmac
from collections.abc import Sequence

from aiohttp import web

from worker.domain.ids import ProviderName
from worker.entrypoints.http.auth import digest
from worker.entrypoints.http.deps import ApiDeps
from worker.entrypoints.http.problems import Kind, Problem
from worker.entrypoints.http.responses import Nothing
from worker.entrypoints.http.routing import Answer, Route, read_body
from worker.ports.errors import StoreError
from worker.ports.service import Push

PUSH_MAX = 64 * 1024


class Hooks:
    def __init__(self, deps: ApiDeps) -> None:
        self._desk = deps.desk
        self._parse = deps.parse_push
        self._log = deps.log
        self._digests = {name: digest(secret) for name, secret in deps.hook_secrets.items()}

    async def push(self, provider: str, secret: str, request: web.Request) -> Answer:
        """Take what a provider pushes."""
        name = ProviderName(provider)
        # A provider without a secret is compared too: the time must not tell which ones there are.
        expected = self._digests.get(name, b"\0" * 32)
        if not hmac.compare_digest(digest(secret), expected):
            raise Problem(Kind.NOT_FOUND)
        return await self._take(name, await read_body(request, PUSH_MAX))

    async def _take(self, provider: ProviderName, raw: bytes) -> Answer:
        pushes = self._pushes(provider, raw)
        try:
            if pushes:
                await self._desk.push(provider, pushes)
        except StoreError:
            self._log.error("http.push_not_kept", provider=provider)
            return Answer(503, {})  # The provider sends it again; a look finds the SMS anyway.
        return Answer(200, {})

    def _pushes(self, provider: ProviderName, raw: bytes) -> Sequence[Push]:
        try:
            return self._parse(provider, raw)
        except Exception as error:  # noqa: BLE001 - a hint is not worth an answer that tells more
            # Sent again it would be as unreadable, so it is not refused; polling finds the SMS.
            self._log.error("http.push_unreadable", provider=provider, error=type(error).__name__)
            return ()


def routes(deps: ApiDeps) -> Sequence[Route]:
    return (
        Route(
            method="POST",
            path="/v1/hooks/{provider}/{secret}",
            handler=Hooks(deps).push,
            scope=None,
            answers={200: Nothing, 503: Nothing},
            problems=(Kind.NOT_FOUND, Kind.CONTENT_TOO_LARGE),
        ),
    )
