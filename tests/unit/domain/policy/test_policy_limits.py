"""`[[limits]]` and the limits of Cancel: what is counted, how far back, and what follows."""

from datetime import timedelta
from typing import Any

import pytest

from tests.unit.domain.policy.policy_answers import DAY, MINUTE, US, WINDOW, Answer, AskPolicy

NOW = 40 * DAY
AUTOMATIC = {"sms": {"auto_credit_mode": "automatic"}}
GRANTED: dict[str, Any] = {
    "claims": {"kinds": {"twice": {"decided": "grant"}, "oops": {"decided": "review"}}}
}
RENTAL = {"product": "rental", "rental_start": timedelta(0), "rental_end": 30 * DAY}


def limited(base: dict[str, Any], **limit: Any) -> dict[str, Any]:
    return base | {"limits": [{"of": "any", "per": "day"} | limit]}


def past(what: str, at: timedelta, amount: int = 5, kind: str | None = None) -> dict[str, Any]:
    event = {"what": what, "at": at, "amount_minor": amount}
    return event if kind is None else event | {"kind": kind}


def claim(ask: AskPolicy, policy: dict[str, Any], *history: Any, **facts: Any) -> Answer:
    given = {"claim_kind": "twice", "now": NOW, "history": list(history)} | facts
    return ask(policy, "claim", **given)


def tick(ask: AskPolicy, policy: dict[str, Any], *history: Any, **facts: Any) -> Answer:
    return ask(policy, "order_tick", **{"now": NOW, "history": list(history)} | facts)


@pytest.mark.parametrize(
    ("per", "span"),
    [
        ("day", DAY),
        ("week", 7 * DAY),
        ("month", 31 * DAY),  # 11 April back to 11 March.
        ("year", 365 * DAY),
    ],
)
def test_a_span_ends_now_and_begins_after_its_first_instant(
    ask: AskPolicy, per: str, span: timedelta
) -> None:
    policy = limited(GRANTED, of="claim", per=per, max_count=1)
    reviewed = ("needs_review", "limit_reached", 350, 0, "balance", None)
    paid = ("credit", "granted_on_request", 350, 0, "balance", None)

    assert claim(ask, policy, past("claim", NOW - span + US)) == reviewed
    assert claim(ask, policy, past("claim", NOW - span)) == paid
    assert claim(ask, policy, past("claim", NOW)) == reviewed
    assert claim(ask, policy, past("claim", NOW + US)) == paid


def test_a_count_and_a_sum_include_this_one(ask: AskPolicy) -> None:
    count = limited(GRANTED, max_count=2)
    assert claim(ask, count, past("claim", NOW))[0] == "credit"
    assert claim(ask, count, past("claim", NOW), past("claim", NOW))[1] == "limit_reached"
    most = limited(GRANTED, max_minor=400)
    assert claim(ask, most, past("claim", NOW, 50))[0] == "credit"
    assert claim(ask, most, past("claim", NOW, 51))[1] == "limit_reached"
    assert claim(ask, most, price_minor=401)[1] == "limit_reached"


def test_a_ratio_counts_once_there_are_so_many_orders(ask: AskPolicy) -> None:
    ratio = limited(AUTOMATIC, of="auto_credit", max_ratio_bp=5000, ratio_of=2)
    order, credit = past("order", NOW), past("auto_credit", NOW)

    assert tick(ask, ratio, order, credit)[0] == "auto_credit"
    assert tick(ask, ratio, order, order, credit)[1] == "limit_reached"
    assert tick(ask, ratio, order, order, order, credit, credit)[1] == "limit_reached"
    assert tick(ask, ratio, order, order)[0] == "auto_credit"
    assert tick(ask, ratio, order, order, order, order, credit)[0] == "auto_credit"
    old = past("order", NOW - DAY)
    assert tick(ask, ratio, order, old, credit)[0] == "auto_credit"


@pytest.mark.parametrize("what", ["auto_credit", "cancel", "claim", "payout"])
def test_any_counts_all_that_gives_money_back_and_no_orders(ask: AskPolicy, what: str) -> None:
    policy = limited(GRANTED, of="any", max_count=1)
    assert claim(ask, policy, past(what, NOW))[1] == "limit_reached"
    assert claim(ask, policy, past("order", NOW))[0] == "credit"


