"""Activations: see one, wait for its change, list them, and what a customer may wish of one."""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from hashlib import blake2b
from typing import Annotated, Any, TypeAlias
from uuid import UUID

import orjson
from aiohttp import web

from worker.domain.activation import FINAL, PROVIDER_FINAL, State
from worker.domain.ids import AccountId, ActivationId, ProviderName
from worker.entrypoints.http import render
from worker.entrypoints.http.auth import Scope
from worker.entrypoints.http.changes import Changes, TooManyWait
from worker.entrypoints.http.cursor import activation_in, after_activation
from worker.entrypoints.http.deps import ApiDeps, HasCases
from worker.entrypoints.http.problems import Kind, Problem
from worker.entrypoints.http.requests import (
    ActivationPath,
    Cursor,
    Limit,
    Name,
    StateName,
    WaitSeconds,
)
from worker.entrypoints.http.responses import ActivationList, ActivationShown
from worker.entrypoints.http.routing import Answer, Header, Route
from worker.ports.service import ActionOutcome, ActionResult, Service
from worker.ports.store.activations import Activation, ActivationStore
from worker.ports.store.cases import Review

Why: TypeAlias = Callable[[ActivationId], Awaitable[Review | None]]
_UUID = re.compile(r"[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")


class Activations:
    def __init__(self, activations: ActivationStore, changes: Changes, why: Why) -> None:
        self._activations = activations
        self._changes = changes
        self._why = why

    async def show(
        self,
        id: ActivationPath,
        request: web.Request,
        if_none_match: Annotated[str | None, Header("If-None-Match")],
        wait_seconds: WaitSeconds = 0,
    ) -> Answer:
        """Show an activation with its timeline; with `wait_seconds`, once it has changed.

        With `If-None-Match` it waits for something else than what the caller has seen, so that
        nothing is missed between two calls.
        """
        wanted = id_in(id)
        seen = if_none_match
        known = await self._version(wanted) if wait_seconds else 0
        activation = await self._known(wanted)
        content = await self._shown(activation)
        if wait_seconds and _may_change(activation) and (seen is None or _has(seen, content)):
            await self._wait(wanted, known, wait_seconds, request)
            content = await self._shown(await self._known(wanted))
        if seen is not None and _has(seen, content):
            return Answer(304, headers={"ETag": _etag(content)})
        return Answer(200, content, {"ETag": _etag(content)})

    async def newest(
        self,
        state: StateName | None = None,
        provider: Name | None = None,
        account: Name | None = None,
        cursor: Cursor | None = None,
        limit: Limit = 50,
    ) -> Answer:
        """List activations, newest first, without their timelines."""
        found = await self._activations.activations(
            state=None if state is None else State(state),
            provider=None if provider is None else ProviderName(provider),
            account=None if account is None else AccountId(account),
            before=activation_in(cursor),
            limit=limit + 1,
        )
        shown = found[:limit]
        last = shown[-1] if len(found) > limit else None
        more = None if last is None else after_activation(last.rented_at, last.id)
        return Answer(
            200, {"items": [render.activation(one) for one in shown], "next_cursor": more}
        )

    async def _wait(
        self, id_: ActivationId, known: int, seconds: int, request: web.Request
    ) -> None:
        def gone() -> bool:
            return request.transport is None or request.transport.is_closing()

        try:
            await self._changes.wait(id_, known, seconds=seconds, gone=gone)
        except TooManyWait:
            raise Problem(Kind.BUSY) from None

    async def _version(self, id_: ActivationId) -> int:
        return (await self._activations.versions([id_])).get(id_, 0)

    async def _shown(self, activation: Activation) -> dict[str, Any]:
        """One in review also tells what its review rests on, and by when it is to be decided."""
        content = render.activation(activation)
        if activation.state is State.IN_REVIEW:
            review = await self._why(activation.id)
            for line in content["timeline"][::-1]:
                if review is not None and line["what"] == State.IN_REVIEW.value:
                    by_when = review.by_when
                    line["clauses"] = list(review.clauses)
                    line["by_when"] = None if by_when is None else render.instant(by_when)
                    break
        return content

    async def _known(self, id_: ActivationId) -> Activation:
        return found_or_problem(await self._activations.activation(id_))


