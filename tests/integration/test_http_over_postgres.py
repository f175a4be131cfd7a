"""The API over the real service and the real store: what the fakes promise, PostgreSQL keeps.

The tests that only call the API are those of the unit suite, run again here.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import aiohttp
import asyncpg
import pytest

from tests.unit.http.caller import READ_TOKEN, WRITE_TOKEN, Api, Described, Reply
from tests.unit.http.conftest import HOOK_SECRET, api, app, described
from tests.unit.http.fakes import FakeLog
from tests.unit.http.numbers import item, number, order, rich_ann, watched
from tests.unit.http.test_http_accounts import (
    test_a_reference_stands_for_one_amount,
    test_a_top_up_is_booked_once_however_often_it_is_sent,
    test_an_account_is_opened_once_and_is_the_same_afterwards,
    test_an_account_keeps_its_currency,
    test_an_amount_is_a_positive_integer,
    test_an_unknown_account_is_said_to_be_unknown,
    test_entries_come_newest_first_and_page_by_page_without_gap_or_repeat,
)
from tests.unit.http.test_http_activations import test_an_id_of_nothing_is_unknown
from tests.unit.http.test_http_number_intake import (
    test_a_balance_too_low_holds_nothing,
    test_a_policy_there_is_not_is_refused,
    test_a_provider_that_is_not_configured_is_unknown,
    test_an_account_nobody_opened_is_unknown,
    test_an_instant_is_read_in_every_form_of_rfc_3339,
    test_each_item_of_a_bulk_call_succeeds_or_fails_alone_and_in_order,
    test_other_content_for_the_same_rental_is_refused,
    test_the_same_instant_written_in_another_zone_is_the_same_content,
    test_the_same_number_again_is_the_same_activation_and_holds_once,
)
from worker.adapters.store.postgres import PostgresStore
from worker.adapters.store.turns import LOCK_WAIT
from worker.bootstrap import Worker, open_worker
from worker.domain.ids import ActivationId, ProviderName
from worker.entrypoints.http.api import build_api
from worker.entrypoints.http.auth import KnownTokens, Token
from worker.entrypoints.http.deps import ApiDeps
from worker.entrypoints.http.listener import listen
from worker.ports.service import ActionOutcome, ActionResult
from worker.settings import load_settings

ON_TIME = 2.0  #: Seconds, beside the wait for a lock.
SAME_TESTS = (
    test_a_balance_too_low_holds_nothing,
    test_a_policy_there_is_not_is_refused,
    test_a_provider_that_is_not_configured_is_unknown,
    test_a_reference_stands_for_one_amount,
    test_a_top_up_is_booked_once_however_often_it_is_sent,
    test_an_account_is_opened_once_and_is_the_same_afterwards,
    test_an_account_keeps_its_currency,
    test_an_account_nobody_opened_is_unknown,
    test_an_amount_is_a_positive_integer,
    test_an_id_of_nothing_is_unknown,
    test_an_instant_is_read_in_every_form_of_rfc_3339,
    test_an_unknown_account_is_said_to_be_unknown,
    test_each_item_of_a_bulk_call_succeeds_or_fails_alone_and_in_order,
    test_entries_come_newest_first_and_page_by_page_without_gap_or_repeat,
    test_other_content_for_the_same_rental_is_refused,
    test_the_same_instant_written_in_another_zone_is_the_same_content,
    test_the_same_number_again_is_the_same_activation_and_holds_once,
)
FIXTURES = (api, app, described)


@pytest.fixture
async def worker(database_url: str, redis_url: str, tmp_path: Path) -> AsyncIterator[Worker]:
    """The worker with a provider nobody listens for, and without its ticks."""
    config = tmp_path / "worker.toml"
    config.write_text(
        f"""
        [database]
        url = "{database_url}"
        [redis]
        url = "{redis_url}"
        [providers.alpha]
        family = "handler_api"
        base_url = "http://127.0.0.1:9"
        api_key = "not-a-key"
        """
    )
    async with open_worker(load_settings(config, environ={})) as worker:
        yield worker


@pytest.fixture
def deps(worker: Worker) -> ApiDeps:
    store = worker.parts.store
    return ApiDeps(
        service=worker.service,
        cases=worker.service.cases,
        rent_long=worker.service.rent_long,
        activations=store.activations,
        books=store.books,
        outbox=store.outbox,
        tokens=KnownTokens(
            [
                Token.of("shop", "operate+decide", WRITE_TOKEN),
                Token.of("viewer", "read", READ_TOKEN),
            ]
        ),
        parse_push=lambda _provider, _raw, _headers: [],
        hook_secrets={ProviderName("alpha"): HOOK_SECRET},
        log=FakeLog(),
        new_request_id=lambda: "made-here",
    )


async def test_the_list_pages_without_gap_or_repeat_also_within_one_instant(api: Api) -> None:
    await rich_ann(api)
    items = [item(f"ref-{at}", rented_at=f"2026-01-01T00:00:0{at // 4}Z") for at in range(12)]
    results = (await api.post("/v1/activations/bulk", {"activations": items})).json["results"]
    seen: list[str] = []
    query = "?limit=5"
    while True:
        page = (await api.get(f"/v1/activations{query}")).json
        seen += [one["id"] for one in page["items"]]
        if page["next_cursor"] is None:
            break
        query = f"?limit=5&cursor={page['next_cursor']}"
    made = [one["activation"] for one in results]
    newest = sorted(made, key=lambda one: (one["rented_at"], one["id"]), reverse=True)
    assert seen == [one["id"] for one in newest]


async def test_the_list_is_filtered_by_all_that_is_given(api: Api) -> None:
    await watched(api)
    for query, count in {
        "?state=waiting&provider=alpha&account=ann": 1,
        "?state=refunded": 0,
        "?provider=omega": 0,
        "?account=bob": 0,
    }.items():
        assert len((await api.get(f"/v1/activations{query}")).json["items"]) == count, query


async def test_a_thousand_items_are_taken_and_are_the_same_again(api: Api) -> None:
    await rich_ann(api)
    body = {"activations": [item(f"ref-{at}") for at in range(1_000)]}
    first = await api.post("/v1/activations/bulk", body)
    again = await api.post("/v1/activations/bulk", body)
    assert {one["status"] for one in first.json["results"]} == {201}
    assert {one["status"] for one in again.json["results"]} == {200}
    assert (await api.get("/v1/accounts/ann")).json["held_minor"] == 12_000


async def test_the_largest_values_that_are_valid_are_kept(api: Api) -> None:
    await api.put("/v1/accounts/ann", {"currency": "USD"})
    most = {"reference": "r" * 128, "amount_minor": 10**15}
    assert (await api.post("/v1/accounts/ann/topups", most)).status == 201
    edges = {
        "price_minor": 10**15,
        "phone": "+" + "9" * 20,
        "service": "!" * 64,
        "country": "~" * 64,
        "rented_at": "2000-01-01T00:00:00Z",
        "window_seconds": 86_400,
        "expires_at": "2199-12-31T23:59:59.999999Z",
        "charge": "external",
    }
    reply = await api.put("/v1/activations/alpha/" + "R" * 128, number(**edges))
    assert reply.status == 201
    assert reply.json["price_minor"] == 10**15


async def test_a_page_starts_wherever_a_cursor_can_point(api: Api) -> None:
    for cursor in ("ZW50cmllczow", "ZW50cmllczo5MjIzMzcyMDM2ODU0Nzc1ODA3"):
        reply = await api.get(f"/v1/accounts/ann/entries?cursor={cursor}")
        assert (reply.status, reply.slug) == (404, "unknown-account")
    assert (await api.get("/v1/events?cursor=ZXZlbnRzOjA")).json["items"] == []


async def test_cancel_inside_the_least_age_is_owed_and_then_shown(api: Api) -> None:
    shown = (await watched(api, rented_at=...)).json
    reply = await api.post(f"/v1/activations/{shown['id']}/cancel")
    assert (reply.status, reply.json["state"]) == (202, "expiring")
    assert [line["what"] for line in reply.json["timeline"]]


@pytest.mark.parametrize("act", ["cancel", "finish", "shown"])
async def test_a_number_that_somebody_keeps_locked_is_answered_in_time(
    api: Api, database_url: str, act: str
) -> None:
    shown = (await watched(api, rented_at=...)).json
    path = f"/v1/activations/{shown['id']}"
    other = await asyncpg.connect(database_url)
    try:
        async with other.transaction(), asyncio.timeout(LOCK_WAIT.total_seconds() + ON_TIME):
            await other.execute("SELECT FROM activation WHERE id = $1 FOR UPDATE", shown["id"])
            reply = await api.post(f"{path}/{act}")
    finally:
        await other.close()

    assert (reply.status, reply.slug) == (503, "store-unavailable")
    assert reply.json["detail"] == "It is locked just now: send it again"
    assert (await api.get(path)).json["state"] == "waiting"
    assert (await api.post(f"{path}/cancel")).status == 202


async def test_finish_and_resend_need_a_code(api: Api) -> None:
    shown = (await watched(api, rented_at=...)).json
    for wish in ("finish", "resend"):
        reply = await api.post(f"/v1/activations/{shown['id']}/{wish}")
        assert (reply.status, reply.slug) == (409, "no-code")


async def test_another_sms_is_asked_for_once_by_one_key(
    api: Api, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = (await watched(api, rented_at=...)).json
    asked: list[ActivationId] = []

    async def resend(_: object, id_: ActivationId) -> ActionResult:
        asked.append(id_)
        return ActionResult(ActionOutcome.DONE)

    monkeypatch.setattr(type(worker.service), "resend", resend)
    path = f"/v1/activations/{shown['id']}/resend"
    replies = [await api.post(path, headers={"Idempotency-Key": key}) for key in ("a", "a", "b")]

    assert [(reply.status, reply.json["id"]) for reply in replies] == [(200, shown["id"])] * 3
    assert asked == [ActivationId(UUID(shown["id"]))] * 2


async def test_waiting_ends_when_something_changes(api: Api, worker: Worker) -> None:
    shown = (await watched(api, rented_at=...)).json
    path = f"/v1/activations/{shown['id']}"
    seen = {"If-None-Match": (await api.get(path)).headers["ETag"]}
    waiting = asyncio.create_task(api.get(f"{path}?wait_seconds=30", headers=seen))
    await worker.parts.store.activations.press_cancel(ActivationId(UUID(shown["id"])))
    async with asyncio.timeout(10):
        assert (await waiting).json["state"] == "expiring"


async def test_an_order_at_a_provider_nobody_reaches_buys_and_holds_nothing(api: Api) -> None:
    await rich_ann(api)
    reply = await api.post(
        "/v1/activations", order(), headers={"Idempotency-Key": "never-reaches-it"}
    )
    assert (reply.status, reply.slug) == (503, "provider-unavailable")
    assert (await api.get("/v1/accounts/ann")).json["held_minor"] == 0


async def test_a_database_nobody_reaches_is_a_reason_to_try_again(
    deps: ApiDeps, described: Described
) -> None:
    away = PostgresStore("postgresql://nobody@127.0.0.1:9/nothing")
    runner = await listen(
        build_api(replace(deps, activations=away.activations, books=away.books)),
        "127.0.0.1",
        0,
        drain_seconds=1,
    )
    host, port = runner.addresses[0]
    async with aiohttp.ClientSession() as http:
        api = Api(http, f"http://{host}:{port}", described)
        for reply in (await api.get("/v1/activations"), await opened(api)):
            assert (reply.status, reply.slug) == (503, "store-unavailable")
    await runner.cleanup()
    await away.close()


async def opened(api: Api) -> Reply:
    return await api.put("/v1/accounts/ann", {"currency": "USD"})


async def test_one_that_was_seen_already_is_not_sent_again(api: Api, worker: Worker) -> None:
    shown = (await watched(api, rented_at=...)).json
    path = f"/v1/activations/{shown['id']}"
    seen = {"If-None-Match": (await api.get(path)).headers["ETag"]}
    assert (await api.get(path, headers=seen)).status == 304
    await worker.parts.store.activations.press_cancel(ActivationId(UUID(shown["id"])))
    assert (await api.get(path, headers=seen)).status == 200