def test_a_limit_on_a_kind_counts_that_kind_only(ask: AskPolicy) -> None:
    policy = limited(GRANTED, of="twice", max_count=1)
    assert claim(ask, policy, past("claim", NOW, kind="twice"))[1] == "limit_reached"
    assert claim(ask, policy, past("claim", NOW, kind="other"))[0] == "credit"
    assert claim(ask, policy, past("claim", NOW))[0] == "credit"
    assert claim(ask, policy, past("cancel", NOW, kind="twice"))[0] == "credit"


OTHERS: dict[str, Any] = {
    "claims": {"kinds": {"twice": {"decided": "grant"}, "other": {"decided": "grant"}}}
}


@pytest.mark.parametrize("kind", ["aaa", "zzz", "wrong_code", "other"])
def test_a_limit_on_other_binds_and_counts_every_kind_without_a_row(
    ask: AskPolicy, kind: str
) -> None:
    policy = limited(OTHERS, of="other", max_count=1, then="deny")
    over = claim(ask, policy, past("claim", NOW, kind="bbb"), claim_kind=kind)
    assert over[:2] == ("deny", "limit_reached")
    other_row = past("claim", NOW, kind="twice")
    assert claim(ask, policy, other_row, past("claim", NOW), claim_kind=kind)[0] == "credit"
    assert claim(ask, policy, past("claim", NOW, kind="bbb"))[0] == "credit"


def test_a_limit_on_other_leaves_out_a_kind_that_has_a_row_for_this_order(ask: AskPolicy) -> None:
    gift = {"match": {"country": "de"}, "claims": {"kinds": {"gift": {"share_bp": 5000}}}}
    policy = limited(OTHERS | {"when": [gift]}, of="other", max_count=1, then="deny")
    before = past("claim", NOW, kind="bbb")
    assert claim(ask, policy, before, claim_kind="gift")[1] == "limit_reached"
    assert claim(ask, policy, before, claim_kind="gift", country="de")[:3] == (
        "credit",
        "granted_on_request",
        175,
    )


@pytest.mark.parametrize("what", ["auto_credit", "cancel", "payout", "order"])
def test_a_limit_on_claims_counts_nothing_else(ask: AskPolicy, what: str) -> None:
    policy = limited(GRANTED, of="claim", max_count=1)
    assert claim(ask, policy, past(what, NOW))[0] == "credit"


def test_a_limit_on_a_word_does_not_mean_a_kind_of_the_same_name(ask: AskPolicy) -> None:
    kinds = {"claims": {"kinds": {"cancel": {"decided": "grant"}}}}
    policy = limited(kinds, of="cancel", max_count=1, then="close")
    paid = claim(ask, policy, past("cancel", NOW), past("cancel", NOW), claim_kind="cancel")
    assert paid[:2] == ("credit", "granted_on_request")


def test_the_first_limit_that_is_exceeded_answers(ask: AskPolicy) -> None:
    two = GRANTED | {
        "limits": [
            {"of": "claim", "per": "day", "max_count": 2, "then": "deny"},
            {"of": "claim", "per": "week", "max_count": 1},
        ]
    }
    assert claim(ask, two, past("claim", NOW))[0] == "needs_review"
    assert claim(ask, two, past("claim", NOW), past("claim", NOW))[0] == "deny"


def test_a_humans_yes_is_not_limited_and_his_no_is_a_no(ask: AskPolicy) -> None:
    policy = limited(GRANTED, max_count=1)
    over = past("claim", NOW)
    assert claim(ask, policy, over, verified=True)[:2] == ("credit", "granted_on_request")
    assert claim(ask, policy, over, verified=False)[:2] == ("deny", "claim_rejected")
    assert claim(ask, policy, verified=False)[0] == "credit"  # Nobody was asked.
    judged = claim(ask, policy, over, claim_kind="oops", verified=True)
    assert judged[:2] == ("credit", "claim_approved")
    assert claim(ask, policy, over, claim_kind="oops")[1] == "judge_request"


