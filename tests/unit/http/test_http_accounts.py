"""Accounts over HTTP."""

import json

import pytest

from tests.unit.http.caller import Api
from tests.unit.http.conftest import World
from worker.domain.ids import AccountId
from worker.entrypoints.http.bulk import BODY_MAX
from worker.ports.store.books import AccountPolicy

NEW = {"currency": "USD"}


async def test_an_account_is_opened_once_and_is_the_same_afterwards(api: Api) -> None:
    first = await api.put("/v1/accounts/ann", NEW)
    again = await api.put("/v1/accounts/ann", NEW)
    assert (first.status, again.status) == (201, 200)
    assert first.json["policy"] in {None, "default"}, "without cases there are no policies"
    assert first.headers["Location"] == "/v1/accounts/ann"
    shown = (await api.get("/v1/accounts/ann")).json
    assert first.json == again.json
    assert shown == {**first.json, "notes": []}
    assert first.json == {
        "account": "ann",
        "currency": "USD",
        "policy": first.json["policy"],
        "available_minor": 0,
        "held_minor": 0,
        "state": "open",
        "obligations": [],
    }


async def test_an_account_keeps_its_currency(api: Api) -> None:
    await api.put("/v1/accounts/ann", NEW)
    reply = await api.put("/v1/accounts/ann", {"currency": "EUR"})
    assert (reply.status, reply.slug) == (409, "other-content")


@pytest.mark.parametrize("currency", ["usd", "US", "USDT", "", None, 840, "USD\n"])
async def test_a_currency_is_three_capital_letters(api: Api, currency: object) -> None:
    reply = await api.put("/v1/accounts/ann", {"currency": currency})
    assert (reply.status, reply.slug, reply.pointers) == (422, "invalid", ["/currency"])


@pytest.mark.parametrize("name", ["%20", "a%2Fb", "a%00", "%F0%9F%98%80", "-a", "a" * 129, "%FF"])
async def test_a_name_that_cannot_stand_in_a_path_is_refused(api: Api, name: str) -> None:
    reply = await api.put(f"/v1/accounts/{name}", NEW)
    assert (reply.status, reply.pointers) == (422, ["/account"])


async def test_a_top_up_is_booked_once_however_often_it_is_sent(api: Api) -> None:
    await api.put("/v1/accounts/ann", NEW)
    topup = {"reference": "invoice 7", "amount_minor": 500}
    first = await api.post("/v1/accounts/ann/topups", topup)
    again = await api.post("/v1/accounts/ann/topups", topup)
    assert (first.status, again.status) == (201, 200)
    assert first.json == again.json
    assert again.json["available_minor"] == 500


async def test_a_reference_stands_for_one_amount(api: Api) -> None:
    await api.put("/v1/accounts/ann", NEW)
    await api.post("/v1/accounts/ann/topups", {"reference": "r", "amount_minor": 500})
    reply = await api.post("/v1/accounts/ann/topups", {"reference": "r", "amount_minor": 501})
    assert (reply.status, reply.slug) == (409, "other-content")
    assert "another amount or date. Another payment needs another reference" in reply.json["detail"]
    assert (await api.get("/v1/accounts/ann")).json["available_minor"] == 500


@pytest.mark.parametrize("amount", [0, -1, 1.0, 1.5, "5", True, None, 10**15 + 1, 10**30])
async def test_an_amount_is_a_positive_integer(api: Api, amount: object) -> None:
    await api.put("/v1/accounts/ann", NEW)
    reply = await api.post("/v1/accounts/ann/topups", {"reference": "r", "amount_minor": amount})
    assert (reply.status, reply.pointers) == (422, ["/amount_minor"])


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/v1/accounts/nobody", None),
        ("GET", "/v1/accounts/nobody/entries", None),
        ("POST", "/v1/accounts/nobody/topups", {"reference": "r", "amount_minor": 1}),
    ],
)
async def test_an_unknown_account_is_said_to_be_unknown(
    api: Api, method: str, path: str, body: object
) -> None:
    reply = await api.call(method, path, body)
    assert (reply.status, reply.slug) == (404, "unknown-account")


async def test_entries_come_newest_first_and_page_by_page_without_gap_or_repeat(api: Api) -> None:
    await api.put("/v1/accounts/ann", NEW)
    for amount in range(1, 6):
        topup = {"reference": f"r{amount}", "amount_minor": amount}
        await api.post("/v1/accounts/ann/topups", topup)
    seen: list[int] = []
    query = "?limit=2"
    while True:
        page = (await api.get(f"/v1/accounts/ann/entries{query}")).json
        seen += [entry["amount_minor"] for entry in page["items"]]
        if page["next_cursor"] is None:
            break
        query = f"?limit=2&cursor={page['next_cursor']}"
    assert seen == [5, 4, 3, 2, 1]


