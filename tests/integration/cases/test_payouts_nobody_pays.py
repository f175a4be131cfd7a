"""Approved payouts that nobody pays: until when they are owed, and that the shop is told so."""

from datetime import datetime
from typing import Any

import pytest

from tests.integration.cases.case_shop import DAY, MONDAY, CaseShop, last_reason
from tests.integration.store.shop import TICK
from worker.domain.policy.vocabulary import Sla
from worker.domain.transfer import Charge
from worker.ports.store.case_view import Case, CaseState

SLOW_WIRE = {"payout.methods": {"wire": {"business_days": 10}}}
BY_WIRE: dict[str, Any] = {
    "charge": Charge.EXTERNAL,
    "order_facts": {"payment_method": "wire"},
}


async def approved_claim(shop: CaseShop, **order: Any) -> Case:
    await shop.open_account(amount_minor=1000)
    id_ = await shop.closed_activation("P4", **order)
    return await shop.open_claim(id_, destination="wallet", kyc="passed")


async def approved_withdrawal(shop: CaseShop, policy: str, **facts: Any) -> Case:
    await shop.open_account(amount_minor=1000)
    case = await shop.open_withdrawal(policy, amount_minor=600, **facts)
    change = await shop.give_verdict(case, grant=True)
    assert change.rejected is None
    return await shop.case(case.id)


async def assert_told_late_after(shop: CaseShop, case: Case, due: datetime) -> None:
    """One date for the timer, for what is owed and for the policy, whose instant is still in."""
    owed = [(one.what, one.by_when) for one in case.obligations if one.ended_at is None]
    assert owed == [(Sla.REFUND_PAYMENT, due)]
    assert await shop.timers_of(case.id) == {"refund_payment": due}

    await shop.fire_due_timers(due)
    assert (await shop.event_types(case.id))[-1] == f"{case.kind.value}.approved"
    await shop.fire_due_timers(due + TICK)

    late = await shop.case(case.id)
    assert (late.state, last_reason(late)) == (CaseState.APPROVED, "refund_payment_overdue")
    assert (await shop.event_types(case.id))[-1] == f"{case.kind.value}.overdue"
    assert await shop.timers_of(case.id) == {}


async def test_a_claim_whose_policy_names_no_time_to_pay_is_overdue_after_two_weeks(
    shop: CaseShop,
) -> None:
    case = await approved_claim(shop)
    await assert_told_late_after(shop, case, case.decisions[-1].at + 14 * DAY)


@pytest.mark.parametrize("policy", ["P2", "P4"])
async def test_a_withdrawal_whose_policy_names_no_time_to_pay_is_overdue_after_two_weeks(
    shop: CaseShop, policy: str
) -> None:
    shop.change_policy(policy, {"withdrawal.mode": "balance", "payout.kyc": False})
    case = await approved_withdrawal(shop, policy)
    await assert_told_late_after(shop, case, MONDAY + 14 * DAY)


async def test_two_weeks_last_to_the_end_of_the_day_where_the_calendar_of_the_policy_says_so(
    shop: CaseShop,
) -> None:
    shop.change_policy("P3", {"processing.pay_s": None, "processing.extendable": False})
    case = await approved_withdrawal(shop, "P3")
    await assert_told_late_after(shop, case, MONDAY.replace(hour=0) + 15 * DAY - TICK)


async def test_after_the_date_to_settle_the_time_to_pay_still_counts(shop: CaseShop) -> None:
    await shop.open_account(amount_minor=1000)
    told = {"payment_method": "card"}
    id_ = await shop.delivered_activation("P1", order_facts=told)
    case = await shop.open_claim(id_, "invalid_number", evidence=["photo"])
    await shop.fire_due_timers(MONDAY + 14 * DAY + TICK)
    assert last_reason(await shop.case(case.id)) == "honour_overdue"

    await shop.give_verdict(case, grant=True)

    await assert_told_late_after(shop, await shop.case(case.id), shop.clock.now + 14 * DAY)


