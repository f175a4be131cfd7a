"""Activations: show one, wait for its change, list them, and cancel, finish or resend one."""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import Annotated, Any, Literal

import orjson
from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from worker.domain.activation import FINAL, PROVIDER_FINAL, State
from worker.domain.ids import AccountId, ActivationId, ProviderName
from worker.entrypoints.http.auth import Scope
from worker.entrypoints.http.deps import ApiDeps
from worker.entrypoints.http.long_poll import LongPoll, TooManyWaiters
from worker.entrypoints.http.pagination import activation_in, after_activation, page
from worker.entrypoints.http.problems import Problem, ProblemKind
from worker.entrypoints.http.requests import Cursor, Limit, Name, UuidText, uuid_or_problem
from worker.entrypoints.http.responses import Moment, ResponseBody, instant
from worker.entrypoints.http.routing import Answer, Handler, Header, Route
from worker.ports.service import ActionOutcome, ActionResult
from worker.ports.store.activations import Activation

WAIT_SECONDS_MAX = 30

WaitSeconds = Annotated[int, Field(ge=0, le=WAIT_SECONDS_MAX)]
StateName = Literal[
    "waiting", "expiring", "received", "in_review", "delivered", "refunded", "closed"
]


class CodeShown(ResponseBody):
    code: str
    text: str | None
    received_at: Moment


class SettlementShown(ResponseBody):
    outcome: Literal["delivered", "refunded", "closed"]
    amount_minor: int
    reason: str
    at: Moment


class TimelineShown(BaseModel):
    """One line of the timeline; further members depend on what happened."""

    model_config = ConfigDict(extra="allow")

    at: Moment
    what: str


class ActivationShown(ResponseBody):
    id: str
    provider: str
    provider_ref: str | None  #: None while a purchase's outcome is unknown.
    account: str
    phone: str | None
    service: str
    country: str
    price_minor: int
    currency: str
    policy: str
    state: StateName
    provider_state: Literal[
        "open", "cancelling", "cancelled", "finishing", "finished", "charged", "gone", "disputed"
    ]
    rented_at: Moment
    deadline_at: Moment
    codes: list[CodeShown]
    settlement: SettlementShown | None
    timeline: list[TimelineShown]


class ActivationList(ResponseBody):
    items: list[ActivationShown]
    next_cursor: str | None


class ActivationHandlers:
    def __init__(self, deps: ApiDeps, long_poll: LongPoll) -> None:
        self._activations = deps.activations
        self._cases = deps.cases
        self._long_poll = long_poll

    async def show(
        self,
        id: UuidText,
        request: web.Request,
        if_none_match: Annotated[str | None, Header("If-None-Match")],
        wait_seconds: WaitSeconds = 0,
    ) -> Answer:
        """Show an activation with its timeline; with `wait_seconds`, once it has changed.

        With `If-None-Match` it waits until the activation differs from what the caller has, so
        that no change between two calls is missed.
        """
        id_ = activation_id_in(id)
        # Read before the activation: a change between the two reads then ends the wait.
        version = await self._version(id_) if wait_seconds else 0
        activation = await self._activation(id_)
        content = await self._content(activation)
        unchanged = if_none_match is None or _matches(if_none_match, content)
        if wait_seconds and _may_change(activation) and unchanged:
            await self._wait(id_, version, wait_seconds, request)
            content = await self._content(await self._activation(id_))
        if if_none_match is not None and _matches(if_none_match, content):
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
        rows = await self._activations.activations(
            state=None if state is None else State(state),
            provider=None if provider is None else ProviderName(provider),
            account=None if account is None else AccountId(account),
            before=activation_in(cursor),
            limit=limit + 1,
        )
        return Answer(200, page(rows, limit, activation_json, _cursor_after))

    async def _wait(
        self, id_: ActivationId, version: int, seconds: int, request: web.Request
    ) -> None:
        def disconnected() -> bool:
            return request.transport is None or request.transport.is_closing()

        try:
            await self._long_poll.wait(id_, version, seconds=seconds, disconnected=disconnected)
        except TooManyWaiters:
            raise Problem(ProblemKind.BUSY) from None

    async def _version(self, id_: ActivationId) -> int:
        return (await self._activations.versions([id_])).get(id_, 0)

    async def _content(self, activation: Activation) -> dict[str, Any]:
        """In review, the newest such line also gets the clauses and the date to decide by."""
        content = activation_json(activation)
        if activation.state is not State.IN_REVIEW or self._cases is None:
            return content
        review = await self._cases.review(activation.id)
        for line in content["timeline"][::-1]:
            if review is not None and line["what"] == State.IN_REVIEW.value:
                by_when = review.by_when
                line["clauses"] = list(review.clauses)
                line["by_when"] = None if by_when is None else instant(by_when)
                break
        return content

    async def _activation(self, id_: ActivationId) -> Activation:
        return found_or_problem(await self._activations.activation(id_))