@pytest.mark.parametrize(
    ("then", "answer"),
    [
        ("review", ("needs_review", "limit_reached", 350, 0, "balance", None)),
        ("deny", ("deny", "limit_reached", 0, 0, None, None)),
        ("close", ("cancel_no_credit", "awaiting_claim", 0, 0, None, None)),
        ("wait", ("cancel_no_credit", "awaiting_claim", 0, 0, None, None)),
    ],
)
def test_an_automatic_credit_over_a_limit(ask: AskPolicy, then: str, answer: Answer) -> None:
    policy = limited(AUTOMATIC, of="auto_credit", max_count=1, then=then)
    assert tick(ask, policy, past("auto_credit", NOW)) == answer
    empty = policy | {"rental": {"empty_at_end": "automatic"}}
    assert tick(ask, empty, past("auto_credit", NOW), **RENTAL) == answer


@pytest.mark.parametrize(
    ("then", "answer"),
    [
        ("review", ("needs_review", "cancel_limit", 350, 0, "balance", None)),
        ("deny", ("deny", "cancel_limit", 0, 0, None, None)),
        ("close", ("cancel_no_credit", "awaiting_claim", 0, 0, None, None)),
        ("wait", ("wait", "sms_window_open", 0, 0, None, WINDOW)),
    ],
)
def test_a_cancel_over_a_limit(ask: AskPolicy, then: str, answer: Answer) -> None:
    before = {"now": MINUTE, "history": [past("cancel", timedelta(0))]}
    by_limit = limited(AUTOMATIC, of="cancel", max_count=1, then=then)
    by_key = AUTOMATIC | {"cancel": {"max_per_day": 1, "over_limit": then}}

    assert ask(by_limit, "cancel", **before) == answer
    assert ask(by_key, "cancel", **before) == answer
    after = before | {"now": WINDOW + US}
    decided = ask(by_key, "cancel", **after)
    assert decided[0] == ("auto_credit" if then == "wait" else answer[0])


def test_a_cancel_that_credits_nothing_is_not_limited(ask: AskPolicy) -> None:
    policy = {"limits": [{"of": "cancel", "per": "day", "max_count": 1, "then": "deny"}]}
    before = {"now": MINUTE, "history": [past("cancel", timedelta(0))]}
    assert ask(policy, "cancel", **before)[0] == "cancel_no_credit"


@pytest.mark.parametrize(
    ("orders", "cancels", "over"),
    [(2, 3, False), (3, 1, False), (3, 2, True), (9, 1, False), (9, 2, True)],
)
def test_the_ratio_of_cancels_is_over_strictly(
    ask: AskPolicy, orders: int, cancels: int, *, over: bool
) -> None:
    policy = AUTOMATIC | {"cancel": {"max_ratio_bp": 3334, "ratio_of": 3, "over_limit": "deny"}}
    recent = {"recent_orders": orders, "recent_cancels": cancels}
    assert ask(policy, "cancel", now=MINUTE, **recent)[1] == (
        "cancel_limit" if over else "cancelled_before_sms"
    )


def test_as_many_cancels_a_day_as_the_policy_allows(ask: AskPolicy) -> None:
    policy = AUTOMATIC | {"cancel": {"max_per_day": 3, "over_limit": "deny"}}

    def another(before: int) -> Answer:
        pressed = [past("cancel", timedelta(0))] * before
        return ask(policy, "cancel", now=MINUTE, history=pressed)

    assert another(2)[0] == "credit"
    assert another(3)[1] == "cancel_limit"


def test_as_many_claims_of_a_span_as_the_policy_allows(ask: AskPolicy) -> None:
    policy = limited(GRANTED, of="claim", max_count=3)
    assert claim(ask, policy, *[past("claim", NOW)] * 2)[0] == "credit"
    assert claim(ask, policy, *[past("claim", NOW)] * 3)[1] == "limit_reached"


def test_fewer_than_the_ratio_are_not_over_it(ask: AskPolicy) -> None:
    ratio = limited(AUTOMATIC, of="auto_credit", max_ratio_bp=5000, ratio_of=2)
    assert tick(ask, ratio, *[past("order", NOW)] * 5)[0] == "auto_credit"


