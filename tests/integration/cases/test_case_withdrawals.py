"""Withdrawals: set aside at once, decided by the top-up history, then paid or given back."""

import json
from datetime import timedelta

from tests.integration.cases.case_shop import DAY, HOUR, MONDAY, PRICE, CaseShop, last_reason
from tests.integration.store.shop import ALICE, TICK, WINDOW
from worker.domain.activation import State
from worker.lifecycle.cases import questions
from worker.ports.store.books import TopUpOutcome
from worker.ports.store.case_view import CaseState, Rejected
from worker.ports.store.cases import CaseOpenOutcome

_SUMS = ("topups", "payouts")


async def test_unused_top_ups_are_approved_and_paid_out(shop: CaseShop) -> None:
    await shop.open_account(amount_minor=1000)
    case = await shop.open_withdrawal("P3", amount_minor=600)
    assert (case.state, last_reason(case)) == (CaseState.IN_REVIEW, "judge_request")
    assert await shop.balances() == (400, 600)

    await shop.give_verdict(case, grant=True, psp_commission_minor=20)
    assert await shop.state_of(case.id) is CaseState.APPROVED
    assert await shop.balances() == (400, 600)
    paid = await shop.mark_paid(case)
    again = await shop.mark_paid(case)

    assert paid.case == again.case
    assert paid.case is not None
    assert (paid.case.state, paid.case.moved_minor) == (CaseState.PAID, 580)
    assert await shop.balances() == (400, 0)
    assert await shop.event_types(case.id) == [
        "withdrawal.in_review",
        "withdrawal.approved",
        "withdrawal.paid",
    ]
    fee = await shop.fetch_rows(
        "SELECT amount_minor, destination FROM transfer WHERE key LIKE 'fee:%'"
    )
    assert fee == [(20, "house:revenue")]


async def test_a_denied_withdrawal_gives_everything_back(shop: CaseShop) -> None:
    await shop.open_account(amount_minor=1000)
    case = await shop.open_withdrawal("P3")
    assert await shop.balances() == (0, 1000)

    await shop.give_verdict(case, grant=False)

    assert await shop.state_of(case.id) is CaseState.DENIED
    assert await shop.balances() == (1000, 0)


async def test_a_withdrawal_the_policy_never_pays_is_denied_and_sets_nothing_aside(
    shop: CaseShop,
) -> None:
    await shop.open_account(amount_minor=1000)

    case = await shop.open_withdrawal("P2", withdraw_reason="changed_mind")

    assert (case.state, last_reason(case)) == (CaseState.DENIED, "changed_mind")
    assert await shop.balances() == (1000, 0)
    assert await shop.fetch_value("SELECT count(*) FROM transfer WHERE key LIKE 'withhold:%'") == 0


async def test_only_top_ups_after_the_last_activation_leave(shop: CaseShop) -> None:
    await shop.open_account(amount_minor=1000)
    await shop.delivered_activation("P3")
    how, _ = await shop.top_up("later", 500, at=MONDAY + timedelta(hours=2))
    assert how is TopUpOutcome.NEW
    shop.set_time(MONDAY + timedelta(hours=3))
    case = await shop.open_withdrawal("P3")

    await shop.give_verdict(case, grant=True)

    approved = await shop.case(case.id)
    assert (last_reason(approved), approved.decisions[-1].amount_minor) == (
        "partial_refundable",
        500,
    )
    assert await shop.balances() == (1000 - PRICE, 500), "the excess is given back at once"


async def test_a_fee_by_the_age_of_the_deposit_is_kept(shop: CaseShop) -> None:
    await shop.open_account(amount_minor=1000)
    shop.set_time(MONDAY + 366 * DAY)
    case = await shop.open_withdrawal("P4")

    await shop.give_verdict(case, grant=True)
    await shop.mark_paid(case)

    last = (await shop.case(case.id)).decisions[-1]
    assert (last.amount_minor, last.fee_minor, last.destination) == (850, 150, "wallet")
    assert await shop.balances() == (0, 0)


async def test_a_payout_waits_for_the_proof_of_the_wallets_owner(
    shop: CaseShop,
) -> None:
    await shop.open_account(amount_minor=1000)
    case = await shop.open_withdrawal("P4", kyc="requested")
    assert (case.state, last_reason(case)) == (CaseState.NEEDS_EVIDENCE, "kyc_required")
    too_soon = await shop.give_verdict(case, grant=True)
    assert too_soon.rejected is Rejected.NOT_ASKED_FOR

    await shop.service.add(case.id, case.kind, questions.plain_facts(kyc="passed"), "kyc")
    await shop.give_verdict(case, grant=True)

    assert await shop.state_of(case.id) is CaseState.APPROVED