class Wishes:
    def __init__(self, desk: Service, activations: ActivationStore) -> None:
        self._desk = desk
        self._activations = activations

    async def cancel(self, id: ActivationPath) -> Answer:
        """Press the Cancel button."""
        return await self._wish(id, self._desk.cancel)

    async def finish(self, id: ActivationPath) -> Answer:
        """Close an activation after its code."""
        return await self._wish(id, self._desk.finish)

    async def resend(self, id: ActivationPath) -> Answer:
        """Ask for another SMS."""
        return await self._wish(id, self._desk.resend)

    async def _wish(
        self, id_: str, wish: Callable[[ActivationId], Awaitable[ActionResult]]
    ) -> Answer:
        result = await wish(id_in(id_))
        failure = _FAILURES.get(result.how)
        if failure is not None:
            raise Problem(failure)
        activation = result.activation or await self._activations.activation(id_in(id_))
        status = 202 if result.how is ActionOutcome.PENDING else 200
        return Answer(status, render.activation(found_or_problem(activation)))


_FAILURES = {
    ActionOutcome.CODE_RECEIVED: Kind.CODE_RECEIVED,
    ActionOutcome.NO_CODE: Kind.NO_CODE,
    ActionOutcome.ENDED: Kind.ENDED,
    ActionOutcome.NOT_OFFERED: Kind.NOT_OFFERED,
    ActionOutcome.UNKNOWN: Kind.UNKNOWN_ACTIVATION,
    ActionOutcome.PROVIDER_UNAVAILABLE: Kind.PROVIDER_UNAVAILABLE,
}

assert set(ActionOutcome) == {ActionOutcome.DONE, ActionOutcome.PENDING} | set(_FAILURES)


def id_in(text: str) -> ActivationId:
    """What has not the form of an id is the id of nothing."""
    if _UUID.fullmatch(text) is None:
        raise Problem(Kind.UNKNOWN_ACTIVATION)
    return ActivationId(UUID(text))


def found_or_problem(activation: Activation | None) -> Activation:
    if activation is None:
        raise Problem(Kind.UNKNOWN_ACTIVATION)
    return activation


def _may_change(activation: Activation) -> bool:
    return activation.state not in FINAL or activation.provider_state not in PROVIDER_FINAL


def _etag(content: Mapping[str, Any]) -> str:
    return f'"{blake2b(orjson.dumps(content), digest_size=12).hexdigest()}"'


def _has(if_none_match: str, content: Mapping[str, Any]) -> bool:
    tags = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
    return "*" in tags or _etag(content) in tags


def _why(deps: ApiDeps) -> Why:
    """Why one is in review is known where cases are taken."""

    async def why(id_: ActivationId) -> Review | None:
        return await deps.cases.review(id_) if isinstance(deps.desk, HasCases) else None

    return why


def routes(deps: ApiDeps, changes: Changes) -> Sequence[Route]:
    activations = Activations(deps.activations, changes, _why(deps))
    wishes = Wishes(deps.desk, deps.activations)
    one = "/v1/activations/{id}"
    refusals = (Kind.UNKNOWN_ACTIVATION, Kind.NO_CODE, Kind.ENDED, Kind.NOT_OFFERED)
    done = {200: ActivationShown, 202: ActivationShown}
    return (
        Route(
            method="GET",
            path=one,
            handler=activations.show,
            scope=Scope.READ,
            answers={200: ActivationShown, 304: None},
            problems=(Kind.UNKNOWN_ACTIVATION, Kind.BUSY),
        ),
        Route(
            method="GET",
            path="/v1/activations",
            handler=activations.newest,
            scope=Scope.READ,
            answers={200: ActivationList},
        ),
        Route(
            method="POST",
            path=f"{one}/cancel",
            handler=wishes.cancel,
            scope=Scope.OPERATE,
            answers=done,
            problems=(Kind.UNKNOWN_ACTIVATION, Kind.CODE_RECEIVED, Kind.ENDED, Kind.NOT_OFFERED),
        ),
        Route(
            method="POST",
            path=f"{one}/finish",
            handler=wishes.finish,
            scope=Scope.OPERATE,
            answers=done,
            problems=refusals,
        ),
        Route(
            method="POST",
            path=f"{one}/resend",
            handler=wishes.resend,
            scope=Scope.OPERATE,
            answers=done,
            problems=(*refusals, Kind.PROVIDER_UNAVAILABLE),
        ),
    )
