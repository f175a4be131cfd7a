"""Rentals: given back, ended early, renewed, empty at their end; how the rest is counted."""

from datetime import timedelta
from typing import Any

import pytest

from tests.unit.domain.policy.policy_answers import (
    DAY,
    HOUR,
    MINUTE,
    ORDERED_AT,
    US,
    Answer,
    AskPolicy,
)
from worker.domain.policy import Op, OrderFacts, Outcome, Reason, decide
from worker.domain.policy.language.loading import profile_from
from worker.domain.policy.vocabulary import Product

LENGTH = 30 * DAY
PRICE = 3000
RENTAL: dict[str, Any] = {
    "product": "rental",
    "price_minor": PRICE,
    "rental_start": timedelta(0),
    "rental_end": LENGTH,
}
SHOWN = {"sms_received_at": MINUTE, "sms_displayed_at": MINUTE}
PROCESSED = {"processing": {"credit_s": 60, "review_s": 3600}}


def cancel(ask: AskPolicy, rental: dict[str, Any], now: timedelta, **facts: Any) -> Answer:
    return ask({"rental": rental} | PROCESSED, "cancel", now=now, **RENTAL | facts)


def credited(minor: int, now: timedelta) -> Answer:
    by = now + timedelta(seconds=60)
    return ("credit", "cancelled_before_sms", minor, 0, "balance", by)


def denied(reason: str) -> Answer:
    return ("deny", reason, 0, 0, None, None)


def test_a_rental_is_given_back_whole_from_an_instant_to_an_instant(ask: AskPolicy) -> None:
    rules = {"cancel_from_s": 60, "cancel_until_s": 3600}
    early = ("wait", "sms_window_open", 0, 0, None, MINUTE)
    assert cancel(ask, rules, MINUTE - US) == early
    assert cancel(ask, rules, MINUTE) == credited(PRICE, MINUTE)
    assert cancel(ask, rules, HOUR) == credited(PRICE, HOUR)
    assert cancel(ask, rules, HOUR + US) == denied("cancel_window_over")
    assert cancel(ask, rules, HOUR, credited_minor=1, paid_out_minor=2) == credited(2997, HOUR)


def test_the_right_counts_from_the_purchase_and_ends_with_the_rental(ask: AskPolicy) -> None:
    starts_later = {"rental_start": DAY}
    assert cancel(ask, {"cancel_until_s": 3600}, HOUR + US, **starts_later)[0] == "deny"
    unless = {"cancel_unless": "received"}
    assert cancel(ask, unless, LENGTH) == credited(PRICE, LENGTH)
    assert cancel(ask, unless, LENGTH + US) == denied("cancel_window_over")


@pytest.mark.parametrize(
    ("rules", "sms", "reason"),
    [
        ({"cancel_until_s": 3600}, SHOWN, "code_displayed"),
        ({"cancel_until_s": 3600}, {"sms_received_at": MINUTE}, None),
        ({"cancel_unless": "displayed"}, SHOWN, "code_displayed"),
        ({"cancel_unless": "displayed"}, {"sms_received_at": MINUTE}, None),
        ({"cancel_unless": "received"}, {"sms_received_at": MINUTE}, "sms_received"),
        ({"cancel_unless": "received"}, SHOWN, "sms_received"),
        ({"cancel_unless": "received"}, {"sms_displayed_at": MINUTE}, "sms_received"),
    ],
)
def test_an_sms_ends_the_right_to_the_whole_price(
    ask: AskPolicy, rules: dict[str, Any], sms: dict[str, Any], reason: str | None
) -> None:
    decided = cancel(ask, rules, HOUR, **sms)
    assert decided == (credited(PRICE, HOUR) if reason is None else denied(reason))
    ends = rules | {"early_end": "deny"}
    if reason is not None:
        assert cancel(ask, ends, HOUR, **sms) == denied(reason)
        unused = cancel(ask, rules | {"early_end": "unused"}, HOUR, **sms)
        assert unused[:3] == ("prorated_credit", "unused_time", 2900)


