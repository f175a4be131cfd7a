"""Defects: the shop's time to repair, host access, approval, replacement and the full refund."""

from datetime import timedelta
from typing import Any

import pytest

from tests.unit.domain.policy.policy_answers import DAY, HOUR, US, Answer, AskPolicy

CHANNEL = {"P0": "support", "P1": "email", "P4": "email"}
REPAIR = {"P0": 120 * HOUR, "P1": 72 * HOUR, "P4": 72 * HOUR}
WINDOW_DAYS = {"P0": 5, "P1": 7, "P4": 7}
BY = {"P0": None, "P1": 14 * DAY, "P4": None}
NOTIFIED_AT = 2 * DAY
policies = pytest.mark.parametrize("policy", ["P0", "P1", "P4"])


def defect(ask: AskPolicy, policy: str, **facts: Any) -> Answer:
    given = {"claim_kind": "major_defect", "claim_at": NOTIFIED_AT, "now": NOTIFIED_AT} | facts
    return ask(policy, "claim", **given)


def running(deadline: timedelta) -> Answer:
    return ("rectify", "rectification_running", 0, 0, None, deadline)


def refunded(policy: str) -> Answer:
    return ("refund_full", "rectification_missed", 350, 0, "balance", BY[policy])


@policies
@pytest.mark.parametrize("approved", [None, True])
def test_the_clock_runs_from_the_notice_to_the_last_instant(
    ask: AskPolicy, policy: str, *, approved: bool | None
) -> None:
    end = NOTIFIED_AT + REPAIR[policy]
    for now in (NOTIFIED_AT, end - US, end):
        assert defect(ask, policy, now=now, approved=approved) == running(end)


@policies
def test_a_missed_repair_gives_the_whole_price(ask: AskPolicy, policy: str) -> None:
    end = NOTIFIED_AT + REPAIR[policy]
    assert defect(ask, policy, now=end + US, approved=True) == refunded(policy)


@policies
def test_a_repair_counts_up_to_the_last_instant(ask: AskPolicy, policy: str) -> None:
    end = NOTIFIED_AT + REPAIR[policy]
    resolved = ("resolved", "rectified_in_time", 0, 0, None, None)

    for at in (end - US, end):
        assert defect(ask, policy, now=end + US, approved=True, rectified_at=at) == resolved
        assert defect(ask, policy, now=end + US, rectified_at=at) == resolved
    late = defect(ask, policy, now=end + DAY, approved=True, rectified_at=end + US)
    assert late == refunded(policy)


@policies
def test_a_defect_nobody_judged_in_time_goes_to_a_human(ask: AskPolicy, policy: str) -> None:
    end = NOTIFIED_AT + REPAIR[policy]
    overdue = defect(ask, policy, now=end + US)
    assert overdue == ("needs_review", "approval_overdue", 350, 0, "balance", BY[policy])


@policies
def test_a_rejected_defect_is_denied_at_once(ask: AskPolicy, policy: str) -> None:
    assert defect(ask, policy, approved=False) == ("deny", "defect_not_approved", 0, 0, None, None)


@policies
def test_any_channel_starts_the_clock(ask: AskPolicy, policy: str) -> None:
    assert defect(ask, policy, claim_channel="chat")[0] == "rectify"


@policies
def test_a_defect_has_to_be_told_inside_the_general_window(ask: AskPolicy, policy: str) -> None:
    end = WINDOW_DAYS[policy] * DAY

    assert defect(ask, policy, claim_at=end, now=end)[0] == "rectify"
    late = defect(ask, policy, claim_at=end + US, now=end + US)
    assert late[:2] == ("deny", "claim_window_closed")


@policies
def test_refused_access_ends_the_claim_even_after_a_missed_deadline(
    ask: AskPolicy, policy: str
) -> None:
    refusal = {"access_requested_at": NOTIFIED_AT, "access_refused_at": NOTIFIED_AT + HOUR}
    denied = ("deny", "host_access_refused", 0, 0, None, None)

    assert defect(ask, policy, **refusal) == denied
    assert defect(ask, policy, now=NOTIFIED_AT + 9 * DAY, approved=True, **refusal) == denied
    assert defect(ask, policy, approved=False, **refusal) == denied


