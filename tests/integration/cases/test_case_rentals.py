"""Rentals: paid once, credited for complete days of outages, ended on their date."""

from datetime import timedelta
from typing import Any

import pytest

from tests.integration.cases.case_shop import DAY, HOUR, MONDAY, CaseShop, last_reason
from tests.integration.store.shop import ALICE, SIM, TICK
from worker.domain.ids import ProviderRef
from worker.domain.transfer import Charge
from worker.ports.store.case_view import CaseState, Rejected
from worker.ports.store.cases import CaseOpenOutcome


async def test_a_rental_is_paid_when_it_is_booked_and_once(shop: CaseShop) -> None:
    await shop.open_account(amount_minor=1500)

    first = await shop.book_rental()
    again = await shop.book_rental()

    assert first == again
    assert first.currency == "USD"
    assert await shop.balances() == (500, 0)
    other = await shop.service.cases.book_rental(shop.same_booking(first, price_minor=999))
    assert other.how is CaseOpenOutcome.OTHER_CONTENT


async def test_a_rental_above_the_balance_is_not_booked(shop: CaseShop) -> None:
    await shop.open_account(amount_minor=999)

    with pytest.raises(AssertionError):
        await shop.book_rental()
    assert await shop.fetch_value("SELECT count(*) FROM rental") == 0


async def test_an_outage_of_more_than_a_day_is_credited_by_complete_days(shop: CaseShop) -> None:
    await shop.open_account(amount_minor=1000)
    case = await shop.report_outage()
    shop.set_time(MONDAY + 3 * DAY + HOUR)

    done = await shop.restore_rental()

    last = done.decisions[-1]
    assert (last.outcome, last.amount_minor) == ("prorated_credit", 300)
    assert done.id == case.id
    assert await shop.balances() == (300, 0)
    assert await shop.event_types(case.id) == ["rental.waiting", "rental.granted"]


async def test_an_outage_of_exactly_a_day_is_not_credited(shop: CaseShop) -> None:
    await shop.open_account(amount_minor=1000)
    await shop.report_outage()
    shop.set_time(MONDAY + DAY)

    done = await shop.restore_rental()

    assert last_reason(done) == "outage_not_over_24h"
    assert await shop.balances() == (0, 0)


async def test_an_outage_that_nothing_ends_is_credited_at_the_end_of_the_rental(
    shop: CaseShop,
) -> None:
    await shop.open_account(amount_minor=1000)
    case = await shop.report_outage()

    await shop.fire_due_timers(MONDAY + DAY + TICK)
    await shop.fire_due_timers(MONDAY + 10 * DAY + TICK)
    await shop.fire_due_timers(MONDAY + 30 * DAY)

    assert (await shop.case(case.id)).decisions[-1].amount_minor == 1000
    assert await shop.balances() == (1000, 0)
    assert await shop.fetch_value("SELECT ended_at FROM rental") == MONDAY + 10 * DAY


async def test_two_outages_are_credited_each_and_never_the_same_day_twice(shop: CaseShop) -> None:
    await shop.open_account(amount_minor=1000)
    await shop.report_outage()
    shop.set_time(MONDAY + 2 * DAY)
    await shop.restore_rental()
    assert await shop.balances() == (200, 0)
    shop.set_time(MONDAY + 6 * DAY)

    second = await shop.report_outage(contacted_at=(MONDAY + HOUR).isoformat())
    restored = await shop.restore_rental()

    assert (restored.state, last_reason(restored)) == (CaseState.IN_REVIEW, "facts_contradict")
    assert restored.decisions[-1].amount_minor == 400, "from the end of the first one on"
    assert await shop.balances() == (200, 0), "a date told before the letter came pays by no rule"
    above = await shop.give_verdict(second, grant=True, amount_minor=401)
    assert above.rejected is Rejected.WRONG_SUM
    await shop.give_verdict(second, grant=True, amount_minor=400)
    assert await shop.balances() == (600, 0)


async def test_two_outages_that_were_told_at_once_are_credited_each(shop: CaseShop) -> None:
    await shop.open_account(amount_minor=1000)
    await shop.report_outage()
    shop.set_time(MONDAY + 2 * DAY)
    await shop.restore_rental()
    shop.set_time(MONDAY + 4 * DAY)
    second = await shop.report_outage()
    shop.set_time(MONDAY + 6 * DAY)

    await shop.restore_rental()

    assert (await shop.case(second.id)).decisions[-1].amount_minor == 200
    assert await shop.balances() == (400, 0)


async def test_an_outage_that_no_probe_confirms_goes_to_a_human(shop: CaseShop) -> None:
    await shop.open_account(amount_minor=1000)
    case = await shop.report_outage(outage_verified=None)
    assert (case.state, last_reason(case)) == (CaseState.IN_REVIEW, "outage_unverified")

    await shop.give_verdict(case, grant=True)

    assert last_reason(await shop.case(case.id)) == "outage_running"
    denied = await shop.give_verdict(case, grant=False)
    assert denied.rejected is Rejected.OTHER_CONTENT


async def test_an_outage_the_customer_caused_is_denied(shop: CaseShop) -> None:
    await shop.open_account(amount_minor=1000)

    case = await shop.report_outage(client_caused=True)

    assert (case.state, last_reason(case)) == (CaseState.DENIED, "client_caused")


async def test_an_outage_of_an_unknown_rental_opens_no_case(shop: CaseShop) -> None:
    await shop.open_account()

    opened = await shop.service.open_outage(SIM, ProviderRef("none"), {})
    restored = await shop.service.restored(SIM, ProviderRef("none"), None)

    assert opened.how is CaseOpenOutcome.UNKNOWN_SUBJECT
    assert restored.case is None


async def test_a_rental_paid_elsewhere_takes_nothing_from_the_balance(shop: CaseShop) -> None:
    await shop.open_account(ALICE, 0)

    await shop.book_rental(charge=Charge.EXTERNAL)

    assert await shop.balances() == (0, 0)
    shop.set_time(MONDAY + timedelta(days=1))
    assert (await shop.report_outage()).state is CaseState.WAITING


async def test_a_report_repeated_after_its_outage_is_no_new_outage(
    shop: CaseShop,
) -> None:
    await shop.open_account(amount_minor=1000)
    report: dict[str, Any] = {"contacted_at": MONDAY.isoformat(), "outage_verified": True}
    first = await shop.report_outage(**report)
    shop.set_time(MONDAY + 3 * DAY)
    await shop.restore_rental()

    late = await shop.report_outage(**report)
    await shop.fire_due_timers(MONDAY + 11 * DAY)

    assert late.id == first.id
    assert await shop.balances() == (300, 0)
    other = await shop.report_outage(contacted_at=(MONDAY + 4 * DAY).isoformat())
    assert other.id != first.id


@pytest.mark.parametrize("event", ["rules_block", "delete_requested"])
async def test_no_rental_is_booked_with_an_account_that_is_not_open(
    shop: CaseShop, event: str
) -> None:
    shop.change_policy("P3", {"balance.rules_block": "void"})
    await shop.open_account(amount_minor=1000)
    await shop.report_account_event(event)
    money = await shop.balances()

    with pytest.raises(AssertionError):
        await shop.book_rental(charge=Charge.EXTERNAL)

    assert await shop.fetch_value("SELECT count(*) FROM rental") == 0
    assert await shop.balances() == money


async def test_no_rental_is_booked_without_an_account(shop: CaseShop) -> None:
    with pytest.raises(AssertionError):
        await shop.book_rental()

    assert await shop.fetch_value("SELECT count(*) FROM rental") == 0
