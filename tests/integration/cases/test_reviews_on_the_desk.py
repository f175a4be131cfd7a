"""The desk over a shop's cases: every kind of review and case has its page, and its verdict."""

import re
from typing import Any

from tests.integration.cases.case_shop import DAY, MONDAY, PRICE, CaseShop
from tests.integration.cases.rental_order import order
from tests.unit.desk.visitor import Page, Visitor
from tests.unit.http.caller import Api
from worker.domain.activation import State
from worker.domain.transfer import Charge
from worker.ports.store.rentals import RentalOrder

CLAIM = {
    "claim_kind": "wrong_code",
    "reason": "<b>it is</b> for another service",
    "evidence": [{"kind": "photo", "reference": "photo-1", "words": "the error"}],
}
PAYOUT: dict[str, Any] = {
    "claim_channel": "form",
    "request_fields": ["amount", "payment_system", "details", "reason", "email"],
    "reasons_given": True,
}
FRAGMENT = {"HX-Request": "true"}


async def claimed(shop: CaseShop, api: Api) -> str:
    number = await shop.delivered_activation("P3", order_ref="order-7")
    reply = await api.post("/v1/claims", {"activation": str(number), **CLAIM})
    assert reply.json["state"] == "in_review", reply.raw
    return str(reply.json["id"])


async def decide(staff: Visitor, id_: str, **fields: str) -> Page:
    page = await staff.get(f"/?review={id_}")
    hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page.raw))
    return await staff.post(f"/reviews/{id_}/verdict", {**hidden, "note": "seen", **fields})


async def test_every_kind_of_review_and_case_has_its_page(
    shop: CaseShop, api: Api, staff: Visitor
) -> None:
    await shop.open_account(amount_minor=1000)
    owed = await shop.open_withdrawal("P3", amount_minor=100, **PAYOUT)
    granted = {"grant": True, "note": "ok"}
    assert (await api.post(f"/v1/withdrawals/{owed.id}/verdict", granted)).status == 200
    payout = await shop.open_withdrawal("P3", reference="second", amount_minor=100, **PAYOUT)
    number = await shop.rent_number("P3", "2")
    await shop.end_activation(number, State.IN_REVIEW, reason="sms_not_displayed")
    claim = await claimed(shop, api)
    await shop.report_account_event("law_enforcement_block")
    cases = [each["id"] for each in (await api.get("/v1/cases?account=alice")).json["items"]]

    waits = (await api.get("/v1/reviews")).json["items"]
    pages = {each["id"]: await staff.get(f"/?review={each['id']}") for each in waits}
    parts = [await staff.get(f"/reviews/{id_}", **FRAGMENT) for id_ in pages]
    others = [f"/cases/{id_}" for id_ in cases]
    others += ["/", "/accounts/alice", f"/a/{number}"]

    assert {str(number), claim, str(payout.id)} <= pages.keys()
    assert len(pages) == len(cases) == 4  # A payout is owed, too; the block waits for nobody.
    assert {page.status for page in [*pages.values(), *parts]} == {200}
    assert [path for path in others if (await staff.get(path)).status != 200] == []
    assert {(await staff.get(f"/find?q={id_}")).goes_to for id_ in cases} == set(others[:4])
    assert all("does not wait any more" not in page.text for page in pages.values())
    shown = pages[claim]
    assert "<b>it is</b> for another service" in shown.text
    assert "<b>it is" not in shown.raw
    assert "3.50 USD goes to the balance." in shown.text
    assert "1234" not in shown.raw  # The code, before anybody asked for it.
    (paying,) = [page for page in pages.values() if "Pay 1.00 USD out by hand" in page.text]
    assert "Grant" not in paying.text