@policies
def test_access_inside_the_grace_moves_nothing(ask: AskPolicy, policy: str) -> None:
    end = NOTIFIED_AT + REPAIR[policy]
    asked = NOTIFIED_AT + 2 * HOUR
    for granted in (asked, asked + DAY - US, asked + DAY):
        access = {"access_requested_at": asked, "access_granted_at": granted}
        assert defect(ask, policy, now=end, approved=True, **access) == running(end)
        assert defect(ask, policy, now=end + US, approved=True, **access) == refunded(policy)


@policies
@pytest.mark.parametrize("late", [US, 30 * HOUR])
def test_late_access_moves_the_deadline_by_exactly_the_delay(
    ask: AskPolicy, policy: str, late: timedelta
) -> None:
    end = NOTIFIED_AT + REPAIR[policy] + late
    asked = NOTIFIED_AT + 2 * HOUR
    access = {"access_requested_at": asked, "access_granted_at": asked + DAY + late}

    assert defect(ask, policy, now=end, approved=True, **access) == running(end)
    assert defect(ask, policy, now=end + US, approved=True, **access) == refunded(policy)
    repaired = defect(ask, policy, now=end + DAY, approved=True, rectified_at=end, **access)
    assert repaired[0] == "resolved"


@policies
def test_outstanding_access_stops_the_clock_after_the_grace(ask: AskPolicy, policy: str) -> None:
    end = NOTIFIED_AT + REPAIR[policy]
    asked = {"access_requested_at": NOTIFIED_AT + 2 * HOUR, "approved": True}
    grace_end = NOTIFIED_AT + 26 * HOUR
    pending = ("wait", "host_access_pending", 0, 0, None, None)

    for now in (NOTIFIED_AT + 2 * HOUR, grace_end - US, grace_end):
        assert defect(ask, policy, now=now, **asked) == running(end)
    assert defect(ask, policy, now=grace_end + US, **asked) == pending
    assert defect(ask, policy, now=end + 9 * DAY, **asked) == pending
    mended = defect(ask, policy, now=end + 9 * DAY, rectified_at=end + DAY, **asked)
    assert mended[0] == "resolved"


@policies
def test_access_asked_too_late_postpones_nothing(ask: AskPolicy, policy: str) -> None:
    end = NOTIFIED_AT + REPAIR[policy]
    at_edge = {"access_requested_at": end - DAY, "approved": True}
    before = {"access_requested_at": end - DAY - US, "approved": True}

    assert defect(ask, policy, now=end + US, **at_edge) == refunded(policy)
    granted = defect(ask, policy, now=end + US, access_granted_at=end + 9 * DAY, **at_edge)
    assert granted == refunded(policy)
    after = {"access_requested_at": end - HOUR, "access_granted_at": end + 9 * DAY}
    assert defect(ask, policy, now=end + US, approved=True, **after) == refunded(policy)
    assert defect(ask, policy, now=end + US, **before)[1] == "host_access_pending"
    moved = defect(ask, policy, now=end + HOUR, access_granted_at=end + HOUR, **before)
    assert moved == running(end + HOUR + US)


def test_the_grace_is_the_policys(ask: AskPolicy) -> None:
    end = NOTIFIED_AT + REPAIR["P0"]
    access = {"access_requested_at": NOTIFIED_AT, "access_granted_at": NOTIFIED_AT + 5 * HOUR}
    grace = {"rectify.host_access_grace_s": 3600}
    decided = defect(ask, "P0", now=end, approved=True, profile_overrides=grace, **access)
    assert decided == running(end + 4 * HOUR)


