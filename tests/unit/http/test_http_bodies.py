"""Bodies: how large, how packed, how slow; and what is no HTTP at all."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Mapping

import pytest
from pydantic import ValidationError

from tests.unit.http.caller import WRITE_TOKEN, Api
from tests.unit.http.conftest import World
from tests.unit.http.numbers import PATH
from tests.unit.http.raw import HALF_A_BODY, open_raw, raw_reply
from worker.entrypoints.http import bulk, routing
from worker.entrypoints.http.problems import ERRORS_MAX, field_errors_of

ACCOUNT = "/v1/accounts/ann"


async def test_the_largest_body_is_read_and_one_byte_more_is_not(api: Api) -> None:
    most = json.dumps({"currency": "USD"}).encode().ljust(routing.BODY_MAX)
    assert (await api.put(ACCOUNT, raw=most)).status == 201
    reply = await api.put(ACCOUNT, raw=most + b" ")
    assert (reply.status, reply.slug) == (413, "content-too-large")


async def test_a_body_that_does_not_say_its_size_is_cut_off_too(api: Api) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(routing.BODY_MAX // 65_536 + 1):
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
    return await raw_reply(api, f"PUT {ACCOUNT} HTTP/1.1\r\n{head}{line}\r\n\r\n".encode())


async def test_a_small_body_that_grows_when_unpacked_is_cut_off(api: Api) -> None:
    bomb = gzip.compress(b" " * (20 * routing.BODY_MAX))
    assert len(bomb) < routing.BODY_MAX
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


async def test_a_number_that_json_does_not_have_spoils_the_whole_bulk(api: Api) -> None:
    raw = b'{"activations": [{"account": Infinity}]}'
    reply = await api.post("/v1/activations/bulk", raw=raw)
    assert (reply.status, reply.slug) == (400, "invalid-json")


@pytest.mark.parametrize(
    ("path", "body", "pointers"),
    [
        (
            "accounts",
            {"account": "a", "currency": "USD", "topups": [{}] * 1_000},
            ["topups/0/reference", "topups/0/amount_minor"],
        ),
        ("accounts", {f"{at:x}": 0 for at in range(1_000)}, [""]),
        ("activations", {"codes": [{f"{at:x}": 0 for at in range(1_000)}]}, [""]),
    ],
)
async def test_a_bulk_of_nothing_but_mistakes_is_answered_without_reading_them_all(
    api: Api, monkeypatch: pytest.MonkeyPatch, path: str, body: object, pointers: list[str]
) -> None:
    """A hundred thousand mistakes; each that is read is an object of a kilobyte."""
    read: list[int] = []

    def counted(error: ValidationError) -> list[tuple[tuple[int | str, ...], str]]:
        read.append(error.error_count())
        return field_errors_of(error)

    monkeypatch.setattr(bulk, "field_errors_of", counted)
    reply = await api.post(f"/v1/{path}/bulk", {path: [body] * 100})

    assert reply.status == 200
    assert {each["status"] for each in reply.json["results"]} == {422}
    last = reply.json["results"][-1]["problem"]["errors"]
    assert [error["pointer"] for error in last] == [
        f"/{path}/99/{pointer}".rstrip("/") for pointer in pointers
    ]
    assert sum(read) <= 100 * ERRORS_MAX


@pytest.mark.parametrize("levels", [30, 300, 1_000])
async def test_an_item_that_is_nested_too_deep_is_refused_alone(api: Api, levels: int) -> None:
    await api.put(ACCOUNT, {"currency": "USD"})
    deep = b'{"account": "bob", "currency": ' + b"[" * levels + b"]" * levels + b"}"
    raw = b'{"accounts": [{"account": "ann", "currency": "USD"}, %s]}' % deep

    reply = await api.post("/v1/accounts/bulk", raw=raw)

    assert reply.status == 200, reply.raw
    taken, refused = reply.json["results"]
    assert (taken["status"], refused["status"]) == (200, 422)
    assert [each["pointer"] for each in refused["problem"]["errors"]] == ["/accounts/1"]


async def test_one_member_told_a_thousand_times_is_one_mistake(api: Api) -> None:
    raw = b'{"activations": [{%s}]}' % b",".join([b'"x": 0'] * 100_000)

    reply = await api.post("/v1/activations/bulk", raw=raw)

    pointers = [each["pointer"] for each in reply.json["results"][0]["problem"]["errors"]]
    assert pointers.count("/activations/0/x") == 1


async def test_a_body_with_more_mistakes_than_are_read_is_refused_as_a_whole(api: Api) -> None:
    reply = await api.put(ACCOUNT, {f"{at:x}": 0 for at in range(5_000)})
    assert (reply.status, reply.slug, reply.pointers) == (422, "invalid", [""])


async def test_a_body_that_does_not_come_is_not_waited_for_forever(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routing, "BODY_SECONDS", 0.01)
    reply = await raw_reply(api, HALF_A_BODY)
    assert b" 408 " in reply.partition(b"\r\n")[0]
    assert b"/problems/body-timeout" in reply


async def test_a_caller_who_hangs_up_half_way_is_no_fault_of_ours(api: Api, world: World) -> None:
    writer = await open_raw(api, HALF_A_BODY)
    writer.close()
    await writer.wait_closed()
    async with asyncio.timeout(10):
        await world.log.written.wait()
    ((event, fields),) = world.log.lines
    assert (event, fields["status"]) == ("http.request", 400)


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
    reply = await raw_reply(api, sent)
    assert b" 400 " in reply.partition(b"\r\n")[0]
    assert b"Content-Type: application/problem+json" in reply
    assert b"/problems/bad-request" in reply
    assert b"canary" not in reply
    assert "canary" not in caplog.text