def test_the_sms_stands_before_the_time_and_the_time_before_too_early(ask: AskPolicy) -> None:
    rules = {"cancel_from_s": 7200, "cancel_until_s": 3600}
    assert cancel(ask, rules, HOUR + US, **SHOWN) == denied("code_displayed")
    assert cancel(ask, rules, HOUR + US) == denied("cancel_window_over")
    assert cancel(ask, rules, HOUR)[0] == "wait"


def test_what_is_settled_barred_or_replaced_comes_first(ask: AskPolicy) -> None:
    rules = {"cancel_until_s": 3600}
    assert cancel(ask, rules, HOUR, credited_minor=PRICE)[1] == "already_settled"
    assert cancel(ask, rules, HOUR, replacement_linked_at=MINUTE)[1] == "replaced"
    bars = {"rental": rules, "bars": {"fraud": "all", "restrictions": True}}
    assert ask(bars, "cancel", now=HOUR, account_flags=["fraud_confirmed"], **RENTAL)[1] == "fraud"
    ignored = ask(bars, "cancel", now=HOUR, restrictions_ignored=True, **RENTAL)
    assert ignored == denied("restrictions_ignored")
    holds = {"rental": rules, "sms": {"hold_for": ["fraud_suspected"]}}
    held = ask(holds, "cancel", now=HOUR, account_flags=["fraud_suspected"], **RENTAL)
    assert held == ("needs_review", "suspected_misuse", PRICE, 0, "balance", None)


@pytest.mark.parametrize(
    ("rules", "now", "minor"),
    [
        ({}, 10 * DAY - US, 2000),
        ({}, 10 * DAY, 2000),
        ({}, 10 * DAY + US, 1900),
        ({"used_counts": "complete"}, 11 * DAY - US, 2000),
        ({"used_counts": "complete"}, 11 * DAY, 1900),
        ({"unit": "hour"}, 10 * DAY + US, 1996),
        ({"unit": "hour", "used_counts": "complete"}, 10 * DAY + HOUR - US, 2000),
        ({"unit": "exact"}, 15 * DAY, 1500),
        ({"unit": "exact"}, 15 * DAY + US, 1500),
        ({"unit": "exact"}, 15 * DAY + HOUR, 1496),
        ({"unit": "month"}, US, 0),
        ({"unit": "month", "used_counts": "complete"}, LENGTH - US, 3000),
        ({"fee_minor": 100}, 10 * DAY, 1900),
    ],
)
def test_the_unused_part_in_its_units(
    ask: AskPolicy, rules: dict[str, Any], now: timedelta, minor: int
) -> None:
    decided = cancel(ask, {"early_end": "unused"} | rules, now)
    fee = rules.get("fee_minor", 0)
    by = now + timedelta(seconds=60)
    paid = ("prorated_credit", "unused_time", minor, fee, "balance", by)
    assert decided == (paid if minor else denied("nothing_refundable"))


def test_a_month_is_complete_at_the_instant_at_which_it_ends(ask: AskPolicy) -> None:
    rules = {"early_end": "unused", "unit": "month", "used_counts": "complete"}
    rental = {"rental_end": 70 * DAY, "price_minor": 1000}
    assert cancel(ask, rules, 31 * DAY - US, **rental)[2] == 1000
    assert cancel(ask, rules, 31 * DAY, **rental)[2] == 667


@pytest.mark.parametrize(
    ("now", "minor"),
    [
        (31 * DAY, 667),  # 2 April: one of three months is used.
        (31 * DAY + US, 334),
        (61 * DAY, 334),  # 2 May.
        (61 * DAY + US, 0),
    ],
)
def test_calendar_months_and_a_rest_that_counts_as_one(
    ask: AskPolicy, now: timedelta, minor: int
) -> None:
    rules = {"early_end": "unused", "unit": "month"}
    decided = cancel(ask, rules, now, rental_end=70 * DAY, price_minor=1000)
    assert decided[2] == minor


