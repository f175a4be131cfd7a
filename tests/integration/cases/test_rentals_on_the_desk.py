"""The desk over long rentals: a provider may sell one reference to two customers."""

import re
from dataclasses import replace
from datetime import datetime, timedelta
from html import unescape
from typing import Any, Final

import pytest

from tests.integration.cases.case_shop import MONDAY, CaseShop
from tests.integration.cases.desk_pages import rental_end_that_is_owed
from tests.integration.cases.rental_order import PRICE, order
from tests.unit.desk.conftest import desk_over
from tests.unit.desk.visitor import Page, Visitor
from tests.unit.http.caller import READ_TOKEN, Api
from worker.domain.ids import AccountId
from worker.domain.transfer import Charge
from worker.ports.store.cases import CaseOpenOutcome
from worker.ports.store.rentals import Rental, RentalOrder

BOB: Final = AccountId("bob")
PLACE: Final = "/rentals/sim/long"
ALICES_PHONE: Final = "15550001111"
BOBS_PHONE: Final = "15550002222"
CLAIM: Final = {"claim_kind": "wrong_code", "reason": "it is wrong"}


@pytest.fixture
async def old(shop: CaseShop) -> Rental:
    """Alice's, under a reference that Bob has now."""
    await shop.open_account()
    return await booked(shop, MONDAY - timedelta(days=20), phone=ALICES_PHONE)


async def booked(shop: CaseShop, start: datetime, **other: Any) -> Rental:
    rental = replace(shop.rental(policy="P3", start=start), **other)
    done = await shop.service.cases.book_rental(rental)
    assert done.how is CaseOpenOutcome.NEW
    assert done.rental is not None
    return done.rental


async def sold_to_bob(shop: CaseShop) -> Rental:
    await shop.open_account(BOB)
    return await booked(shop, MONDAY, account=BOB, phone=BOBS_PHONE)


def hidden(page: Page) -> dict[str, str]:
    found = re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page.raw)
    return {name: unescape(value) for name, value in found}


async def test_a_claim_is_of_the_rental_that_was_found(
    shop: CaseShop, api: Api, staff: Visitor, old: Rental
) -> None:
    await sold_to_bob(shop)
    found = await staff.get(f"/find?q={ALICES_PHONE}")

    page = await staff.get(found.goes_to)
    claimed = await staff.post(f"{PLACE}/claims", {**hidden(page), **CLAIM})

    assert found.goes_to == f"{PLACE}?id={old.id}"
    assert (page.status, ALICES_PHONE in page.text, "alice" in page.text) == (200, True, True)
    assert BOBS_PHONE not in page.text
    (case,) = (await api.get("/v1/cases?kind=claim")).json["items"]
    assert (case["rental"], case["account"]) == (str(old.id), "alice")
    assert claimed.goes_to.startswith(f"/cases/{case['id']}")
    of_case = await staff.get(claimed.goes_to)
    assert f'href="{PLACE}?id={old.id}"' in of_case.raw


async def test_what_goes_by_the_reference_is_offered_for_its_newest_rental_alone(
    shop: CaseShop, staff: Visitor, old: Rental
) -> None:
    new = await sold_to_bob(shop)

    shown = {each.id: await staff.get(f"{PLACE}?id={each.id}") for each in (old, new)}

    assert "Report outage" not in shown[old.id].raw
    assert "has this reference now" in shown[old.id].text
    assert "Report outage" in shown[new.id].raw


async def test_an_outage_of_a_page_that_is_old_by_now_is_not_told_of_another_rental(
    shop: CaseShop, api: Api, staff: Visitor, old: Rental
) -> None:
    page = await staff.get(f"{PLACE}?id={old.id}")
    new = await sold_to_bob(shop)

    refused = await staff.post(f"{PLACE}/outage", hidden(page))
    told = await staff.post(f"{PLACE}/outage", hidden(await staff.get(f"{PLACE}?id={new.id}")))

    assert refused.status == 409
    assert "Nothing was changed" in refused.text
    assert told.goes_to == f"{PLACE}?done=told&id={new.id}"
    (case,) = (await api.get("/v1/cases?kind=rental_outage")).json["items"]
    assert case["rental"] == str(new.id)


async def test_an_id_of_no_rental_of_this_reference_has_no_page(
    shop: CaseShop, staff: Visitor, old: Rental
) -> None:
    other = await shop.book_rental("other", policy="P3")
    assert (await staff.get(f"{PLACE}?id={old.id}")).status == 200

    assert (await staff.get(f"{PLACE}?id={other.id}")).status == 404
    assert (await staff.get(f"{PLACE}?id=x")).status == 404
    assert (await staff.get(PLACE)).status == 200


SOLD: Final = {"provider_ref": "long", "phone": ALICES_PHONE, "rented_at": "2026-01-05T09:30"}


async def in_doubt(shop: CaseShop) -> RentalOrder:
    await shop.open_account(amount_minor=PRICE)
    ordered = order(shop, order_ref="order-7", policy="P3")
    await shop.store.cases.begin_rental_order(ordered)
    await shop.store.cases.rental_order_unknown(ordered.id)
    return ordered


def booking_of(ordered: RentalOrder) -> str:
    return f"/reviews/{ordered.id}/booking"