async def test_payment_details_have_to_come_in_time(shop: CaseShop) -> None:
    await shop.open_account(amount_minor=1000)
    case = await shop.open_withdrawal("P3")
    unasked = await shop.service.add(
        case.id, case.kind, questions.payment_info("provided", None), "payment_info"
    )
    assert unasked.rejected is Rejected.NOT_ASKED_FOR
    await shop.service.add(case.id, case.kind, questions.payment_info("requested", None), "asked")
    assert last_reason(await shop.case(case.id)) == "payment_info_required"
    shop.set_time(MONDAY + 14 * DAY)

    await shop.service.add(case.id, case.kind, questions.payment_info("provided", None), "given")

    assert await shop.state_of(case.id) is CaseState.IN_REVIEW


async def test_the_same_reference_is_the_same_request(shop: CaseShop) -> None:
    await shop.open_account(amount_minor=1000)
    first = await shop.service.open_withdrawal(ALICE, "w", {"amount_minor": 5}, "P3")
    again = await shop.service.open_withdrawal(ALICE, "w", {"amount_minor": 5}, "P3")
    other = await shop.service.open_withdrawal(ALICE, "w", {"amount_minor": 6}, "P3")

    assert first is not None
    assert again is not None
    assert other is not None
    assert (first.how, again.how, other.how) == (
        CaseOpenOutcome.NEW,
        CaseOpenOutcome.SAME,
        CaseOpenOutcome.OTHER_CONTENT,
    )
    assert await shop.balances() == (995, 5)


async def test_a_running_order_delays_the_decision_and_the_setting_aside(shop: CaseShop) -> None:
    await shop.open_account(amount_minor=1000)
    id_ = await shop.rent_number("P3")
    case = await shop.open_withdrawal("P3", claim_at=MONDAY.isoformat())
    assert (case.state, last_reason(case)) == (CaseState.WAITING, "open_order_pending")
    assert await shop.balances() == (650, PRICE)

    await shop.end_activation(id_, State.REFUNDED)
    await shop.fire_due_timers(MONDAY + WINDOW + timedelta(seconds=1))

    assert await shop.state_of(case.id) is CaseState.IN_REVIEW
    assert await shop.balances() == (0, 1000)


async def test_an_approved_withdrawal_cannot_be_decided_again_or_paid_before(
    shop: CaseShop,
) -> None:
    await shop.open_account(amount_minor=1000)
    case = await shop.open_withdrawal("P3")
    assert (await shop.mark_paid(case)).rejected is Rejected.NOT_ASKED_FOR
    await shop.give_verdict(case, grant=True)

    second = await shop.give_verdict(case, grant=False)
    await shop.service.add(case.id, case.kind, questions.plain_facts(kyc="failed"), "kyc")

    assert second.rejected is Rejected.OTHER_CONTENT
    assert await shop.state_of(case.id) is CaseState.APPROVED


async def test_an_unknown_account_or_policy_opens_no_withdrawal(shop: CaseShop) -> None:
    await shop.store.books.open_account(ALICE, "USD")

    nobody = await shop.service.open_withdrawal(type(ALICE)("bob"), "w", {}, "P3")

    assert nobody is not None
    assert nobody.how is CaseOpenOutcome.UNKNOWN_SUBJECT
    assert await shop.service.open_withdrawal(ALICE, "w", {}, "no-such") is None


async def test_where_nothing_was_set_aside_a_human_grants_no_more_than_the_balance(
    shop: CaseShop,
) -> None:
    await shop.open_account(amount_minor=0)
    case = await shop.open_withdrawal("P0")
    assert (case.state, case.withheld_minor) == (CaseState.IN_REVIEW, 0)
    await shop.top_up("later", 500, MONDAY)

    too_much = await shop.give_verdict(case, grant=True, amount_minor=501)
    granted = await shop.give_verdict(case, grant=True, amount_minor=300)

    assert (too_much.rejected, granted.rejected) == (Rejected.WRONG_SUM, None)
    assert await shop.balances() == (200, 300)


async def test_a_top_up_is_paid_out_only_once(shop: CaseShop) -> None:
    await shop.open_account(amount_minor=1000)  # Too old for a payout by then.
    await shop.top_up("later", 500, at=MONDAY + 8 * DAY)
    shop.set_time(MONDAY + 8 * DAY + HOUR)
    first = await shop.open_withdrawal("P3", "w1", amount_minor=300)
    second = await shop.open_withdrawal("P3", "w2", amount_minor=300)
    await shop.give_verdict(first, grant=True)
    await shop.mark_paid(first)

    await shop.give_verdict(second, grant=True)
    third = await shop.open_withdrawal("P3", "w3", amount_minor=300)

    partly = (await shop.case(second.id)).decisions[-1]
    assert (partly.reason, partly.amount_minor) == ("partial_refundable", 200)
    assert (third.state, last_reason(third)) == (CaseState.DENIED, "nothing_refundable")
    assert await shop.balances() == (1000, 200)