def test_months_are_counted_over_a_new_year(ask: AskPolicy) -> None:
    december, january = 275 * DAY, 306 * DAY  # The second of each.
    rules = {"early_end": "unused", "unit": "month"}
    rental = {"rental_start": december, "rental_end": january + 31 * DAY, "price_minor": 1000}
    assert cancel(ask, rules, january - US, **rental)[2] == 500
    assert cancel(ask, rules, january + US, **rental) == denied("nothing_refundable")


def test_a_rest_of_a_day_counts_as_one_and_over_is_over(ask: AskPolicy) -> None:
    rest = {"rental_end": 2 * DAY + HOUR, "price_minor": 300}
    started, complete = {"early_end": "unused"}, {"early_end": "unused", "used_counts": "complete"}
    assert cancel(ask, started, DAY, **rest)[2] == 200
    assert cancel(ask, started, 2 * DAY, **rest)[2] == 100
    assert cancel(ask, complete, 2 * DAY + HOUR - US, **rest)[2] == 100
    assert cancel(ask, complete, 2 * DAY + HOUR, **rest) == denied("nothing_refundable")
    assert cancel(ask, complete, -DAY, purchased_at=-2 * DAY, **rest)[2] == 300


def test_an_early_end_is_denied_proposed_or_nobody_said_it(ask: AskPolicy) -> None:
    by = 10 * DAY + HOUR
    broken = {"due_to_problem": True}
    assert cancel(ask, {"early_end": "deny"}, 10 * DAY) == denied("early_deactivation")
    problem = ("needs_review", "deactivation_due_to_problem", 2000, 0, "balance", by)
    assert cancel(ask, {"early_end": "deny"}, 10 * DAY, **broken) == problem
    review = ("needs_review", "judge_request", 2000, 0, "balance", by)
    assert cancel(ask, {"early_end": "review"}, 10 * DAY) == review
    undated = ("needs_review", "judge_request", 0, 0, None, by)
    assert cancel(ask, {"early_end": "review"}, 10 * DAY, rental_end=None) == undated
    unknown = ("needs_review", "cause_unknown", 0, 0, None, by)
    assert cancel(ask, {"early_end": "unused"}, 10 * DAY, rental_start=None) == unknown
    assert cancel(ask, {}, 10 * DAY) == ("needs_review", "policy_silent", 0, 0, None, None)


def test_what_was_given_back_before_is_taken_off_the_unused_part(ask: AskPolicy) -> None:
    unused = {"early_end": "unused"}
    other_days = cancel(ask, unused, 10 * DAY, credited_minor=500)
    assert other_days[2] == 2000
    all_left = cancel(ask, unused, 10 * DAY, credited_minor=900, paid_out_minor=200)
    assert all_left[2] == 1900
    same_days = cancel(ask, unused, 10 * DAY, credited_minor=300, unused_returned_minor=300)
    assert same_days[2] == 1700


def test_an_early_end_by_letter_is_counted_from_it_and_not_before_the_last_sms(
    ask: AskPolicy,
) -> None:
    policy = {"rental": {"early_end": "unused"}} | PROCESSED

    def letter(**facts: Any) -> Answer:
        given = RENTAL | {"claim_kind": "early_deactivation", "now": 20 * DAY, "claim_at": 10 * DAY}
        return ask(policy, "claim", **given | facts)

    by = 10 * DAY + timedelta(seconds=60)
    assert letter() == ("prorated_credit", "unused_time", 2000, 0, "balance", by)
    assert letter(sms_received_at=12 * DAY)[2] == 1800
    assert letter(stopped_found_at=5 * DAY)[2] == 2500
    assert letter(stopped_found_at=5 * DAY, blocked_at=4 * DAY)[2] == 2600
    assert letter(stopped_found_at=5 * DAY, sms_displayed_at=6 * DAY)[2] == 2400
    once = {"product": "one_time", "rental_start": timedelta(0), "rental_end": LENGTH}
    assert letter(**once)[:3] == ("needs_review", "cause_unknown", 0)
    silent = ask({}, "claim", **RENTAL, claim_kind="early_deactivation", now=DAY)
    assert silent[1] == "policy_silent"


