"""Withdrawals: unused top-ups under P3, fees under P4, and reasons for which P2 pays nothing."""

from datetime import timedelta
from typing import Any

import pytest

from tests.unit.domain.policy.policy_answers import DAY, US, Answer, AskPolicy

ASKED = 10 * DAY  # A Thursday.
REVIEW = ASKED + 4 * DAY  # Two working days: Monday.
#: From 10:00 back to the first instant of the day, and on to its last.
FIRST_OF_DAY = timedelta(hours=10)
LAST_OF_DAY = timedelta(hours=14) - US
FIELDS = ["amount", "payment_system", "details", "reason", "email"]


def topup(at: timedelta, amount: int = 1000) -> dict[str, Any]:
    return {"at": at, "amount_minor": amount}


def p3(ask: AskPolicy, **facts: Any) -> Answer:
    given = {
        "now": ASKED,
        "claim_at": ASKED,
        "claim_channel": "form",
        "amount_minor": 1000,
        "balance_minor": 1000,
        "topups": [topup(ASKED - DAY)],
        "verified": True,
        "approved_at": ASKED + DAY,
    }
    return ask("P3", "withdrawal", **given | facts)


def paid(amount: int, fee: int = 0, reason: str = "refundable_topups") -> Answer:
    return ("payout", reason, amount, fee, "client", ASKED + 15 * DAY)


def denied(reason: str) -> Answer:
    return ("deny", reason, 0, 0, None, None)


def asked(reason: str, until: timedelta | None = None) -> Answer:
    return ("needs_evidence", reason, 0, 0, None, until)


def test_an_unused_topup_is_paid_out_after_a_humans_yes(ask: AskPolicy) -> None:
    assert p3(ask) == paid(1000)
    waiting = p3(ask, verified=None)
    assert waiting == ("needs_review", "judge_request", 1000, 0, "client", REVIEW)
    assert p3(ask, verified=False) == denied("claim_rejected")
    unrecorded = p3(ask, approved_at=None, now=ASKED + 2 * DAY)
    assert unrecorded[5] == ASKED + 16 * DAY


@pytest.mark.parametrize(
    ("age", "reason"),
    [
        (7 * DAY, "refundable_topups"),
        (7 * DAY + FIRST_OF_DAY, "refundable_topups"),
        (7 * DAY + FIRST_OF_DAY + US, "topup_too_old"),
        (-DAY, "refundable_topups"),
    ],
)
def test_p3_19_a_topup_is_refundable_for_one_week(
    ask: AskPolicy, age: timedelta, reason: str
) -> None:
    assert p3(ask, topups=[topup(ASKED - age)])[1] == reason
    later = p3(ask, topups=[topup(ASKED - age)], now=ASKED + 3 * DAY)
    assert later[1] == reason


def test_p3_27_p3_31_only_what_came_after_the_last_activation_is_unused(ask: AskPolicy) -> None:
    two = [topup(ASKED - 4 * DAY, 700), topup(ASKED - 2 * DAY, 500)]
    between = {"topups": two, "activations": [ASKED - 3 * DAY], "balance_minor": 1200}

    assert p3(ask, **between, amount_minor=500) == paid(500)
    partly = p3(ask, **between, amount_minor=501)
    assert partly == paid(500, reason="partial_refundable")
    used = [ASKED - 3 * DAY, ASKED - DAY]
    assert p3(ask, topups=two, activations=used) == denied("topup_used")
    same_instant = p3(ask, topups=[topup(ASKED - DAY)], activations=[ASKED - DAY])
    assert same_instant == denied("topup_used")
    just_after = p3(ask, topups=[topup(ASKED - DAY + US)], activations=[ASKED - DAY])
    assert just_after == paid(1000)


