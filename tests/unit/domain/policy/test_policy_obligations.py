"""What is owed by a date: the policy's or the worker's own, and what its end brings."""

from datetime import timedelta
from typing import Any

import pytest

from tests.unit.domain.policy.policy_answers import DAY, US, Answer, AskPolicy


def tick(
    ask: AskPolicy, sla: str, now: timedelta, policy: dict[str, Any] | None = None, /, **facts: Any
) -> Answer:
    return ask(policy or {}, "sla_tick", sla=sla, start_at=timedelta(0), now=now, **facts)


def due(name: str, at: timedelta) -> Answer:
    return ("wait", name, 0, 0, None, at)


def denied(reason: str) -> Answer:
    return ("deny", reason, 0, 0, None, None)


def human(reason: str) -> Answer:
    return ("needs_review", reason, 70, 0, "client", None)


MONEY: dict[str, Any] = {"amount_minor": 70, "destination": "client"}
LATE = ("overdue", "replacement_overdue", 0, 0, None, None)


@pytest.mark.parametrize(
    ("sla", "waits", "length", "end"),
    [
        ("replacement", "replacement_due", 3 * DAY, LATE),
        (
            "refund_payment",
            "refund_payment_due",
            14 * DAY,
            ("overdue", "refund_payment_overdue", 0, 0, None, None),
        ),
        (
            "balance_credit",
            "balance_credit_due",
            timedelta(0),
            ("overdue", "balance_credit_overdue", 0, 0, None, None),
        ),
        ("access", "access_due", 14 * DAY, human("access_overdue")),
        ("kyc", "kyc_due", 14 * DAY, human("kyc_overdue")),
        ("payment_info", "payment_info_due", 14 * DAY, human("payment_info_overdue")),
        ("alternative", "alternative_due", 14 * DAY, human("alternative_overdue")),
        ("answer", "answer_due", 14 * DAY, denied("wrong_channel")),
    ],
)
def test_the_dates_that_no_policy_names(
    ask: AskPolicy, sla: str, waits: str, length: timedelta, end: Answer
) -> None:
    given = MONEY | {"reason": "wrong_channel"}
    assert tick(ask, sla, length, **given) == due(waits, length)
    assert tick(ask, sla, length + US, **given) == end
    done = ("none", "done", 0, 0, None, None)
    assert tick(ask, sla, 99 * DAY, done_at=length, **given) == done
    late = ("none", "done_late", 0, 0, None, None)
    assert tick(ask, sla, 99 * DAY, done_at=length + US, **given) == late


@pytest.mark.parametrize("sla", ["review", "honour"])
def test_a_review_and_a_settlement_have_no_date_of_the_worker(ask: AskPolicy, sla: str) -> None:
    silent = ("needs_review", "policy_silent", 0, 0, None, None)
    assert tick(ask, sla, DAY) == tick(ask, sla, DAY, done_at=DAY) == silent


@pytest.mark.parametrize(
    ("sla", "policy", "at"),
    [
        ("review", {"processing": {"review_s": 60}}, timedelta(seconds=60)),
        ("honour", {"claims": {"honour_days": 3}}, 3 * DAY),
        ("balance_credit", {"processing": {"credit_business_days": 1}}, DAY),
        ("refund_payment", {"processing": {"pay_days": 2}}, 2 * DAY),
        ("replacement", {"obligations": {"replacement_business_days": 1}}, DAY),
        ("access", {"obligations": {"access_days": 2}}, 2 * DAY),
        ("kyc", {"obligations": {"kyc_days": 2}}, 2 * DAY),
        ("payment_info", {"processing": {"payment_info_days": 2}}, 2 * DAY),
        ("alternative", {"obligations": {"alternative_days": 2}}, 2 * DAY),
        ("answer", {"obligations": {"answer_days": 2}}, 2 * DAY),
    ],
)
def test_the_dates_that_a_policy_names(
    ask: AskPolicy, sla: str, policy: dict[str, Any], at: timedelta
) -> None:
    assert tick(ask, sla, at, policy) == due(f"{sla}_due", at)
    assert tick(ask, sla, at + US, policy)[0] != "wait"


def test_days_of_the_worker_are_counted_as_the_policy_counts_days(ask: AskPolicy) -> None:
    calendar = {"calendar": {"day_count": "calendar_end_of_day"}}
    end = 14 * DAY + timedelta(hours=14) - US
    assert tick(ask, "answer", end, calendar) == due("answer_due", end)


def test_payment_details_end_as_the_policy_says_where_it_names_their_date(ask: AskPolicy) -> None:
    policy = {"processing": {"payment_info_days": 2}}
    assert tick(ask, "payment_info", 2 * DAY + US, policy) == denied("payment_info_timeout")


def test_an_answer_for_which_nobody_told_the_reason_ends_as_missing_evidence(
    ask: AskPolicy,
) -> None:
    assert tick(ask, "answer", 15 * DAY) == denied("evidence_missing")


@pytest.mark.parametrize("sla", ["refund_payment", "replacement"])
@pytest.mark.parametrize(
    ("flag", "reason", "policy"),
    [
        ("deleted_by_customer", "account_deleted", {}),
        ("blocked_law_enforcement", "account_frozen", {}),
        ("blocked_rules", "account_blocked_rules", {}),
        ("charged_back", "chargeback", {}),
        ("unlawful_use_confirmed", "unlawful_use", {"bars": {"unlawful": "client"}}),
        ("fraud_confirmed", "fraud", {"bars": {"fraud": "all"}}),
        ("complaint_provider", "complaint_received", {"bars": {"complaint": "client"}}),
    ],
)
def test_what_is_carried_out_asks_the_account_again(
    ask: AskPolicy, sla: str, flag: str, reason: str, policy: dict[str, Any]
) -> None:
    given = MONEY | {"account_flags": [flag]}
    assert tick(ask, sla, DAY, policy, **given) == human(reason)
    assert tick(ask, sla, 99 * DAY, policy, **given) == human(reason)
    assert tick(ask, sla, DAY, policy, freeze_seen=True, **given)[0] == "wait"
    assert tick(ask, sla, 99 * DAY, policy, done_at=DAY, **given)[0] == "none"
    assert tick(ask, "kyc", DAY, policy, **given)[0] == "wait"
    if policy:
        assert tick(ask, sla, DAY, **given)[0] == "wait"


def test_a_suspicion_stops_nothing_that_was_approved(ask: AskPolicy) -> None:
    policy = {"bars": {"fraud": "all"}}
    given = MONEY | {"account_flags": ["fraud_suspected"]}
    assert tick(ask, "refund_payment", DAY, policy, **given)[0] == "wait"


@pytest.mark.parametrize(("method", "days"), [("wire", 14), ("card", 2), (None, 2)])
def test_a_payout_is_due_within_the_time_of_its_payment_method(
    ask: AskPolicy, method: str | None, days: int
) -> None:
    policy = {"payout.methods": {"wire": {"business_days": 10}}, "processing.pay_days": 2}
    told = {} if method is None else {"payment_method": method}
    late = ("overdue", "refund_payment_overdue", 0, 0, None, None)

    in_time = tick(ask, "refund_payment", days * DAY, policy, **told)
    after = tick(ask, "refund_payment", days * DAY + US, policy, **told)

    assert (in_time, after) == (due("refund_payment_due", days * DAY), late)
