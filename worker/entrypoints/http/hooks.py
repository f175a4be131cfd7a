"""Webhooks of providers: a pushed SMS is a hint to look, kept and answered at once.

Most providers sign nothing, so the path holds a secret. Without it the path does not exist; with it
a caller learns only that the push was taken. Wrong ones slow their address down, as tokens do.
"""

import hmac
from collections.abc import Mapping, Sequence

from aiohttp import web

from worker.domain.ids import ProviderName
from worker.entrypoints.http.auth import digest
from worker.entrypoints.http.deps import ApiDeps
from worker.entrypoints.http.problems import Problem, ProblemKind
from worker.entrypoints.http.responses import ResponseBody
from worker.entrypoints.http.routing import Answer, Route, read_body
from worker.entrypoints.wrong_tokens import WrongTokens
from worker.ports.errors import StoreError
from worker.ports.service import Push

PUSH_MAX = 64 * 1024


class Nothing(ResponseBody):
    """`{}`"""


class HookHandlers:
    def __init__(self, deps: ApiDeps) -> None:
        self._service = deps.service
        self._parse = deps.parse_push
        self._log = deps.log
        self._digests = {name: digest(secret) for name, secret in deps.hook_secrets.items()}
        self._wrong = WrongTokens(deps.monotonic)

    async def push(self, provider: str, secret: str, request: web.Request) -> Answer:
        """Take what a provider pushes."""
        name = ProviderName(provider)
        address, sent = request.remote or "", digest(f"{provider}/{secret}")
        seconds = self._wrong.seconds_to_wait(address, sent)
        if seconds:
            # Also a right one that was never right from there: polling finds what it tells of.
            raise Problem(ProblemKind.TOO_MANY_WRONG_TOKENS, headers={"Retry-After": str(seconds)})
        # A provider without a secret is compared too: the time must not tell which ones there are.
        expected = self._digests.get(name, b"\0" * 32)
        if not hmac.compare_digest(digest(secret), expected):
            self._wrong.count(address, sent)
            raise Problem(ProblemKind.NOT_FOUND)
        self._wrong.prove(address, sent)
        return await self._keep(name, await read_body(request, PUSH_MAX), request.headers)

    async def _keep(self, provider: ProviderName, raw: bytes, headers: Mapping[str, str]) -> Answer:
        pushes = self._pushes(provider, raw, headers)
        try:
            if pushes:
                await self._service.push(provider, pushes)
        except StoreError:
            self._log.error("http.push_not_kept", provider=provider)
            return Answer(503, {})  # The provider sends it again; polling finds the SMS anyway.
        return Answer(200, {})

    def _pushes(
        self, provider: ProviderName, raw: bytes, headers: Mapping[str, str]
    ) -> Sequence[Push]:
        try:
            return self._parse(provider, raw, headers)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with a hint, the answer is 200
            # A repeat would be as unreadable, so the push is not refused; polling finds the SMS.
            self._log.error("http.push_unreadable", provider=provider, error=type(error).__name__)
            return ()


def routes(deps: ApiDeps) -> Sequence[Route]:
    return (
        Route(
            name="push_sms",
            method="POST",
            path="/v1/hooks/{provider}/{secret}",
            handler=HookHandlers(deps).push,
            scope=None,
            answers={200: Nothing, 503: Nothing},
            problems=(
                ProblemKind.NOT_FOUND,
                ProblemKind.TOO_MANY_WRONG_TOKENS,
                ProblemKind.CONTENT_TOO_LARGE,
            ),
        ),
    )
