"""What a withdrawal costs its customer, also where a human approves it instead of the policy."""

from datetime import timedelta

import pytest

from tests.integration.cases.case_shop import DAY, HOUR, MONDAY, PRICE, CaseShop, last_reason
from tests.integration.store.shop import TICK
from worker.lifecycle.cases import questions
from worker.ports.store.case_view import Case, CaseState, Rejected


async def with_overdue_proof(shop: CaseShop) -> Case:
    """A fee of 150 is proposed; the proof of the wallet's owner did not come."""
    await shop.open_account(amount_minor=1000)
    shop.set_time(MONDAY + 400 * DAY)
    case = await shop.open_withdrawal("P4")
    await shop.service.add(case.id, case.kind, questions.kyc("requested"), "kyc")
    await shop.fire_due_timers(MONDAY + 414 * DAY + TICK)
    case = await shop.case(case.id)
    assert (case.state, last_reason(case)) == (CaseState.IN_REVIEW, "kyc_overdue")
    assert (case.decisions[-1].amount_minor, case.decisions[-1].fee_minor) == (850, 150)
    return case


@pytest.mark.parametrize("named", [None, 850])
async def test_a_yes_that_no_rule_answers_keeps_the_proposed_fee(
    shop: CaseShop, named: int | None
) -> None:
    case = await with_overdue_proof(shop)

    await shop.give_verdict(case, grant=True, amount_minor=named)

    approved = await shop.case(case.id)
    last = approved.decisions[-1]
    assert (last.outcome, last.amount_minor, last.fee_minor) == ("payout", 850, 150)
    assert approved.withheld_minor == 1000
    await shop.mark_paid(case)
    assert await shop.balances() == (0, 0)


async def test_a_human_names_no_more_than_was_proposed_and_takes_no_fee_of_less(
    shop: CaseShop,
) -> None:
    case = await with_overdue_proof(shop)

    more = await shop.give_verdict(case, grant=True, amount_minor=851)
    less = await shop.give_verdict(case, grant=True, amount_minor=849)

    assert (more.rejected, less.rejected) == (Rejected.WRONG_SUM, None)
    last = (await shop.case(case.id)).decisions[-1]
    assert (last.amount_minor, last.fee_minor) == (849, 0)
    assert await shop.balances() == (151, 849)


async def test_a_commission_is_kept_where_misuse_is_suspected(shop: CaseShop) -> None:
    await shop.open_account(amount_minor=1000)
    case = await shop.open_withdrawal("P3", amount_minor=600)

    suspected = ["fraud_suspected"]
    await shop.give_verdict(case, grant=True, account_flags=suspected, psp_commission_minor=20)

    approved = await shop.case(case.id)
    last = approved.decisions[-1]
    assert (last.outcome, last.amount_minor, last.fee_minor) == ("payout", 580, 20)
    assert approved.withheld_minor == 600


def proposed(case: Case) -> tuple[str, int, int]:
    last = case.decisions[-1]
    return last.outcome, last.amount_minor, last.fee_minor


async def test_a_top_up_after_the_request_does_not_lower_the_fee(shop: CaseShop) -> None:
    await shop.open_account(amount_minor=1000)
    shop.set_time(MONDAY + 1200 * DAY)
    told_at = shop.clock.now - HOUR
    case = await shop.open_withdrawal("P4", claim_at=told_at.isoformat())
    assert proposed(case) == ("needs_review", 650, 350)
    await shop.top_up("later", 1, at=shop.clock.now + TICK)
    shop.set_time(shop.clock.now + DAY)

    await shop.give_verdict(case, grant=True)

    assert proposed(await shop.case(case.id)) == ("payout", 650, 350)


@pytest.mark.parametrize("since", [0 * DAY, TICK])
async def test_the_last_deposit_until_the_request_arrives_sets_the_fee(
    shop: CaseShop, since: timedelta
) -> None:
    await shop.open_account(amount_minor=999)
    asked_at = MONDAY + 1200 * DAY
    await shop.top_up("last", 1, at=asked_at - since)
    shop.set_time(asked_at)

    case = await shop.open_withdrawal("P4", claim_at=(asked_at - HOUR).isoformat())

    assert proposed(case) == ("needs_review", 950, 50)


async def test_a_top_up_after_a_claim_does_not_lower_the_fee(shop: CaseShop) -> None:
    await shop.open_account(amount_minor=1000)
    shop.set_time(MONDAY + 1200 * DAY)
    id_ = await shop.closed_activation("P4", rented_at=shop.clock.now - HOUR)
    case = await shop.open_claim(id_, destination="wallet")
    assert proposed(case) == ("needs_review", PRICE - 122, 122)
    await shop.top_up("later", 1, at=shop.clock.now + TICK)
    shop.set_time(shop.clock.now + DAY)

    await shop.give_verdict(case, grant=True)

    assert proposed(await shop.case(case.id)) == ("payout", PRICE - 122, 122)


async def test_a_top_up_after_the_request_is_fresh_where_its_age_decides(shop: CaseShop) -> None:
    changes = {"withdrawal.mode": "balance", "withdrawal.topup_max_age_days": 30}
    shop.change_policy("P3", changes)
    await shop.open_account(amount_minor=1000)
    shop.set_time(MONDAY + 40 * DAY)
    case = await shop.open_withdrawal("P3", email_matches=False)
    await shop.top_up("later", 1, at=shop.clock.now + TICK)
    shop.set_time(shop.clock.now + DAY)

    email = questions.payment_info("added", None, email_matches=True)
    await shop.service.add(case.id, case.kind, email, "payment_info_added")

    assert proposed(await shop.case(case.id)) == ("needs_review", 1001, 0)
