"""Claims under P3: our log decides some kinds; a human judges the evidence for the others."""

from typing import Any

import pytest

from tests.unit.domain.policy.policy_answers import DAY, MINUTE, US, WINDOW, Answer, AskPolicy
from worker.domain.policy.vocabulary import Evidence

REVIEW = 3 * DAY  # Claimed on Tuesday.
SHOWN = {"sms_received_at": MINUTE, "sms_displayed_at": MINUTE}
EVIDENCE_KINDS = ["wrong_code", "incomplete_text", "number_given_out", "other", "cancel_error"]


def claim(ask: AskPolicy, kind: str, **facts: Any) -> Answer:
    given = {"now": DAY, "claim_channel": "form", "claim_kind": kind} | facts
    return ask("P3", "claim", **given)


def credited(reason: str) -> Answer:
    return ("credit", reason, 350, 0, "balance", None)


def denied(reason: str) -> Answer:
    return ("deny", reason, 0, 0, None, None)


def proposed(reason: str) -> Answer:
    return ("needs_review", reason, 350, 0, "balance", REVIEW)


def test_p3_10_no_sms_is_credited_from_the_log(ask: AskPolicy) -> None:
    assert claim(ask, "non_receiving") == credited("no_sms_on_record")
    assert claim(ask, "non_receiving", now=400 * DAY)[0] == "credit"
    assert claim(ask, "non_receiving", claim_channel="chat")[0] == "credit"
    late = claim(ask, "non_receiving", sms_received_at=WINDOW + US)
    assert late == credited("no_sms_on_record")
    wait = ("wait", "sms_window_open", 0, 0, None, WINDOW)
    assert claim(ask, "non_receiving", now=WINDOW) == wait
    assert claim(ask, "non_receiving", now=MINUTE, sms_received_at=MINUTE) == wait


def test_p3_23_p3_28_an_sms_that_was_sent_or_shown_is_not_credited_as_missing(
    ask: AskPolicy,
) -> None:
    assert claim(ask, "non_receiving", **SHOWN) == denied("code_displayed")
    assert claim(ask, "non_receiving", sms_correct=False, **SHOWN) == denied("code_displayed")
    in_time = claim(ask, "non_receiving", sms_received_at=WINDOW)
    assert in_time == proposed("sms_not_displayed")
    switched = {"sms.undisplayed_in_time": "credit"}
    credit = claim(ask, "non_receiving", sms_received_at=WINDOW, profile_overrides=switched)
    assert credit[0] == "credit"


@pytest.mark.parametrize(
    ("kind", "clause"),
    [
        ("service_unavailable", "P3.06"),
        ("no_numbers", "P3.09"),
        ("country_unavailable", "P3.16"),
        ("cannot_provide", "P3.17"),
    ],
)
def test_the_allocation_log_decides(ask: AskPolicy, kind: str, clause: str) -> None:
    assert clause.startswith("P3.")
    assert claim(ask, kind, allocation_failed=True) == credited("never_provided")
    assert claim(ask, kind, allocation_failed=False) == denied("number_was_provided")
    assert claim(ask, kind) == proposed("allocation_unknown")
    assert claim(ask, kind, allocation_failed=True, claim_channel="chat")[0] == "credit"


def test_p3_13_a_failed_cancel_counts_at_its_attempt(ask: AskPolicy) -> None:
    def failed(**facts: Any) -> Answer:
        given = {"cancel_failed": True, "cancel_attempt_at": 3 * MINUTE} | facts
        return claim(ask, "cancel_error", **given)

    assert failed() == credited("cancel_error")
    assert failed(sms_displayed_at=3 * MINUTE + US) == credited("cancel_error")
    assert failed(sms_displayed_at=3 * MINUTE) == denied("code_displayed")
    assert failed(sms_displayed_at=3 * MINUTE - US) == denied("code_displayed")
    assert failed(cancel_attempt_at=None) == credited("cancel_error")
    assert failed(cancel_attempt_at=None, **SHOWN) == denied("code_displayed")
    assert failed(sms_correct=True) == credited("cancel_error")


@pytest.mark.parametrize("kind", EVIDENCE_KINDS)
def test_p3_11_p3_12_p3_14_p3_18_p3_34_other_kinds_need_evidence_and_a_verdict(
    ask: AskPolicy, kind: str
) -> None:
    def shown(**facts: Any) -> Answer:
        return claim(ask, kind, **SHOWN, **facts)

    assert shown() == ("needs_evidence", "evidence_missing", 0, 0, None, None)
    assert shown(now=400 * DAY)[0] == "needs_evidence"
    for item in Evidence:
        assert shown(evidence=[item.value]) == proposed("judge_evidence")
    assert shown(evidence=["photo"], verified=True) == credited("claim_approved")
    assert shown(evidence=["photo"], verified=False) == denied("claim_rejected")
    chat = shown(evidence=["photo"], claim_channel="chat")
    assert chat == ("needs_evidence", "wrong_channel", 0, 0, None, None)
    wrong = shown(sms_correct=False, evidence=["photo"], verified=True)
    assert wrong == credited("claim_approved")


@pytest.mark.parametrize("kind", ["wrong_code", "incomplete_text"])
def test_a_code_found_right_and_whole_is_fulfilment(ask: AskPolicy, kind: str) -> None:
    right = {"sms_correct": True, "claim_channel": "chat"} | SHOWN
    assert claim(ask, kind, **right) == denied("correct_sms")
    assert claim(ask, "number_given_out", **right)[1] == "wrong_channel"


def test_an_unknown_kind_is_decided_as_other(ask: AskPolicy) -> None:
    assert claim(ask, "never_heard_of") == claim(ask, "other")
    assert claim(ask, "never_heard_of", evidence=["photo"]) == proposed("judge_evidence")


def test_p3_26_p3_29_excluded_kinds_come_before_the_channel(ask: AskPolicy) -> None:
    given = {"claim_channel": "chat", "evidence": ["video"], "verified": True}

    assert claim(ask, "account_maintenance", **given) == denied("beyond_responsibility")
    assert claim(ask, "incompatibility", **given) == denied("third_party_incompatibility")
    listed = claim(ask, "incompatibility", compat_listed=True, **given)
    assert listed == ("needs_evidence", "wrong_channel", 0, 0, None, None)
    assert claim(ask, "incompatibility", compat_listed=True) == proposed("compat_listed")
    approved = claim(ask, "incompatibility", compat_listed=True, verified=True)
    assert approved == credited("claim_approved")


@pytest.mark.parametrize("kind", ["non_receiving", "account_maintenance", "wrong_code"])
def test_a_refunded_order_is_not_refunded_again(ask: AskPolicy, kind: str) -> None:
    assert claim(ask, kind, credited_minor=350) == denied("already_refunded")


@pytest.mark.parametrize("flag", ["fraud_confirmed", "complaint_provider", "blocked_rules"])
def test_p3_22_findings_do_not_stop_credits_to_the_balance(ask: AskPolicy, flag: str) -> None:
    assert claim(ask, "non_receiving", account_flags=[flag])[0] == "credit"
