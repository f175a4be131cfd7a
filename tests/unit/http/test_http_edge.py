"""What every call passes through: tokens, ids, problems, limits, and the access log."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import TypeAlias

import pytest

from tests.unit.http.caller import READ_TOKEN, WRITE_TOKEN, Api, Reply
from tests.unit.http.conftest import HOOK_SECRET, World
from tests.unit.http.fakes import with_code
from tests.unit.http.numbers import PATH, number, order, rich_ann, watched
from worker.entrypoints.http import changes, layer
from worker.entrypoints.http.auth import Scope, Token, bearer_of, find
from worker.entrypoints.http.problems import Kind, pointer_to
from worker.ports.desk import Done, Ordered
from worker.ports.errors import CommitUnknown, SchemaMissing, StoreError, StoreUnavailable

ACCOUNT = "/v1/accounts/ann"
KEY = {"Idempotency-Key": "k"}


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
    assert find([Token.of("shop", Scope.READ.value, "")], bearer_of("Bearer ")) is None


async def test_the_description_needs_no_token(api: Api) -> None:
    reply = await api.get("/openapi.json", token=None)
    assert (reply.status, reply.json["openapi"]) == (200, "3.1.0")


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


@pytest.mark.parametrize("path", ["/", "/v1", "/v1/nothing", "/v1/accounts", "/%00", "/v1//x"])
async def test_what_is_not_there_is_a_problem_not_a_page(api: Api, path: str) -> None:
    reply = await api.get(path, headers={"Accept": "text/html"})
    assert (reply.status, reply.slug) == (404, "not-found")
    assert reply.headers["Content-Type"].startswith("application/problem+json")


async def test_a_wrong_method_is_told_the_right_ones(api: Api) -> None:
    reply = await api.call("DELETE", ACCOUNT)
    assert (reply.status, reply.slug) == (405, "method-not-allowed")
    assert reply.headers["Allow"] == "GET, PUT"


async def test_the_largest_body_is_read_and_one_byte_more_is_not(api: Api) -> None:
    most = json.dumps({"currency": "USD"}).encode().ljust(layer.BODY_MAX)
    assert (await api.put(ACCOUNT, raw=most)).status == 201
    reply = await api.put(ACCOUNT, raw=most + b" ")
    assert (reply.status, reply.slug) == (413, "content-too-large")


async def test_a_body_that_does_not_say_its_size_is_cut_off_too(api: Api) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(layer.BODY_MAX // 65_536 + 1):
            yield b" " * 65_536

    async with api.http.put(
        api.url + ACCOUNT,
        data=chunks(),
        headers={"Authorization": f"Bearer {WRITE_TOKEN}", "Content-Type": "application/json"},
    ) as response:
        assert response.status == 413


async def test_who_asks_before_sending_is_told_to_go_on_or_why_not(api: Api) -> None:
    ask = {"Expect": "100-continue"}
    async with api.http.put(
        api.url + ACCOUNT,
        json={"currency": "USD"},
        headers={"Authorization": f"Bearer {WRITE_TOKEN}"},
        expect100=True,
    ) as response:
        assert response.status == 201
    refused = await _head_only(api, "Content-Length: 9999999", ask)
    assert refused.startswith(b"HTTP/1.1 413 ")
    stranger = await _head_only(api, "Content-Length: 10", ask | {"Authorization": "Bearer no"})
    assert stranger.startswith(b"HTTP/1.1 401 ")


async def _head_only(api: Api, line: str, headers: Mapping[str, str]) -> bytes:
    lines = {"Host": "x", "Authorization": f"Bearer {WRITE_TOKEN}"} | dict(headers)
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return await _raw(api, f"PUT {ACCOUNT} HTTP/1.1\r\n{head}{line}\r\n\r\n".encode())


async def _raw(api: Api, sent: bytes) -> bytes:
    """What comes back for these very bytes, to the end of its JSON."""
    host, port = api.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(sent)
    async with asyncio.timeout(10):
        reply = await reader.readuntil(b"}")
    writer.close()
    await writer.wait_closed()
    return reply


async def test_a_small_body_that_grows_when_unpacked_is_cut_off(api: Api) -> None:
    bomb = gzip.compress(b" " * (20 * layer.BODY_MAX))
    assert len(bomb) < layer.BODY_MAX
    reply = await api.put(ACCOUNT, raw=bomb, headers={"Content-Encoding": "gzip"})
    assert (reply.status, reply.slug) == (413, "content-too-large")


async def test_a_packed_body_is_unpacked(api: Api) -> None:
    raw = gzip.compress(json.dumps({"currency": "USD"}).encode())
    reply = await api.put(ACCOUNT, raw=raw, headers={"Content-Encoding": "gzip"})
    assert reply.status == 201


async def test_a_body_that_is_not_packed_as_it_says_cannot_be_read(api: Api) -> None:
    reply = await api.put(ACCOUNT, raw=b"{}", headers={"Content-Encoding": "gzip"})
    assert (reply.status, reply.slug) == (400, "bad-request")


@pytest.mark.parametrize(
    "media", ["application/json", "application/json; charset=utf-8", "A/x+JSON"]
)
async def test_json_is_known_by_its_names(api: Api, media: str) -> None:
    body = {"currency": "USD"}
    reply = await api.put(ACCOUNT, body, headers={"Content-Type": media})
    assert reply.status == 201


@pytest.mark.parametrize("media", ["text/plain", "application/x-www-form-urlencoded", "json", ""])
async def test_other_media_are_refused(api: Api, media: str) -> None:
    reply = await api.put(ACCOUNT, {"currency": "USD"}, headers={"Content-Type": media})
    assert (reply.status, reply.slug) == (415, "unsupported-media-type")


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"nonsense",
        b"\xff\xfe",
        b"{'currency': 'USD'}",
        b'{"currency": "USD"} {}',
        b'{"currency": "\\ud800"}',
        b"[" * 100_000,
        b'{"a":' * 50_000,
    ],
)
async def test_what_is_no_json_is_said_to_be_none(api: Api, raw: bytes) -> None:
    for path in (ACCOUNT, PATH):
        reply = await api.put(path, raw=raw)
        assert (reply.status, reply.slug) == (400, "invalid-json")


@pytest.mark.parametrize("error", [StoreUnavailable, CommitUnknown, SchemaMissing])
async def test_a_store_that_fails_is_a_reason_to_try_again(
    api: Api, world: World, error: type[StoreError]
) -> None:
    await rich_ann(api)
    world.desk.fails_with = error("postgresql://user:password-canary@db")
    reply = await api.put(PATH, number())
    assert (reply.status, reply.slug) == (503, "store-unavailable")
    assert int(reply.headers["Retry-After"]) > 0
    assert "canary" not in str(world.log.lines) + reply.raw.decode()


async def test_a_fault_of_ours_tells_the_caller_nothing_and_the_log_where(
    api: Api, world: World
) -> None:
    await rich_ann(api)
    world.desk.fails_with = RuntimeError("api_key=key-canary")
    reply = await api.put(PATH, number(), headers={"X-Request-Id": "find-me"})
    assert (reply.status, reply.slug) == (500, "internal")
    assert set(reply.json) == {"type", "title", "status", "request_id"}
    (line,) = [fields for event, fields in world.log.lines if event == "http.unexpected"]
    assert (line["error"], line["request_id"]) == ("RuntimeError", "find-me")
    assert "fakes.py" in str(line["where"])
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
        "request_id": "made-here",
    }
    assert (lines[-1]["route"], lines[-1]["caller"]) == (None, None)
    for secret in ("canary", "79991234567", HOOK_SECRET):
        assert secret not in str(world.log.lines)


async def test_a_body_that_does_not_come_is_not_waited_for_forever(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layer, "BODY_SECONDS", 0.01)
    reply = await _half_a_body(api)
    assert b" 408 " in reply.partition(b"\r\n")[0]
    assert b"/problems/body-timeout" in reply


async def _half_a_body(api: Api) -> bytes:
    head = (
        f"PUT {ACCOUNT} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {WRITE_TOKEN}\r\n"
        'Content-Length: 100\r\nContent-Type: application/json\r\n\r\n{"curr'
    )
    return await _raw(api, head.encode())


@pytest.mark.parametrize(
    "sent",
    [
        b"nonsense-canary\r\n\r\n",
        b"GET / HTTP/9.9 canary\r\n\r\n",
        b"GET /v1/activations HTTP/1.1\r\nAuthorization Bearer canary\r\n\r\n",
        b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
)
async def test_what_is_not_even_http_is_answered_with_a_problem_and_not_logged(
    api: Api, sent: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    reply = await _raw(api, sent)
    assert b" 400 " in reply.partition(b"\r\n")[0]
    assert b"Content-Type: application/problem+json" in reply
    assert b"/problems/bad-request" in reply
    assert b"canary" not in reply
    assert "canary" not in caplog.text


def test_a_pointer_escapes_what_names_may_hold() -> None:
    assert pointer_to("a/b", 3, "c~d") == "/a~1b/3/c~0d"
    assert len(pointer_to("x" * 1_000)) == 200


Provoke: TypeAlias = Callable[[Api, World, pytest.MonkeyPatch], Awaitable[Reply]]


def ordered(how: Ordered) -> Provoke:
    async def provoke(api: Api, world: World, _patch: pytest.MonkeyPatch) -> Reply:
        world.desk.ordered = how
        return await api.post("/v1/activations", order(), headers=KEY)

    return provoke


def wished(how: Done) -> Provoke:
    async def provoke(api: Api, world: World, _patch: pytest.MonkeyPatch) -> Reply:
        shown = (await watched(api)).json
        world.desk.wished = how
        return await api.post(f"/v1/activations/{shown['id']}/resend")

    return provoke


def sent(method: str, path: str, **more: object) -> Provoke:
    async def provoke(api: Api, _world: World, _patch: pytest.MonkeyPatch) -> Reply:
        return await api.call(method, path, **more)  # type: ignore[arg-type]  # a test's table

    return provoke


async def other_content(api: Api, _world: World, _patch: pytest.MonkeyPatch) -> Reply:
    await watched(api)
    return await api.put(PATH, number(phone="79990000002"))


async def code_received(api: Api, world: World, _patch: pytest.MonkeyPatch) -> Reply:
    await watched(api)
    (activation,) = world.reads.found.values()
    world.reads.put(with_code(activation))
    return await api.post(f"/v1/activations/{activation.id}/cancel")


async def busy(api: Api, _world: World, patch: pytest.MonkeyPatch) -> Reply:
    patch.setattr(changes, "WAITERS_MAX", 0)
    shown = (await watched(api)).json
    return await api.get(f"/v1/activations/{shown['id']}?wait_seconds=1")


async def body_timeout(api: Api, _world: World, patch: pytest.MonkeyPatch) -> Reply:
    patch.setattr(layer, "BODY_SECONDS", 0.01)
    raw = await _half_a_body(api)
    head, _, body = raw.partition(b"\r\n\r\n")
    return Reply(int(head.split()[1]), {"Content-Type": "application/problem+json"}, body)


def failing(error: Exception) -> Provoke:
    async def provoke(api: Api, world: World, _patch: pytest.MonkeyPatch) -> Reply:
        await rich_ann(api)
        world.desk.fails_with = error
        return await api.put(PATH, number())

    return provoke


async def poor(api: Api, _world: World, _patch: pytest.MonkeyPatch) -> Reply:
    await rich_ann(api, minor=1)
    return await api.put(PATH, number())


PROVOKED: dict[Kind, Provoke] = {
    Kind.BAD_REQUEST: sent("PUT", ACCOUNT, raw=b"{}", headers={"Content-Encoding": "gzip"}),
    Kind.INVALID_JSON: sent("PUT", ACCOUNT, raw=b"{"),
    Kind.IDEMPOTENCY_KEY_REQUIRED: sent("POST", "/v1/activations", body=order()),
    Kind.UNAUTHENTICATED: sent("GET", ACCOUNT, token=None),
    Kind.BALANCE_TOO_LOW: poor,
    Kind.FORBIDDEN: sent("PUT", ACCOUNT, body={}, token=READ_TOKEN),
    Kind.NOT_FOUND: sent("GET", "/nothing"),
    Kind.UNKNOWN_ACCOUNT: sent("GET", ACCOUNT),
    Kind.UNKNOWN_ACTIVATION: sent("GET", "/v1/activations/x"),
    Kind.UNKNOWN_PROVIDER: ordered(Ordered.UNKNOWN_PROVIDER),
    Kind.METHOD_NOT_ALLOWED: sent("DELETE", ACCOUNT),
    Kind.BODY_TIMEOUT: body_timeout,
    Kind.OTHER_CONTENT: other_content,
    Kind.CODE_RECEIVED: code_received,
    Kind.NO_CODE: wished(Done.NO_CODE),
    Kind.ENDED: wished(Done.ENDED),
    Kind.NOT_OFFERED: wished(Done.NOT_OFFERED),
    Kind.NO_NUMBERS: ordered(Ordered.NO_NUMBERS),
    Kind.CONTENT_TOO_LARGE: sent("PUT", ACCOUNT, raw=b" " * (layer.BODY_MAX + 1)),
    Kind.UNSUPPORTED_MEDIA_TYPE: sent(
        "PUT", ACCOUNT, raw=b"a=b", headers={"Content-Type": "text/csv"}
    ),
    Kind.INVALID: sent("PUT", ACCOUNT, body={}),
    Kind.UNKNOWN_POLICY: ordered(Ordered.UNKNOWN_POLICY),
    Kind.BAD_SERVICE: ordered(Ordered.BAD_SERVICE),
    Kind.PRICE_ABOVE_MAX: ordered(Ordered.PRICE_ABOVE_MAX),
    Kind.IDEMPOTENCY_KEY_REUSED: ordered(Ordered.OTHER_CONTENT),
    Kind.INTERNAL: failing(RuntimeError()),
    Kind.BUSY: busy,
    Kind.STORE_UNAVAILABLE: failing(StoreUnavailable()),
    Kind.PROVIDER_UNAVAILABLE: ordered(Ordered.PROVIDER_UNAVAILABLE),
    Kind.PROVIDER_BALANCE_TOO_LOW: ordered(Ordered.PROVIDER_BALANCE_TOO_LOW),
    Kind.EXPOSURE_LIMIT: ordered(Ordered.EXPOSURE_LIMIT),
}


@pytest.mark.parametrize("kind", Kind, ids=lambda kind: kind.slug)
async def test_every_problem_can_happen_and_looks_like_one(
    api: Api, world: World, monkeypatch: pytest.MonkeyPatch, kind: Kind
) -> None:
    reply = await PROVOKED[kind](api, world, monkeypatch)
    assert reply.status == reply.json["status"] == kind.status
    assert reply.json["type"] == f"/problems/{kind.slug}"
    assert reply.json["title"] == kind.title
    assert reply.headers["Content-Type"].startswith("application/problem+json")