async def test_a_claim_is_granted_for_less_and_the_note_is_kept(
    shop: CaseShop, api: Api, staff: Visitor
) -> None:
    await shop.open_account(amount_minor=1000)
    claim = await claimed(shop, api)

    wrong = await decide(staff, claim, grant="yes", amount="1,00")
    empty = await decide(staff, claim, grant="yes", note=" ")
    granted = await decide(staff, claim, grant="yes", amount="1.00")
    again = await decide(staff, claim, grant="no")

    assert (wrong.status, "This is no amount" in wrong.text) == (422, True)
    assert empty.status == 422
    assert granted.goes_to == "/?done=granted"
    assert "Granted." in (await staff.get(granted.goes_to)).text
    case = (await api.get(f"/v1/claims/{claim}")).json
    assert (case["state"], case["moved_minor"]) == ("granted", 100)
    assert "seen" in (await staff.get(f"/cases/{claim}")).text
    assert again.status == 409
    assert "Somebody decided before you" in again.text


async def test_findings_about_the_account_are_given_by_their_words(
    shop: CaseShop, api: Api, staff: Visitor
) -> None:
    await shop.open_account(amount_minor=1000)
    claim = await claimed(shop, api)

    denied = await decide(staff, claim, grant="no", findings="account_flags = fraud_confirmed")

    assert denied.status == 303, denied.text
    case = (await api.get(f"/v1/claims/{claim}")).json
    assert (case["state"], case["facts"]["account_flags"]) == ("denied", ["fraud_confirmed"])


async def test_what_the_shop_took_itself_is_never_said_to_go_to_the_balance(
    shop: CaseShop, api: Api, staff: Visitor
) -> None:
    await shop.open_account(amount_minor=0)
    number = await shop.delivered_activation("P3", charge=Charge.EXTERNAL)
    reply = await api.post("/v1/claims", {"activation": str(number), **CLAIM})
    waits = await shop.rent_number("P3", "2", charge=Charge.EXTERNAL)
    await shop.end_activation(waits, State.IN_REVIEW, reason="sms_not_displayed")
    claim = reply.json["id"]

    reviews = (await api.get("/v1/reviews")).json["items"]
    asked = [await staff.get(f"/?review={id_}") for id_ in (claim, waits)]
    await decide(staff, claim, grant="yes")
    shown = await staff.get(f"/cases/{claim}")

    assert reply.json["charge"] == "external"
    assert {each["kind"]: (each["charge"], each["destination"]) for each in reviews} == {
        "claim": ("external", "balance"),  # As it was asked for.
        "activation": ("external", None),
    }
    assert "is given back by the shop" in shown.text
    assert [page for page in [*asked, shown] if "the balance" in page.text] == []


async def test_a_claim_and_a_payout_count_from_when_the_customer_asked(
    shop: CaseShop, api: Api, staff: Visitor
) -> None:
    await shop.open_account(amount_minor=1000)
    numbers = [await shop.closed_activation("P1", ref) for ref in ("1", "2")]
    shop.set_time(MONDAY + 8 * DAY)
    typed = [{"claim_at": "2026-03-05T12:00", "issue_at": "2026-03-05T11:00"}, {}]

    opened = [
        await staff.fill(f"/a/{id_}", f"/a/{id_}/claims", {"claim_kind": "non_receiving", **at})
        for id_, at in zip(numbers, typed, strict=True)
    ]
    asked = {"reference": "w1", "claim_at": "2026-03-06T12:00"}
    payout = await staff.fill("/accounts/alice", "/accounts/alice/withdrawals", asked)
    wrong = await staff.fill(
        "/accounts/alice", "/accounts/alice/withdrawals", {"reference": "w2", "claim_at": "noon"}
    )

    assert [page.status for page in [*opened, payout, wrong]] == [303, 303, 303, 422]
    facts = {item["subject"]: item["facts"] for item in (await api.get("/v1/cases")).json["items"]}
    reasons = [
        item["decision"]["reason"] for item in (await api.get("/v1/cases?kind=claim")).json["items"]
    ]
    assert facts[str(numbers[0])]["claim_at"] == "2026-03-05T12:00:00.000000Z"
    assert facts[str(numbers[0])]["issue_at"] == "2026-03-05T11:00:00.000000Z"
    assert facts["w1"]["claim_at"] == "2026-03-06T12:00:00.000000Z"
    assert sorted(reasons) == ["claim_window_closed", "facts_contradict"]


