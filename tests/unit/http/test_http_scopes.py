"""Every call of the API, tried with every token: each may do what the contract says, no more."""

import re
from collections.abc import Mapping
from dataclasses import replace

import pytest

from tests.unit.http.caller import Api
from tests.unit.http.conftest import World, deps_over
from worker.entrypoints.http.api import routes_of
from worker.entrypoints.http.auth import KnownTokens, Token
from worker.entrypoints.http.deps import ApiDeps
from worker.entrypoints.http.events import feed_poll_of
from worker.entrypoints.http.long_poll import LongPoll
from worker.entrypoints.http.routing import Route

TOKENS: Mapping[str, str] = {
    scope: f"token-of-{scope.replace('+', '-')}-0123456789"
    for scope in ("read", "operate", "decide", "operate+decide")
}
OPERATE, DECIDE = {"operate"}, {"decide"}
ANYBODY = {"read", "operate", "decide"}
#: As the contract lists them, for calls of today and of tomorrow: who may make one.
MAY: Mapping[tuple[str, str], set[str]] = {
    ("GET", r"/v1/.*"): ANYBODY,
    ("PUT", r"/v1/accounts/x"): OPERATE,
    ("POST", r"/v1/accounts/bulk"): OPERATE,
    ("POST", r"/v1/accounts/x/topups"): OPERATE,
    ("POST", r"/v1/accounts/x/events"): OPERATE | DECIDE,
    ("PUT", r"/v1/activations/x/x"): OPERATE,
    ("POST", r"/v1/activations(/bulk)?"): OPERATE,
    ("POST", r"/v1/activations/x/(cancel|finish|resend)"): OPERATE | DECIDE,
    ("POST", r"/v1/activations/x/report"): OPERATE,
    ("POST", r"/v1/activations/x/shown"): DECIDE,
    ("POST", r"/v1/claims"): OPERATE | DECIDE,
    ("POST", r"/v1/claims/x/(evidence|choice|contest)"): OPERATE,
    ("POST", r"/v1/claims/x/(verdict|access|rectified|replacement|kyc|paid|alternative)"): DECIDE,
    ("PUT", r"/v1/rentals/x/x"): OPERATE,
    ("POST", r"/v1/rentals"): OPERATE,
    ("POST", r"/v1/rentals/x/x/(outages|restored|cancel|prolong)"): OPERATE,
    ("POST", r"/v1/withdrawals"): OPERATE,
    ("POST", r"/v1/withdrawals/x/cancel"): OPERATE,
    ("POST", r"/v1/withdrawals/x/payment-info"): OPERATE | DECIDE,
    ("POST", r"/v1/withdrawals/x/(verdict|paid|kyc|alternative)"): DECIDE,
    ("POST", r"/v1/(activations|claims|withdrawals|accounts)/x/notes"): DECIDE,
    ("POST", r"/v1/reviews/x/verdict"): DECIDE,
    ("POST", r"/v1/providers/x/(pause|resume|drain)"): DECIDE,
    ("POST", r"/v1/events/(replay|endpoint/enable)"): DECIDE,
}
WITHOUT_TOKEN = {"/v1/hooks/{provider}/{secret}", "/openapi.json"}


def _routes() -> list[Route]:
    deps = deps_over(World())
    long_poll = LongPoll(deps.activations.versions)
    return [*routes_of(deps, long_poll, feed_poll_of(deps.outbox))]


ROUTES = [route for route in _routes() if route.path not in WITHOUT_TOKEN]


def _may(route: Route) -> set[str]:
    path = re.sub(r"{\w+}", "x", route.path)
    fitting = [
        scopes
        for (method, pattern), scopes in MAY.items()
        if method == route.method and re.fullmatch(pattern, path)
    ]
    assert len(fitting) == 1, f"{route.method} {route.path} is no call of the contract"
    return fitting[0]


@pytest.fixture
def deps(world: World) -> ApiDeps:
    tokens = [Token.of(scope, scope, token) for scope, token in TOKENS.items()]
    return replace(deps_over(world), tokens=KnownTokens(tokens))


