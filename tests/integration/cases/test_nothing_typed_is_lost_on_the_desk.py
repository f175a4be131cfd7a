"""What is given in a form of the desk reaches the API, or the form says which field does not."""

import pytest

from tests.integration.cases.case_shop import CaseShop
from tests.unit.desk.html_forms import forms_in
from tests.unit.desk.visitor import Page, Visitor
from tests.unit.http.caller import Api


async def filled(staff: Visitor, place: str, call: str, **given: str) -> Page:
    """Press the button of the form that goes to *call* of the thing at this place."""
    (form,) = [
        each for each in forms_in((await staff.get(place)).raw) if each.action == f"{place}/{call}"
    ]
    return await staff.post(form.action, {**form.hidden, **given})


@pytest.fixture
async def payout(shop: CaseShop, api: Api) -> str:
    """A withdrawal that waits for what the customer adds."""
    await shop.open_account(amount_minor=5000)
    asked = {"account": "alice", "reference": "w1", "amount_minor": 100}
    return str((await api.post("/v1/withdrawals", asked)).json["id"])


async def test_payment_details_stand_in_the_case(api: Api, staff: Visitor, payout: str) -> None:
    place, iban = f"/cases/{payout}", "IBAN DE02 1203 0000 0000 2020 51"
    asked = await filled(staff, place, "steps", step="payment details asked for")

    given = await filled(staff, place, "steps", step="payment details given", words=iban)

    assert asked.goes_to == given.goes_to == f"{place}?done=told"
    said = (await api.get(f"/v1/withdrawals/{payout}")).json["evidence"]
    assert {"details": iban} in [each["content"].get("payment_details") for each in said]
    assert iban in (await staff.get(place)).text


async def test_words_of_a_step_that_takes_none_are_refused(
    api: Api, staff: Visitor, payout: str
) -> None:
    place = f"/cases/{payout}"

    page = await filled(staff, place, "steps", step="payment details asked for", words="by mail")
    unknown = await filled(staff, place, "steps", step="")

    assert (page.status, unknown.status) == (422, 422)
    assert "“payment details asked for” takes no words" in page.text
    assert 'value="by mail"' in page.raw
    assert "What happened: choose it" in unknown.text
    said = (await api.get(f"/v1/withdrawals/{payout}")).json["evidence"]
    assert [each for each in said if each["what"].startswith("payment_info")] == []


async def test_where_a_piece_of_evidence_is_needs_what_it_is(
    shop: CaseShop, api: Api, staff: Visitor, payout: str
) -> None:
    await shop.book_rental(policy="P3")
    number = await shop.delivered_activation("P3")
    claim = {"claim_kind": "wrong_code", "reference": "screen-1.png"}

    pages = [
        await filled(staff, f"/cases/{payout}", "evidence", reference="screen-1.png"),
        await filled(staff, f"/a/{number}", "claims", **claim),
        await filled(staff, "/rentals/sim/long", "claims", **claim),
    ]

    assert [page.status for page in pages] == [422, 422, 422]
    assert all("Evidence: choose what it is" in page.text for page in pages)
    assert all('value="screen-1.png"' in page.raw for page in pages)
    assert (await api.get("/v1/cases?kind=claim")).json["items"] == []


async def test_a_kind_that_is_typed_is_not_beside_one_that_is_chosen(
    shop: CaseShop, api: Api, staff: Visitor
) -> None:
    await shop.open_account()
    place = f"/a/{await shop.delivered_activation('P3')}"

    both = await filled(staff, place, "claims", claim_kind="wrong_code", other_kind="sim_swap")
    neither = await filled(staff, place, "claims", claim_kind="named")
    named = await filled(staff, place, "claims", claim_kind="named", other_kind="wrong_code")

    assert (both.status, neither.status) == (422, 422)
    assert "Another kind: choose “another kind, named below”" in both.text
    assert "Another kind: name it" in neither.text
    (case,) = (await api.get("/v1/cases?kind=claim")).json["items"]
    assert named.goes_to.startswith(f"/cases/{case['id']}")
    assert case["facts"]["claim_kind"] == "wrong_code"


async def test_what_a_claim_names_and_where_it_is_paid_stand_in_the_case(
    shop: CaseShop, api: Api, staff: Visitor
) -> None:
    await shop.open_account()
    place, iban = f"/a/{await shop.delivered_activation('P3')}", "IBAN DE02 1203 0000 0000 2020 51"
    names = {"names_amount": "yes", "names_reason": "yes"}

    await filled(
        staff, place, "claims", claim_kind="wrong_code", destination="client", details=iban, **names
    )

    (case,) = (await api.get("/v1/cases?kind=claim")).json["items"]
    assert case["facts"]["request_fields"] == ["amount", "reason"]
    assert case["evidence"][0]["content"]["payment_details"] == {"details": iban}
