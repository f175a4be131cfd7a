"""Activations: show one, wait for its change, list them, and cancel, finish or resend one."""

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Annotated, Any, Final, Literal

import orjson
from aiohttp import web
from pydantic import BaseModel, ConfigDict, StringConstraints

from worker.domain.activation import FINAL, PROVIDER_FINAL, State
from worker.domain.ids import AccountId, ActivationId, ProviderName, ProviderRef
from worker.entrypoints.http.accounts import EntryShown
from worker.entrypoints.http.auth import Scope
from worker.entrypoints.http.cases import CaseShown, case_json
from worker.entrypoints.http.deps import ApiDeps
from worker.entrypoints.http.events import EventShown, event_json
from worker.entrypoints.http.long_poll import LongPoll, TooManyWaiters
from worker.entrypoints.http.pagination import after_rented, page, rented_in
from worker.entrypoints.http.problems import Problem, ProblemKind
from worker.entrypoints.http.requests import (
    Cursor,
    IdTail,
    Limit,
    Name,
    PhoneDigits,
    Reference,
    UuidText,
    WaitSeconds,
    Word,
    activation_id_in,
)
from worker.entrypoints.http.responses import Moment, ResponseBody, instant, masked
from worker.entrypoints.http.routing import Answer, Header, Route
from worker.entrypoints.http.summary import summary_of
from worker.ports.store.activations import Activation, ActivationSearch
from worker.ports.store.outbox import EventFilter

StateName = Literal[
    "waiting", "expiring", "received", "in_review", "delivered", "refunded", "closed"
]


EVENTS_MAX: Final = 1_000  #: Of one activation; the newest are kept.
PARTS: Final = ("events", "entries", "cases")
_PART: Final = f"({'|'.join(PARTS)})"
#: Some of the parts, with commas between.
Expand = Annotated[str, StringConstraints(pattern=rf"^{_PART}(,{_PART}){{0,2}}$")]


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
    provider_ref: str | None  #: None while a purchase's outcome is unknown, or it failed.
    order_ref: str | None
    order_facts: dict[str, Any] | None  #: What was told with the order.
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
    cancel_offered: bool
    cancel_from_at: Moment | None  #: No bound where there is none.
    cancel_until_at: Moment | None
    codes: list[CodeShown]
    settlement: SettlementShown | None
    summary: str
    timeline: list[TimelineShown]


class ActivationExpanded(ActivationShown):
    """With `expand`: its events, what moved for it in the ledger, its cases; each oldest first."""

    events: list[EventShown] | None = None
    entries: list[EntryShown] | None = None
    cases: list[CaseShown] | None = None


class ActivationList(ResponseBody):
    items: list[ActivationShown]
    next_cursor: str | None


class Expanding:
    def __init__(self, deps: ApiDeps) -> None:
        self._deps = deps

    async def __call__(self, activation: Activation, expand: str | None) -> dict[str, Any]:
        """The members that are asked for."""
        wanted = () if expand is None else expand.split(",")
        return {part: await self._part(activation, part) for part in PARTS if part in wanted}

    async def _part(self, activation: Activation, part: str) -> list[dict[str, Any]]:
        id_ = activation.id
        if part == "events":
            about = EventFilter(activation=id_)
            page = await self._deps.outbox.newest_events(about, before=None, limit=EVENTS_MAX)
            return [event_json(row) for row in page.items[::-1]]
        if part == "entries":
            return [EntryShown.of(row) for row in await self._deps.books.entries_about(id_)]
        cases = await self._deps.case_service.cases.cases_about(id_)
        return [case_json(case) for case in cases]


