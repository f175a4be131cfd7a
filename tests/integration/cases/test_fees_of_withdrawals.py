"""What a withdrawal costs its customer, also where a human approves it instead of the policy."""

import pytest

from tests.integration.cases.case_shop import DAY, MONDAY, CaseShop, last_reason
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
