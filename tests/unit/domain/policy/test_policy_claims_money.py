"""The money of a claim: how much, by which way, less which fee, and until when."""

from datetime import timedelta
from typing import Any

import pytest

from tests.unit.domain.policy.policy_answers import DAY, HOUR, US, Answer, AskPolicy
from worker.domain.policy import decide, question_from
from worker.domain.policy.claim_case import may_leave
from worker.domain.policy.language.loading import profile_from

GRANT: dict[str, Any] = {"claims": {"kinds": {"own": {"decided": "grant"}}}}
REVIEW: dict[str, Any] = {"claims": {"kinds": {"own": {"decided": "review"}}}}
OUT = {"destination": "client"}
CARD = {"payment_method": "card"}


def claim(ask: AskPolicy, payout: dict[str, Any], **facts: Any) -> Answer:
    policy = facts.pop("policy", GRANT) | {"payout": payout}
    return ask(policy, "claim", **{"claim_kind": "own", "now": DAY, "price_minor": 1000} | facts)


def out(minor: int, fee: int = 0, to: str = "client", by: timedelta | None = None) -> Answer:
    return ("payout", "granted_on_request", minor, fee, to, by)


def asked(reason: str, minor: int = 1000, fee: int = 0, to: str = "client") -> Answer:
    return ("needs_review", reason, minor, fee, to, None)


def denied(reason: str) -> Answer:
    return ("deny", reason, 0, 0, None, None)


PAID = ("credit", "granted_on_request", 1000, 0, "balance", None)


@pytest.mark.parametrize(
    ("route", "asks", "method", "to"),
    [
        (None, "client", "card", "balance"),
        ("method_of_payment", "balance", "card", "original_method"),
        ("method_of_payment", "client", "balance", "balance"),
        ("method_of_payment", "client", "alipay", "original_method"),
        ("method_of_payment", "client", " Balance", "balance"),
        ("wallet", "wallet", "card", "wallet"),
        ("wallet", "client", "card", "wallet"),
        ("wallet", "original_method", "card", "wallet"),
        ("wallet", "balance", "card", "balance"),
        ("client", "client", "card", "client"),
        ("client", "wallet", "card", "client"),
        ("client", "balance", "card", "balance"),
        ("as_decided", "wallet", "card", "wallet"),
        ("as_decided", "client", "card", "client"),
        ("as_decided", "original_method", "card", "original_method"),
        ("as_decided", "balance", "card", "balance"),
    ],
)
def test_where_the_money_goes(
    ask: AskPolicy, route: str | None, asks: str, method: str, to: str
) -> None:
    payout = {} if route is None else {"route": route}
    decided = claim(ask, payout, destination=asks, payment_method=method)
    assert decided[4] == to
    assert decided[0] == ("credit" if to == "balance" else "payout")


def test_what_leaves_may_take_along_what_was_credited_and_is_still_there(ask: AskPolicy) -> None:
    def leaves(**facts: Any) -> Answer:
        return claim(ask, {"route": "client"}, **OUT | facts)

    assert leaves(credited_minor=400) == out(1000)
    assert leaves(credited_minor=400, credit_available_minor=100) == out(700)
    assert leaves(credited_minor=1000, credit_available_minor=1) == out(1)
    assert leaves(credited_minor=1000, credit_available_minor=0) == denied("nothing_refundable")
    assert leaves(credited_minor=400, credit_available_minor=900) == out(1000)
    assert leaves(paid_out_minor=300, credited_minor=700) == out(700)
    assert leaves(paid_out_minor=1000) == denied("already_refunded")
    on_balance = claim(ask, {"route": "client"}, credited_minor=400, credit_available_minor=0)
    assert on_balance[2] == 600
    half = {"claims": {"kinds": {"own": {"decided": "grant", "share_bp": 5000}}}}
    assert leaves(policy=half, credited_minor=100) == out(500)
    assert leaves(policy=half, paid_out_minor=100) == out(400)
    assert leaves(policy=half, paid_out_minor=300) == out(200)
    assert leaves(policy=half, paid_out_minor=500) == denied("already_refunded")
    assert leaves(policy=half, paid_out_minor=600) == denied("already_refunded")
    assert leaves(policy=half, paid_out_minor=300, credited_minor=400) == out(200)
    goodwill = leaves(policy=half, paid_out_minor=500, credited_minor=100)
    assert goodwill == denied("already_refunded")