class ActivationHandlers:
    def __init__(self, deps: ApiDeps, long_poll: LongPoll[ActivationId]) -> None:
        self._service = deps.service
        self._activations = deps.activations
        self._cases = deps.cases
        self._long_poll = long_poll
        self._expanding = Expanding(deps)

    async def show(
        self,
        id: UuidText,
        request: web.Request,
        if_none_match: Annotated[str | None, Header("If-None-Match")],
        wait_seconds: WaitSeconds = 0,
        expand: Expand | None = None,
    ) -> Answer:
        """Show an activation with its timeline; with `wait_seconds`, once it has changed.

        With `If-None-Match` it waits until the activation differs from what the caller has, so
        that no change between two calls is missed.
        """
        id_ = activation_id_in(id)
        # Read before the activation: a change between the two reads then ends the wait.
        version = await self._version(id_) if wait_seconds else 0
        activation = await self._activation(id_)
        content = await self._content(activation, expand)
        unchanged = if_none_match is None or _matches(if_none_match, content)
        if wait_seconds and _may_change(activation) and unchanged:
            await self._wait(id_, version, wait_seconds, request)
            content = await self._content(await self._activation(id_), expand)
        if if_none_match is not None and _matches(if_none_match, content):
            return Answer(304, headers={"ETag": _etag(content)})
        return Answer(200, content, {"ETag": _etag(content)})

    async def by_reference(
        self, provider: Name, provider_ref: Name, expand: Expand | None = None
    ) -> Answer:
        """Show the newest activation with this reference of its provider."""
        search = ActivationSearch(ref=ProviderRef(provider_ref))
        newest = await self._activations.activations(
            provider=ProviderName(provider), search=search, limit=1
        )
        activation = await self._activation(newest[0].id) if newest else found_or_problem(None)
        return Answer(200, await self._content(activation, expand))

    async def newest(  # noqa: PLR0913 - each is a filter of the query
        self,
        *,
        state: StateName | None = None,
        provider: Name | None = None,
        account: Name | None = None,
        service: Word | None = None,
        country: Word | None = None,
        phone: PhoneDigits | None = None,
        provider_ref: Name | None = None,
        id_tail: IdTail | None = None,
        order_ref: Reference | None = None,
        cursor: Cursor | None = None,
        limit: Limit = 50,
    ) -> Answer:
        """List activations, newest first, without their timelines.

        `phone` is a whole one, or its last 4 to 12 digits; `id_tail` the last 8 of an id.
        """
        before = rented_in("activations", cursor)
        rows = await self._activations.activations(
            state=None if state is None else State(state),
            provider=None if provider is None else ProviderName(provider),
            account=None if account is None else AccountId(account),
            search=ActivationSearch(
                service=service,
                country=country,
                ref=None if provider_ref is None else ProviderRef(provider_ref),
                phone=phone,
                id_tail=id_tail,
                order_ref=order_ref,
            ),
            before=None if before is None else (before[0], ActivationId(before[1])),
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

    async def _content(self, activation: Activation, expand: str | None) -> dict[str, Any]:
        """In review, the newest such line also gets the clauses and the date to decide by."""
        content = activation_json(activation) | await self._expanding(activation, expand)
        if activation.state is not State.IN_REVIEW or self._cases is None:
            return content
        review = await self._cases.review(activation.id)
        for line in content["timeline"][::-1]:
            if review is not None and line["what"] == State.IN_REVIEW.value:
                line["clauses"] = list(review.clauses)
                line["by_when"] = instant(review.by_when)
                break
        return content

    async def _activation(self, id_: ActivationId) -> Activation:
        return found_or_problem(await self._service.read(id_))


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
        summary=summary_of(activation),
        timeline=[
            {**line.detail, "at": instant(line.at), "what": line.what}
            for line in activation.timeline
        ],
    )


def _cursor_after(activation: Activation) -> str:
    return after_rented("activations", activation.rented_at, activation.id)


def _may_change(activation: Activation) -> bool:
    return activation.state not in FINAL or activation.provider_state not in PROVIDER_FINAL


def _etag(content: Mapping[str, Any]) -> str:
    """Of what everybody sees: a code could be guessed from a tag that covers it."""
    return f'"{blake2b(orjson.dumps(masked(content)), digest_size=12).hexdigest()}"'


def _matches(if_none_match: str, content: Mapping[str, Any]) -> bool:
    tags = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
    return "*" in tags or _etag(content) in tags


def routes(deps: ApiDeps, long_poll: LongPoll[ActivationId]) -> Sequence[Route]:
    activations = ActivationHandlers(deps, long_poll)
    return (
        Route(
            name="get_activation",
            method="GET",
            path="/v1/activations/{id}",
            handler=activations.show,
            scope=Scope.READ,
            answers={200: ActivationExpanded, 304: None},
            problems=(ProblemKind.UNKNOWN_ACTIVATION, ProblemKind.BUSY, ProblemKind.NOT_OFFERED),
        ),
        Route(
            name="get_activation_by_reference",
            method="GET",
            path="/v1/activations/{provider}/{provider_ref}",
            handler=activations.by_reference,
            scope=Scope.READ,
            answers={200: ActivationExpanded},
            problems=(ProblemKind.UNKNOWN_ACTIVATION, ProblemKind.NOT_OFFERED),
        ),
        Route(
            name="list_activations",
            method="GET",
            path="/v1/activations",
            handler=activations.newest,
            scope=Scope.READ,
            answers={200: ActivationList},
        ),
    )