async def test_an_earlier_payout_is_taken_off_the_top_ups_that_are_refundable(
    shop: CaseShop,
) -> None:
    await shop.open_account(amount_minor=500)
    await shop.top_up("later", 500, at=MONDAY + 5 * DAY)
    shop.set_time(MONDAY + 6 * DAY)
    first = await shop.open_withdrawal("P3", "w1", amount_minor=500)
    await shop.give_verdict(first, grant=True)
    shop.set_time(MONDAY + 9 * DAY)

    second = await shop.open_withdrawal("P3", "w2", amount_minor=500)

    assert (second.state, last_reason(second)) == (CaseState.DENIED, "nothing_refundable")


async def test_a_payout_counts_from_when_its_sum_was_set_aside(shop: CaseShop) -> None:
    await shop.open_account(amount_minor=300)  # Too old for a payout by then.
    await shop.top_up("second", 100, at=MONDAY + 40 * DAY)
    shop.set_time(MONDAY + 41 * DAY)
    first = await shop.open_withdrawal("P3", "w1", email_matches=False)
    assert (first.state, first.withheld_minor) == (CaseState.NEEDS_EVIDENCE, 0)
    await shop.top_up("third", 100, at=MONDAY + 42 * DAY)
    shop.set_time(MONDAY + 42 * DAY + HOUR)
    email = questions.payment_info("added", None, email_matches=True)
    await shop.service.add(first.id, first.kind, email, "payment_info_added")
    await shop.give_verdict(first, grant=True)
    paid = await shop.mark_paid(first)
    assert paid.case is not None
    assert paid.case.moved_minor == 200, "both top-ups left"
    shop.set_time(MONDAY + 48 * DAY)

    second = await shop.open_withdrawal("P3", "w2")

    assert (second.state, last_reason(second)) == (CaseState.DENIED, "nothing_refundable")
    assert await shop.balances() == (300, 0)


async def test_a_payout_that_was_set_aside_again_counts_from_then(shop: CaseShop) -> None:
    await shop.open_account(amount_minor=300)  # Too old for a payout by then.
    await shop.top_up("second", 100, at=MONDAY + 40 * DAY)
    shop.set_time(MONDAY + 41 * DAY)
    first = await shop.open_withdrawal("P3", "w1")
    assert first.withheld_minor == 100
    for matches, day in ((False, 41), (True, 42), (False, 43), (True, 44)):
        if day in {42, 44}:
            await shop.top_up(f"of {day}", 100, at=MONDAY + day * DAY)
        shop.set_time(MONDAY + day * DAY + HOUR)
        email = questions.payment_info("added", None, email_matches=matches)
        await shop.service.add(first.id, first.kind, email, "payment_info_added")
    await shop.give_verdict(first, grant=True)
    shop.set_time(MONDAY + 51 * DAY)

    second = await shop.open_withdrawal("P3", "w2")

    assert (await shop.case(first.id)).withheld_minor == 300, "all three top-ups"
    assert (second.state, last_reason(second)) == (CaseState.DENIED, "nothing_refundable")


async def test_a_top_up_after_a_payout_can_leave(shop: CaseShop) -> None:
    await shop.open_account(amount_minor=500)
    first = await shop.open_withdrawal("P3", "w1")
    await shop.give_verdict(first, grant=True)
    await shop.mark_paid(first)
    await shop.top_up("later", 400, at=MONDAY + HOUR)
    shop.set_time(MONDAY + 2 * HOUR)

    second = await shop.open_withdrawal("P3", "w2")

    assert (second.state, second.decisions[-1].amount_minor) == (CaseState.IN_REVIEW, 400)


async def test_a_payout_before_an_activation_takes_nothing_of_a_later_top_up(
    shop: CaseShop,
) -> None:
    await shop.open_account(amount_minor=1000)
    first = await shop.open_withdrawal("P3", "w1", amount_minor=300)
    await shop.give_verdict(first, grant=True)
    await shop.mark_paid(first)
    await shop.delivered_activation("P3")
    await shop.top_up("later", 400, at=MONDAY + HOUR)
    shop.set_time(MONDAY + 2 * HOUR)

    second = await shop.open_withdrawal("P3", "w2", amount_minor=1000)

    assert (second.state, second.decisions[-1].amount_minor) == (CaseState.IN_REVIEW, 400)


async def test_a_withdrawal_that_was_denied_took_nothing(shop: CaseShop) -> None:
    await shop.open_account(amount_minor=500)
    first = await shop.open_withdrawal("P3", "w1")
    await shop.give_verdict(first, grant=False)

    second = await shop.open_withdrawal("P3", "w2")

    assert (second.state, second.decisions[-1].amount_minor) == (CaseState.IN_REVIEW, 500)


