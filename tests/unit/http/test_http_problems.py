"""Every problem the API knows, each provoked once."""

from collections.abc import Awaitable, Callable
from typing import TypeAlias

import pytest

from tests.unit.http.caller import READ_TOKEN, Api, Reply
from tests.unit.http.conftest import World
from tests.unit.http.fakes import with_code
from tests.unit.http.numbers import PATH, number, order, rich_ann, watched
from tests.unit.http.raw import HALF_A_BODY, raw_reply
from worker.domain.ids import AccountId
from worker.entrypoints import wrong_tokens
from worker.entrypoints.http import accounts, long_poll, routing
from worker.entrypoints.http.deps import ApiDeps
from worker.entrypoints.http.problems import ProblemKind
from worker.lifecycle.cases.activation_reviews import ReviewOutcome, ReviewResult
from worker.ports.errors import StoreUnavailable
from worker.ports.service import ActionOutcome, PurchaseOutcome
from worker.ports.store.books import AccountPolicy

ACCOUNT = "/v1/accounts/ann"
KEY = {"Idempotency-Key": "k"}

Provoke: TypeAlias = Callable[[Api, World, pytest.MonkeyPatch], Awaitable[Reply]]


def ordered(how: PurchaseOutcome) -> Provoke:
    async def provoke(api: Api, world: World, _patch: pytest.MonkeyPatch) -> Reply:
        world.service.forced_purchase = how
        return await api.post("/v1/activations", order(), headers=KEY)

    return provoke


def wished(how: ActionOutcome) -> Provoke:
    async def provoke(api: Api, world: World, _patch: pytest.MonkeyPatch) -> Reply:
        shown = (await watched(api)).json
        world.service.forced_action = how
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
    patch.setattr(long_poll, "WAITERS_MAX", 0)
    shown = (await watched(api)).json
    return await api.get(f"/v1/activations/{shown['id']}?wait_seconds=1")


async def events_forgotten(api: Api, world: World, _patch: pytest.MonkeyPatch) -> Reply:
    world.events.forgotten = 3
    return await api.get("/v1/events?after=2")


async def body_timeout(api: Api, _world: World, patch: pytest.MonkeyPatch) -> Reply:
    patch.setattr(routing, "BODY_SECONDS", 0.01)
    raw = await raw_reply(api, HALF_A_BODY)
    head, _, body = raw.partition(b"\r\n\r\n")
    return Reply(int(head.split()[1]), {"Content-Type": "application/problem+json"}, body)


def failing(error: Exception) -> Provoke:
    async def provoke(api: Api, world: World, _patch: pytest.MonkeyPatch) -> Reply:
        await rich_ann(api)
        world.service.fails_with = error
        return await api.put(PATH, number())

    return provoke


async def poor(api: Api, _world: World, _patch: pytest.MonkeyPatch) -> Reply:
    await rich_ann(api, minor=1)
    return await api.put(PATH, number())


async def other_policy(api: Api, world: World, patch: pytest.MonkeyPatch) -> Reply:
    await world.books.open_account(AccountId("ann"), "USD", AccountPolicy("P3"))
    patch.setattr(accounts.AccountHandlers, "_known", lambda _, policy: policy)
    return await api.put(ACCOUNT, {"currency": "USD", "policy": "P2"})


async def fact_of_another(api: Api, _world: World, _patch: pytest.MonkeyPatch) -> Reply:
    body = {"account": "ann", "reference": "1", "balance_minor": 5}
    return await api.post("/v1/withdrawals", body)


class DecidedOtherwise:
    async def review_verdict(self, *_: object) -> ReviewResult:
        return ReviewResult(ReviewOutcome.OTHER_CONTENT)


async def decided(api: Api, _world: World, patch: pytest.MonkeyPatch) -> Reply:
    patch.setattr(ApiDeps, "case_service", DecidedOtherwise())
    path = "/v1/reviews/00000000-0000-0000-0000-000000000001/verdict"
    return await api.post(path, {"grant": True, "note": "seen"})


async def guessing(api: Api, _world: World, _patch: pytest.MonkeyPatch) -> Reply:
    for _ in range(wrong_tokens.AT_ONCE):
        await api.get(ACCOUNT, token="guess")
    return await api.get(ACCOUNT, token="guess")


