"""The rules of kinds: by our log, by evidence, by a human, and a replacement first."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.unit.domain.policy.policy_answers import (
    DAY,
    MINUTE,
    ORDERED_AT,
    US,
    WINDOW,
    Answer,
    AskPolicy,
)
from worker.domain.policy import ClaimFacts, Op, OrderFacts, Outcome, Reason, decide, load_profile
from worker.domain.policy.language.choices import Decided

RENTAL: dict[str, Any] = {
    "product": "rental",
    "price_minor": 3000,
    "rental_start": timedelta(0),
    "rental_end": 30 * DAY,
}


def claim(ask: AskPolicy, kind: dict[str, Any], **facts: Any) -> Answer:
    policy = {"claims": {"kinds": {"own": kind}}} | facts.pop("policy", {})
    return ask(policy, "claim", **{"claim_kind": "own", "now": DAY} | facts)


def paid(reason: str, minor: int = 350) -> Answer:
    return ("credit", reason, minor, 0, "balance", None)


def asked(reason: str, minor: int = 350) -> Answer:
    return ("needs_review", reason, minor, 0, "balance" if minor else None, None)


def denied(reason: str) -> Answer:
    return ("deny", reason, 0, 0, None, None)


def log(test: str, **row: Any) -> dict[str, Any]:
    return {"decided": "log", "log": test} | row


def test_no_sms_waits_for_the_window_and_is_paid_after_it(ask: AskPolicy) -> None:
    wait = ("wait", "sms_window_open", 0, 0, None, WINDOW)
    assert claim(ask, log("no_sms"), now=WINDOW) == wait
    assert claim(ask, log("no_sms"), claim_at=MINUTE, now=WINDOW + US) == paid("no_sms_on_record")
    undisplayed = {"sms_received_at": WINDOW}
    assert claim(ask, log("no_sms"), **undisplayed) == paid("sms_not_displayed")
    late = {"sms_received_at": WINDOW + US}
    assert claim(ask, log("no_sms"), **late) == paid("no_sms_on_record")
    review = {"policy": {"sms": {"undisplayed_in_time": "review"}}}
    assert claim(ask, log("no_sms"), **undisplayed, **review) == asked("sms_not_displayed")
    assert claim(ask, log("no_sms"), **late, **review) == paid("no_sms_on_record")
    yes = claim(ask, log("no_sms"), verified=True, **undisplayed, **review)
    assert yes == paid("claim_approved")
    no = claim(ask, log("no_sms"), verified=False, **undisplayed, **review)
    assert no == denied("claim_rejected")


@pytest.mark.parametrize("unlogged", ["review", "grant", "evidence", "deny"])
def test_what_our_log_knows_of_an_allotment_decides(ask: AskPolicy, unlogged: str) -> None:
    kind = log("not_provided", unlogged=unlogged)
    assert claim(ask, kind, now=MINUTE, allocation_failed=True) == paid("never_provided")
    assert claim(ask, kind, allocation_failed=False) == denied("number_was_provided")
    whole = claim(ask, kind, allocation_failed=True, **RENTAL)
    assert whole == paid("never_provided", 3000)


def test_what_our_log_does_not_know_is_judged_granted_or_denied(ask: AskPolicy) -> None:
    def unlogged(test: str, rule: str, **facts: Any) -> Answer:
        return claim(ask, log(test, unlogged=rule), **facts)

    assert unlogged("not_provided", "review") == asked("allocation_unknown")
    assert unlogged("not_provided", "review", verified=True) == paid("claim_approved")
    assert unlogged("not_provided", "review", verified=False) == denied("claim_rejected")
    assert unlogged("cancel_failed", "review") == asked("judge_request")
    wait = ("wait", "sms_window_open", 0, 0, None, WINDOW)
    for test, reason in (("not_provided", "never_provided"), ("cancel_failed", "cancel_error")):
        assert unlogged(test, "grant", now=WINDOW) == wait
        assert unlogged(test, "grant", now=WINDOW + US) == paid(reason)
        assert unlogged(test, "evidence")[1] == "evidence_missing"
        assert unlogged(test, "evidence", evidence=["photo"]) == asked("judge_evidence")
        assert unlogged(test, "deny") == denied("claim_rejected")
    assert unlogged("cancel_failed", "deny", cancel_failed=True) == paid("cancel_error")


@pytest.mark.parametrize("unlogged", ["review", "grant", "evidence", "deny"])
def test_a_rental_whose_allotment_nobody_logged_goes_to_a_human(
    ask: AskPolicy, unlogged: str
) -> None:
    kind = log("not_provided", unlogged=unlogged)
    assert claim(ask, kind, now=10 * DAY, **RENTAL) == asked("allocation_unknown", 2000)
    for now in (30 * DAY, 31 * DAY):
        assert claim(ask, kind, now=now, **RENTAL) == denied("number_was_provided")
    assert claim(ask, kind, now=30 * DAY - US, **RENTAL) == asked("allocation_unknown", 0)
    decided_later = claim(ask, kind, claim_at=10 * DAY, now=40 * DAY, **RENTAL)
    assert decided_later == asked("allocation_unknown", 2000)
    yes = claim(ask, kind, now=10 * DAY, verified=True, **RENTAL)
    assert yes == ("prorated_credit", "claim_approved", 2000, 0, "balance", None)


def test_a_failed_cancel_of_a_rental_is_worth_its_unused_part_and_never_granted(
    ask: AskPolicy,
) -> None:
    kind = log("cancel_failed", unlogged="grant")
    failed = claim(ask, kind, now=10 * DAY, cancel_failed=True, **RENTAL)
    assert failed == ("prorated_credit", "cancel_error", 2000, 0, "balance", None)
    assert claim(ask, kind, now=10 * DAY, **RENTAL) == asked("judge_request", 2000)


def test_a_block_is_paid_unless_the_client_caused_it(ask: AskPolicy) -> None:
    assert claim(ask, log("blocked"), client_caused=False) == paid("operator_block")
    assert claim(ask, log("blocked"), client_caused=True) == denied("client_caused")
    assert claim(ask, log("blocked")) == asked("cause_unknown")
    assert claim(ask, log("blocked"), verified=True) == paid("claim_approved")
    assert claim(ask, log("blocked"), verified=False) == denied("claim_rejected")


def test_a_stopped_number_is_replaced_first_where_the_policy_says_so(ask: AskPolicy) -> None:
    first = log("stopped", remedy="replacement_first")
    none, there = {"replacement_available": False}, {"replacement_available": True}
    replaced = ("replace", "replacement_same_location", 0, 0, None, None)

    assert claim(ask, log("stopped")) == paid("no_replacement")
    assert claim(ask, first) == asked("cause_unknown")
    assert claim(ask, first, verified=True) == paid("claim_approved")
    assert claim(ask, first, verified=False) == denied("claim_rejected")
    assert claim(ask, first, **none) == paid("no_replacement")
    assert claim(ask, first, verified=False, **none) == denied("claim_rejected")
    assert claim(ask, first, **there) == claim(ask, first, verified=False, **there) == replaced
    until = {"replacement_due_at": 2 * DAY}
    assert claim(ask, first, now=2 * DAY, **there, **until) == (*replaced[:5], 2 * DAY)
    assert claim(ask, first, now=2 * DAY + US, **there, **until) == paid("no_replacement")
    days = {"policy": {"obligations": {"replacement_business_days": 2}}}
    assert claim(ask, first, **there, **days) == (*replaced[:5], 3 * DAY)
    assert claim(ask, first, now=2 * DAY + US, **there, **until, **days)[0] == "credit"


def test_a_rental_that_ended_was_provided_whatever_stopped(ask: AskPolicy) -> None:
    first = log("stopped", remedy="replacement_first")
    given = {"replacement_available": True} | RENTAL
    assert claim(ask, first, now=30 * DAY, **given) == denied("number_was_provided")
    assert claim(ask, first, now=30 * DAY - US, **given)[0] == "replace"
    found = {"stopped_found_at": 29 * DAY, "now": 40 * DAY}
    assert claim(ask, first, **given, **found)[0] == "replace"
    blocked = {"blocked_at": 30 * DAY, "client_caused": False, "now": 31 * DAY}
    assert claim(ask, log("blocked"), **blocked, **RENTAL) == denied("number_was_provided")


def test_evidence_of_the_kinds_the_policy_names_in_time(ask: AskPolicy) -> None:
    def shown(row: dict[str, Any], *evidence: Any, **facts: Any) -> str:
        return claim(ask, {"decided": "evidence"} | row, evidence=list(evidence), **facts)[1]

    assert shown({}, "screenshot") == "judge_evidence"
    assert shown({}) == "evidence_missing"
    some = {"evidence": ["photo", "video"]}
    assert shown(some, "screenshot") == "evidence_missing"
    assert shown(some, "screenshot", "photo") == "judge_evidence"
    only_video = {"evidence": ["video"]}
    assert shown(only_video, "photo") == "video_required"
    assert shown(only_video, {"kind": "video", "reference": "https://shop/1"}) == "judge_evidence"
    due = {"answer_due_at": 3 * DAY, "now": 3 * DAY, "verified": True}
    assert shown({}, "photo", evidence_at=3 * DAY, **due) == "claim_approved"
    assert shown({}, "photo", evidence_at=3 * DAY + US, **due) == "evidence_missing"


def test_a_share_of_the_price_is_rounded_up_and_used_up_by_what_was_given(ask: AskPolicy) -> None:
    half = {"decided": "grant", "share_bp": 5000}
    assert claim(ask, half, price_minor=351) == paid("granted_on_request", 176)
    assert claim(ask, half, credited_minor=100) == paid("granted_on_request", 75)
    assert claim(ask, half, credited_minor=175) == denied("already_refunded")
    rental = claim(ask, half, now=10 * DAY, **RENTAL | {"price_minor": 3001})
    assert rental[2] == 1001  # Half of 2001: each fraction is the customer's.


def test_a_kind_that_is_worth_nothing_is_denied_as_not_covered(ask: AskPolicy) -> None:
    """Nothing was given back before, so that is no reason."""
    assert claim(ask, {"decided": "grant", "share_bp": 0}) == denied("not_covered")
    assert claim(ask, {"decided": "grant", "share_bp": 0}, **RENTAL) == denied("not_covered")
    assert claim(ask, {"decided": "review", "share_bp": 0}) == asked("judge_request", 0)
    out = {"policy": {"payout": {"route": "client"}}, "destination": "client"}
    assert claim(ask, {"decided": "grant", "share_bp": 0}, **out) == denied("not_covered")
    refunded = {"decided": "grant", "share_bp": 0}
    assert claim(ask, refunded, credited_minor=350) == denied("already_refunded")


@pytest.mark.parametrize("change", [{"log": None}, {"decided": Decided.REPAIR}])
def test_what_no_file_may_say_goes_to_a_human(change: dict[str, Any]) -> None:
    """A test of the log without a name, a repair without a time: deciding is total all the same."""
    policy = load_profile("P2")
    rule = replace(policy.claims.kinds["non_receiving"], **change)
    kinds = {**policy.claims.kinds, "non_receiving": rule}
    odd = replace(policy, claims=replace(policy.claims, kinds=kinds))
    now = ORDERED_AT + DAY

    decided = decide(odd, Op.CLAIM, ClaimFacts(OrderFacts(ORDERED_AT, 350), rule.name, now), now)

    assert (decided.outcome, decided.reason) == (Outcome.NEEDS_REVIEW, Reason.JUDGE_REQUEST)
