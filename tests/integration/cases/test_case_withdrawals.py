"""Withdrawals: set aside at once, decided by the top-up history, paid or given back whole."""

import json
from datetime import timedelta

from tests.integration.cases.office import DAY, HOUR, MONDAY, PRICE, Office, reason
from tests.integration.store.shop import ALICE, TICK, WINDOW
from worker.domain.activation import State
from worker.lifecycle.cases import adding
from worker.ports.store.books import TopUpOutcome
from worker.ports.store.case_view import CaseState, Rejected
from worker.ports.store.cases import CaseOpened


async def test_unused_top_ups_are_approved_and_paid_out(office: Office) -> None:
    await office.open(amount_minor=1000)
    case = await office.withdraw("P3", amount_minor=600)
    assert (case.state, reason(case)) == (CaseState.IN_REVIEW, "judge_request")
    assert await office.money() == (400, 600)

    await office.verdict(case, grant=True, psp_commission_minor=20)
    assert await office.state(case.id) is CaseState.APPROVED
    assert await office.money() == (400, 600)
    paid = await office.paid(case)
    again = await office.paid(case)

    assert paid.case == again.case
    assert paid.case is not None
    assert (paid.case.state, paid.case.moved_minor) == (CaseState.PAID, 580)
    assert await office.money() == (400, 0)
    assert await office.told(case.id) == [
        "withdrawal.in_review",
        "withdrawal.approved",
        "withdrawal.paid",
    ]
    fee = await office.rows("SELECT amount_minor, destination FROM transfer WHERE key LIKE 'fee:%'")
    assert fee == [(20, "house:revenue")]


async def test_a_denied_withdrawal_gives_everything_back(office: Office) -> None:
    await office.open(amount_minor=1000)
    case = await office.withdraw("P3")
    assert await office.money() == (0, 1000)

    await office.verdict(case, grant=False)

    assert await office.state(case.id) is CaseState.DENIED
    assert await office.money() == (1000, 0)


async def test_what_a_policy_never_pays_out_is_denied_at_once_and_held_never(
    office: Office,
) -> None:
    await office.open(amount_minor=1000)

    case = await office.withdraw("P2", withdraw_reason="changed_mind")

    assert (case.state, reason(case)) == (CaseState.DENIED, "changed_mind")
    assert await office.money() == (1000, 0)
    assert await office.one("SELECT count(*) FROM transfer WHERE key LIKE 'withhold:%'") == 0


async def test_only_top_ups_after_the_last_activation_leave(office: Office) -> None:
    await office.open(amount_minor=1000)
    await office.delivered("P3")
    how, _ = await office.top_up("later", 500, at=MONDAY + timedelta(hours=2))
    assert how is TopUpOutcome.NEW
    office.at(MONDAY + timedelta(hours=3))
    case = await office.withdraw("P3")

    await office.verdict(case, grant=True)

    approved = await office.case(case.id)
    assert (reason(approved), approved.decisions[-1].amount_minor) == ("partial_refundable", 500)
    assert await office.money() == (1000 - PRICE, 500), "the excess is given back at once"


async def test_a_fee_by_the_age_of_the_deposit_is_kept(office: Office) -> None:
    await office.open(amount_minor=1000)
    office.at(MONDAY + 366 * DAY)
    case = await office.withdraw("P4")

    await office.verdict(case, grant=True)
    await office.paid(case)

    last = (await office.case(case.id)).decisions[-1]
    assert (last.amount_minor, last.fee_minor, last.destination) == (850, 150, "wallet")
    assert await office.money() == (0, 0)


async def test_proof_of_the_wallets_owner_holds_the_payout_until_it_is_there(
    office: Office,
) -> None:
    await office.open(amount_minor=1000)
    case = await office.withdraw("P4", kyc="requested")
    assert (case.state, reason(case)) == (CaseState.NEEDS_EVIDENCE, "kyc_required")
    too_soon = await office.verdict(case, grant=True)
    assert too_soon.refused is Rejected.NOT_ASKED_FOR

    await office.desk.add(case.id, case.kind, adding.plain(kyc="passed"), "kyc")
    await office.verdict(case, grant=True)

    assert await office.state(case.id) is CaseState.APPROVED


async def test_payment_details_have_to_come_in_time(office: Office) -> None:
    await office.open(amount_minor=1000)
    case = await office.withdraw("P3")
    unasked = await office.desk.add(
        case.id, case.kind, adding.payment_info("provided", None), "payment_info"
    )
    assert unasked.refused is Rejected.NOT_ASKED_FOR
    await office.desk.add(case.id, case.kind, adding.payment_info("requested", None), "asked")
    assert reason(await office.case(case.id)) == "payment_info_required"
    office.at(MONDAY + 14 * DAY)

    await office.desk.add(case.id, case.kind, adding.payment_info("provided", None), "given")

    assert await office.state(case.id) is CaseState.IN_REVIEW


