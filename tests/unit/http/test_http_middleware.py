"""What every call passes through: tokens, ids, problems, and the access log."""

import asyncio
import threading
from typing import Any

import pytest

from tests.unit.http.caller import READ_TOKEN, WRITE_TOKEN, Api
from tests.unit.http.conftest import HOOK_SECRET, World
from tests.unit.http.numbers import PATH, number, rich_ann, watched
from worker.entrypoints.http.auth import KnownTokens, Token, bearer_of, digest
from worker.entrypoints.http.problems import pointer_to
from worker.ports.errors import CommitUnknown, SchemaMissing, StoreError, StoreUnavailable

ACCOUNT = "/v1/accounts/ann"


async def test_without_a_token_nothing_is_done_and_the_way_in_is_named(
    api: Api, world: World
) -> None:
    reply = await api.put(ACCOUNT, {"currency": "USD"}, token=None)
    assert (reply.status, reply.slug) == (401, "unauthenticated")
    assert reply.headers["WWW-Authenticate"] == 'Bearer realm="activation-worker"'
    assert not world.books.found


@pytest.mark.parametrize(
    "header",
    [
        "Bearer wrong",
        "Bearer",
        "Bearer  ",
        f"Basic {WRITE_TOKEN}",
        WRITE_TOKEN,
        f"Bearer {WRITE_TOKEN}x",
        f"Bearer {WRITE_TOKEN[:-1]}",
        f"Bearer {WRITE_TOKEN} {WRITE_TOKEN}",
        "Bearer é",
    ],
)
async def test_a_token_that_is_not_exactly_one_of_ours_is_refused(api: Api, header: str) -> None:
    reply = await api.get(ACCOUNT, token=None, headers={"Authorization": header})
    assert (reply.status, reply.slug) == (401, "unauthenticated")
    assert 'error="invalid_token"' in reply.headers["WWW-Authenticate"]


async def test_the_scheme_is_read_in_any_case(api: Api) -> None:
    reply = await api.get(
        "/v1/activations", token=None, headers={"Authorization": f"bEARER {READ_TOKEN}"}
    )
    assert reply.status == 200


async def test_a_reading_token_reads(api: Api) -> None:
    for path in ("/v1/activations", "/v1/events"):
        assert (await api.get(path, token=READ_TOKEN)).status == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", ACCOUNT),
        ("POST", f"{ACCOUNT}/topups"),
        ("PUT", PATH),
        ("POST", "/v1/activations/bulk"),
        ("POST", "/v1/activations"),
        ("POST", "/v1/activations/x/cancel"),
        ("POST", "/v1/activations/x/finish"),
        ("POST", "/v1/activations/x/resend"),
    ],
)
async def test_a_reading_token_does_not_write(api: Api, method: str, path: str) -> None:
    reply = await api.call(method, path, {}, token=READ_TOKEN)
    assert (reply.status, reply.slug) == (403, "forbidden")
    assert 'error="insufficient_scope"' in reply.headers["WWW-Authenticate"]


def test_tokens_are_neither_kept_nor_shown() -> None:
    token = Token.of("shop", "operate", "canary")
    assert "canary" not in repr(token)
    assert token == Token.of("shop", "operate", "canary")
    assert token.digest.hex() not in repr(token)


def test_a_scope_there_is_not_is_an_error() -> None:
    with pytest.raises(ValueError, match="admin"):
        Token.of("shop", "admin", "x")


def test_an_empty_secret_matches_no_token_not_even_an_empty_one() -> None:
    assert (
        KnownTokens([Token.of("shop", "read", "")]).find(bearer_of("Bearer "), digest("")) is None
    )


async def test_the_description_needs_no_token(api: Api) -> None:
    reply = await api.get("/openapi.json", token=None)
    assert (reply.status, reply.json["openapi"]) == (200, "3.1.0")