def renewal(ask: AskPolicy, now: timedelta, rules: dict[str, Any], **facts: Any) -> Answer:
    policy = {"renewal": {"refund_window_s": 60} | rules, "rental": {"early_end": "deny"}}
    given = RENTAL | {"renewed_at": 10 * DAY, "renewal_price_minor": 400} | facts
    return ask(policy | PROCESSED, "cancel", now=now, **given)


def test_a_renewal_is_given_back_within_its_time(ask: AskPolicy) -> None:
    end = 10 * DAY + MINUTE
    by = end + timedelta(seconds=60)
    assert renewal(ask, end, {}) == ("credit", "renewal_cancelled", 400, 0, "balance", by)
    assert renewal(ask, end + US, {}) == denied("early_deactivation")
    assert renewal(ask, 10 * DAY, {})[1] == "renewal_cancelled"
    assert renewal(ask, 10 * DAY - US, {}) == denied("early_deactivation")
    assert renewal(ask, end, {}, renewal_credited_minor=399)[2] == 1
    for all_of_it in (400, 401):
        again = renewal(ask, end, {}, renewal_credited_minor=all_of_it)
        assert again == denied("early_deactivation")
    assert renewal(ask, end, {}, renewal_price_minor=None) == denied("early_deactivation")
    assert renewal(ask, end, {}, renewed_at=None) == denied("early_deactivation")


@pytest.mark.parametrize(
    ("unless", "sms", "kept"),
    [
        ("received", {"sms_received_at": 10 * DAY}, False),
        ("received", {"sms_received_at": 10 * DAY - US}, True),
        ("received", {"sms_displayed_at": 10 * DAY}, False),
        ("displayed", {"sms_received_at": 10 * DAY}, True),
        ("displayed", {"sms_displayed_at": 10 * DAY}, False),
        (None, {"sms_displayed_at": 10 * DAY}, True),
    ],
)
def test_an_sms_since_the_renewal_ends_that_right(
    ask: AskPolicy, unless: str | None, sms: dict[str, Any], *, kept: bool
) -> None:
    rules = {} if unless is None else {"unless": unless}
    decided = renewal(ask, 10 * DAY, rules, **sms)
    assert decided[1] == ("renewal_cancelled" if kept else "early_deactivation")


def test_an_empty_rental_at_its_end(ask: AskPolicy) -> None:
    def tick(now: timedelta, rule: str = "automatic", /, **facts: Any) -> Answer:
        policy: dict[str, Any] = {"rental": {"empty_at_end": rule}, "bars": {"fraud": "all"}}
        return ask(policy | PROCESSED, "order_tick", now=now, **RENTAL | facts)

    after, by = LENGTH + US, LENGTH + timedelta(seconds=60)
    assert tick(LENGTH) == ("wait", "rental_running", 0, 0, None, LENGTH)
    assert tick(after) == ("auto_credit", "no_sms_on_record", PRICE, 0, "balance", by)
    assert tick(9 * LENGTH)[5] == by
    assert tick(after, credited_minor=1)[2] == 2999
    over = ("none", "rental_over", 0, 0, None, None)
    assert tick(after, **SHOWN) == tick(after, sms_received_at=DAY) == over
    assert tick(after, "on_claim") == tick(after, "nothing") == over
    assert tick(after, account_flags=["fraud_confirmed"])[1] == "fraud"
    assert tick(after, "on_claim", account_flags=["fraud_confirmed"]) == over
    assert tick(after, rental_end=None) == ("wait", "rental_running", 0, 0, None, None)
    unread = tick(after, messages_missing=True)
    assert unread[:5] == ("needs_review", "no_sms_on_record", PRICE, 0, "balance")
    assert tick(after, messages_missing=True, **SHOWN) == over


