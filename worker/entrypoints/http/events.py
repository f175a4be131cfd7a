"""The outgoing events: as a feed to follow, as a list for people, and sent again."""

import time
from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal, TypeAlias, get_args

from aiohttp import web
from pydantic import Field, StringConstraints, model_validator

from worker.entrypoints.http.auth import Scope
from worker.entrypoints.http.deps import ApiDeps
from worker.entrypoints.http.idempotency import IdempotentCalls
from worker.entrypoints.http.long_poll import LongPoll, TooManyWaiters
from worker.entrypoints.http.pagination import after_number, number_in
from worker.entrypoints.http.problems import EventsForgotten, FieldError, Problem, ProblemKind
from worker.entrypoints.http.requests import (
    Cursor,
    Limit,
    RequestBody,
    UuidText,
    WaitSeconds,
    activation_id_in,
)
from worker.entrypoints.http.responses import Moment, ResponseBody, instant
from worker.entrypoints.http.routing import Answer, Route
from worker.ports.store.outbox import EventFilter, EventPage, EventState, OutboxStore, StoredEvent

REPLAY_MAX: Final = 100_000  #: Numbers of one range: more are asked for in several calls.
PIECE: Final = 5_000  #: Events that one transaction makes due.
#: Between two questions while somebody waits: other processes write events, too.
EVERY_SECONDS: Final = 0.25

EventStateName = Literal["pending", "sent", "dead", "kept"]
Seq = Annotated[int, Field(ge=0, le=2**63 - 1)]
EventType = Annotated[str, StringConstraints(pattern=r"^[a-z_]+\.[a-z_]+$", max_length=64)]
EventId = Annotated[str, StringConstraints(pattern=r"^[ -~]{1,512}$")]

assert {state.value for state in EventState} == set(get_args(EventStateName))

#: What callers wait for: that more of the feed is final.
Feed: TypeAlias = Literal["feed"]
FeedPoll: TypeAlias = LongPoll[Feed]


class ReplyShown(ResponseBody):
    """What came of the last attempt; without a status nobody answered in time."""

    at: Moment
    status: int | None


class EventShown(ResponseBody):
    """One outgoing event; `data` is what its endpoint gets."""

    seq: int
    id: str
    type: str
    timestamp: Moment
    activation: str | None
    state: EventStateName
    attempts: int
    last_answer: ReplyShown | None
    data: dict[str, Any]


class EventList(ResponseBody):
    """With `after`, oldest first: `next_after` is what to ask for next, also where nothing came."""

    items: list[EventShown]
    next_cursor: str | None
    next_after: int | None


class EventsToReplay(RequestBody):
    """Either `ids`, or the events after one number up to and with another."""

    ids: Annotated[list[EventId], Field(min_length=1, max_length=1_000)] | None = None
    after: Seq | None = None
    until: Seq | None = None
    type: EventType | None = None

    @model_validator(mode="after")
    def _one_way(self) -> "EventsToReplay":
        if self.ids is not None:
            if (self.after, self.until, self.type) != (None, None, None):
                raise ValueError("either ids, or after and until")
        elif self.after is None or self.until is None:
            raise ValueError("needs ids, or after and until")
        elif not 0 < self.until - self.after <= REPLAY_MAX:
            raise ValueError(f"until is after `after`, and by {REPLAY_MAX} at most")
        return self


class Replayed(ResponseBody):
    replayed: int


class EndpointEnabled(ResponseBody):
    """`was_gone`: it had answered 410; otherwise nothing has changed."""

    was_gone: bool


def feed_poll_of(outbox: OutboxStore) -> FeedPoll:
    async def versions(_: Sequence[Feed]) -> dict[Feed, int]:
        return {"feed": await outbox.final_seq()}

    return LongPoll(versions, every_seconds=EVERY_SECONDS)


