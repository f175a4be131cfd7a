"""Handing over numbers that were already rented, over HTTP."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.unit.http.caller import Api
from tests.unit.http.conftest import World
from tests.unit.http.numbers import PATH, RENTED_AT, item, number, rich_ann, watched
from worker.domain.transfer import Charge
from worker.entrypoints.http.number_intake import problem_of, read_number_intake
from worker.entrypoints.http.problems import Problem
from worker.ports.store.activations import AcceptOutcome

BULK = "/v1/activations/bulk"


async def test_a_number_is_watched_and_shown_as_the_contract_says(api: Api) -> None:
    reply = await watched(api)
    shown = reply.json
    assert reply.headers["Location"] == f"/v1/activations/{shown['id']}"
    assert shown == {
        "id": shown["id"],
        "provider": "alpha",
        "provider_ref": "ref-1",
        "order_ref": None,
        "order_facts": None,
        "account": "ann",
        "phone": "79990000001",
        "service": "tg",
        "country": "0",
        "price_minor": 12,
        "currency": "USD",
        "policy": "default",
        "state": "waiting",
        "provider_state": "open",
        "rented_at": "2025-12-31T23:59:00.000000Z",
        "deadline_at": "2026-01-01T00:19:00.000000Z",
        "cancel_offered": True,
        "cancel_from_at": None,
        "cancel_until_at": None,
        "codes": [],
        "settlement": None,
        "summary": shown["summary"],
        "timeline": [{"at": "2026-01-01T00:00:00.000000Z", "what": "accepted", "state": "waiting"}],
    }


async def test_the_same_number_again_is_the_same_activation_and_holds_once(api: Api) -> None:
    first = await watched(api)
    again = await api.put(PATH, number())
    assert again.status == 200
    assert again.json == first.json
    assert (await api.get("/v1/accounts/ann")).json["held_minor"] == 12


async def test_the_same_instant_written_in_another_zone_is_the_same_content(api: Api) -> None:
    await watched(api)
    again = await api.put(PATH, number(rented_at="2026-01-01T02:59:00+03:00"))
    assert again.status == 200


async def test_other_content_for_the_same_rental_is_refused(api: Api) -> None:
    await watched(api)
    reply = await api.put(PATH, number(price_minor=13))
    assert (reply.status, reply.slug) == (409, "other-content")
    assert (await api.get("/v1/accounts/ann")).json["held_minor"] == 12


async def test_a_balance_too_low_holds_nothing(api: Api) -> None:
    await rich_ann(api, minor=11)
    reply = await api.put(PATH, number())
    assert (reply.status, reply.slug) == (402, "balance-too-low")
    account = (await api.get("/v1/accounts/ann")).json
    assert (account["available_minor"], account["held_minor"]) == (11, 0)


async def test_an_account_nobody_opened_is_unknown(api: Api) -> None:
    reply = await api.put(PATH, number())
    assert (reply.status, reply.slug) == (404, "unknown-account")


async def test_a_provider_that_is_not_configured_is_unknown(api: Api) -> None:
    await rich_ann(api)
    reply = await api.put("/v1/activations/omega/1", number())
    assert (reply.status, reply.slug) == (404, "unknown-provider")


async def test_a_policy_there_is_not_is_refused(api: Api) -> None:
    await rich_ann(api)
    reply = await api.put(PATH, number(policy="P9"))
    assert (reply.status, reply.slug) == (422, "unknown-policy")


async def test_a_rental_in_the_future_is_refused(api: Api) -> None:
    await rich_ann(api)
    reply = await api.put(PATH, number(rented_at="2026-01-02T00:00:00Z"))
    assert (reply.status, reply.slug, reply.pointers) == (422, "invalid", ["/rented_at"])


INVALID: list[tuple[str, Any]] = [
    ("account", ""),
    ("account", "a b"),
    ("account", 7),
    ("account", None),
    ("account", ...),
    ("phone", "12"),
    ("phone", "+7 999 000"),
    ("phone", 79990000001),
    ("phone", "٧٩٩٩٠٠٠٠٠٠١"),
    ("service", ""),
    ("service", " tg"),
    ("service", "t\u0000g"),
    ("service", "t\ng"),
    ("service", "x" * 65),
    ("country", 0),
    ("price_minor", -1),
    ("price_minor", 0.12),
    ("price_minor", 12.0),
    ("price_minor", "12"),
    ("price_minor", True),
    ("price_minor", 10**15 + 1),
    ("price_minor", 2**64),
    ("price_minor", None),
    ("rented_at", "2026-01-01T00:00:00"),
    ("rented_at", "2026-01-01"),
    ("rented_at", "2026-02-30T00:00:00Z"),
    ("rented_at", "2026-01-01T24:00:01Z"),
    ("rented_at", "1767225600"),
    ("rented_at", 1767225600),
    ("rented_at", "yesterday"),
    ("rented_at", "0001-01-01T00:00:00+14:00"),
    ("rented_at", "9999-12-31T23:59:59Z"),
    ("expires_at", "2026-01-01T00:00:00"),
    ("expires_at", RENTED_AT),
    ("expires_at", "2025-12-31T23:58:59Z"),
    ("window_seconds", 0),
    ("window_seconds", 86_401),
    ("window_seconds", 1.0),
    ("window_seconds", "20"),
    ("window_seconds", True),
    ("policy", "../P1"),
    ("charge", "free"),
    ("charge", None),
    ("window_second", 20),
    ("codes", [{"code": "1", "received_at": "2025-12-31T23:58:59Z"}]),
    ("codes", [{"code": "1", "received_at": RENTED_AT}] * 2),
    ("codes", [{"code": "1", "received_at": RENTED_AT}] * 51),
]


@pytest.mark.parametrize(("key", "value"), INVALID)
async def test_what_is_wrong_with_a_number_is_named(api: Api, key: str, value: object) -> None:
    reply = await api.put(PATH, number(**{key: value}))
    assert (reply.status, reply.slug, reply.pointers) == (422, "invalid", [f"/{key}"])


async def test_everything_that_is_wrong_is_named_at_once(api: Api) -> None:
    reply = await api.put(PATH, number(phone=1, price_minor=-1, service=...))
    assert sorted(reply.pointers) == ["/phone", "/price_minor", "/service"]


async def test_a_refusal_never_repeats_the_value(api: Api) -> None:
    reply = await api.put(PATH, number(phone="secret-phone", policy="secret/policy"))
    assert b"secret" not in reply.raw


@pytest.mark.parametrize(
    "written",
    [
        "2025-12-31T23:59:00Z",
        "2025-12-31t23:59:00z",
        "2025-12-31 23:59:00+00:00",
        "2025-12-31T23:59:00.0Z",
        "2025-12-31T23:59:00.000000000Z",
        "2026-01-01T05:29:00+05:30",
    ],
)
async def test_an_instant_is_read_in_every_form_of_rfc_3339(api: Api, written: str) -> None:
    reply = await watched(api, rented_at=written)
    assert reply.json["rented_at"] == "2025-12-31T23:59:00.000000Z"


async def test_what_is_left_out_is_left_to_the_defaults(api: Api, world: World) -> None:
    await watched(api, rented_at=...)
    (intake,) = world.service.intakes.values()
    assert (intake.rented_at, intake.window, intake.expires_at, intake.policy) == (None,) * 4
    assert intake.charge is Charge.HOLD


async def test_what_is_given_arrives_as_it_was_given(api: Api, world: World) -> None:
    await watched(
        api,
        ref="A.b_c~d:e@f+g=h-1",
        window_seconds=86_400,
        expires_at="2026-01-01T00:05:00.123456Z",
        policy="P1",
        charge="external",
    )
    (intake,) = world.service.intakes.values()
    assert intake.ref == "A.b_c~d:e@f+g=h-1"
    assert intake.window == timedelta(days=1)
    assert intake.expires_at == datetime(2026, 1, 1, 0, 5, 0, 123456, tzinfo=UTC)
    assert (intake.policy, intake.charge) == ("P1", Charge.EXTERNAL)


async def test_each_item_of_a_bulk_call_succeeds_or_fails_alone_and_in_order(api: Api) -> None:
    await rich_ann(api)
    await api.put(PATH, number())
    items = [
        item("new-1"),
        item("bad", phone="x"),
        item("ref-1"),
        item("ref-1", price_minor=99),
        item("poor", account="bob"),
        "not an object",
        item("future", rented_at="2027-01-01T00:00:00Z"),
        item("new-2"),
    ]
    reply = await api.post(BULK, {"activations": items})
    results = reply.json["results"]
    assert reply.status == 200
    assert [one["status"] for one in results] == [201, 422, 200, 409, 404, 422, 422, 201]
    assert results[0]["activation"]["provider_ref"] == "new-1"
    assert results[1]["problem"]["errors"][0]["pointer"] == "/activations/1/phone"
    assert results[3]["problem"]["type"] == "/problems/other-content"
    assert results[5]["problem"]["errors"][0]["pointer"] == "/activations/5"
    assert results[6]["problem"]["errors"][0]["pointer"] == "/activations/6/rented_at"
    assert results[7]["activation"]["provider_ref"] == "new-2"


async def test_a_thousand_items_are_taken_in_one_call(api: Api, world: World) -> None:
    await rich_ann(api)
    items = [item(f"ref-{at}") for at in range(1_000)]
    reply = await api.post(BULK, {"activations": items})
    assert {one["status"] for one in reply.json["results"]} == {201}
    assert len(world.service.intakes) == 1_000


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"activations": [{}] * 1_001}, "/activations"),
        ({"activations": {}}, "/activations"),
        ({"activations": None}, "/activations"),
        ({}, "/activations"),
        ({"activations": [], "more": 1}, "/more"),
        ([], ""),
        ("text", ""),
        (None, ""),
    ],
)
async def test_what_is_wrong_outside_of_the_items_refuses_the_whole_call(
    api: Api, world: World, body: object, pointer: str
) -> None:
    reply = await api.post(BULK, raw=json.dumps(body).encode())
    assert (reply.status, reply.slug, reply.pointers) == (422, "invalid", [pointer])
    assert not world.service.intakes


async def test_a_bulk_call_with_nothing_in_it_does_nothing(api: Api) -> None:
    reply = await api.post(BULK, {"activations": []})
    assert (reply.status, reply.json) == (200, {"results": []})


async def test_a_huge_number_in_one_item_does_not_spoil_the_others(api: Api) -> None:
    await rich_ann(api)
    raw = json.dumps({"activations": [item("a"), item("b", price_minor=10**40)]}).encode()
    reply = await api.post(BULK, raw=raw)
    assert [one["status"] for one in reply.json["results"]] == [201, 422]


def test_an_item_that_came_through_the_queue_is_read_as_strictly() -> None:
    intake = read_number_intake(item("q-1", window_seconds=60))
    assert (intake.provider, intake.ref, intake.window) == (
        "alpha",
        "q-1",
        timedelta(seconds=60),
    )
    with pytest.raises(Problem) as caught:
        read_number_intake(item("q-1", price_minor=1.0))
    assert [fault.pointer for fault in caught.value.details.errors] == ["/price_minor"]


@pytest.mark.parametrize("poison", [2**64, "\ud800", {1, 2}, object()])
def test_an_item_that_is_no_json_is_refused_like_any_other(poison: object) -> None:
    with pytest.raises(Problem):
        read_number_intake(item("q-1", price_minor=poison))


@pytest.mark.parametrize("how", AcceptOutcome)
def test_every_way_an_intake_can_end_is_told(how: AcceptOutcome) -> None:
    stored = how in {AcceptOutcome.NEW, AcceptOutcome.SAME}
    assert (problem_of(how) is None) == stored


async def test_codes_that_another_system_has_shown_come_with_their_number(api: Api) -> None:
    codes = [
        {"code": "2", "received_at": "2025-12-31T23:59:40Z"},
        {"code": "1", "text": "It is 1", "received_at": "2025-12-31T23:59:30Z"},
    ]
    shown = (await watched(api, codes=codes)).json

    assert shown["state"] == "received"
    assert [(each["code"], each["text"]) for each in shown["codes"]] == [
        ("1", "It is 1"),
        ("2", None),
    ]
    without = await api.put("/v1/activations/alpha/2", number(rented_at=..., codes=codes))
    assert (without.status, without.pointers) == (422, ["/codes"])
