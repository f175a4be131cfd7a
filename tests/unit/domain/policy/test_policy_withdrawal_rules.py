"""Withdrawals of the balance under policies of the tests' own: every key of `[withdrawal]`."""

from datetime import timedelta
from typing import Any

import pytest

from tests.unit.domain.policy.policy_answers import DAY, US, Answer, AskPolicy

ASKED = 10 * DAY  # A Thursday.


def topup(at: timedelta, amount: int = 1000) -> dict[str, Any]:
    return {"at": at, "amount_minor": amount}


def denied(reason: str) -> Answer:
    return ("deny", reason, 0, 0, None, None)


def asked(reason: str, until: timedelta | None = None) -> Answer:
    return ("needs_evidence", reason, 0, 0, None, until)


def balance(ask: AskPolicy, rules: dict[str, Any] | None = None, /, **facts: Any) -> Answer:
    """A withdrawal of the balance under a policy of the test's own."""
    more = facts.pop("policy", {})
    policy = {"withdrawal": {"mode": "balance", "decided": "grant"} | (rules or {})} | more
    return ask(policy, "withdrawal", **{"balance_minor": 1000, "now": ASKED} | facts)


def out(minor: int, fee: int = 0, to: str = "client") -> Answer:
    return ("payout", "balance_withdrawal", minor, fee, to, None)


@pytest.mark.parametrize("to", ["client", "wallet", "original_method"])
def test_a_withdrawal_goes_where_the_policy_says(ask: AskPolicy, to: str) -> None:
    assert balance(ask, {"destination": to}) == out(1000, to=to)


def test_a_withdrawal_is_granted_or_judged(ask: AskPolicy) -> None:
    assert balance(ask) == balance(ask, verified=True) == out(1000)
    assert balance(ask, verified=False) == denied("claim_rejected")
    judged = {"decided": "review"}
    assert balance(ask, judged) == ("needs_review", "judge_request", 1000, 0, "client", None)
    assert balance(ask, judged, verified=True) == out(1000)


@pytest.mark.parametrize(
    ("bars", "facts", "reason"),
    [
        ("any", {"spent_minor": 1}, "topup_used"),
        ("any", {"activations": [ASKED - DAY]}, "topup_used"),
        ("any", {}, "balance_withdrawal"),
        ("activated", {"activations": [ASKED - DAY]}, "topup_used"),
        ("activated", {"activations": [{"at": ASKED - DAY}]}, "topup_used"),
        ("activated", {"spent_minor": 1}, "balance_withdrawal"),
        ("activated", {"activations": [{"at": ASKED, "refunded": True}]}, "balance_withdrawal"),
        ("nothing", {"spent_minor": 1, "activations": [ASKED]}, "balance_withdrawal"),
    ],
)
def test_what_was_spent_may_keep_the_balance_inside(
    ask: AskPolicy, bars: str, facts: dict[str, Any], reason: str
) -> None:
    assert balance(ask, {"spent_bars": bars}, **facts)[1] == reason


def test_the_last_deposit_may_be_too_old_for_the_balance(ask: AskPolicy) -> None:
    days = {"topup_max_age_days": 3}
    old = {"topups": [topup(ASKED - 9 * DAY)]}
    assert balance(ask, days, last_deposit_at=ASKED - 3 * DAY, **old) == out(1000)
    late = balance(ask, days, last_deposit_at=ASKED - 3 * DAY - US)
    assert late == denied("topup_too_old")
    assert balance(ask, days) == balance(ask, last_deposit_at=ASKED - 99 * DAY) == out(1000)


def test_the_least_sum_of_the_policy_and_of_the_method(ask: AskPolicy) -> None:
    assert balance(ask, {"least_minor": 1000}) == out(1000)
    assert balance(ask, {"least_minor": 1001}) == denied("below_least_sum")
    methods = {
        "payout": {"methods": {"coin": {"least_minor": 1001}, "voucher": {"refundable": False}}}
    }
    assert balance(ask, policy=methods, payment_method="coin") == denied("below_least_sum")
    voucher = balance(ask, policy=methods, payment_method="voucher")
    assert voucher == denied("method_not_refundable")
    assert balance(ask, policy=methods, payment_method="card") == out(1000)


@pytest.mark.parametrize("unable", ["review", "balance", "deny"])
def test_a_method_that_cannot_take_a_withdrawal_back_now(ask: AskPolicy, unable: str) -> None:
    policy = {"payout": {"unable": unable}}
    cannot = {"policy": policy, "payment_method_refundable": False}
    human = ("needs_review", "alternative_refund_method", 1000, 0, "client", None)
    decided = balance(ask, **cannot)
    assert decided == (human if unable == "review" else denied("method_not_refundable"))
    assert balance(ask, **cannot, alternative_method="sepa") == out(1000)