async def test_who_asks_for_the_description_first_holds_up_nobody(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, others_answered = threading.Event(), threading.Event()

    def slow(_routes: object) -> dict[str, Any]:
        begun.set()
        assert others_answered.wait(timeout=2), "the loop stands still meanwhile"
        return {"openapi": "3.1.0"}

    monkeypatch.setattr("worker.entrypoints.http.api.describe", slow)

    asking = asyncio.create_task(api.get("/openapi.json", token=None))
    await asyncio.to_thread(begun.wait, 5)
    await api.get(ACCOUNT)
    others_answered.set()

    assert (await asking).status == 200


async def test_a_request_id_is_taken_over_or_made(api: Api) -> None:
    given = await api.get(ACCOUNT, headers={"X-Request-Id": "shop-1.2_3"})
    made = await api.get(ACCOUNT)
    assert given.headers["X-Request-Id"] == given.json["request_id"] == "shop-1.2_3"
    assert made.headers["X-Request-Id"] == made.json["request_id"] == "made-here"


@pytest.mark.parametrize("sent", ["a b", "x" * 129, "{}", "é"])
async def test_a_request_id_that_does_not_belong_in_a_log_is_replaced(api: Api, sent: str) -> None:
    reply = await api.get(ACCOUNT, headers={"X-Request-Id": sent})
    assert reply.headers["X-Request-Id"] == "made-here"


async def test_answers_are_not_stored_by_whoever_passes_them_on(api: Api) -> None:
    for reply in (await api.get("/v1/activations"), await api.get("/nothing")):
        assert reply.headers["Cache-Control"] == "no-store"
        assert reply.headers["X-Content-Type-Options"] == "nosniff"
        assert reply.headers["Server"] == "activation-worker"


@pytest.mark.parametrize("path", ["/", "/v1", "/v1/nothing", "/v1/accounts/", "/%00", "/v1//x"])
async def test_what_is_not_there_is_a_problem_not_a_page(api: Api, path: str) -> None:
    reply = await api.get(path, headers={"Accept": "text/html"})
    assert (reply.status, reply.slug) == (404, "not-found")
    assert reply.headers["Content-Type"].startswith("application/problem+json")


async def test_a_wrong_method_is_told_the_right_ones(api: Api) -> None:
    reply = await api.call("DELETE", ACCOUNT)
    assert (reply.status, reply.slug) == (405, "method-not-allowed")
    assert reply.headers["Allow"] == "GET, PUT"


@pytest.mark.parametrize("error", [StoreUnavailable, CommitUnknown, SchemaMissing])
async def test_a_store_that_fails_is_a_reason_to_try_again(
    api: Api, world: World, error: type[StoreError]
) -> None:
    await rich_ann(api)
    world.service.fails_with = error("postgresql://user:password-canary@db")
    reply = await api.put(PATH, number())
    assert (reply.status, reply.slug) == (503, "store-unavailable")
    assert int(reply.headers["Retry-After"]) > 0
    assert "canary" not in str(world.log.lines) + reply.raw.decode()


async def test_a_fault_of_ours_tells_the_caller_nothing_and_the_log_where(
    api: Api, world: World
) -> None:
    await rich_ann(api)
    world.service.fails_with = RuntimeError("api_key=key-canary")
    reply = await api.put(PATH, number(), headers={"X-Request-Id": "find-me"})
    assert (reply.status, reply.slug) == (500, "internal")
    assert set(reply.json) == {"type", "title", "status", "request_id"}
    (line,) = [fields for event, fields in world.log.lines if event == "http.unexpected"]
    assert (line["error"], line["request_id"]) == ("RuntimeError", "find-me")
    assert "fake_service.py" in str(line["where"])
    assert "canary" not in str(world.log.lines) + reply.raw.decode()


async def test_the_access_log_names_the_call_and_none_of_its_contents(
    api: Api, world: World
) -> None:
    await watched(api, ref="ref-canary", phone="79991234567")
    await api.get("/v1/activations?account=account-canary")
    await api.get("/v1/accounts/path-canary")
    await api.post(f"/v1/hooks/alpha/{HOOK_SECRET}", {}, token=None)
    await api.post("/v1/hooks/alpha/guess-canary", {}, token=None)
    await api.get("/unknown-canary/79991234567", headers={"User-Agent": "agent-canary"})
    lines = [fields for event, fields in world.log.lines if event == "http.request"]
    assert lines[-5]["route"] == "/v1/activations"
    assert lines[-4] | {"duration_ms": 0} == {
        "method": "GET",
        "route": "/v1/accounts/{account}",
        "status": 404,
        "duration_ms": 0,
        "bytes": lines[-4]["bytes"],
        "caller": "shop",
        "touched": None,
        "request_id": "made-here",
    }
    assert (lines[-1]["route"], lines[-1]["caller"]) == (None, None)
    for secret in ("canary", "79991234567", HOOK_SECRET):
        assert secret not in str(world.log.lines)


async def test_the_access_log_names_what_was_touched_by_its_id(api: Api, world: World) -> None:
    id_ = (await watched(api)).json["id"]
    await api.get("/v1/accounts/ann")
    await api.post(f"/v1/activations/{id_}/resend")
    await api.get("/v1/activations")
    lines = [fields for event, fields in world.log.lines if event == "http.request"]

    rented, account, asked_again, listed = lines[-4:]
    assert (rented["route"], rented["touched"]) == (
        "/v1/activations/{provider}/{provider_ref}",
        id_,
    )
    assert account["touched"] == "ann"
    assert (asked_again["status"], asked_again["touched"]) == (409, id_)
    assert listed["touched"] is None


def test_a_pointer_escapes_what_names_may_hold() -> None:
    assert pointer_to("a/b", 3, "c~d") == "/a~1b/3/c~0d"
    assert len(pointer_to("x" * 1_000)) == 200


async def test_each_call_is_told_by_its_route_never_by_its_path(api: Api, world: World) -> None:
    await api.get("/v1/accounts/nobody")
    await api.get("/v1/what/is/this")
    await api.get("/v1/activations/00000000-0000-0000-0000-000000000000?wait_seconds=0")

    assert [answered[:3] for answered in world.answered] == [
        ("/v1/accounts/{account}", "GET", 404),
        ("other", "other", 404),
        ("/v1/activations/{id}?wait_seconds", "GET", 404),
    ]
    assert all(seconds >= 0 for *_, seconds in world.answered)