async def test_the_same_reference_is_the_same_request(office: Office) -> None:
    await office.open(amount_minor=1000)
    first = await office.desk.open_withdrawal(ALICE, "w", {"amount_minor": 5}, "P3")
    again = await office.desk.open_withdrawal(ALICE, "w", {"amount_minor": 5}, "P3")
    other = await office.desk.open_withdrawal(ALICE, "w", {"amount_minor": 6}, "P3")

    assert first is not None
    assert again is not None
    assert other is not None
    assert (first.how, again.how, other.how) == (
        CaseOpened.NEW,
        CaseOpened.SAME,
        CaseOpened.OTHER_CONTENT,
    )
    assert await office.money() == (995, 5)


async def test_a_running_order_delays_the_decision_not_the_setting_aside(office: Office) -> None:
    await office.open(amount_minor=1000)
    id_ = await office.rent("P3")
    case = await office.withdraw("P3", claim_at=MONDAY.isoformat())
    assert (case.state, reason(case)) == (CaseState.WAITING, "open_order_pending")
    assert await office.money() == (0, 1000)

    await office.end(id_, State.REFUNDED)
    await office.ring(MONDAY + WINDOW + timedelta(seconds=1))

    assert await office.state(case.id) is CaseState.IN_REVIEW
    assert await office.money() == (PRICE, 650), "what came back meanwhile is not part of it"


async def test_an_approved_withdrawal_cannot_be_decided_again_or_paid_before(
    office: Office,
) -> None:
    await office.open(amount_minor=1000)
    case = await office.withdraw("P3")
    assert (await office.paid(case)).refused is Rejected.NOT_ASKED_FOR
    await office.verdict(case, grant=True)

    second = await office.verdict(case, grant=False)
    await office.desk.add(case.id, case.kind, adding.plain(kyc="failed"), "kyc")

    assert second.refused is Rejected.OTHER_CONTENT
    assert await office.state(case.id) is CaseState.APPROVED


async def test_an_unknown_account_or_policy_asks_for_nothing(office: Office) -> None:
    await office.store.books.open_account(ALICE, "USD")

    nobody = await office.desk.open_withdrawal(type(ALICE)("bob"), "w", {}, "P3")

    assert nobody is not None
    assert nobody.how is CaseOpened.UNKNOWN_SUBJECT
    assert await office.desk.open_withdrawal(ALICE, "w", {}, "no-such") is None


async def test_what_was_not_set_aside_does_not_leave(office: Office) -> None:
    await office.open(amount_minor=0)
    case = await office.withdraw("P0")
    assert (case.state, case.withheld_minor) == (CaseState.IN_REVIEW, 0)
    await office.top_up("later", 500, MONDAY)

    granted = await office.verdict(case, grant=True, amount_minor=300)
    denied = await office.verdict(case, grant=False)

    assert granted.refused is Rejected.WRONG_SUM
    assert denied.case is not None
    assert denied.case.state is CaseState.DENIED
    assert await office.money() == (500, 0)


async def test_a_top_up_leaves_once_whatever_else_is_there(office: Office) -> None:
    await office.open(amount_minor=1000)  # Too old by then, so it never leaves.
    await office.top_up("later", 500, at=MONDAY + 8 * DAY)
    office.at(MONDAY + 8 * DAY + HOUR)
    first = await office.withdraw("P3", "w1", amount_minor=300)
    second = await office.withdraw("P3", "w2", amount_minor=300)
    await office.verdict(first, grant=True)
    await office.paid(first)

    await office.verdict(second, grant=True)
    third = await office.withdraw("P3", "w3", amount_minor=300)

    partly = (await office.case(second.id)).decisions[-1]
    assert (partly.reason, partly.amount_minor) == ("partial_refundable", 200)
    assert (third.state, reason(third)) == (CaseState.DENIED, "nothing_refundable")
    assert await office.money() == (1000, 200)


async def test_what_left_before_is_taken_of_the_oldest_that_could_leave(office: Office) -> None:
    await office.open(amount_minor=500)
    await office.top_up("later", 500, at=MONDAY + 5 * DAY)
    office.at(MONDAY + 6 * DAY)
    first = await office.withdraw("P3", "w1", amount_minor=500)
    await office.verdict(first, grant=True)
    office.at(MONDAY + 9 * DAY)

    second = await office.withdraw("P3", "w2", amount_minor=500)

    assert (second.state, second.decisions[-1].amount_minor) == (CaseState.IN_REVIEW, 500)


async def test_a_top_up_after_a_payout_can_leave(office: Office) -> None:
    await office.open(amount_minor=500)
    first = await office.withdraw("P3", "w1")
    await office.verdict(first, grant=True)
    await office.paid(first)
    await office.top_up("later", 400, at=MONDAY + HOUR)
    office.at(MONDAY + 2 * HOUR)

    second = await office.withdraw("P3", "w2")

    assert (second.state, second.decisions[-1].amount_minor) == (CaseState.IN_REVIEW, 400)