def test_each_topup_is_judged_by_itself(ask: AskPolicy) -> None:
    old_and_new = [topup(ASKED - 8 * DAY, 700), topup(ASKED - DAY, 300)]
    assert p3(ask, topups=old_and_new) == paid(300, reason="partial_refundable")
    old_and_used = {"topups": [topup(ASKED - 8 * DAY)], "activations": [ASKED - DAY]}
    assert p3(ask, **old_and_used) == denied("topup_too_old")


def test_p3_40_the_sum_is_capped_by_history_balance_and_request(ask: AskPolicy) -> None:
    assert p3(ask, amount_minor=400) == paid(400)
    assert p3(ask, balance_minor=400) == paid(400, reason="partial_refundable")
    assert p3(ask, amount_minor=None, balance_minor=400) == paid(400)
    assert p3(ask, balance_minor=1) == paid(1, reason="partial_refundable")
    assert p3(ask, balance_minor=0) == denied("nothing_refundable")
    assert p3(ask, amount_minor=0) == denied("nothing_refundable")
    assert p3(ask, topups=[]) == denied("nothing_refundable")
    many = [topup(ASKED - DAY, 1) for _ in range(7)]
    assert p3(ask, topups=many)[2] == 7


@pytest.mark.parametrize(("fee", "net"), [(0, 1000), (35, 965), (1000, 0), (1001, 0)])
def test_p3_41_the_commission_is_taken_off_and_never_more_than_there_is(
    ask: AskPolicy, fee: int, net: int
) -> None:
    assert p3(ask, psp_commission_minor=fee) == paid(net, 1000 - net)
    borne_by_the_shop = {"withdrawal.psp_commission": False}
    assert p3(ask, psp_commission_minor=fee, profile_overrides=borne_by_the_shop) == paid(1000)


@pytest.mark.parametrize(
    ("flag", "reason"),
    [
        ("deleted_by_customer", "account_deleted"),
        ("blocked_law_enforcement", "account_frozen"),
        ("blocked_rules", "account_blocked_rules"),
        ("unlawful_use_confirmed", "unlawful_use"),
        ("fraud_confirmed", "fraud"),
        ("complaint_provider", "complaint_received"),
        ("complaint_law_enforcement", "complaint_received"),
    ],
)
def test_p3_05_p3_20_p3_21_p3_22_p3_43_findings_bar_money_out(
    ask: AskPolicy, flag: str, reason: str
) -> None:
    flags = {"account_flags": [flag]}
    barred = p3(ask, claim_channel="chat", withdraw_reason="accidental_topup", **flags)
    assert barred == denied(reason)
    with_suspicion = p3(ask, account_flags=[flag, "fraud_suspected"])
    assert with_suspicion == denied(reason)


def test_of_several_findings_the_first_in_the_order_is_the_reason(ask: AskPolicy) -> None:
    order = [
        ("deleted_by_customer", "account_deleted"),
        ("blocked_law_enforcement", "account_frozen"),
        ("blocked_rules", "account_blocked_rules"),
        ("unlawful_use_confirmed", "unlawful_use"),
        ("fraud_confirmed", "fraud"),
        ("complaint_provider", "complaint_received"),
    ]
    for index, (_, reason) in enumerate(order):
        assert p3(ask, account_flags=[flag for flag, _ in order[index:]])[1] == reason


@pytest.mark.parametrize("flag", ["unlawful_use_suspected", "fraud_suspected"])
def test_a_suspicion_goes_to_a_human(ask: AskPolicy, flag: str) -> None:
    decided = p3(ask, account_flags=[flag], claim_channel="chat")
    assert decided == ("needs_review", "suspected_misuse", 1000, 0, "client", REVIEW)


def test_p3_30_the_stated_reason_decides_about_an_accidental_topup(ask: AskPolicy) -> None:
    assert p3(ask, withdraw_reason="accidental_topup") == denied("accidental_topup")
    for reason in ("unused_funds", "changed_mind", "misunderstanding", "account_deletion"):
        assert p3(ask, withdraw_reason=reason) == paid(1000)