@pytest.mark.parametrize("scope", TOKENS)
@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
async def test_a_token_may_do_what_its_scope_says_and_no_more(
    api: Api, world: World, route: Route, scope: str
) -> None:
    before = (dict(world.books.found), dict(world.reads.found))
    path = re.sub(r"{\w+}", "x", route.path)

    reply = await api.call(
        route.method, path, None if route.method == "GET" else {}, token=TOKENS[scope]
    )

    allowed = bool(_may(route) & set(scope.split("+")))
    assert (reply.status != 403) is allowed
    if not allowed:
        assert reply.slug == "forbidden"
        assert 'error="insufficient_scope"' in reply.headers["WWW-Authenticate"]
        assert (world.books.found, world.reads.found) == before


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
async def test_without_a_token_no_call_is_answered(api: Api, route: Route) -> None:
    path = re.sub(r"{\w+}", "x", route.path)
    reply = await api.call(route.method, path, {}, token=None)
    assert (reply.status, reply.slug) == (401, "unauthenticated")


def test_only_pushes_and_the_description_take_no_token() -> None:
    open_to_all = {route.path for route in _routes() if route.scope is None}
    assert open_to_all == WITHOUT_TOKEN


@pytest.mark.parametrize(
    ("path", "body", "scope"),
    [
        ("/v1/accounts/x/events", {"event": "delete_requested"}, "operate"),
        ("/v1/accounts/x/events", {"event": "rules_block"}, "decide"),
        ("/v1/accounts/x/events", {"event": "law_enforcement_block"}, "decide"),
        ("/v1/withdrawals/x/payment-info", {"event": "requested"}, "decide"),
        ("/v1/withdrawals/x/payment-info", {"event": "provided"}, "operate"),
    ],
)
async def test_where_a_call_does_several_things_each_has_its_scope(
    api: Api, path: str, body: dict[str, str], scope: str
) -> None:
    other = ({"operate", "decide"} - {scope}).pop()

    # The store of these tests has no cases, so a call that is let in is answered `not-offered`.
    assert (await api.post(path, body, token=TOKENS[scope])).slug == "not-offered"
    refused = await api.post(path, body, token=TOKENS[other])
    assert (refused.status, refused.slug) == (403, "forbidden")
    assert f'scope="{scope}"' in refused.headers["WWW-Authenticate"]


def test_a_token_of_several_scopes_may_do_what_each_may() -> None:
    both = Token.of("desk", "operate+decide", "x")
    either = Token.of("desk", "operate", "x").scope | Token.of("desk", "decide", "x").scope
    assert both.scope == either


async def test_what_a_replacement_is_worth_takes_a_token_that_decides(api: Api) -> None:
    body = {"choice": "replacement", "replacement_value_minor": 350}

    refused = await api.post("/v1/claims/x/choice", body, token=TOKENS["operate"])
    both = await api.post("/v1/claims/x/choice", body, token=TOKENS["operate+decide"])

    assert (refused.status, refused.slug) == (403, "forbidden")
    assert both.status != 403


async def test_each_answer_says_what_its_token_may_do(api: Api) -> None:
    said = {
        scope: (await api.get("/v1/accounts", token=token)).headers["X-Token-Scopes"]
        for scope, token in TOKENS.items()
    }
    refused = await api.get("/v1/accounts", token="nobody's")
    missing = await api.get("/v1/accounts/nobody", token=TOKENS["read"])
    wrong = await api.get("/v1/accounts?limit=x", token=TOKENS["read"])

    assert (missing.status, missing.headers["X-Token-Scopes"]) == (404, "read")
    assert (wrong.status, wrong.headers["X-Token-Scopes"]) == (422, "read")
    assert said["read"] == "read"
    assert set(said["operate"].split()) == {"read", "operate"}
    assert set(said["operate+decide"].split()) == {"read", "operate", "decide"}
    assert "X-Token-Scopes" not in refused.headers