async def test_a_page_that_is_just_full_and_the_last_says_so(api: Api) -> None:
    await api.put("/v1/accounts/ann", NEW)
    for reference in ("a", "b"):
        await api.post("/v1/accounts/ann/topups", {"reference": reference, "amount_minor": 1})
    page = (await api.get("/v1/accounts/ann/entries?limit=2")).json
    assert len(page["items"]) == 2
    assert page["next_cursor"] is None
    assert page["items"][0]["at"] == "2026-01-01T00:00:00.000000Z"


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("limit=0", "/limit"),
        ("limit=201", "/limit"),
        ("limit=many", "/limit"),
        ("limit=1.5", "/limit"),
        ("limit=1&limit=2", "/limit"),
        ("cursor=!!!", "/cursor"),
        ("cursor=", "/cursor"),
        ("cursor=YWN0aXZhdGlvbnM6MTox", "/cursor"),
        ("cursor=ZW50cmllczo5OTk5OTk5OTk5OTk5OTk5OTk5", "/cursor"),
        ("cursor=ZW50cmllczotMQ", "/cursor"),
        ("lmit=5", "/lmit"),
    ],
)
async def test_a_query_that_is_not_understood_is_named(api: Api, query: str, pointer: str) -> None:
    await api.put("/v1/accounts/ann", NEW)
    reply = await api.get(f"/v1/accounts/ann/entries?{query}")
    assert (reply.status, reply.slug, reply.pointers) == (422, "invalid", [pointer])


async def test_an_account_cannot_belong_to_a_policy_that_nobody_knows(api: Api) -> None:
    reply = await api.put("/v1/accounts/ann", {**NEW, "policy": "gold"})
    assert (reply.status, reply.slug) == (422, "unknown-policy")


async def test_an_account_of_another_policy_is_refused(api: Api, world: World) -> None:
    await world.books.open_account(AccountId("ann"), "USD", AccountPolicy("P3"))

    assert (await api.put("/v1/accounts/ann", NEW)).json["policy"] == "P3"


async def test_accounts_of_another_system_are_taken_one_by_one_in_their_order(api: Api) -> None:
    topup = {"reference": "carried over", "amount_minor": 500}
    accounts = [
        {"account": "ann", "currency": "USD", "topups": [topup]},
        {"account": "ann", "currency": "EUR"},
        {"account": "b b", "currency": "USD"},
        {"account": "bob", "currency": "USD", "policy": "gold"},
        {"account": "ann", "currency": "USD", "topups": [{**topup, "amount_minor": 501}]},
        {"account": "eve", "currency": "USD", "topups": [{**topup, "amount_minor": 0}]},
        {"account": "eve", "currency": "USD", "topups": [topup, topup]},
        {"account": "zoe", "currency": "USD"},
    ]
    for statuses in ([201, 201], [200, 200]):
        reply = await api.post("/v1/accounts/bulk", {"accounts": accounts})
        results = reply.json["results"]
        assert (reply.status, [each["status"] for each in results]) == (
            200,
            [statuses[0], 409, 422, 422, 409, 422, 422, statuses[1]],
        )
        assert (results[0]["account"]["available_minor"], results[0]["topups_minor"]) == (500, 500)
        problems = [each["problem"] for each in results[1:-1]]
        assert [problem["type"].removeprefix("/problems/") for problem in problems] == [
            "other-content",
            "invalid",
            "unknown-policy",
            "other-content",
            "invalid",
            "invalid",
        ]
        assert [error["pointer"] for each in problems for error in each.get("errors", [])] == [
            "/accounts/2/account",
            "/accounts/4/topups/0/reference",
            "/accounts/5/topups/0/amount_minor",
            "/accounts/6/topups",
        ]
    assert (await api.get("/v1/accounts/eve")).status == 404


async def test_a_bulk_call_takes_a_thousand_and_sixteen_mebibytes(api: Api) -> None:
    one = {"account": "ann", "currency": "USD"}
    much = json.dumps({"accounts": [one]}).encode().ljust(BODY_MAX)

    assert (await api.post("/v1/accounts/bulk", {"accounts": [one] * 1_001})).status == 422
    assert (await api.post("/v1/accounts/bulk", raw=much)).status == 200
    assert (await api.post("/v1/accounts/bulk", raw=much + b" ")).slug == "content-too-large"