def test_p3_33_p3_34_p3_35_p3_36_a_request_is_complete(ask: AskPolicy) -> None:
    assert p3(ask, claim_channel="email") == asked("wrong_channel")
    any_channel = {"profile_overrides": {"withdrawal.channels": None, "claims.channels": None}}
    assert (
        p3(ask, claim_channel="email", **any_channel) == p3(ask, claim_channel=None) == paid(1000)
    )
    for missing in FIELDS:
        fields = [field for field in FIELDS if field != missing]
        assert p3(ask, request_fields=fields) == asked("request_incomplete")
    assert p3(ask, request_fields=FIELDS) == paid(1000)
    assert p3(ask, email_matches=False) == asked("email_mismatch")
    assert p3(ask, withdraw_reason="sms_problem") == asked("evidence_missing")
    shown = p3(ask, withdraw_reason="sms_problem", evidence=["screenshot"])
    assert shown == paid(1000)


def test_the_checks_come_in_their_order(ask: AskPolicy) -> None:
    wrong: list[tuple[str, Any, str]] = [
        ("withdraw_reason", "accidental_topup", "accidental_topup"),
        ("claim_channel", "chat", "wrong_channel"),
        ("request_fields", [], "request_incomplete"),
        ("email_matches", False, "email_mismatch"),
        ("contradicts_terms", True, "contradicts_terms"),
        ("payment_info_requested_at", ASKED - 20 * DAY, "payment_info_timeout"),
        ("open_order_window_end", ASKED, "open_order_pending"),
        ("topups", [topup(ASKED - 9 * DAY)], "topup_too_old"),
        ("balance_minor", 0, "nothing_refundable"),
        ("payment_method_refundable", False, "alternative_refund_method"),
        ("verified", None, "judge_request"),
    ]
    for index, (_, _, reason) in enumerate(wrong):
        facts = {name: value for name, value, _ in wrong[index:]}
        assert p3(ask, **facts)[1] == reason


def test_p3_44_a_contradiction_goes_to_a_human(ask: AskPolicy) -> None:
    decided = p3(ask, contradicts_terms=True)
    assert decided == ("needs_review", "contradicts_terms", 1000, 0, "client", REVIEW)


def test_p3_25_payment_details_have_fourteen_days_from_our_question(ask: AskPolicy) -> None:
    due = ASKED + 15 * DAY + LAST_OF_DAY
    question = {"payment_info_requested_at": ASKED + DAY}

    for now in (ASKED + DAY, due - US, due):
        assert p3(ask, now=now, **question) == asked("payment_info_required", due)
    assert p3(ask, now=due + US, **question) == denied("payment_info_timeout")
    answered = {"now": due + 9 * DAY, **question}
    assert p3(ask, payment_info_provided_at=due, **answered) == paid(1000)
    late = p3(ask, payment_info_provided_at=due + US, **answered)
    assert late == denied("payment_info_timeout")


def test_payment_details_without_a_date_of_the_policy_end_with_a_human(ask: AskPolicy) -> None:
    def undated(**facts: Any) -> Answer:
        silent = {"processing.payment_info_days": None}
        question = {"payment_info_requested_at": ASKED, "profile_overrides": silent}
        return p3(ask, **question, **facts)

    due = ASKED + 14 * DAY
    assert undated(now=due) == asked("payment_info_required")
    for now in (due - US, due):
        assert undated(now=now, answer_due_at=due) == asked("payment_info_required", due)
    overdue = undated(now=due + US, answer_due_at=due)
    assert overdue == ("needs_review", "payment_info_overdue", 1000, 0, "client", REVIEW)
    given = undated(now=due + US, answer_due_at=due, payment_info_provided_at=due + US)
    assert given[0] == "payout"