@pytest.mark.parametrize(
    ("facts", "taken"),
    [
        ({"credited_minor": 1000}, 1000),
        ({"credited_minor": 400}, 400),
        ({"credited_minor": 400, "credit_available_minor": 100}, 100),
        ({"credited_minor": 0}, 0),
        ({"credited_minor": 400, "destination": "balance"}, 0),
    ],
)
def test_what_leaves_takes_as_much_out_of_the_balance_as_was_credited_and_is_there(
    facts: dict[str, Any], taken: int
) -> None:
    policy = GRANT | {"payout": {"route": "client"}}
    profile = profile_from(policy, name="own", file="own")
    given = {
        "op": "claim",
        "claim_kind": "own",
        "purchased_at": "2026-03-02T10:00:00Z",
        "claim_at": "2026-03-02T11:00:00Z",
        "now": "2026-03-02T11:00:00Z",
        "price_minor": 1000,
        "destination": "client",
        **facts,
    }
    question = question_from(given)

    decision = decide(profile, question.op, question.facts, question.now)

    assert decision.from_balance_minor == taken


def test_the_unused_part_that_leaves(ask: AskPolicy) -> None:
    rental = {
        "product": "rental",
        "rental_start": timedelta(0),
        "rental_end": 10 * DAY,
        "now": 2 * DAY,
    }

    def leaves(**facts: Any) -> Answer:
        return claim(ask, {"route": "client"}, **OUT | rental | facts)

    assert leaves() == out(800)
    assert leaves(credited_minor=300) == out(800)
    assert leaves(credited_minor=300, credit_available_minor=0) == out(700)
    assert leaves(credited_minor=300, unused_returned_minor=300) == out(500)
    assert leaves(paid_out_minor=300) == out(700)
    assert leaves(now=10 * DAY) == denied("number_was_provided")
    spent = leaves(credited_minor=1000, credit_available_minor=0)
    assert spent == denied("nothing_refundable")
    # Of what ran out nothing is there to leave, not even what was credited for it.
    assert leaves(now=10 * DAY, credited_minor=300) == denied("number_was_provided")
    # The other days were credited as an outage: what is left of the price leaves, and no more.
    assert leaves(credited_minor=300, credit_available_minor=100) == out(800)
    assert leaves(paid_out_minor=200, credited_minor=100, credit_available_minor=0) == out(700)
    # More was given than the price: no more leaves than is left of it.
    assert leaves(paid_out_minor=700, credited_minor=600) == out(300)
    # More was paid than the unused part is worth now.
    assert leaves(paid_out_minor=900, unused_returned_minor=900) == denied("already_refunded")
    returned = claim(ask, {}, **rental, credited_minor=900, unused_returned_minor=900)
    assert returned == denied("already_refunded")
    undated = leaves(rental_end=None)
    assert undated == ("needs_review", "cause_unknown", 0, 0, None, None)
    assert leaves(rental_end=None, verified=True) == undated


def test_each_fee_is_rounded_down_by_itself_and_all_are_at_most_the_sum(ask: AskPolicy) -> None:
    card = {"card": {"fee_bp": 150, "fee_minor": 3}}
    payout = {"route": "method_of_payment", "fee_bp": 150, "fee_minor": 5, "methods": card}
    # 1.5 percent of 999 is 14.985, twice.
    fees = claim(ask, payout, price_minor=999, **CARD)
    assert fees == out(963, 36, "original_method")
    assert claim(ask, payout, price_minor=999, payment_method="Card ") == fees
    assert claim(ask, payout, price_minor=999, payment_method="coin")[3] == 19
    assert claim(ask, payout, price_minor=9, **CARD) == out(1, 8, "original_method")
    assert claim(ask, payout, price_minor=8, **CARD) == out(0, 8, "original_method")
    assert claim(ask, payout, price_minor=7, **CARD) == out(0, 7, "original_method")
    assert claim(ask, payout) == PAID


