"""The desk over accounts: what holds one, who told it, and what lifts it."""

import html
import re
from datetime import timedelta

from tests.integration.cases.case_shop import CaseShop
from tests.unit.desk.html_forms import Form, forms_in
from tests.unit.desk.visitor import Page, Visitor
from tests.unit.http.caller import Api
from worker.domain.policy.language.loading import profile_from
from worker.entrypoints.desk.cases_read import LISTED

PLACE = "/accounts/alice"


def form_with(page: Page, name: str) -> Form:
    (form,) = [form for form in forms_in(page.raw) if name in {**form.hidden, **form.values}]
    return form


def events_offered(page: Page) -> set[str]:
    controls = [control for form in forms_in(page.raw) for control in form.controls]
    (event,) = [control for control in controls if control.name == "event"]
    return set(event.choices)


async def state_of(api: Api) -> str:
    return str((await api.get("/v1/accounts/alice")).json["state"])


async def test_a_block_is_shown_behind_any_number_of_newer_cases(
    shop: CaseShop, staff: Visitor
) -> None:
    await shop.open_account()
    await shop.report_account_event("rules_block", reference="filter 7")
    for number in range(LISTED + 1):
        await shop.open_withdrawal("P3", f"w{number}", amount_minor=1)

    page = await staff.get(PLACE)

    assert "reference filter 7." in page.text
    assert form_with(page, "lifts").hidden["event"] == "rules_unblock"


LISTS = {
    "Earlier cases": re.compile(r'/cases/([0-9a-f-]{36})">withdrawal</a>'),
    "Earlier rentals": re.compile(r"/rentals/sim/(long-[0-9]+)\?"),
}


async def test_earlier_cases_and_rentals_of_an_account_are_a_press_away(
    shop: CaseShop, staff: Visitor
) -> None:
    await shop.open_account(amount_minor=1_000_000)
    for number in range(LISTED + 1):
        await shop.open_withdrawal("P3", f"w{number}", amount_minor=1)
        await shop.book_rental(f"long-{number}", policy="P3")

    page = await staff.get(PLACE)

    for name, listed in LISTS.items():
        link = re.search(f'href="([^"]+)">{name}', page.raw)
        assert link is not None, name
        earlier = await staff.get(html.unescape(link[1]))
        first, rest = set(listed.findall(page.raw)), set(listed.findall(earlier.raw))
        assert (len(first), len(rest), first & rest) == (LISTED, 1, set())
        assert name not in earlier.text


async def test_a_top_up_is_dated_so_that_the_shops_own_repeat_of_it_is_the_same(
    shop: CaseShop, api: Api, staff: Visitor
) -> None:
    await shop.open_account()
    place = f"{PLACE}/topups"
    paid = {"amount": "1.00", "reference": "p1", "paid_at": "2025-12-01T10:20:30"}
    undated = {"amount": "1.00", "reference": "p2", "paid_at": ""}
    to_the_minute = {"amount": "1.00", "reference": "p3", "paid_at": "2025-12-01T10:20"}

    booked = [await staff.fill(PLACE, place, each) for each in (paid, undated, to_the_minute)]
    wrong = await staff.fill(PLACE, place, {**paid, "reference": "p4", "paid_at": "noon"})
    repeats = [
        await api.post(f"/v1{place}", {"reference": ref, "amount_minor": 100, "at": at})
        for ref, at in (
            ("p1", "2025-12-01T10:20:30Z"),
            ("p1", "2025-12-01T10:20:31Z"),
            ("p3", "2025-12-01T10:20:00Z"),
        )
    ]

    assert {page.goes_to for page in booked} == {f"{PLACE}?done=topped_up"}
    assert wrong.status == 422
    assert 'value="noon"' in wrong.raw
    assert [reply.status for reply in repeats] == [200, 409, 200]


async def test_a_deletion_that_waits_can_be_withdrawn(
    shop: CaseShop, api: Api, staff: Visitor
) -> None:
    await shop.open_account()
    before = await staff.get(PLACE)
    await shop.report_account_event("delete_requested", "P2")
    waits = await staff.get(PLACE)

    form = form_with(waits, "lifts")
    done = await staff.post(form.action, form.hidden)

    assert "delete_withdrawn" not in events_offered(before)
    assert "delete_withdrawn" in events_offered(waits)
    assert "Withdraw the deletion" in waits.text
    assert done.goes_to == f"{PLACE}?done=lifted"
    assert await state_of(api) == "open"


async def test_an_account_that_is_deleted_offers_no_way_back(
    shop: CaseShop, api: Api, staff: Visitor
) -> None:
    await shop.open_account(amount_minor=0)
    case = await shop.report_account_event("delete_requested", "P2")
    assert (
        await api.post(f"/v1/reviews/{case.id}/verdict", {"grant": True, "note": "he is sure"})
    ).status == 200
    assert await state_of(api) == "deleted"
    # Told too late by the shop's own program: it changes nothing.
    shop.clock.now += timedelta(days=1)
    await shop.report_account_event("delete_withdrawn", "P2")

    page = await staff.get(PLACE)

    assert "The customer asked for the account to be deleted" in page.text
    assert "It is final." in page.text
    assert "Withdraw the deletion" not in page.text
    assert "delete_withdrawn" not in events_offered(page)


async def test_a_freeze_by_a_chargeback_is_shown_and_a_no_with_a_note_ends_it(
    shop: CaseShop, api: Api, staff: Visitor
) -> None:
    freezing = {"balance": {"chargeback": "freeze"}, "withdrawal": {"mode": "balance"}}
    shop.start_again({**shop.policies, "own": profile_from(freezing, name="own", file="own")})
    await shop.open_account(policy="own")
    case = await shop.report_account_event("chargeback", "own", reference="pay-7")
    assert await state_of(api) == "frozen"
    page = await staff.get(PLACE)

    form = form_with(page, "charged_back")
    empty = await staff.post(form.action, {**form.hidden, "note": " "})
    still = await state_of(api)
    done = await staff.post(form.action, {**form.hidden, "note": "the bank took it back"})

    assert "A payment was charged back: nothing moves on it." in page.text
    assert "reference pay-7." in page.text
    assert f'href="/cases/{case.id}"' in page.raw
    assert (empty.status, still, await state_of(api)) == (422, "frozen", "open")
    assert done.goes_to == f"{PLACE}?done=lifted"
    assert "A payment was charged back: nothing moves on it." not in (await staff.get(PLACE)).text