def test_a_withdrawal_waits_for_an_order_that_still_runs(ask: AskPolicy) -> None:
    end = ASKED + timedelta(minutes=12)
    running = {"open_order_window_end": end}

    for now in (ASKED, end - US, end):
        assert p3(ask, now=now, **running) == ("wait", "open_order_pending", 0, 0, None, end)
    assert p3(ask, now=end + US, **running) == paid(1000)


@pytest.mark.parametrize("verified", [None, True, False])
def test_p3_42_a_method_without_refunds_needs_another_way(
    ask: AskPolicy, *, verified: bool | None
) -> None:
    decided = p3(ask, payment_method_refundable=False, verified=verified)
    assert decided == ("needs_review", "alternative_refund_method", 1000, 0, "client", REVIEW)


def p4(ask: AskPolicy, **facts: Any) -> Answer:
    given = {
        "now": ASKED,
        "claim_channel": "email",
        "amount_minor": 10_000,
        "balance_minor": 10_000,
        "last_deposit_at": ASKED - DAY,
        "verified": True,
    }
    return ask("P4", "withdrawal", **given | facts)


def to_wallet(amount: int, fee: int) -> Answer:
    return ("payout", "balance_withdrawal", amount, fee, "wallet", None)


@pytest.mark.parametrize(
    ("deposit", "fee"),
    [
        ("2025-03-12T10:00:00.000001Z", 500),
        ("2025-03-12T10:00:00Z", 1500),
        ("2025-03-12T09:59:59.999999Z", 1500),
        ("2024-03-12T10:00:00.000001Z", 1500),
        ("2024-03-12T10:00:00Z", 2500),
        ("2023-03-12T10:00:00.000001Z", 2500),
        ("2023-03-12T10:00:00Z", 3500),
        ("1999-01-01T00:00:00Z", 3500),
    ],
)
def test_p4_21_p4_22_p4_23_p4_24_the_fee_steps_begin_on_the_anniversary(
    ask: AskPolicy, deposit: str, fee: int
) -> None:
    assert p4(ask, last_deposit_at=deposit) == to_wallet(10_000 - fee, fee)
    later = p4(ask, last_deposit_at=deposit, claim_at=ASKED, now=ASKED + 9 * DAY)
    assert later == to_wallet(10_000 - fee, fee)


def test_a_deposit_on_29_february_has_its_anniversary_on_the_28th(ask: AskPolicy) -> None:
    leap = {"last_deposit_at": "2024-02-29T06:00:00Z"}
    before = {"now": "2025-02-28T05:59:59.999999Z", "claim_at": "2025-02-28T05:59:59.999999Z"}
    then = {"now": "2025-02-28T06:00:00Z", "claim_at": "2025-02-28T06:00:00Z"}

    assert p4(ask, **leap, **before)[3] == 500
    assert p4(ask, **leap, **then)[3] == 1500


def test_the_fee_is_on_what_is_paid_and_rounded_to_the_customer(ask: AskPolicy) -> None:
    assert p4(ask, balance_minor=4000) == to_wallet(3800, 200)
    assert p4(ask, amount_minor=4000) == to_wallet(3800, 200)
    assert p4(ask, amount_minor=None) == to_wallet(9500, 500)
    assert p4(ask, amount_minor=19) == to_wallet(19, 0)
    assert p4(ask, amount_minor=39) == to_wallet(38, 1)
    assert p4(ask, last_deposit_at=None) == to_wallet(9500, 500)
    assert p4(ask, balance_minor=1) == to_wallet(1, 0)
    assert p4(ask, balance_minor=0) == denied("nothing_refundable")


