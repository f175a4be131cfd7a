"""Rentals: paid once, credited for the complete days they did not work, ended on their date."""

from datetime import timedelta
from typing import Any

import pytest

from tests.integration.cases.office import DAY, HOUR, MONDAY, Office, reason
from tests.integration.store.shop import ALICE, SIM, TICK
from worker.domain.ids import ProviderRef
from worker.domain.transfer import Charge
from worker.ports.store.case_view import CaseState, Rejected
from worker.ports.store.cases import CaseOpened


async def test_a_rental_is_paid_when_it_is_booked_and_once(office: Office) -> None:
    await office.open(amount_minor=1500)

    first = await office.book()
    again = await office.book()

    assert first == again
    assert first.currency == "USD"
    assert await office.money() == (500, 0)
    other = await office.desk.book_rental(office.as_booked(first, price_minor=999))
    assert other.how is CaseOpened.OTHER_CONTENT


async def test_a_rental_nobody_can_pay_is_not_booked(office: Office) -> None:
    await office.open(amount_minor=999)

    with pytest.raises(AssertionError):
        await office.book()
    assert await office.one("SELECT count(*) FROM rental") == 0


async def test_an_outage_of_more_than_a_day_is_credited_by_complete_days(office: Office) -> None:
    await office.open(amount_minor=1000)
    case = await office.outage()
    office.at(MONDAY + 3 * DAY + HOUR)

    done = await office.restored()

    last = done.decisions[-1]
    assert (last.outcome, last.amount_minor) == ("prorated_credit", 300)
    assert done.id == case.id
    assert await office.money() == (300, 0)
    assert await office.told(case.id) == ["rental.waiting", "rental.granted"]


async def test_a_day_is_not_more_than_a_day(office: Office) -> None:
    await office.open(amount_minor=1000)
    await office.outage()
    office.at(MONDAY + DAY)

    done = await office.restored()

    assert reason(done) == "outage_not_over_24h"
    assert await office.money() == (0, 0)


async def test_an_outage_that_never_ends_is_credited_when_the_rental_does(office: Office) -> None:
    await office.open(amount_minor=1000)
    case = await office.outage()

    await office.ring(MONDAY + DAY + TICK)
    await office.ring(MONDAY + 10 * DAY + TICK)
    await office.ring(MONDAY + 30 * DAY)

    assert (await office.case(case.id)).decisions[-1].amount_minor == 1000
    assert await office.money() == (1000, 0)
    assert await office.one("SELECT ended_at FROM rental") == MONDAY + 10 * DAY


async def test_two_outages_are_credited_each_and_never_the_same_day_twice(office: Office) -> None:
    await office.open(amount_minor=1000)
    await office.outage()
    office.at(MONDAY + 2 * DAY)
    await office.restored()
    assert await office.money() == (200, 0)
    office.at(MONDAY + 6 * DAY)

    second = await office.outage(contacted_at=(MONDAY + HOUR).isoformat())
    await office.restored()

    done = await office.case(second.id)
    assert done.decisions[-1].amount_minor == 400, "from the end of the first one on"
    assert await office.money() == (600, 0)


async def test_an_outage_the_probes_do_not_see_goes_to_a_human(office: Office) -> None:
    await office.open(amount_minor=1000)
    case = await office.outage(outage_verified=None)
    assert (case.state, reason(case)) == (CaseState.IN_REVIEW, "outage_unverified")

    await office.verdict(case, grant=True)

    assert reason(await office.case(case.id)) == "outage_running"
    denied = await office.verdict(case, grant=False)
    assert denied.refused is Rejected.OTHER_CONTENT


async def test_an_outage_the_customer_caused_is_denied(office: Office) -> None:
    await office.open(amount_minor=1000)

    case = await office.outage(client_caused=True)

    assert (case.state, reason(case)) == (CaseState.DENIED, "client_caused")


async def test_an_outage_of_nothing_opens_nothing(office: Office) -> None:
    await office.open()

    opened = await office.desk.open_outage(SIM, ProviderRef("none"), {})
    restored = await office.desk.restored(SIM, ProviderRef("none"), None)

    assert opened.how is CaseOpened.UNKNOWN_SUBJECT
    assert restored.case is None


async def test_a_rental_paid_elsewhere_takes_nothing_from_the_balance(office: Office) -> None:
    await office.open(ALICE, 0)

    await office.book(charge=Charge.EXTERNAL)

    assert await office.money() == (0, 0)
    office.at(MONDAY + timedelta(days=1))
    assert (await office.outage()).state is CaseState.WAITING


async def test_a_report_that_comes_again_when_its_outage_is_over_is_no_other_outage(
    office: Office,
) -> None:
    await office.open(amount_minor=1000)
    said: dict[str, Any] = {"contacted_at": MONDAY.isoformat(), "outage_verified": True}
    first = await office.outage(**said)
    office.at(MONDAY + 3 * DAY)
    await office.restored()

    late = await office.outage(**said)
    await office.ring(MONDAY + 11 * DAY)

    assert late.id == first.id
    assert await office.money() == (300, 0)
    other = await office.outage(contacted_at=(MONDAY + 4 * DAY).isoformat())
    assert other.id != first.id


@pytest.mark.parametrize("event", ["rules_block", "delete_requested"])
async def test_nobody_rents_with_an_account_that_is_not_open(office: Office, event: str) -> None:
    await office.open(amount_minor=1000)
    await office.account_event(event)
    money = await office.money()

    with pytest.raises(AssertionError):
        await office.book(charge=Charge.EXTERNAL)

    assert await office.one("SELECT count(*) FROM rental") == 0
    assert await office.money() == money


async def test_nobody_rents_without_an_account(office: Office) -> None:
    with pytest.raises(AssertionError):
        await office.book()

    assert await office.one("SELECT count(*) FROM rental") == 0