def test_a_disclosed_fee_or_one_by_the_age_of_the_deposit(ask: AskPolicy) -> None:
    disclosed = {"route": "client", "fee": "disclosed", "fee_minor": 1}
    assert claim(ask, disclosed, refund_fee_minor=37, **OUT) == out(962, 38)
    assert claim(ask, {"route": "client"}, refund_fee_minor=37, **OUT) == out(1000)
    steps = [[0, 100], [2, 200]]
    by_age = {"route": "client", "fee": "by_deposit_age", "fee_steps": steps}
    two_years = {"last_deposit_at": -729 * DAY}  # 3 March 2024, asked on 3 March 2026.
    assert claim(ask, by_age, now=DAY, **OUT, **two_years) == out(980, 20)
    assert claim(ask, by_age, now=DAY - US, **OUT, **two_years) == out(990, 10)
    assert claim(ask, by_age, claim_at=DAY - US, **OUT, **two_years) == out(990, 10)
    assert claim(ask, by_age, **OUT) == out(990, 10)


def test_a_method_nobody_told_of_money_that_was_charged_outside(ask: AskPolicy) -> None:
    payout = {"route": "method_of_payment", "fee_minor": 5}
    unknown = asked("payment_method_unknown", to="balance")
    assert claim(ask, payout, charge="external") == unknown
    assert claim(ask, payout, charge="external", verified=True) == unknown
    for method in ("card", "alipay"):
        told = claim(ask, payout, charge="external", payment_method=method)
        assert told == out(995, 5, "original_method")
    assert claim(ask, payout, charge="hold") == PAID
    assert claim(ask, {"route": "client"}, charge="external") == PAID


def test_a_method_that_takes_nothing_back_or_not_so_little(ask: AskPolicy) -> None:
    methods = {"voucher": {"refundable": False}, "coin": {"least_minor": 1001}}
    payout = {"route": "client", "methods": methods}

    def leaves(method: str, **facts: Any) -> Answer:
        return claim(ask, payout, **{"payment_method": method} | OUT | facts)

    assert leaves("voucher") == denied("method_not_refundable")
    assert leaves("coin") == denied("below_least_sum")
    assert leaves("coin", price_minor=1001) == out(1001)
    assert leaves("card") == out(1000)
    assert leaves("voucher", destination="balance") == leaves("coin", destination="balance") == PAID


@pytest.mark.parametrize(
    ("unable", "answer"),
    [
        ("review", asked("alternative_refund_method")),
        ("deny", denied("method_not_refundable")),
        ("balance", PAID),
    ],
)
def test_a_method_that_cannot_take_it_back_now(ask: AskPolicy, unable: str, answer: Answer) -> None:
    payout = {"route": "client", "unable": unable}
    cannot: dict[str, Any] = {"payment_method_refundable": False}
    assert claim(ask, payout, **OUT, **cannot) == answer
    assert claim(ask, payout, **OUT, **cannot, verified=True) == answer
    assert claim(ask, payout, **OUT, **cannot, alternative_method="sepa") == out(1000)
    assert claim(ask, payout, **cannot) == PAID
    assert claim(ask, payout, **OUT) == out(1000), "a method that can take it does"
    proposed = claim(ask, payout, policy=REVIEW, **OUT)
    assert proposed == asked("judge_request", 1000, to=OUT["destination"])
    if unable == "balance":
        part = claim(ask, payout, **OUT, **cannot, credited_minor=400)
        assert part == ("credit", "granted_on_request", 600, 0, "balance", None)
        nothing = claim(ask, payout, **OUT, **cannot, credited_minor=1000)
        assert nothing == denied("already_refunded")
        proposed = claim(ask, payout, policy=REVIEW, **OUT, **cannot, credited_minor=400)
        assert proposed == asked("judge_request", 600, to="balance")


def test_a_rental_that_its_method_cannot_take_stays_in_its_unused_part(ask: AskPolicy) -> None:
    rental = {"product": "rental", "rental_start": timedelta(0), "rental_end": 10 * DAY}
    payout = {"route": "client", "unable": "balance"}
    given = rental | OUT | {"payment_method_refundable": False, "now": 2 * DAY}
    decided = claim(ask, payout, **given)
    assert decided == ("prorated_credit", "granted_on_request", 800, 0, "balance", None)
    never = {"claims": {"kinds": {"own": {"decided": "log", "log": "not_provided"}}}}
    whole = claim(ask, payout, policy=never, allocation_failed=True, **given)
    assert whole == ("credit", "never_provided", 1000, 0, "balance", None)


