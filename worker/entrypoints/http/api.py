"""The API for shops and providers: its routes, put behind the edge they all share."""

import functools
from collections.abc import Callable, Sequence

from aiohttp import web

from worker.entrypoints.http import (
    account_events,
    accounts,
    activations,
    claims,
    events,
    hooks,
    intake,
    orders,
    rentals,
    reviews,
    withdrawals,
)
from worker.entrypoints.http.changes import Changes
from worker.entrypoints.http.deps import ApiDeps
from worker.entrypoints.http.middleware import answering, expect
from worker.entrypoints.http.openapi import Document, document
from worker.entrypoints.http.responses import DocumentShown
from worker.entrypoints.http.routing import BODY_MAX, Answer, Route, endpoint


def routes_of(deps: ApiDeps, changes: Changes) -> Sequence[Route]:
    """Every call there is; a new module of routes is added here, and nowhere else."""
    routes: list[Route] = []

    # Made when somebody asks: it takes as long as all the rest of a start.
    @functools.cache
    def described() -> Document:
        return document(routes)

    routes += (
        *accounts.routes(deps),
        *intake.routes(deps),
        *orders.routes(deps),
        *activations.routes(deps, changes),
        *claims.routes(deps),
        *rentals.routes(deps),
        *withdrawals.routes(deps),
        *account_events.routes(deps),
        *reviews.routes(deps),
        *events.routes(deps),
        *hooks.routes(deps),
        _description(described),
    )
    return routes


def build_api(deps: ApiDeps) -> web.Application:
    app = web.Application(
        middlewares=[answering(deps.log, deps.new_request_id)], client_max_size=BODY_MAX
    )
    changes = Changes(deps.activations.versions)
    for route in routes_of(deps, changes):
        app.router.add_route(
            route.method, route.path, endpoint(route, deps.tokens), expect_handler=expect
        )

    async def let_go(_app: web.Application) -> None:
        changes.close()

    app.on_shutdown.append(let_go)
    return app


def _description(described: Callable[[], Document]) -> Route:
    async def describe() -> Answer:
        """Describe this API in OpenAPI 3.1."""
        return Answer(200, described())

    return Route(
        method="GET",
        path="/openapi.json",
        handler=describe,
        scope=None,
        answers={200: DocumentShown},
    )