PROVOKED: dict[ProblemKind, Provoke] = {
    ProblemKind.BAD_REQUEST: sent("PUT", ACCOUNT, raw=b"{}", headers={"Content-Encoding": "gzip"}),
    ProblemKind.INVALID_JSON: sent("PUT", ACCOUNT, raw=b"{"),
    ProblemKind.IDEMPOTENCY_KEY_REQUIRED: sent("POST", "/v1/activations", body=order()),
    ProblemKind.UNAUTHENTICATED: sent("GET", ACCOUNT, token=None),
    ProblemKind.BALANCE_TOO_LOW: poor,
    ProblemKind.FORBIDDEN: sent("PUT", ACCOUNT, body={}, token=READ_TOKEN),
    ProblemKind.NOT_FOUND: sent("GET", "/nothing"),
    ProblemKind.UNKNOWN_ACCOUNT: sent("GET", ACCOUNT),
    ProblemKind.UNKNOWN_ACTIVATION: sent("GET", "/v1/activations/x"),
    ProblemKind.UNKNOWN_PROVIDER: ordered(PurchaseOutcome.UNKNOWN_PROVIDER),
    ProblemKind.ACCOUNT_BLOCKED: ordered(PurchaseOutcome.ACCOUNT_BLOCKED),
    ProblemKind.ACCOUNT_CLOSING: ordered(PurchaseOutcome.ACCOUNT_CLOSING),
    ProblemKind.ACCOUNT_FROZEN: ordered(PurchaseOutcome.ACCOUNT_FROZEN),
    ProblemKind.METHOD_NOT_ALLOWED: sent("DELETE", ACCOUNT),
    ProblemKind.BODY_TIMEOUT: body_timeout,
    ProblemKind.OTHER_CONTENT: other_content,
    ProblemKind.DECIDED: decided,
    ProblemKind.CODE_RECEIVED: code_received,
    ProblemKind.NO_CANCEL: wished(ActionOutcome.NO_CANCEL),
    ProblemKind.CANCEL_NOT_YET: wished(ActionOutcome.CANCEL_NOT_YET),
    ProblemKind.CANCEL_OVER: wished(ActionOutcome.CANCEL_OVER),
    ProblemKind.CANCEL_LIMIT: wished(ActionOutcome.CANCEL_LIMIT),
    ProblemKind.RESTRICTIONS_IGNORED: wished(ActionOutcome.RESTRICTIONS_IGNORED),
    ProblemKind.NO_CODE: wished(ActionOutcome.NO_CODE),
    ProblemKind.ENDED: wished(ActionOutcome.ENDED),
    ProblemKind.NOT_OFFERED: wished(ActionOutcome.NOT_OFFERED),
    ProblemKind.REPORT_REFUSED: wished(ActionOutcome.REPORT_REFUSED),
    ProblemKind.POLICY_MISMATCH: other_policy,
    ProblemKind.FACT_NOT_YOURS: fact_of_another,
    ProblemKind.NO_NUMBERS: ordered(PurchaseOutcome.NO_NUMBERS),
    ProblemKind.CONTENT_TOO_LARGE: sent("PUT", ACCOUNT, raw=b" " * (routing.BODY_MAX + 1)),
    ProblemKind.UNSUPPORTED_MEDIA_TYPE: sent(
        "PUT", ACCOUNT, raw=b"a=b", headers={"Content-Type": "text/csv"}
    ),
    ProblemKind.INVALID: sent("PUT", ACCOUNT, body={}),
    ProblemKind.UNKNOWN_POLICY: ordered(PurchaseOutcome.UNKNOWN_POLICY),
    ProblemKind.BAD_SERVICE: ordered(PurchaseOutcome.BAD_SERVICE),
    ProblemKind.PRICE_ABOVE_MAX: ordered(PurchaseOutcome.PRICE_ABOVE_MAX),
    ProblemKind.IDEMPOTENCY_KEY_REUSED: ordered(PurchaseOutcome.OTHER_CONTENT),
    ProblemKind.TOO_MANY_WRONG_TOKENS: guessing,
    ProblemKind.INTERNAL: failing(RuntimeError()),
    ProblemKind.BUSY: busy,
    ProblemKind.EVENTS_FORGOTTEN: events_forgotten,
    ProblemKind.STORE_UNAVAILABLE: failing(StoreUnavailable()),
    ProblemKind.PROVIDER_UNAVAILABLE: ordered(PurchaseOutcome.PROVIDER_UNAVAILABLE),
    ProblemKind.PROVIDER_BALANCE_TOO_LOW: ordered(PurchaseOutcome.PROVIDER_BALANCE_TOO_LOW),
    ProblemKind.EXPOSURE_LIMIT: ordered(PurchaseOutcome.EXPOSURE_LIMIT),
}


@pytest.mark.parametrize("kind", ProblemKind, ids=lambda kind: kind.slug)
async def test_every_problem_can_happen_and_looks_like_one(
    api: Api, world: World, monkeypatch: pytest.MonkeyPatch, kind: ProblemKind
) -> None:
    reply = await PROVOKED[kind](api, world, monkeypatch)
    assert reply.status == reply.json["status"] == kind.status
    assert reply.json["type"] == f"/problems/{kind.slug}"
    assert reply.json["title"] == kind.title
    assert reply.headers["Content-Type"].startswith("application/problem+json")