def test_the_holder_of_a_wallet_is_checked(ask: AskPolicy) -> None:
    payout = {"route": "wallet", "kyc": True, "fee_minor": 5}
    wallet: dict[str, Any] = {"destination": "wallet", "verified": True}

    def to_wallet(**facts: Any) -> Answer:
        return claim(ask, payout, **wallet | facts)

    assert to_wallet(kyc="failed") == denied("kyc_failed")
    required = ("needs_evidence", "kyc_required", 0, 0, None)
    assert to_wallet(kyc="requested") == (*required, None)
    due = {"kyc": "requested", "answer_due_at": 3 * DAY}
    assert to_wallet(now=3 * DAY, **due) == (*required, 3 * DAY)
    overdue = asked("kyc_overdue", 995, 5, "wallet")
    assert to_wallet(now=3 * DAY + US, **due) == overdue
    days = {"policy": GRANT | {"obligations": {"kyc_days": 4}}, "kyc_requested_at": DAY}
    assert to_wallet(now=5 * DAY, **due, **days) == (*required, 5 * DAY)
    assert to_wallet(now=5 * DAY + US, **due, **days) == overdue
    assert to_wallet(now=2 * DAY, **due, **days) == (*required, 5 * DAY)
    unasked = days | {"kyc_requested_at": None}
    assert to_wallet(now=DAY, **due, **unasked) == (*required, 3 * DAY)
    assert to_wallet(kyc="passed") == to_wallet() == out(995, 5, "wallet")
    assert to_wallet(kyc="failed", destination="balance") == PAID
    assert claim(ask, {"route": "wallet"}, kyc="failed", **wallet) == out(1000, 0, "wallet")
    client = {"route": "client", "kyc": True}
    assert claim(ask, client, kyc="failed", **OUT) == out(1000)


def test_money_for_a_wallet_waits_for_a_human_unless_its_holder_was_proved(
    ask: AskPolicy,
) -> None:
    payout = {"route": "wallet", "kyc": True}
    wallet = {"destination": "wallet"}
    assert claim(ask, payout, **wallet) == asked("judge_request", to="wallet")
    assert claim(ask, payout, verified=False, **wallet) == denied("claim_rejected")
    assert claim(ask, payout, kyc="passed", **wallet) == out(1000, 0, "wallet")
    assert claim(ask, {"route": "wallet"}, **wallet) == out(1000, 0, "wallet")


def test_nothing_leaves_without_a_human_where_the_policy_wants_one(ask: AskPolicy) -> None:
    payout = {"route": "client", "judged": True}
    assert claim(ask, payout, **OUT) == asked("judge_request")
    assert claim(ask, payout, verified=True, **OUT) == out(1000)
    assert claim(ask, payout, verified=False, **OUT) == denied("claim_rejected")
    assert claim(ask, payout, kyc="passed", **OUT) == asked("judge_request")
    assert claim(ask, payout) == PAID
    approved = claim(ask, payout, policy=REVIEW, verified=True, **OUT)
    assert approved == ("payout", "claim_approved", 1000, 0, "client", None)


def test_the_steps_of_the_route_come_in_their_order(ask: AskPolicy) -> None:
    """Each step answers while it is wrong; the next one once it is right."""
    payout = {
        "route": "wallet",
        "kyc": True,
        "judged": True,
        "methods": {
            "bad": {"refundable": False, "least_minor": 1001},
            "coin": {"least_minor": 1001},
        },
    }
    limited = GRANT | {"limits": [{"of": "claim", "per": "day", "max_minor": 1001}]}
    wallet = {"destination": "wallet", "payment_method_refundable": False, "kyc": "failed"}
    steps: list[tuple[dict[str, Any], str]] = [
        (
            {"paid_out_minor": 999, "credited_minor": 1, "credit_available_minor": 0},
            "nothing_refundable",
        ),
        ({"history": [{"what": "claim", "at": DAY, "amount_minor": 2}]}, "limit_reached"),
        ({"payment_method": "bad"}, "method_not_refundable"),
        ({"payment_method": "coin"}, "below_least_sum"),
        ({}, "alternative_refund_method"),
        ({"payment_method_refundable": True}, "kyc_failed"),
        ({"payment_method_refundable": True, "kyc": "passed"}, "judge_request"),
        (
            {"payment_method_refundable": True, "kyc": "passed", "verified": True},
            "granted_on_request",
        ),
    ]
    for changed, reason in steps:
        assert claim(ask, payout, policy=limited, **wallet | changed)[1] == reason