@policies
@pytest.mark.parametrize("value", [315, 350, 385])
def test_p0_16_p1_15_p4_14_a_replacement_of_like_value_is_the_customers_choice(
    ask: AskPolicy, policy: str, value: int
) -> None:
    end = NOTIFIED_AT + REPAIR[policy]
    wish = {"approved": True, "customer_choice": "replacement", "replacement_value_minor": value}

    assert defect(ask, policy, now=end, **wish) == running(end)
    replaced = defect(ask, policy, now=end + US, **wish)
    assert replaced == ("replace", "replacement_chosen", 0, 0, None, None)
    refund = defect(ask, policy, now=end + US, **wish | {"customer_choice": "refund"})
    assert refund == refunded(policy)


@policies
@pytest.mark.parametrize("value", [0, 314, 386, 9000])
def test_a_replacement_of_another_value_goes_to_a_human(
    ask: AskPolicy, policy: str, value: int
) -> None:
    end = NOTIFIED_AT + REPAIR[policy]
    wish = {"approved": True, "customer_choice": "replacement", "replacement_value_minor": value}

    decided = defect(ask, policy, now=end + US, **wish)

    review = ("needs_review", "replacement_value_mismatch", 350, 0, "balance", BY[policy])
    assert decided == review


def test_for_a_rental_with_a_replacement_of_another_value_the_whole_price_is_proposed(
    ask: AskPolicy,
) -> None:
    rental = {"product": "rental", "rental_start": timedelta(0), "rental_end": 30 * DAY}
    wish = {"approved": True, "customer_choice": "replacement", "replacement_value_minor": 9000}

    decided = defect(ask, "P0", now=NOTIFIED_AT + REPAIR["P0"] + US, **rental, **wish)

    assert decided[:3] == ("needs_review", "replacement_value_mismatch", 350)


def test_without_a_replacement_on_offer_the_money_goes_back(ask: AskPolicy) -> None:
    end = NOTIFIED_AT + REPAIR["P0"]
    wish = {"approved": True, "customer_choice": "replacement", "now": end + US}
    none = {"rectify.replacement_offered": False}

    assert defect(ask, "P0", **wish) == refunded("P0")
    never = defect(ask, "P0", replacement_value_minor=350, profile_overrides=none, **wish)
    assert never == refunded("P0")


def test_the_tolerance_is_the_policys(ask: AskPolicy) -> None:
    end = NOTIFIED_AT + REPAIR["P0"]
    exact = {"rectify.replacement_tolerance_bp": 0}
    wish = {"approved": True, "customer_choice": "replacement", "profile_overrides": exact}

    same = defect(ask, "P0", now=end + US, replacement_value_minor=350, **wish)
    other = defect(ask, "P0", now=end + US, replacement_value_minor=351, **wish)

    assert same[0] == "replace"
    assert other[1] == "replacement_value_mismatch"


def test_the_full_refund_takes_no_fee_on_any_way_out(ask: AskPolicy) -> None:
    missed = {"approved": True, "now": NOTIFIED_AT + 9 * DAY}

    p1 = defect(ask, "P1", payment_method="crypto", refund_fee_minor=250, **missed)
    p4 = defect(ask, "P4", destination="wallet", last_deposit_at=-1500 * DAY, **missed)

    assert p1 == ("refund_full", "rectification_missed", 350, 0, "original_method", 14 * DAY)
    assert p4 == ("refund_full", "rectification_missed", 350, 0, "wallet", None)
    fees = {"payment_method": "crypto", "refund_fee_minor": 250, "now": NOTIFIED_AT + 9 * DAY}
    overdue = defect(ask, "P1", **fees)
    assert overdue == ("needs_review", "approval_overdue", 350, 0, "original_method", 14 * DAY)
    wish = {"customer_choice": "replacement", "replacement_value_minor": 999, "approved": True}
    mismatch = defect(ask, "P1", **fees, **wish)
    assert mismatch[1:5] == ("replacement_value_mismatch", 350, 0, "original_method")
    no_access = {"access_requested_at": NOTIFIED_AT, "answer_due_at": NOTIFIED_AT + 8 * DAY}
    late = defect(ask, "P1", payment_method="crypto", refund_fee_minor=250, **missed, **no_access)
    assert late == ("needs_review", "access_overdue", 350, 0, "original_method", 14 * DAY)


