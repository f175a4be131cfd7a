"""The API for shops and providers: its routes behind the one middleware."""

import asyncio
import functools
from collections.abc import Callable, Sequence
from typing import Literal

from aiohttp import web
from pydantic import BaseModel, ConfigDict

from worker.domain.ids import ActivationId
from worker.entrypoints.http import (
    account_events,
    account_intake,
    accounts,
    activation_acts,
    activations,
    case_pages,
    claims,
    events,
    hooks,
    notes,
    number_intake,
    providers,
    purchases,
    rental_purchases,
    rentals,
    reviews,
    withdrawals,
)
from worker.entrypoints.http.access_log import AccessLog
from worker.entrypoints.http.auth import Admission
from worker.entrypoints.http.deps import ApiDeps
from worker.entrypoints.http.long_poll import LongPoll
from worker.entrypoints.http.middleware import answering, expect
from worker.entrypoints.http.openapi import OpenApi, describe
from worker.entrypoints.http.routing import BODY_MAX, Answer, Route, endpoint
from worker.entrypoints.wrong_tokens import WrongTokens


class DocumentShown(BaseModel):
    """This description."""

    model_config = ConfigDict(extra="allow")

    openapi: Literal["3.1.0"]


def routes_of(
    deps: ApiDeps, long_poll: LongPoll[ActivationId], feed: events.FeedPoll
) -> Sequence[Route]:
    """Every call of the API; a new module of routes is added here, and nowhere else."""
    routes: list[Route] = []

    # Built at the first request: it takes as long as the rest of the start.
    @functools.cache
    def description() -> OpenApi:
        return describe(routes)

    routes += (
        *accounts.routes(deps),
        *account_intake.routes(deps),
        *number_intake.routes(deps),
        *purchases.routes(deps),
        *activations.routes(deps, long_poll),
        *activation_acts.routes(deps),
        *claims.routes(deps),
        *rentals.routes(deps),
        *rental_purchases.routes(deps),
        *withdrawals.routes(deps),
        *account_events.routes(deps),
        *reviews.routes(deps),
        *case_pages.routes(deps),
        *notes.routes(deps),
        *providers.routes(deps),
        *events.routes(deps, feed),
        *hooks.routes(deps),
        _description_route(description),
    )
    return routes


def build_api(deps: ApiDeps) -> web.Application:
    access_log = AccessLog(deps.log, deps.access)
    app = web.Application(
        middlewares=[answering(deps.log, deps.new_request_id, access_log, deps.answered)],
        client_max_size=BODY_MAX,
    )
    long_poll = LongPoll(deps.activations.versions)
    feed = events.feed_poll_of(deps.outbox)
    deps.changes.subscribe(long_poll.changed)
    deps.changes.subscribe(lambda _: feed.changed(["feed"]))
    admit = Admission(deps.tokens, WrongTokens(deps.monotonic))
    for route in routes_of(deps, long_poll, feed):
        app.router.add_route(
            route.method, route.path, endpoint(route, admit), expect_handler=expect
        )

    async def close_long_poll(_app: web.Application) -> None:
        long_poll.close()
        feed.close()

    async def flush_access_log(_app: web.Application) -> None:
        access_log.flush()

    app.on_shutdown.append(close_long_poll)
    app.on_cleanup.append(flush_access_log)
    return app


def _description_route(description: Callable[[], OpenApi]) -> Route:
    one_at_a_time = asyncio.Lock()

    async def show() -> Answer:
        """Describe this API in OpenAPI 3.1."""
        async with one_at_a_time:  # Beside the loop: numbers are watched meanwhile.
            return Answer(200, await asyncio.to_thread(description))

    return Route(
        name="describe_api",
        method="GET",
        path="/openapi.json",
        handler=show,
        scope=None,
        answers={200: DocumentShown},
    )
