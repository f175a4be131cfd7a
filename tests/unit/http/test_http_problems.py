"""Every problem the API knows, each provoked once."""

from collections.abc import Awaitable, Callable
from typing import TypeAlias

import pytest

from tests.unit.http.caller import READ_TOKEN, Api, Reply
from tests.unit.http.conftest import World
from tests.unit.http.fakes import with_code
from tests.unit.http.numbers import PATH, number, order, rich_ann, watched
from tests.unit.http.raw import HALF_A_BODY, raw_reply
from worker.entrypoints.http import changes, routing
from worker.entrypoints.http.problems import Kind
from worker.ports.errors import StoreUnavailable
from worker.ports.service import ActionOutcome, PurchaseOutcome

ACCOUNT = "/v1/accounts/ann"
KEY = {"Idempotency-Key": "k"}

Provoke: TypeAlias = Callable[[Api, World, pytest.MonkeyPatch], Awaitable[Reply]]


def ordered(how: PurchaseOutcome) -> Provoke:
    async def provoke(api: Api, world: World, _patch: pytest.MonkeyPatch) -> Reply:
        world.desk.ordered = how
        return await api.post("/v1/activations", order(), headers=KEY)

    return provoke


def wished(how: ActionOutcome) -> Provoke:
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
    patch.setattr(routing, "BODY_SECONDS", 0.01)
    raw = await raw_reply(api, HALF_A_BODY)
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
    Kind.UNKNOWN_PROVIDER: ordered(PurchaseOutcome.UNKNOWN_PROVIDER),
    Kind.METHOD_NOT_ALLOWED: sent("DELETE", ACCOUNT),
    Kind.BODY_TIMEOUT: body_timeout,
    Kind.OTHER_CONTENT: other_content,
    Kind.CODE_RECEIVED: code_received,
    Kind.NO_CODE: wished(ActionOutcome.NO_CODE),
    Kind.ENDED: wished(ActionOutcome.ENDED),
    Kind.NOT_OFFERED: wished(ActionOutcome.NOT_OFFERED),
    Kind.NO_NUMBERS: ordered(PurchaseOutcome.NO_NUMBERS),
    Kind.CONTENT_TOO_LARGE: sent("PUT", ACCOUNT, raw=b" " * (routing.BODY_MAX + 1)),
    Kind.UNSUPPORTED_MEDIA_TYPE: sent(
        "PUT", ACCOUNT, raw=b"a=b", headers={"Content-Type": "text/csv"}
    ),
    Kind.INVALID: sent("PUT", ACCOUNT, body={}),
    Kind.UNKNOWN_POLICY: ordered(PurchaseOutcome.UNKNOWN_POLICY),
    Kind.BAD_SERVICE: ordered(PurchaseOutcome.BAD_SERVICE),
    Kind.PRICE_ABOVE_MAX: ordered(PurchaseOutcome.PRICE_ABOVE_MAX),
    Kind.IDEMPOTENCY_KEY_REUSED: ordered(PurchaseOutcome.OTHER_CONTENT),
    Kind.INTERNAL: failing(RuntimeError()),
    Kind.BUSY: busy,
    Kind.STORE_UNAVAILABLE: failing(StoreUnavailable()),
    Kind.PROVIDER_UNAVAILABLE: ordered(PurchaseOutcome.PROVIDER_UNAVAILABLE),
    Kind.PROVIDER_BALANCE_TOO_LOW: ordered(PurchaseOutcome.PROVIDER_BALANCE_TOO_LOW),
    Kind.EXPOSURE_LIMIT: ordered(PurchaseOutcome.EXPOSURE_LIMIT),
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