def test_all_fees_of_a_withdrawal_are_added_and_at_most_the_sum(ask: AskPolicy) -> None:
    policy = {
        "payout": {
            "fee_steps": [[0, 100], [1, 150]],
            "fee_bp": 33,
            "fee_minor": 2,
            "methods": {"card": {"fee_bp": 10, "fee_minor": 1, "business_days": 1}},
        }
    }
    psp = {"psp_commission": True}
    # Of 999: 9 of the deposit, 3 and 2 of every payout, 1 of the commission.
    plain = balance(ask, psp, policy=policy, balance_minor=999, psp_commission_minor=1)
    assert plain == out(984, 15)
    card = balance(ask, policy=policy, balance_minor=999, payment_method="card")
    assert card == ("payout", "balance_withdrawal", 984, 15, "client", ASKED + DAY)
    year = {"last_deposit_at": ASKED - 365 * DAY}
    assert balance(ask, policy=policy, **year)[3] == 15 + 3 + 2
    assert balance(ask, psp, policy=policy, balance_minor=4, psp_commission_minor=9) == out(0, 4)


def test_what_is_missing_of_a_withdrawal_is_awaited_until_its_date(ask: AskPolicy) -> None:
    rules = {"channels": ["desk"]}

    def chat(now: timedelta, **facts: Any) -> Answer:
        given = {"claim_at": ASKED, "claim_channel": "chat", "now": now} | facts
        return balance(ask, rules, **given)

    assert chat(ASKED + 99 * DAY) == asked("wrong_channel")
    due = {"answer_due_at": ASKED + 9 * DAY}
    assert chat(ASKED + 9 * DAY, **due) == asked("wrong_channel", ASKED + 9 * DAY)
    assert chat(ASKED + 9 * DAY + US, **due) == denied("wrong_channel")
    days = {"policy": {"obligations": {"answer_days": 2}}}
    assert chat(ASKED + 2 * DAY, **due, **days) == asked("wrong_channel", ASKED + 2 * DAY)
    assert chat(ASKED + 2 * DAY + US, **due, **days) == denied("wrong_channel")


def test_the_holder_of_the_wallet_is_checked_for_a_withdrawal_too(ask: AskPolicy) -> None:
    kyc = {"payout": {"kyc": True, "fee_minor": 5}}
    wallet = {"destination": "wallet"}

    def to_wallet(**facts: Any) -> Answer:
        return balance(ask, wallet, **{"policy": kyc} | facts)

    assert to_wallet(kyc="failed") == denied("kyc_failed")
    assert to_wallet(kyc="requested") == asked("kyc_required")
    due = {"kyc": "requested", "answer_due_at": ASKED + DAY, "claim_at": ASKED}
    assert to_wallet(now=ASKED + DAY, **due) == asked("kyc_required", ASKED + DAY)
    overdue = ("needs_review", "kyc_overdue", 995, 5, "wallet", None)
    assert to_wallet(now=ASKED + DAY + US, **due) == overdue
    assert to_wallet(kyc="passed") == to_wallet() == out(995, 5, "wallet")
    assert balance(ask, policy=kyc, kyc="failed") == out(995, 5)


def test_a_freeze_shows_what_a_yes_would_pay(ask: AskPolicy) -> None:
    def frozen(rules: dict[str, Any] | None = None, **facts: Any) -> Answer:
        return balance(ask, rules, account_flags=["blocked_rules"], **facts)

    assert frozen() == ("needs_review", "account_blocked_rules", 1000, 0, "client", None)
    assert frozen(freeze_seen=True) == out(1000)
    nothing = ("needs_review", "account_blocked_rules", 0, 0, None, None)
    assert frozen({"mode": "never"}) == nothing
    assert frozen({"exclude_reasons": ["unused_funds"]}) == nothing
    assert frozen(taken_back_at=ASKED)[:2] == ("none", "taken_back")


def test_a_purchase_in_the_past_is_money_spent_and_one_paid_back_is_none(ask: AskPolicy) -> None:
    spent = {"spent_bars": "any"}
    assert balance(ask, spent, spent_minor=0) == out(1000)
    assert balance(ask, spent, spent_minor=5) == denied("topup_used")


def test_each_fee_of_a_withdrawal_is_added_to_the_others(ask: AskPolicy) -> None:
    fees = {"payout": {"fee_steps": [[0, 300]], "fee_minor": 7}}
    rules = {"psp_commission": True}
    whole = balance(ask, rules, policy=fees, psp_commission_minor=6, last_deposit_at=ASKED - DAY)
    assert whole == out(957, 43)  # 30, 7 and 6.
    assert balance(ask, policy=fees, psp_commission_minor=6)[3] == 37


def test_a_large_sum_without_a_fee_loses_nothing(ask: AskPolicy) -> None:
    given = {"balance_minor": 10**9, "last_deposit_at": timedelta(0)}
    assert balance(ask, **given) == out(10**9)


def test_more_fields_than_are_required_complete_a_request(ask: AskPolicy) -> None:
    required = {"required_fields": ["amount"]}
    assert balance(ask, required, request_fields=["amount"]) == out(1000)
    assert balance(ask, required, request_fields=["amount", "email"]) == out(1000)
    assert balance(ask, required, request_fields=["email"]) == asked("request_incomplete")