async def test_a_payout_after_an_activation_takes_of_the_later_top_up(
    shop: CaseShop,
) -> None:
    await shop.open_account(amount_minor=1000)
    await shop.delivered_activation("P3")
    await shop.top_up("later", 500, at=MONDAY + HOUR)
    shop.set_time(MONDAY + 2 * HOUR)
    first = await shop.open_withdrawal("P3", "w1", amount_minor=300)
    await shop.give_verdict(first, grant=True)

    second = await shop.open_withdrawal("P3", "w2", amount_minor=500)

    assert (second.state, second.decisions[-1].amount_minor) == (CaseState.IN_REVIEW, 200)


async def test_where_the_policy_is_silent_a_human_names_the_sum_and_the_rest_is_given_back(
    shop: CaseShop,
) -> None:
    await shop.open_account(amount_minor=1000)
    case = await shop.open_withdrawal("P1")
    assert (case.state, last_reason(case)) == (CaseState.IN_REVIEW, "policy_silent")

    none = await shop.give_verdict(case, grant=True)
    too_much = await shop.give_verdict(case, grant=True, amount_minor=1001)
    assert none.rejected is too_much.rejected is Rejected.WRONG_SUM
    await shop.give_verdict(case, grant=True, amount_minor=600)

    last = (await shop.case(case.id)).decisions[-1]
    assert (last.outcome, last.amount_minor, last.by) == ("payout", 600, "verdict")
    assert (last.destination, last.deadline) == ("client", None), "P1 names no time to pay"
    assert await shop.balances() == (400, 600)
    await shop.mark_paid(case)
    assert await shop.balances() == (400, 0)


async def test_a_sum_that_is_not_the_policys_is_refused(shop: CaseShop) -> None:
    await shop.open_account(amount_minor=1000)
    case = await shop.open_withdrawal("P3", amount_minor=600)
    before = await shop.all_rows()

    wrong = await shop.give_verdict(case, grant=True, amount_minor=601)

    assert wrong.rejected is Rejected.WRONG_SUM
    assert await shop.all_rows() == before


async def test_details_can_be_added_without_a_request(shop: CaseShop) -> None:
    await shop.open_account(amount_minor=1000)
    case = await shop.open_withdrawal("P3", email_matches=False)
    assert (case.state, last_reason(case)) == (CaseState.NEEDS_EVIDENCE, "email_mismatch")

    more = questions.payment_info("added", None, email_matches=True)
    await shop.service.add(case.id, case.kind, more, "payment_info_added")

    assert await shop.state_of(case.id) is CaseState.IN_REVIEW


async def test_a_withdrawal_is_decided_from_every_top_up_and_what_was_paid_out(
    shop: CaseShop,
) -> None:
    await shop.open_account(amount_minor=1000)
    shop.set_time(MONDAY + 800 * DAY)
    first = await shop.open_withdrawal("P4", amount_minor=400)
    await shop.give_verdict(first, grant=True)
    await shop.mark_paid(first)

    second = await shop.open_withdrawal("P4", reference="w2")

    facts = await shop.fetch_value("SELECT facts FROM decision WHERE subject = $1", second.id)
    sums = {name: [each["amount_minor"] for each in json.loads(facts)[name]] for name in _SUMS}
    assert sums == {"topups": [1000], "payouts": [400]}
    last = second.decisions[-1]
    assert (last.amount_minor, last.fee_minor) == (450, 150), "a quarter after two years"


async def test_a_withdrawal_whose_policy_is_lost_goes_to_a_human(
    shop: CaseShop,
) -> None:
    await shop.open_account(amount_minor=1000)
    case = await shop.open_withdrawal("P3")
    due = (await shop.timers_of(case.id))["review_sla"]
    await shop.forget_policies()

    await shop.fire_due_timers(due + TICK)
    assert await shop.event_types(case.id) == ["withdrawal.in_review"], (
        "without a policy no date is known"
    )
    await shop.add_evidence(case, "photo")
    assert last_reason(await shop.case(case.id)) == "policy_version"
    await shop.give_verdict(case, grant=True, amount_minor=1000)

    assert await shop.state_of(case.id) is CaseState.APPROVED
    assert await shop.timers_of(case.id) == {}


async def test_a_withdrawal_can_be_denied_while_an_order_of_its_account_runs(
    shop: CaseShop,
) -> None:
    await shop.open_account(amount_minor=1000)
    withdrawal = await shop.open_withdrawal("P3", amount_minor=600)
    await shop.rent_number("P3")
    granted = await shop.give_verdict(withdrawal, grant=True)
    assert granted.rejected is Rejected.NOT_ASKED_FOR

    denied = await shop.give_verdict(withdrawal, grant=False)

    assert denied.rejected is None
    assert last_reason(await shop.case(withdrawal.id)) == "claim_rejected"
    assert await shop.balances() == (1000 - PRICE, PRICE)
