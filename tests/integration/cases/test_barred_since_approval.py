"""Payouts that were approved before something stood against the account: a human sees it first."""

from typing import Any

import pytest

from tests.integration.cases.case_shop import DAY, HOUR, MONDAY, CaseShop
from worker.domain.policy import FactError
from worker.domain.policy.language.loading import profile_from
from worker.ports.store.books import TopUpOutcome
from worker.ports.store.case_view import Case, CaseState, Rejected

WITHDRAWAL: dict[str, Any] = {
    "claim_channel": "form",
    "request_fields": ["amount", "payment_system", "details", "reason", "email"],
    "reasons_given": True,
}


async def approved(shop: CaseShop) -> Case:
    await shop.open_account(amount_minor=1000, policy="P3")
    withdrawal = await shop.open_withdrawal("P3", amount_minor=600, **WITHDRAWAL)
    await shop.give_verdict(withdrawal, grant=True)
    return withdrawal


async def account_state(shop: CaseShop) -> str:
    return str(await shop.fetch_value("SELECT state FROM account"))


async def test_a_payout_does_not_leave_an_account_that_was_charged_back_since(
    shop: CaseShop,
) -> None:
    withdrawal = await approved(shop)
    await shop.give_verdict(await shop.report_account_event("chargeback"), grant=True)

    refused = await shop.mark_paid(withdrawal)

    assert refused.rejected is Rejected.ACCOUNT_BLOCKED
    assert await shop.balances() == (400, 600)
    await shop.give_verdict(withdrawal, grant=True, freeze_seen=True)
    assert (await shop.mark_paid(withdrawal)).rejected is None
    assert await shop.balances() == (400, 0)


async def test_a_payout_does_not_leave_an_account_whose_fraud_was_confirmed_since(
    shop: CaseShop,
) -> None:
    withdrawal = await approved(shop)
    other = await shop.open_withdrawal("P3", "w2", amount_minor=100, **WITHDRAWAL)
    await shop.give_verdict(other, grant=False, account_flags=["fraud_confirmed"])

    assert (await shop.mark_paid(withdrawal)).rejected is Rejected.ACCOUNT_BLOCKED
    assert await shop.state_of(withdrawal.id) is CaseState.APPROVED


async def test_a_payout_does_not_leave_an_account_that_is_frozen_for_no_event_we_know(
    shop: CaseShop,
) -> None:
    withdrawal = await approved(shop)
    await shop.admin.execute("UPDATE account SET state = 'frozen'")

    assert (await shop.mark_paid(withdrawal)).rejected is Rejected.ACCOUNT_FROZEN
    await shop.give_verdict(withdrawal, grant=True, freeze_seen=True)

    assert (await shop.mark_paid(withdrawal)).rejected is None


async def test_who_has_seen_one_block_has_not_seen_the_next(shop: CaseShop) -> None:
    withdrawal = await approved(shop)
    await shop.report_account_event("rules_block")
    await shop.give_verdict(withdrawal, grant=True, freeze_seen=True)
    await shop.report_account_event("rules_unblock")

    await shop.report_account_event("law_enforcement_block")

    assert (await shop.mark_paid(withdrawal)).rejected is Rejected.ACCOUNT_FROZEN
    await shop.give_verdict(withdrawal, grant=True, freeze_seen=True)
    assert (await shop.mark_paid(withdrawal)).rejected is None


async def test_a_block_of_the_same_kind_is_another_one(shop: CaseShop) -> None:
    withdrawal = await approved(shop)
    await shop.report_account_event("rules_block")
    await shop.give_verdict(withdrawal, grant=True, freeze_seen=True)
    await shop.report_account_event("rules_unblock")

    await shop.report_account_event("rules_block")

    assert (await shop.mark_paid(withdrawal)).rejected is Rejected.ACCOUNT_BLOCKED


async def test_a_release_that_is_sent_again_is_told_once(shop: CaseShop) -> None:
    withdrawal = await approved(shop)
    await shop.report_account_event("rules_block")
    first = await shop.give_verdict(withdrawal, grant=True, freeze_seen=True)

    again = await shop.give_verdict(withdrawal, grant=True, freeze_seen=True)

    assert again.rejected is None
    assert again.case == first.case


async def test_nobody_has_seen_a_freeze_where_nothing_stands(shop: CaseShop) -> None:
    await shop.open_account(amount_minor=1000, policy="P3")
    withdrawal = await shop.open_withdrawal("P3", **WITHDRAWAL)
    before = await shop.all_rows()

    with pytest.raises(FactError, match="freeze_seen"):
        await shop.give_verdict(withdrawal, grant=True, freeze_seen=True)

    assert await shop.all_rows() == before


async def test_a_payout_that_is_late_because_of_a_freeze_is_left_to_a_human(
    shop: CaseShop,
) -> None:
    withdrawal = await approved(shop)
    await shop.report_account_event("law_enforcement_block")

    await shop.fire_due_timers(MONDAY + 15 * DAY)

    last = (await shop.case(withdrawal.id)).decisions[-1]
    assert (last.outcome, last.reason) == ("needs_review", "account_frozen")
    assert (last.amount_minor, last.destination) == (600, "client")
    assert await shop.state_of(withdrawal.id) is CaseState.APPROVED


async def test_a_chargeback_that_freezes_the_balance_freezes_the_account(shop: CaseShop) -> None:
    freezing = {"balance": {"chargeback": "freeze"}, "withdrawal": {"mode": "balance"}}
    shop.start_again({**shop.policies, "own": profile_from(freezing, name="own", file="own")})
    await shop.open_account(amount_minor=500, policy="own")

    await shop.report_account_event("chargeback", "own")

    assert await account_state(shop) == "frozen"
    assert (await shop.top_up("second", 10, MONDAY + HOUR))[0] is TopUpOutcome.ACCOUNT_FROZEN
    await shop.report_account_event("rules_block", "own")
    await shop.report_account_event("rules_unblock", "own")
    assert await account_state(shop) == "frozen"