class ActionHandlers:
    def __init__(self, deps: ApiDeps) -> None:
        self._service = deps.service
        self._activations = deps.activations

    async def cancel(self, id: UuidText) -> Answer:
        """Press the Cancel button."""
        return await self._act(id, self._service.cancel)

    async def finish(self, id: UuidText) -> Answer:
        """Close an activation after its code."""
        return await self._act(id, self._service.finish)

    async def resend(self, id: UuidText) -> Answer:
        """Ask for another SMS."""
        return await self._act(id, self._service.resend)

    async def _act(
        self, id: str, action: Callable[[ActivationId], Awaitable[ActionResult]]
    ) -> Answer:
        id_ = activation_id_in(id)
        result = await action(id_)
        problem = _PROBLEMS.get(result.how)
        if problem is not None:
            raise Problem(problem)
        activation = result.activation or await self._activations.activation(id_)
        status = 202 if result.how is ActionOutcome.PENDING else 200
        return Answer(status, activation_json(found_or_problem(activation)))


_PROBLEMS = {
    ActionOutcome.CODE_RECEIVED: ProblemKind.CODE_RECEIVED,
    ActionOutcome.NO_CODE: ProblemKind.NO_CODE,
    ActionOutcome.ENDED: ProblemKind.ENDED,
    ActionOutcome.NOT_OFFERED: ProblemKind.NOT_OFFERED,
    ActionOutcome.UNKNOWN: ProblemKind.UNKNOWN_ACTIVATION,
    ActionOutcome.PROVIDER_UNAVAILABLE: ProblemKind.PROVIDER_UNAVAILABLE,
}

assert set(ActionOutcome) == {ActionOutcome.DONE, ActionOutcome.PENDING} | set(_PROBLEMS)


def activation_id_in(text: str) -> ActivationId:
    return ActivationId(uuid_or_problem(text, ProblemKind.UNKNOWN_ACTIVATION))


def found_or_problem(activation: Activation | None) -> Activation:
    if activation is None:
        raise Problem(ProblemKind.UNKNOWN_ACTIVATION)
    return activation


def activation_json(activation: Activation) -> dict[str, Any]:
    settlement = activation.settlement
    return ActivationShown.of(
        activation,
        provider_ref=activation.ref,
        codes=[CodeShown.of(code) for code in activation.codes],
        settlement=None if settlement is None else SettlementShown.of(settlement),
        timeline=[
            {**line.detail, "at": instant(line.at), "what": line.what}
            for line in activation.timeline
        ],
    )


def _cursor_after(activation: Activation) -> str:
    return after_activation(activation.rented_at, activation.id)


def _may_change(activation: Activation) -> bool:
    return activation.state not in FINAL or activation.provider_state not in PROVIDER_FINAL


def _etag(content: Mapping[str, Any]) -> str:
    return f'"{blake2b(orjson.dumps(content), digest_size=12).hexdigest()}"'


def _matches(if_none_match: str, content: Mapping[str, Any]) -> bool:
    tags = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
    return "*" in tags or _etag(content) in tags


def routes(deps: ApiDeps, long_poll: LongPoll) -> Sequence[Route]:
    activations = ActivationHandlers(deps, long_poll)
    return (
        Route(
            name="get_activation",
            method="GET",
            path="/v1/activations/{id}",
            handler=activations.show,
            scope=Scope.READ,
            answers={200: ActivationShown, 304: None},
            problems=(ProblemKind.UNKNOWN_ACTIVATION, ProblemKind.BUSY),
        ),
        Route(
            name="list_activations",
            method="GET",
            path="/v1/activations",
            handler=activations.newest,
            scope=Scope.READ,
            answers={200: ActivationList},
        ),
        *_action_routes(ActionHandlers(deps)),
    )


def _action_routes(actions: ActionHandlers) -> Iterator[Route]:
    ended = (ProblemKind.ENDED, ProblemKind.NOT_OFFERED)
    refusals = (ProblemKind.NO_CODE, *ended)
    handlers: Mapping[str, tuple[Handler, Sequence[ProblemKind]]] = {
        "cancel": (actions.cancel, (ProblemKind.CODE_RECEIVED, *ended)),
        "finish": (actions.finish, refusals),
        "resend": (actions.resend, (*refusals, ProblemKind.PROVIDER_UNAVAILABLE)),
    }
    for action, (handler, problems) in handlers.items():
        yield Route(
            name=f"{action}_activation",
            method="POST",
            path=f"/v1/activations/{{id}}/{action}",
            handler=handler,
            scope=Scope.OPERATE,
            answers={200: ActivationShown, 202: ActivationShown},
            problems=(ProblemKind.UNKNOWN_ACTIVATION, *problems),
        )