def test_a_defect_that_the_policy_does_not_list_is_unlisted(ask: AskPolicy) -> None:
    assert defect(ask, "P3", evidence=["photo"], claim_channel="form")[1] == "judge_evidence"
    assert defect(ask, "P2", claim_channel="email")[1] == "unlisted_reason"


def test_a_verdict_stands_for_the_approval_only_where_the_repair_was_contested(
    ask: AskPolicy,
) -> None:
    end = NOTIFIED_AT + REPAIR["P0"]
    unapproved = {"now": end + US, "verified": True}
    assert defect(ask, "P0", **unapproved)[1] == "approval_overdue"
    repaired = {"rectified_at": NOTIFIED_AT + DAY, "contested_at": NOTIFIED_AT + 2 * DAY}
    assert defect(ask, "P0", **unapproved, **repaired) == refunded("P0")
    nobody = defect(ask, "P0", now=end + US, **repaired)
    assert nobody == ("needs_review", "repair_contested", 350, 0, "balance", None)
    earlier = repaired | {"contested_at": NOTIFIED_AT + DAY - US}
    assert defect(ask, "P0", **unapproved, **earlier)[1] == "rectified_in_time"
    late = {"rectified_at": end + US, "contested_at": end + 2 * US}
    assert defect(ask, "P0", now=end + DAY, approved=True, **late) == refunded("P0")


def test_access_is_awaited_until_the_date_of_the_policy_or_of_the_worker(ask: AskPolicy) -> None:
    end = NOTIFIED_AT + REPAIR["P0"]
    requested = {"access_requested_at": NOTIFIED_AT, "approved": True}

    def pending(now: timedelta, **facts: Any) -> Answer:
        return defect(ask, "P0", now=now, **requested, **facts)

    waits = ("wait", "host_access_pending", 0, 0, None)
    assert pending(end) == (*waits, None)
    due = {"answer_due_at": end + DAY}
    assert pending(end + DAY, **due) == (*waits, end + DAY)
    overdue = ("needs_review", "access_overdue", 350, 0, "balance", None)
    assert pending(end + DAY + US, **due) == overdue
    days = due | {"profile_overrides": {"obligations.access_days": 9}}
    assert pending(NOTIFIED_AT + 9 * DAY, **days) == (*waits, NOTIFIED_AT + 9 * DAY)
    assert pending(NOTIFIED_AT + 9 * DAY + US, **days) == overdue


def test_a_repair_without_the_access_it_waited_for_was_in_time(ask: AskPolicy) -> None:
    end = NOTIFIED_AT + REPAIR["P0"]
    waiting = {"access_requested_at": NOTIFIED_AT, "approved": True, "now": end + 9 * DAY}
    assert defect(ask, "P0", rectified_at=end + DAY, **waiting)[1] == "rectified_in_time"
    granted = waiting | {"access_granted_at": NOTIFIED_AT + timedelta(hours=24)}
    assert defect(ask, "P0", rectified_at=end + DAY, **granted) == refunded("P0")


def test_a_replacement_is_owed_for_the_business_days_of_the_policy(ask: AskPolicy) -> None:
    end = NOTIFIED_AT + REPAIR["P0"]
    wish = {
        "approved": True,
        "customer_choice": "replacement",
        "replacement_value_minor": 350,
        "profile_overrides": {"obligations.replacement_business_days": 1},
    }
    owed = defect(ask, "P0", now=end + US, **wish)
    assert owed[:2] == ("replace", "replacement_chosen")
    assert owed[5] is not None
    assert end + DAY <= owed[5] <= end + 3 * DAY
    assert defect(ask, "P0", now=owed[5], **wish) == owed
    assert defect(ask, "P0", now=owed[5] + US, **wish) == refunded("P0")
    told = wish | {"replacement_due_at": owed[5] + DAY}
    assert defect(ask, "P0", now=owed[5] + DAY, **told)[5] == owed[5] + DAY
    assert defect(ask, "P0", now=owed[5] + DAY + US, **told) == refunded("P0")