def test_p4_20_p4_25_p4_26_p4_27_the_checks_come_in_their_order(ask: AskPolicy) -> None:
    wrong: list[tuple[str, Any, Answer]] = [
        ("claim_channel", "chat", asked("wrong_channel")),
        ("reasons_given", False, asked("reasons_missing")),
        ("contradicts_terms", True, ("needs_review", "contradicts_terms", 0, 0, None, None)),
        ("kyc", "requested", asked("kyc_required")),
        ("balance_minor", 0, denied("nothing_refundable")),
        ("verified", False, denied("claim_rejected")),
    ]
    for index, (_, _, expected) in enumerate(wrong):
        assert p4(ask, **{name: value for name, value, _ in wrong[index:]}) == expected
    assert p4(ask, kyc="failed") == denied("kyc_failed")
    assert p4(ask, kyc="passed") == to_wallet(9500, 500)
    assert p4(ask, account_flags=["fraud_confirmed"]) == to_wallet(9500, 500)


def test_a_human_sees_the_sum_after_the_fee(ask: AskPolicy) -> None:
    decided = p4(ask, verified=None)
    assert decided == ("needs_review", "judge_request", 9500, 500, "wallet", None)
    two_days = {"profile_overrides": {"processing.review_business_days": 2}}
    assert p4(ask, verified=None, **two_days)[5] == REVIEW
    assert p4(ask, **two_days) == to_wallet(9500, 500)


def test_withdrawals_can_be_left_to_a_human(ask: AskPolicy) -> None:
    silent: Answer = ("needs_review", "policy_silent", 0, 0, None, None)

    assert p4(ask, profile_overrides={"withdrawal.mode": "none"}) == silent
    for policy in ("P0", "P1", "default"):
        assert ask(policy, "withdrawal", balance_minor=900) == silent


@pytest.mark.parametrize(
    ("stated", "reason"),
    [
        ("unused_funds", "unused_funds"),
        ("changed_mind", "changed_mind"),
        ("accidental_topup", "accidental_topup"),
        ("misunderstanding", "misunderstanding"),
        ("caller_id", "caller_id"),
        ("sms_problem", "not_a_client_refund_ground"),
        ("account_deletion", "not_a_client_refund_ground"),
        (None, "unused_funds"),
    ],
)
def test_p2_17_p2_24_p2_25_p2_26_unused_money_does_not_leave(
    ask: AskPolicy, stated: str | None, reason: str
) -> None:
    decided = ask("P2", "withdrawal", balance_minor=300, withdraw_reason=stated)
    assert decided == denied(reason)


def test_p2_03_p2_04_findings_come_before_the_stated_reason(ask: AskPolicy) -> None:
    def p2(flag: str) -> Answer:
        return ask("P2", "withdrawal", balance_minor=300, account_flags=[flag])

    assert p2("deleted_by_customer") == denied("account_deleted")
    assert p2("blocked_law_enforcement") == denied("account_frozen")
    assert p2("fraud_suspected")[:2] == ("needs_review", "suspected_misuse")
    assert p2("blocked_rules")[:3] == ("needs_review", "account_blocked_rules", 0)


def test_payouts_and_purchases_since_the_oldest_topup_count(ask: AskPolicy) -> None:
    topups = [topup(ASKED - 3 * DAY, 700), topup(ASKED - 2 * DAY, 300)]

    def unused(**facts: Any) -> Answer:
        given = {"topups": topups, "balance_minor": 5000, "amount_minor": 1000}
        return p3(ask, **given | facts)

    at_oldest = [topup(ASKED - 3 * DAY, 400)]
    before = [topup(ASKED - 3 * DAY - US, 400)]
    assert unused() == paid(1000)
    assert unused(payouts=at_oldest) == paid(600, reason="partial_refundable")
    assert unused(purchases=at_oldest) == paid(600, reason="partial_refundable")
    assert unused(payouts=before, purchases=before) == paid(1000)
    assert unused(payouts=at_oldest, purchases=at_oldest)[2] == 200
    for gone in (1000, 1001):
        assert unused(payouts=[topup(ASKED, gone)]) == denied("nothing_refundable")
    assert unused(topups=[]) == denied("nothing_refundable")
    after = unused(payouts=at_oldest, activations=[ASKED - 3 * DAY])
    assert after == paid(300, reason="partial_refundable")