async def test_a_repair_counts_from_when_it_was_made(
    shop: CaseShop, api: Api, staff: Visitor
) -> None:
    await shop.open_account()
    case = await shop.open_claim(await shop.delivered_activation("P1"), "major_defect")
    shop.set_time(MONDAY + 2 * DAY)
    path = f"/cases/{case.id}"

    for step, at in (("access asked for", "2026-03-02T13:00"), ("repaired", "2026-03-03T12:00")):
        told = await staff.fill(path, f"{path}/steps", {"step": step, "at": at})
        assert told.goes_to == f"{path}?done=told"

    facts = (await api.get(f"/v1/claims/{case.id}")).json["facts"]
    assert facts["access_requested_at"] == "2026-03-02T13:00:00.000000Z"
    assert facts["rectified_at"] == "2026-03-03T12:00:00.000000Z"


async def test_a_number_is_refunded_by_its_review(shop: CaseShop, api: Api, staff: Visitor) -> None:
    await shop.open_account(amount_minor=1000)
    number = await shop.rent_number("P3", "2")
    await shop.end_activation(number, State.IN_REVIEW, reason="sms_not_displayed")

    assert (await decide(staff, str(number), grant="yes")).goes_to == "/?done=granted"

    ended = (await api.get(f"/v1/activations/{number}")).json
    assert (ended["state"], ended["settlement"]["amount_minor"]) == ("refunded", PRICE)


async def test_how_a_number_ends_is_chosen_for_a_deny_alone(
    shop: CaseShop, api: Api, staff: Visitor
) -> None:
    await shop.open_account(amount_minor=1000)
    number = await shop.rent_number("P3", "2")
    await shop.end_activation(number, State.IN_REVIEW, reason="sms_not_displayed")
    page = await staff.get(f"/?review={number}")
    endings = re.findall(r'<option value="(\w*)"', page.raw)

    assert endings == ["", "closed", "delivered"]
    denied = await decide(staff, str(number), grant="no", outcome="delivered")
    assert denied.goes_to == "/?done=denied"
    assert (await api.get(f"/v1/activations/{number}")).json["state"] == "delivered"


async def order_in_doubt(shop: CaseShop) -> RentalOrder:
    await shop.open_account(amount_minor=1500)
    ordered = order(shop, order_ref="order-8")
    await shop.store.cases.begin_rental_order(ordered)
    await shop.store.cases.rental_order_unknown(ordered.id)
    return ordered


async def test_an_order_in_doubt_is_on_the_page_and_is_given_back(
    shop: CaseShop, staff: Visitor
) -> None:
    ordered = await order_in_doubt(shop)

    page = await staff.get("/")
    part = await staff.get(f"/reviews/{ordered.id}", **FRAGMENT)
    granted = await decide(staff, str(ordered.id), grant="yes")

    for shown in (page, part):
        assert shown.status == 200
        assert "10.00 USD" in shown.text
        assert "rental order" in shown.text
        assert "order order-8" in shown.text
        assert "Outcome unknown." in shown.text
        assert "Nothing was bought: 10.00 USD is back on the balance." in shown.text
        assert "Ending, if denied" not in shown.text
    assert granted.goes_to == "/?done=granted"
    assert await shop.balances() == (1500, 0)
    assert "Nothing waits for you" in (await staff.get("/")).text
    again = await decide(staff, str(ordered.id), grant="no")
    assert (again.status, "Somebody decided before you" in again.text) == (409, True)
    assert "does not wait any more" in (await staff.get(f"/?review={ordered.id}")).text


async def test_denying_an_order_in_doubt_says_which_call_books_the_number(
    shop: CaseShop, staff: Visitor
) -> None:
    ordered = await order_in_doubt(shop)

    denied = await decide(staff, str(ordered.id), grant="no")

    assert denied.status == 409
    assert "PUT /v1/rentals/sim/{provider_ref}" in denied.text
    assert await shop.balances() == (500, 1000)