def test_a_single_cancel_may_be_over_the_ratio(ask: AskPolicy) -> None:
    policy = AUTOMATIC | {"cancel": {"max_ratio_bp": 2000, "ratio_of": 3, "over_limit": "deny"}}
    recent = {"recent_orders": 3, "recent_cancels": 1}
    assert ask(policy, "cancel", now=MINUTE, **recent)[1] == "cancel_limit"


def test_exactly_the_ratio_is_not_over_it(ask: AskPolicy) -> None:
    policy = AUTOMATIC | {"cancel": {"max_ratio_bp": 5000, "ratio_of": 2, "over_limit": "deny"}}
    assert ask(policy, "cancel", now=MINUTE, recent_orders=2, recent_cancels=1)[0] == "credit"


@pytest.mark.parametrize(
    ("then", "answer"),
    [
        ("review", ("needs_review", "cancel_limit")),
        ("deny", ("deny", "cancel_limit")),
        ("close", ("cancel_no_credit", "awaiting_claim")),
        ("wait", ("wait", "rental_running")),
    ],
)
def test_a_rental_or_a_renewal_given_back_is_limited_as_cancel(
    ask: AskPolicy, then: str, answer: tuple[str, str]
) -> None:
    rental = {"rental": {"cancel_until_s": 3600}, "renewal": {"refund_window_s": 3600}}
    policy = limited(rental, of="cancel", max_count=1, then=then)
    before = RENTAL | {"now": MINUTE, "history": [past("cancel", timedelta(0))]}
    renewed = before | {"renewed_at": timedelta(0), "renewal_price_minor": 100}

    given_back = ask(policy, "cancel", **before)
    renewal = ask(policy, "cancel", **renewed)

    assert given_back[:2] == renewal[:2] == answer
    if then == "review":
        assert (given_back[2], renewal[2]) == (350, 100)


def test_an_early_end_is_not_limited(ask: AskPolicy) -> None:
    policy = limited({"rental": {"early_end": "unused"}}, of="any", max_count=1, then="deny")
    before = RENTAL | {"now": 3 * DAY, "history": [past("cancel", 3 * DAY)]}
    assert ask(policy, "cancel", **before)[:3] == ("prorated_credit", "unused_time", 315)


@pytest.mark.parametrize(
    ("then", "answer"),
    [
        ("review", ("needs_review", "limit_reached", 12, 0, "balance", None)),
        ("deny", ("deny", "limit_reached", 0, 0, None, None)),
        ("close", ("cancel_no_credit", "awaiting_claim", 0, 0, None, 5 * DAY)),
    ],
)
def test_an_outage_is_limited_as_an_automatic_credit(
    ask: AskPolicy, then: str, answer: Answer
) -> None:
    outage = {"outage": {"threshold_s": 0}}
    window = {"claims": {"window_days": 2, "kinds": {"non_receiving": {"window_days": 5}}}}
    policy = limited(outage | window, of="auto_credit", max_count=1, then=then)
    down = {"contacted_at": 2 * DAY, "restored_at": 3 * DAY, "now": 4 * DAY}
    given = {"rental_start": timedelta(0), "rental_end": 30 * DAY} | down

    assert ask(policy, "outage_tick", **given)[:3] == ("prorated_credit", "outage_over_24h", 12)
    limited_ = ask(policy, "outage_tick", history=[past("auto_credit", 4 * DAY)], **given)
    assert limited_ == answer


def test_a_withdrawal_is_limited_as_a_payout(ask: AskPolicy) -> None:
    policy = limited({"withdrawal": {"mode": "balance", "decided": "grant"}}, max_minor=900)

    def asked(**facts: Any) -> Answer:
        return ask(policy, "withdrawal", balance_minor=800, now=NOW, **facts)

    over = {"history": [past("payout", NOW, 101)]}
    assert asked(history=[past("payout", NOW, 100)])[0] == "payout"
    assert asked(**over) == ("needs_review", "limit_reached", 800, 0, "client", None)
    assert asked(verified=True, **over)[0] == "payout"
    assert asked(verified=False, **over)[:2] == ("deny", "claim_rejected")
    denied = policy | {"limits": [policy["limits"][0] | {"then": "deny"}]}
    deny = ask(denied, "withdrawal", balance_minor=800, now=NOW, **over)
    assert deny == ("deny", "limit_reached", 0, 0, None, None)