@pytest.mark.parametrize(
    ("processing", "methods", "by"),
    [
        ({}, {}, None),
        ({"pay_s": 60}, {}, 3 * DAY + timedelta(seconds=60)),
        ({"pay_days": 2}, {}, 5 * DAY),
        ({"pay_business_days": 2}, {}, 7 * DAY),  # From Thursday over a weekend to Monday.
        ({"pay_days": 2}, {"card": {"business_days": 1}}, 4 * DAY),
        ({"pay_days": 2}, {"coin": {"business_days": 1}}, 5 * DAY),
    ],
)
def test_a_payout_is_due_from_its_approval(
    ask: AskPolicy, processing: dict[str, Any], methods: dict[str, Any], by: timedelta | None
) -> None:
    payout = {"route": "client", "methods": methods}
    policy = GRANT | {"processing": processing}
    given: dict[str, Any] = {"policy": policy, "now": 9 * DAY, **OUT, **CARD}
    assert claim(ask, payout, approved_at=3 * DAY, **given) == out(1000, by=by)
    now = claim(ask, payout, **given | {"now": 3 * DAY})
    assert now == out(1000, by=by)


def test_dates_of_credits_and_reviews_and_the_date_of_everything_else(ask: AskPolicy) -> None:
    honour = {"claims": GRANT["claims"] | {"honour_days": 20}}
    times = {"processing": {"credit_s": 60, "review_s": 3600, "pay_s": 30}}
    given = {"claim_at": DAY, "now": 3 * DAY}
    minute = timedelta(seconds=60)

    assert claim(ask, {}, policy=GRANT | times, **given)[5] == DAY + minute
    assert claim(ask, {}, policy=honour | times, **given)[5] == DAY + minute
    assert claim(ask, {}, policy=honour, **given)[5] == 20 * DAY
    assert claim(ask, {"route": "client"}, policy=honour, **given, **OUT)[5] == 20 * DAY
    terms = given | {"contradicts_terms": True}
    assert claim(ask, {}, policy=GRANT | times, **terms)[5] == DAY + HOUR
    assert claim(ask, {}, policy=honour | times, **terms)[5] == 20 * DAY


# From 12 March to 12 April, and from 11 April to 11 May.
@pytest.mark.parametrize(("first_refund_from", "month"), [(None, 310), (40 * DAY, 300)])
def test_a_rental_that_stopped_before_it_began_is_returned_whole_whatever_the_months_say(
    ask: AskPolicy, first_refund_from: timedelta | None, month: int
) -> None:
    policy = GRANT | {"outage": {"threshold_s": 0, "refund_cap_months": 1}}
    rental = {
        "product": "rental",
        "rental_start": 10 * DAY,
        "rental_end": 110 * DAY,
        "first_refund_from": first_refund_from,
    }

    def credited(now: timedelta) -> int:
        return claim(ask, {}, policy=policy, **rental, now=now)[2]

    assert credited(9 * DAY) == credited(10 * DAY) == 1000
    assert credited(10 * DAY + US) == month


@pytest.mark.parametrize(
    ("route", "asked_for", "method", "leaves"),
    [
        ("client", None, "card", False),
        ("client", "balance", "card", False),
        ("client", "client", "balance", True),
        ("wallet", "wallet", "balance", True),
        ("as_decided", "original_method", "balance", True),
        ("as_decided", None, "card", False),
        ("method_of_payment", None, "card", True),
        ("method_of_payment", "balance", "card", True),
        ("method_of_payment", "client", "balance", False),
        ("method_of_payment", None, "apple_pay", True),
        (None, "client", "card", False),
    ],
)
def test_whether_money_may_leave_is_known_from_what_was_told_once(
    route: str | None, asked_for: str | None, method: str, *, leaves: bool
) -> None:
    payout = {} if route is None else {"payout": {"route": route}}
    profile = profile_from(GRANT | payout, name="own", file="own")
    # No word is the same object as one of the code.
    assert may_leave(profile, asked_for, "".join(list(method))) is leaves