class EventHandlers:
    def __init__(self, outbox: OutboxStore, feed: FeedPoll) -> None:
        self._outbox = outbox
        self._feed = feed

    async def events(  # noqa: PLR0913, PLR0917 - one parameter for each of the query
        self,
        request: web.Request,
        after: Seq | None = None,
        type: EventType | None = None,  # noqa: A002 - the query's name
        activation: UuidText | None = None,
        state: EventStateName | None = None,
        cursor: Cursor | None = None,
        limit: Limit = 50,
        wait_seconds: WaitSeconds = 0,
    ) -> Answer:
        """Follow outgoing events from a number on, oldest first, or list them newest first."""
        which = EventFilter(
            type=type,
            activation=None if activation is None else activation_id_in(activation),
            state=None if state is None else EventState(state),
        )
        if after is None:
            if wait_seconds:
                raise _only("/wait_seconds", "Only with `after`")
            before = number_in("events", cursor)
            page = await self._outbox.newest_events(which, before=before, limit=limit)
            more = after_number("events", page.reached) if page.more else None
            return _answer(page, next_cursor=more, next_after=None)
        if cursor is not None:
            raise _only("/cursor", "Not with `after`: take `next_after`")
        page = await self._followed(request, which, after, limit, wait_seconds)
        return _answer(page, next_cursor=None, next_after=page.reached)

    async def _followed(
        self, request: web.Request, which: EventFilter, after: int, limit: int, seconds: float
    ) -> EventPage:
        """The next events; where there are none yet, those of the next *seconds*."""
        until = time.monotonic() + seconds
        while True:
            page = await self._outbox.events_after(which, after=after, limit=limit)
            await need_kept(self._outbox, after)  # Asked later: none goes between the two.
            left = until - time.monotonic()
            if page.items or left <= 0 or _disconnected(request):
                return page
            after = page.reached
            if not page.more and not await self._news(request, after, left):
                return page

    async def _news(self, request: web.Request, after: int, seconds: float) -> bool:
        try:
            return await self._feed.wait(
                "feed", after, seconds=seconds, disconnected=lambda: _disconnected(request)
            )
        except TooManyWaiters:
            raise Problem(ProblemKind.BUSY) from None


class ReplayHandlers:
    def __init__(self, outbox: OutboxStore, *, wanted: bool) -> None:
        self._outbox = outbox
        self._wanted = wanted

    async def replay(self, body: EventsToReplay) -> Answer:
        """Send events again, under the ids they had."""
        self._need_endpoint()
        if body.ids is not None:
            return Answer(200, {"replayed": await self._outbox.replay_events(body.ids)})
        assert body.after is not None
        await need_kept(self._outbox, body.after)
        assert body.until is not None
        replayed, reached = 0, body.after
        while True:
            piece = await self._outbox.replay_range(reached, body.until, body.type, limit=PIECE)
            replayed += piece.replayed
            if piece.reached is None:
                return Answer(200, {"replayed": replayed})
            reached = piece.reached

    async def enable(self) -> Answer:
        """Take an endpoint that answered 410 into use again."""
        self._need_endpoint()
        return Answer(200, {"was_gone": await self._outbox.enable_endpoints()})

    def _need_endpoint(self) -> None:
        if not self._wanted:
            raise Problem(ProblemKind.NOT_OFFERED, "No endpoint is configured")


async def need_kept(outbox: OutboxStore, after: int) -> None:
    """Whoever follows would miss what was forgotten, without being told."""
    forgotten = await outbox.forgotten_to()
    if after < forgotten:
        raise EventsForgotten(forgotten + 1)


def _disconnected(request: web.Request) -> bool:
    return request.transport is None or request.transport.is_closing()


def _only(pointer: str, detail: str) -> Problem:
    return Problem(ProblemKind.INVALID, errors=[FieldError(pointer, detail)])


def _answer(page: EventPage, *, next_cursor: str | None, next_after: int | None) -> Answer:
    items = [event_json(row) for row in page.items]
    return Answer(200, {"items": items, "next_cursor": next_cursor, "next_after": next_after})


def event_json(row: StoredEvent) -> dict[str, Any]:
    event, reply = row.event, row.last_reply
    return EventShown.of(
        event,
        seq=row.seq,
        timestamp=instant(event.at),
        state=row.state.value,
        last_answer=None if reply is None else ReplyShown.of(reply),
        data=dict(event.payload),
    )


def routes(deps: ApiDeps, feed: FeedPoll) -> Sequence[Route]:
    replays = ReplayHandlers(deps.outbox, wanted=deps.events_wanted)
    return (
        Route(
            name="list_events",
            method="GET",
            path="/v1/events",
            handler=EventHandlers(deps.outbox, feed).events,
            scope=Scope.READ,
            answers={200: EventList},
            problems=(
                ProblemKind.UNKNOWN_ACTIVATION,
                ProblemKind.BUSY,
                ProblemKind.EVENTS_FORGOTTEN,
            ),
        ),
        Route(
            name="replay_events",
            method="POST",
            path="/v1/events/replay",
            handler=replays.replay,
            scope=Scope.DECIDE,
            run_once=IdempotentCalls(deps),  # Each replay sends them once more.
            answers={200: Replayed},
            problems=(ProblemKind.NOT_OFFERED, ProblemKind.EVENTS_FORGOTTEN),
        ),
        Route(
            name="enable_endpoint",
            method="POST",
            path="/v1/events/endpoint/enable",
            handler=replays.enable,
            scope=Scope.DECIDE,
            answers={200: EndpointEnabled},
            problems=(ProblemKind.NOT_OFFERED,),
        ),
    )