async def test_what_left_before_a_number_was_used_takes_nothing_of_a_later_top_up(
    office: Office,
) -> None:
    await office.open(amount_minor=1000)
    first = await office.withdraw("P3", "w1", amount_minor=300)
    await office.verdict(first, grant=True)
    await office.paid(first)
    await office.delivered("P3")
    await office.top_up("later", 400, at=MONDAY + HOUR)
    office.at(MONDAY + 2 * HOUR)

    second = await office.withdraw("P3", "w2", amount_minor=1000)

    assert (second.state, second.decisions[-1].amount_minor) == (CaseState.IN_REVIEW, 400)


async def test_a_withdrawal_that_was_denied_took_nothing(office: Office) -> None:
    await office.open(amount_minor=500)
    first = await office.withdraw("P3", "w1")
    await office.verdict(first, grant=False)

    second = await office.withdraw("P3", "w2")

    assert (second.state, second.decisions[-1].amount_minor) == (CaseState.IN_REVIEW, 500)


async def test_what_left_after_a_number_was_used_is_taken_of_the_later_top_up(
    office: Office,
) -> None:
    await office.open(amount_minor=1000)
    await office.delivered("P3")
    await office.top_up("later", 500, at=MONDAY + HOUR)
    office.at(MONDAY + 2 * HOUR)
    first = await office.withdraw("P3", "w1", amount_minor=300)
    await office.verdict(first, grant=True)

    second = await office.withdraw("P3", "w2", amount_minor=500)

    assert (second.state, second.decisions[-1].amount_minor) == (CaseState.IN_REVIEW, 200)


async def test_where_the_policy_is_silent_a_human_names_the_sum_and_the_rest_is_given_back(
    office: Office,
) -> None:
    await office.open(amount_minor=1000)
    case = await office.withdraw("P1")
    assert (case.state, reason(case)) == (CaseState.IN_REVIEW, "policy_silent")

    none = await office.verdict(case, grant=True)
    too_much = await office.verdict(case, grant=True, amount_minor=1001)
    assert none.refused is too_much.refused is Rejected.WRONG_SUM
    await office.verdict(case, grant=True, amount_minor=600)

    last = (await office.case(case.id)).decisions[-1]
    assert (last.outcome, last.amount_minor, last.by) == ("payout", 600, "verdict")
    assert (last.destination, last.deadline) == ("client", None), "P1 names no time to pay"
    assert await office.money() == (400, 600)
    await office.paid(case)
    assert await office.money() == (400, 0)


async def test_a_sum_that_is_not_the_policys_is_refused(office: Office) -> None:
    await office.open(amount_minor=1000)
    case = await office.withdraw("P3", amount_minor=600)
    before = await office.everything()

    wrong = await office.verdict(case, grant=True, amount_minor=601)

    assert wrong.refused is Rejected.WRONG_SUM
    assert await office.everything() == before


async def test_details_that_are_added_unasked_are_taken(office: Office) -> None:
    await office.open(amount_minor=1000)
    case = await office.withdraw("P3", email_matches=False)
    assert (case.state, reason(case)) == (CaseState.NEEDS_EVIDENCE, "email_mismatch")

    more = adding.payment_info("added", None, email_matches=True)
    await office.desk.add(case.id, case.kind, more, "payment_info_added")

    assert await office.state(case.id) is CaseState.IN_REVIEW


async def test_without_an_age_limit_every_top_up_before_it_paid_for_a_withdrawal(
    office: Office,
) -> None:
    await office.open(amount_minor=1000)
    office.at(MONDAY + 800 * DAY)
    first = await office.withdraw("P4", amount_minor=400)
    await office.verdict(first, grant=True)
    await office.paid(first)

    second = await office.withdraw("P4", reference="w2")

    facts = await office.one(
        "SELECT facts ->> 'topups' FROM decision WHERE subject = $1", second.id
    )
    assert [left["amount_minor"] for left in json.loads(facts)] == [600]


async def test_a_withdrawal_whose_policy_cannot_be_had_any_more_is_a_humans(
    office: Office,
) -> None:
    await office.open(amount_minor=1000)
    case = await office.withdraw("P3")
    due = (await office.due(case.id))["review_sla"]
    await office.lose_policies()

    await office.ring(due + TICK)
    assert await office.told(case.id) == ["withdrawal.in_review"], "nobody knows what is late"
    await office.evidence(case, "photo")
    assert reason(await office.case(case.id)) == "policy_version"
    await office.verdict(case, grant=True, amount_minor=1000)

    assert await office.state(case.id) is CaseState.APPROVED
    assert await office.due(case.id) == {}