def test_silence_does_not_take_the_credit_of_an_empty_rental(ask: AskPolicy) -> None:
    def silence(rule: str, now: timedelta, **facts: Any) -> Answer:
        policy: dict[str, Any] = {"rental": {"empty_at_end": rule}, "claims": {"window_days": 5}}
        policy["sms"] = {"auto_credit_mode": "automatic"}
        return ask(policy, "silence_tick", now=now, **RENTAL | facts)

    assert silence("automatic", LENGTH + US)[:2] == ("auto_credit", "no_sms_on_record")
    assert silence("automatic", LENGTH + US, **SHOWN)[0] == "finalised"
    assert silence("automatic", LENGTH)[0] == "finalised"
    assert silence("on_claim", LENGTH + US)[0] == "finalised"


@pytest.mark.parametrize("rule", ["automatic", "on_claim"])
def test_an_empty_rental_is_claimed_after_its_end(ask: AskPolicy, rule: str) -> None:
    def claim(now: timedelta, **facts: Any) -> Answer:
        policy: dict[str, Any] = {
            "rental": {"empty_at_end": rule},
            "claims": {"kinds": {"non_receiving": {"decided": "log"}}},
        }
        return ask(policy, "claim", claim_kind="non_receiving", now=now, **RENTAL | facts)

    after = LENGTH + US
    for now in (DAY, LENGTH):
        assert claim(now) == ("wait", "rental_running", 0, 0, None, LENGTH)
    assert claim(after) == ("credit", "no_sms_on_record", PRICE, 0, "balance", None)
    assert claim(after, **SHOWN) == denied("code_displayed")
    assert claim(after, sms_received_at=DAY) == denied("sms_received")
    assert claim(DAY, sms_received_at=DAY) == denied("sms_received")
    unread = claim(after, messages_missing=True)
    assert unread == ("needs_review", "no_sms_on_record", PRICE, 0, "balance", None)
    approved = claim(after, messages_missing=True, verified=True)
    assert approved == ("credit", "no_sms_on_record", PRICE, 0, "balance", None)
    assert claim(after, messages_missing=True, verified=False) == denied("claim_rejected")
    undated = claim(after, rental_end=None)
    assert undated == ("needs_review", "cause_unknown", 0, 0, None, None)


def test_an_empty_rental_that_is_worth_nothing_or_that_nobody_spoke_of(ask: AskPolicy) -> None:
    kinds = {"claims": {"kinds": {"non_receiving": {"decided": "log"}}}}
    given = RENTAL | {"claim_kind": "non_receiving", "now": 10 * DAY}
    nothing = ask(kinds | {"rental": {"empty_at_end": "nothing"}}, "claim", **given)
    assert nothing == denied("not_covered")
    unlisted = ask(kinds, "claim", **given)
    assert unlisted == ("needs_review", "unlisted_reason", 2000, 0, "balance", None)
    assert ask(kinds, "claim", **given | SHOWN)[1] == "unlisted_reason"
    approved = ask(kinds, "claim", verified=True, **given)
    assert approved == ("prorated_credit", "claim_approved", 2000, 0, "balance", None)


@pytest.mark.parametrize("length", [timedelta(0), -US])
def test_a_rental_of_no_time_has_no_unused_part(length: timedelta) -> None:
    """No question from JSON may say so; deciding is total all the same."""
    order = OrderFacts(
        ORDERED_AT,
        PRICE,
        product=Product.RENTAL,
        rental_start=ORDERED_AT,
        rental_end=ORDERED_AT + length,
    )
    policy = profile_from({"rental": {"early_end": "unused"}}, name="mine", file="mine")

    decided = decide(policy, Op.CANCEL, order, ORDERED_AT)

    assert (decided.outcome, decided.reason) == (Outcome.NEEDS_REVIEW, Reason.CAUSE_UNKNOWN)


@pytest.mark.parametrize(("fee", "minor"), [(1999, 1), (2000, 0), (2001, 0)])
def test_a_fee_takes_at_most_what_is_given_back(ask: AskPolicy, fee: int, minor: int) -> None:
    decided = cancel(ask, {"early_end": "unused", "fee_minor": fee}, 10 * DAY)
    if minor:
        assert decided[:4] == ("prorated_credit", "unused_time", minor, fee)
    else:
        assert decided == denied("nothing_refundable")
