"""One price, one number: what may take the place of an order, and of which."""

from datetime import timedelta
from typing import Any

import pytest

from tests.integration.cases.case_shop import DAY, HOUR, MONDAY, CaseShop, last_reason
from worker.domain.activation import State
from worker.domain.policy import FactError
from worker.ports.store.case_view import Case, CaseState, Rejected
from worker.ports.store.rentals import Rental

LETTER: dict[str, Any] = {"claim_channel": "email", "reasons_given": True}
MINUTE = timedelta(minutes=1)
ON_TUESDAY = MONDAY + DAY


async def to_be_replaced(shop: CaseShop, rental: Rental, **facts: Any) -> Case:
    """A claim about a rental for which the shop has found another number to give."""
    claim = await shop.open_rental_claim(rental, "carrier_fault", **{**LETTER, **facts})
    change = await shop.give_verdict(claim, grant=True, replacement_available=True)
    assert change.case is not None
    return change.case


async def test_no_number_is_given_for_an_order_whose_money_went_back(shop: CaseShop) -> None:
    await shop.open_account(amount_minor=5000)
    rental = await shop.book_rental()
    shop.set_time(ON_TUESDAY)
    waits = await to_be_replaced(shop, rental)
    blocked = await shop.open_rental_claim(rental, "operator_block", **LETTER)
    at = (MONDAY + HOUR).isoformat()
    await shop.give_verdict(blocked, grant=True, client_caused=False, blocked_at=at)
    assert await shop.state_of(blocked.id) is CaseState.GRANTED
    new = await shop.book_rental("new", start=ON_TUESDAY)

    refused = await shop.service.replaced(waits.id, new.id)

    assert refused.rejected is Rejected.PAID_BACK
    assert await shop.state_of(waits.id) is CaseState.WAITING


async def test_an_order_whose_lost_days_were_credited_can_still_be_replaced(
    shop: CaseShop,
) -> None:
    await shop.open_account(amount_minor=5000)
    rental = await shop.book_rental()
    await shop.report_outage()
    shop.set_time(MONDAY + 2 * DAY)
    outage = await shop.restore_rental()
    await shop.give_verdict(outage, grant=True, client_caused=False, outage_verified=True)
    waits = await to_be_replaced(shop, rental)
    assert last_reason(waits) == "replacement_same_location"
    new = await shop.book_rental("new", start=shop.clock.now)

    change = await shop.service.replaced(waits.id, new.id)

    assert change.rejected is None
    assert await shop.state_of(waits.id) is CaseState.REPLACED


async def test_an_order_is_replaced_once_and_a_number_replaces_one_order(shop: CaseShop) -> None:
    await shop.open_account(amount_minor=9000)
    rental, other = await shop.book_rental(), await shop.book_rental("other")
    shop.set_time(ON_TUESDAY)
    first = await to_be_replaced(shop, rental)
    out: dict[str, Any] = {"request_fields": ["service", "amount", "reason", "details"]}
    second = await to_be_replaced(shop, rental, destination="client", **out)
    of_other = await to_be_replaced(shop, other)
    new = await shop.book_rental("new", start=ON_TUESDAY)
    newer = await shop.book_rental("newer", start=ON_TUESDAY)
    await shop.service.replaced(first.id, new.id)

    again = await shop.service.replaced(second.id, newer.id)
    same_number = await shop.service.replaced(of_other.id, new.id)

    assert second.state is of_other.state is CaseState.WAITING
    assert again.rejected is same_number.rejected is Rejected.REPLACED
    assert await shop.state_of(of_other.id) is CaseState.WAITING


async def test_what_a_customer_had_before_is_no_replacement(shop: CaseShop) -> None:
    await shop.open_account(amount_minor=5000)
    own, rental = await shop.book_rental("own"), await shop.book_rental()
    shop.set_time(ON_TUESDAY)
    waits = await to_be_replaced(shop, rental)

    with pytest.raises(FactError, match="before a replacement was owed"):
        await shop.service.replaced(waits.id, own.id)

    assert await shop.state_of(waits.id) is CaseState.WAITING


async def test_what_was_set_aside_for_a_payout_is_back_once_a_number_is_given_instead(
    shop: CaseShop,
) -> None:
    await shop.open_account(amount_minor=5000)
    rental = await shop.book_rental(price=900, days=90)
    await shop.report_outage()
    shop.set_time(MONDAY + 10 * DAY)
    outage = await shop.restore_rental()
    await shop.give_verdict(outage, grant=True, client_caused=False, outage_verified=True)
    named: dict[str, Any] = {"request_fields": ["service", "amount", "reason", "details"]}
    waits = await to_be_replaced(shop, rental, destination="client", **named)
    assert (await shop.case(waits.id)).withheld_minor > 0
    new = await shop.book_rental("new", start=shop.clock.now)
    free, held = await shop.balances()

    await shop.service.replaced(waits.id, new.id)

    assert (await shop.case(waits.id)).withheld_minor == 0
    assert await shop.balances() == (free + held, 0)


async def test_a_number_whose_window_is_open_is_not_replaced_before_it_ended(
    shop: CaseShop,
) -> None:
    await shop.open_account()
    old = await shop.rent_number("P2")
    shop.set_time(MONDAY + 4 * MINUTE)
    claim = await shop.open_claim(old, "carrier_fault", **LETTER)
    granted = await shop.give_verdict(claim, grant=True, replacement_available=True)
    shop.set_time(MONDAY + 6 * MINUTE)
    new = await shop.rent_number("P2", "2", rented_at=shop.clock.now)

    refused = await shop.service.replaced(claim.id, new)
    await shop.end_activation(old, State.REFUNDED)
    await shop.fire_due_timers(shop.clock.now + MINUTE)

    assert claim.state is CaseState.IN_REVIEW
    assert granted.case is not None
    assert (granted.case.state, last_reason(granted.case)) == (CaseState.WAITING, "sms_window_open")
    assert refused.rejected is Rejected.NOT_ASKED_FOR
    assert await shop.fetch_rows("SELECT * FROM replacement") == []
    ended = await shop.case(claim.id)
    assert (ended.state, last_reason(ended)) == (CaseState.DENIED, "already_refunded")