async def test_what_the_end_of_a_rental_gave_back_is_said_wherever_the_rental_is(
    shop: CaseShop, staff: Visitor
) -> None:
    shop.change_policy("P2", {"rental.empty_at_end": "automatic"})
    await shop.open_account(policy="P2")
    await shop.book_rental()
    await shop.fire_due_timers(MONDAY + timedelta(days=11))
    await shop.rent_number("P3", order_ref="long", charge=Charge.EXTERNAL)

    pages = [await staff.get(path) for path in (PLACE, "/accounts/alice", "/find?q=long")]

    says = "10.00 USD was paid for it, and all of that is given back."
    assert [says in page.text for page in pages] == [True, True, True]
    assert "10.00 USD is back on the balance since" in pages[0].text


async def test_what_is_owed_for_the_end_of_a_rental_is_told_as_paid_out(
    shop: CaseShop, staff: Visitor
) -> None:
    place = f"/cases/{await rental_end_that_is_owed(shop)}"
    page = await staff.get(place)
    assert "10.00 USD is approved, and somebody has to pay it out" in page.text
    assert '<option value="paid out">' in page.raw

    told = await staff.post(f"{place}/steps", {**hidden(page), "step": "paid out"})

    assert told.goes_to == f"{place}?done=told"
    paid = await staff.get(place)
    assert "10.00 USD was paid out at" in paid.text
    assert '<option value="paid out">' not in paid.raw


async def test_a_rental_is_found_by_its_id(shop: CaseShop, staff: Visitor, old: Rental) -> None:
    await sold_to_bob(shop)

    found = await staff.get(f"/find?q={old.id}")

    assert found.goes_to == f"{PLACE}?id={old.id}"


async def test_an_order_in_doubt_is_found_by_its_id_and_by_the_shops_order(
    shop: CaseShop, staff: Visitor
) -> None:
    ordered = await in_doubt(shop)

    found = [await staff.get(f"/find?q={key}") for key in (ordered.id, "order-7")]
    other = await shop.rent_number("P3", order_ref="order-7", charge=Charge.EXTERNAL)
    both = await staff.get("/find?q=order-7")

    assert [page.goes_to for page in found] == [f"/?review={ordered.id}"] * 2
    assert all(f'href="{way}"' in both.raw for way in (f"/?review={ordered.id}", f"/a/{other}"))


async def test_a_number_that_was_sold_is_booked_from_its_review_and_paid_by_its_hold(
    shop: CaseShop, api: Api, staff: Visitor
) -> None:
    ordered = await in_doubt(shop)
    page = await staff.get(f"/?review={ordered.id}")

    booked = await staff.post(booking_of(ordered), {**hidden(page), **SOLD})
    again = await staff.post(booking_of(ordered), {**hidden(page), **SOLD})

    assert "empty for 240 hours later" in page.text
    rental = (await api.get(f"/v1{PLACE}")).json
    assert booked.goes_to == f"{PLACE}?done=booked&id={rental['id']}"
    assert "The rental is booked." in (await staff.get(booked.goes_to)).text
    assert (rental["account"], rental["order_ref"], rental["policy"]) == ("alice", "order-7", "P3")
    assert (rental["rented_at"], rental["ends_at"]) == (
        "2026-01-05T09:30:00.000000Z",
        "2026-01-15T09:30:00.000000Z",
    )
    assert (again.status, "does not wait any more" in again.text) == (409, True)
    assert (await api.get("/v1/reviews")).json["items"] == []
    assert await shop.balances() == (0, 0)


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ({"rented_at": ""}, "This is no instant"),
        ({"rented_at": "yesterday"}, "This is no instant"),
        ({"ends_at": "2026-13-01T00:00"}, "This is no instant"),
        ({"ends_at": "2026-01-05T09:29"}, "ends_at: not after rented_at"),
        ({"phone": "unknown"}, "phone"),
        ({"provider_ref": ""}, "Its reference is missing"),
    ],
    ids=str,
)
async def test_a_booking_that_cannot_be_read_changes_nothing_and_keeps_what_was_typed(
    shop: CaseShop, staff: Visitor, typed: dict[str, str], says: str
) -> None:
    ordered = await in_doubt(shop)
    page = await staff.get(f"/?review={ordered.id}")

    refused = await staff.post(booking_of(ordered), {**hidden(page), **SOLD, **typed})

    assert refused.status == 422
    assert says in refused.text
    for name, value in {**SOLD, **typed}.items():
        assert f'name="{name}"' in refused.raw
        assert f'value="{value}"' in refused.raw
    assert await shop.balances() == (0, PRICE)


async def test_an_order_that_was_given_back_meanwhile_is_not_booked_and_paid_anew(
    shop: CaseShop, api: Api, staff: Visitor
) -> None:
    ordered = await in_doubt(shop)
    page = await staff.get(f"/?review={ordered.id}")
    granted = {"grant": True, "note": "not in their list"}
    assert (await api.post(f"/v1/reviews/{ordered.id}/verdict", granted)).status == 200

    late = await staff.post(booking_of(ordered), {**hidden(page), **SOLD})

    assert (late.status, "does not wait any more" in late.text) == (409, True)
    assert await shop.balances() == (PRICE, 0)


async def test_who_may_only_read_is_told_what_a_booking_needs(shop: CaseShop, api: Api) -> None:
    ordered = await in_doubt(shop)
    async with desk_over(api.url, now=lambda: shop.clock.now) as reader:
        assert (await reader.sign_in(READ_TOKEN)).status == 303
        page = await reader.get(f"/?review={ordered.id}")

    assert "To book a number that was sold needs a token with operate" in page.text
    assert booking_of(ordered) not in page.raw
