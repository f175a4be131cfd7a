"""What only the order call knows: told once, checked, shown with the order."""

from typing import Any

import pytest

from tests.unit.http.caller import Api
from tests.unit.http.numbers import PATH, item, number, order, rich_ann, watched

TERMS = {"version": "2024-04-02", "accepted_at": "2026-01-01T02:59:00+03:00"}
TOLD: dict[str, Any] = {
    "buy_channel": "api",
    "payment_method": "card",
    "service_2fa": True,
    "labels": ["telegram", "messenger"],
    "operator": "mts",
    "was_listed": True,
    "compat_listed": False,
    "documents_shown_at_order": True,
    "restrictions_shown": True,
    "restrictions_ignored": False,
    "refund_fee_minor": 3,
    "terms": TERMS,
}
SHOWN = {
    **TOLD,
    "labels": ["messenger", "telegram"],
    "terms": {"version": "2024-04-02", "accepted_at": "2025-12-31T23:59:00.000000Z"},
}


async def test_what_was_told_with_a_number_is_shown_with_it(api: Api) -> None:
    shown = (await watched(api, order_ref="A-1", order_facts=TOLD)).json

    assert shown["order_ref"] == "A-1"
    assert shown["order_facts"] == SHOWN


async def test_a_number_without_facts_shows_that_nothing_was_told(api: Api) -> None:
    assert (await watched(api, order_facts={})).json["order_facts"] is None


async def test_the_same_facts_in_another_form_are_the_same_content(api: Api) -> None:
    await watched(api, order_facts=TOLD)
    again = await api.put(PATH, number(order_facts=SHOWN))

    assert again.status == 200


async def test_other_facts_under_the_same_reference_are_other_content(api: Api) -> None:
    await watched(api, order_facts=TOLD)
    other = await api.put(PATH, number(order_facts={**TOLD, "service_2fa": False}))

    assert (other.status, other.slug) == (409, "other-content")


@pytest.mark.parametrize(
    "wrong",
    [
        {"sms_received_at": "2026-01-01T00:00:00Z"},
        {"service_2fa": "yes"},
        {"buy_channel": "phone"},
        {"labels": "telegram"},
        {"labels": ["x"] * 21},
        {"refund_fee_minor": -1},
        {"terms": {"version": "1"}},
        {"terms": {**TERMS, "accepted_at": "2026-01-01T00:00:00"}},
    ],
)
async def test_a_fact_that_no_order_call_tells_is_refused(api: Api, wrong: dict[str, Any]) -> None:
    await rich_ann(api)
    reply = await api.put(PATH, number(order_facts=wrong))

    assert reply.status == 422
    assert reply.json["errors"][0]["pointer"].startswith("/order_facts/")


@pytest.mark.parametrize("method", ["balance", "Balance"])
async def test_what_was_charged_outside_was_not_paid_from_the_balance(
    api: Api, method: str
) -> None:
    await rich_ann(api)
    told = {"payment_method": method}
    outside = await api.put(PATH, number(charge="external", order_facts=told))
    here = await api.put(PATH, number(charge="hold", order_facts=told))

    assert (outside.status, here.status) == (422, 201)
    assert outside.json["errors"][0]["pointer"] == "/order_facts"
    assert here.json["order_facts"] == told  # As the shop writes it.


async def test_each_number_of_a_bulk_call_has_its_own_facts(api: Api) -> None:
    await rich_ann(api)
    items = [item("1", order_facts=TOLD), item("2"), item("3", order_facts={"labels": 1})]
    results = (await api.post("/v1/activations/bulk", {"activations": items})).json["results"]

    assert [result["status"] for result in results] == [201, 201, 422]
    assert [result["activation"]["order_facts"] for result in results[:2]] == [SHOWN, None]


async def test_a_number_is_found_by_the_id_of_its_order_at_the_shop(api: Api) -> None:
    wanted = (await watched(api, "1", order_ref="A-1")).json
    await watched(api, "2", order_ref="A-2")
    found = await api.get("/v1/activations?order_ref=A-1")

    assert [one["id"] for one in found.json["items"]] == [wanted["id"]]


async def test_an_order_to_rent_keeps_its_facts_and_other_facts_are_another_order(api: Api) -> None:
    await rich_ann(api)
    key = {"Idempotency-Key": "k1"}
    wanted = order(order_ref="A-2", order_facts=TOLD)
    rented = await api.post("/v1/activations", wanted, headers=key)
    other = await api.post("/v1/activations", {**wanted, "order_facts": {}}, headers=key)

    assert (rented.json["order_ref"], rented.json["order_facts"]) == ("A-2", SHOWN)
    assert (other.status, other.slug) == (422, "idempotency-key-reused")
