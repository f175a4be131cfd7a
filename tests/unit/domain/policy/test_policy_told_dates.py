"""Dates that a customer tells and that lie before the arrival of his words."""

from datetime import timedelta
from typing import Any

from tests.unit.domain.policy.policy_answers import DAY, HOUR, US, Answer, AskPolicy

WEEK: dict[str, Any] = {
    "claims": {"window_days": 7, "kinds": {"twice": {"decided": "grant"}}},
    "processing": {"review_s": 3600, "credit_s": 60},
}


def claim(ask: AskPolicy, policy: dict[str, Any], **facts: Any) -> Answer:
    return ask(policy, "claim", **{"claim_kind": "twice"} | facts)


def test_without_a_difference_the_told_date_holds(ask: AskPolicy) -> None:
    both = {"claim_at": DAY, "arrived_at": 7 * DAY, "now": 8 * DAY}
    told = ("credit", "granted_on_request", 350, 0, "balance", DAY + timedelta(seconds=60))
    assert claim(ask, WEEK, **both) == told
    assert claim(ask, WEEK, **both | {"arrived_at": DAY}) == told
    later = claim(ask, WEEK, **both | {"claim_at": 7 * DAY + US})  # After it: the told one counts.
    assert later[:2] == ("deny", "claim_window_closed")


def test_a_difference_goes_to_a_human_with_the_sum_of_the_told_date(ask: AskPolicy) -> None:
    both = {"claim_at": DAY, "arrived_at": 7 * DAY + US, "now": 8 * DAY}
    review = ("needs_review", "facts_contradict", 350, 0, "balance", 7 * DAY + US + HOUR)
    assert claim(ask, WEEK, **both) == review
    assert claim(ask, WEEK, verified=True, **both) == review
    honoured = WEEK | {"claims": WEEK["claims"] | {"honour_days": 14}}
    assert claim(ask, honoured, **both)[5] == 14 * DAY


def test_where_the_told_date_pays_nothing_the_sum_is_that_of_the_arrival(ask: AskPolicy) -> None:
    """The fresh deposit of the told date pays; of two that pay nothing nothing is shown."""
    policy = {
        "withdrawal": {"mode": "balance", "decided": "grant", "topup_max_age_days": 2},
        "payout": {"fee_bp": 1000},
    }
    given: dict[str, Any] = {
        "balance_minor": 100,
        "claim_at": DAY,
        "arrived_at": 4 * DAY,
        "now": 5 * DAY,
        "last_deposit_at": timedelta(0),
    }
    told = ask(policy, "withdrawal", **given)
    assert told == ("needs_review", "facts_contradict", 90, 10, "client", None)
    spent = policy | {"claims": {}, "obligations": {"answer_days": 1}}
    incomplete = spent | {
        "withdrawal": {"mode": "balance", "decided": "grant", "required_fields": ["amount"]}
    }
    asked = given | {"request_fields": [], "now": 4 * DAY}
    # From the told date the answer is late, from the arrival it is not: nothing is paid by either.
    decided = ask(incomplete, "withdrawal", **asked)
    assert decided == ("needs_review", "facts_contradict", 0, 0, None, None)


def test_a_request_told_later_than_it_arrived_counts_from_the_told_date(ask: AskPolicy) -> None:
    policy = {"withdrawal": {"mode": "balance", "decided": "grant", "topup_max_age_days": 2}}
    given: dict[str, Any] = {
        "balance_minor": 100,
        "arrived_at": 2 * DAY,
        "now": 3 * DAY,
        "last_deposit_at": timedelta(0),
    }
    in_time = ask(policy, "withdrawal", claim_at=2 * DAY, **given)
    too_late = ask(policy, "withdrawal", claim_at=2 * DAY + US, **given)
    assert (in_time[0], too_late[0]) == ("payout", "deny")


def test_no_clock_runs_out_before_the_one_from_the_arrival(ask: AskPolicy) -> None:
    policy = {
        "claims": {"kinds": {"broken": {"decided": "repair"}}},
        "rectify": {"seconds": 86_400},
    }
    given = {"claim_kind": "broken", "claim_at": DAY, "arrived_at": 2 * DAY, "approved": True}
    running = ("rectify", "rectification_running", 0, 0, None, 3 * DAY)
    assert claim(ask, policy, now=3 * DAY, **given) == running
    missed = claim(ask, policy, now=3 * DAY + US, **given)
    assert missed == ("refund_full", "rectification_missed", 350, 0, "balance", None)


def test_an_outage_that_waits_from_its_arrival_waits(ask: AskPolicy) -> None:
    policy = {"outage": {"threshold_s": 3600}, "processing": {"review_s": 60}}
    given: dict[str, Any] = {
        "rental_start": timedelta(0),
        "rental_end": 30 * DAY,
        "contacted_at": DAY,
        "arrived_at": 3 * DAY,
    }
    assert ask(policy, "outage_tick", now=4 * DAY, **given)[0] == "wait"
    restored = ask(policy, "outage_tick", now=5 * DAY, restored_at=4 * DAY, **given)
    by = 3 * DAY + timedelta(seconds=60)
    assert restored == ("needs_review", "facts_contradict", 35, 0, "balance", by)
    untold = ask(policy, "outage_tick", now=5 * DAY, **given | {"contacted_at": None})
    assert untold[1] == "no_contact"


def test_an_outage_told_after_it_arrived_counts_from_the_told_date(ask: AskPolicy) -> None:
    policy = {"outage": {"threshold_s": 3600}, "processing": {"credit_s": 60}}
    given: dict[str, Any] = {
        "rental_start": timedelta(0),
        "rental_end": 30 * DAY,
        "contacted_at": 3 * DAY,
        "restored_at": 5 * DAY,
        "price_minor": 3000,
        "now": 6 * DAY,
    }
    for arrived_at in (DAY, 3 * DAY, None):
        decided = ask(policy, "outage_tick", arrived_at=arrived_at, **given)
        assert decided[:3] == ("prorated_credit", "outage_over_24h", 200), arrived_at


def test_an_sms_before_the_arrival_ends_an_outage_only_from_the_told_date(ask: AskPolicy) -> None:
    """From the arrival on the number is down again, until an SMS after that."""
    policy = {"outage": {"threshold_s": 3600, "day_count": "exact"}}
    given: dict[str, Any] = {
        "rental_start": timedelta(0),
        "rental_end": 30 * DAY,
        "price_minor": 3000,
        "contacted_at": DAY,
        "arrived_at": 3 * DAY,
        "now": 20 * DAY,
    }
    one = ask(policy, "outage_tick", sms_received_at=5 * DAY, **given)
    later = {"sms_received_at": 2 * DAY, "sms_after_arrival_at": 5 * DAY}
    two = ask(policy, "outage_tick", **later, **given)
    assert one[:3] == ("needs_review", "facts_contradict", 400)
    assert two[:3] == ("needs_review", "facts_contradict", 100)