async def test_a_claim_is_paid_within_the_time_of_its_payment_method(shop: CaseShop) -> None:
    shop.change_policy("P4", {**SLOW_WIRE, "processing.pay_days": 2})
    case = await approved_claim(shop, **BY_WIRE)
    due = case.decisions[-1].at + 14 * DAY
    assert case.decisions[-1].deadline == due, "ten business days"
    await assert_told_late_after(shop, case, due)


async def test_a_human_grants_a_claim_within_the_time_of_its_payment_method(
    shop: CaseShop,
) -> None:
    shop.change_policy("P2", {**SLOW_WIRE, "processing.pay_days": 2})
    await shop.open_account(amount_minor=1000)
    id_ = await shop.delivered_activation("P2", **BY_WIRE)
    case = await shop.open_claim(id_, "no_such_kind", destination="client")
    await shop.give_verdict(case, grant=True, amount_minor=100)

    granted = await shop.case(case.id)
    assert granted.state is CaseState.APPROVED
    await assert_told_late_after(shop, granted, shop.clock.now + 14 * DAY)


@pytest.mark.parametrize("decided", ["review", "grant"])
async def test_a_withdrawal_is_paid_within_the_time_of_its_payment_method(
    shop: CaseShop, decided: str
) -> None:
    more = {"withdrawal.decided": decided, "payout.kyc": False}
    shop.change_policy("P4", {**SLOW_WIRE, **more, "processing.pay_days": 2})
    await shop.open_account(amount_minor=1000)
    case = await shop.open_withdrawal("P4", amount_minor=600, payment_method="wire")
    if decided == "review":
        await shop.give_verdict(case, grant=True)
    case = await shop.case(case.id)
    due = MONDAY + 14 * DAY
    assert (last_reason(case), case.decisions[-1].deadline) == ("balance_withdrawal", due)
    await assert_told_late_after(shop, case, due)


async def test_a_withdrawal_that_only_a_human_can_grant_has_the_time_of_its_payment_method(
    shop: CaseShop,
) -> None:
    shop.change_policy("P4", {**SLOW_WIRE, "processing.pay_days": 2, "payout.kyc": False})
    case = await approved_withdrawal(shop, "P4", payment_method="wire", contradicts_terms=True)
    due = MONDAY + 14 * DAY
    assert (last_reason(case), case.decisions[-1].deadline) == ("claim_approved", due)
    await assert_told_late_after(shop, case, due)


@pytest.mark.parametrize("days", [2, 20])
async def test_a_claim_is_paid_within_the_time_of_the_exception_that_holds_for_its_order(
    shop: CaseShop, days: int
) -> None:
    exception = {"match": {"country": "1"}, "processing": {"pay_days": days}}
    shop.change_policy("P4", {"processing.pay_days": 5, "when": [exception]})
    case = await approved_claim(shop)
    due = case.decisions[-1].at + days * DAY
    assert case.decisions[-1].deadline == due
    await assert_told_late_after(shop, case, due)


async def test_what_a_deleted_account_is_paid_for_its_rental_has_the_time_of_its_payment_method(
    shop: CaseShop,
) -> None:
    shop.change_policy("P2", SLOW_WIRE)
    await shop.open_account(amount_minor=1000)
    rental = await shop.book_rental(price=1000, order_facts={"payment_method": "wire"})
    case = await shop.report_outage()
    await shop.admin.execute("UPDATE account SET state = 'deleted'")
    shop.set_time(MONDAY + 3 * DAY)
    await shop.restore_rental()
    assert last_reason(await shop.case(case.id)) == "account_deleted"

    await shop.give_verdict(case, grant=True)

    case = await shop.case(case.id)
    assert (case.state, case.rental) == (CaseState.APPROVED, rental.id)
    due = MONDAY + 17 * DAY
    assert await shop.timers_of(case.id) == {"refund_payment": due}
    await shop.fire_due_timers(due)
    assert (await shop.event_types(case.id))[-1] == "rental.approved"
    await shop.fire_due_timers(due + TICK)
    assert (await shop.event_types(case.id))[-1] == "rental.overdue"
