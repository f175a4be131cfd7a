"""Properties of every decision, on random policies and random records."""

from datetime import datetime, timedelta
from fractions import Fraction
from math import ceil

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tests.unit.domain.policy.random_policies import random_policies, unlimited_policies
from tests.unit.domain.policy.random_questions import (
    ORDER_OPS,
    US,
    claims,
    moments,
    orders,
    questions,
)
from worker.domain.policy import (
    AccountFacts,
    ClaimFacts,
    Decision,
    Destination,
    Facts,
    Op,
    OrderFacts,
    OutageFacts,
    Outcome,
    Profile,
    Reason,
    SlaFacts,
    WithdrawalFacts,
    decide,
    load_profile,
    policy_names,
)
from worker.domain.policy.facts import order_words
from worker.domain.policy.language.choices import Fulfilment, LogTest, RentalUnit
from worker.domain.policy.vocabulary import Product

MONEY_MOVES = {
    Outcome.AUTO_CREDIT,
    Outcome.CREDIT,
    Outcome.PRORATED_CREDIT,
    Outcome.PAYOUT,
    Outcome.REFUND_FULL,
}
_DAY = timedelta(days=1)
#: A slow machine is no failure.
any_speed = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
shipped = st.sampled_from(policy_names()).map(load_profile)
later = st.integers(0, 10**7).map(lambda seconds: timedelta(seconds=seconds))


def at_stake(facts: Facts) -> int:
    match facts:
        case ClaimFacts():
            return facts.order.price_minor
        case OrderFacts():
            return max(facts.price_minor, facts.renewal_price_minor)
        case OutageFacts():
            return facts.price_minor
        case WithdrawalFacts():
            return facts.balance_minor
        case AccountFacts():
            return max(facts.balance_minor, facts.refundable_minor or 0)
        case SlaFacts():
            return facts.amount_minor


@any_speed
@given(random_policies, questions, moments)
def test_every_question_has_one_answer_of_at_most_what_is_at_stake(
    policy: Profile, question: tuple[Op, Facts], now: datetime
) -> None:
    op, facts = question

    decision = decide(policy, op, facts, now)

    assert isinstance(decision, Decision)
    assert decision.amount_minor >= 0
    assert decision.fee_minor >= 0
    assert decision.amount_minor + decision.fee_minor <= at_stake(facts)
    assert decide(policy, op, facts, now) == decision


@any_speed
@given(random_policies, questions, moments)
def test_money_moves_only_with_a_destination_and_never_with_a_denial(
    policy: Profile, question: tuple[Op, Facts], now: datetime
) -> None:
    decision = decide(policy, *question, now)

    if decision.outcome in MONEY_MOVES:
        assert decision.destination is not None
        assert decision.amount_minor + decision.fee_minor > 0
    if decision.outcome in {Outcome.DENY, Outcome.NONE, Outcome.FINALISED, Outcome.OVERDUE}:
        assert (decision.amount_minor, decision.fee_minor) == (0, 0)
        assert (decision.destination, decision.deadline) == (None, None)
    if decision.destination is Destination.BALANCE and question[0] is not Op.SLA_TICK:
        assert decision.fee_minor == 0 or decision.reason is Reason.UNUSED_TIME


#: R-UNUSED: rights to the whole price. A limit, a hold or a human may stand before them.
_WHOLE_PRICE = {
    Reason.NO_SMS_ON_RECORD,
    Reason.CANCELLED_BEFORE_SMS,
    Reason.NEVER_PROVIDED,
    Reason.RECTIFICATION_MISSED,
    Reason.APPROVAL_OVERDUE,
    Reason.REPAIR_CONTESTED,
    Reason.REPLACEMENT_VALUE_MISMATCH,
}
_BEFORE_A_RIGHT = {
    Reason.LIMIT_REACHED,
    Reason.CANCEL_LIMIT,
    Reason.SUSPECTED_MISUSE,
    Reason.FACTS_CONTRADICT,
    Reason.ALTERNATIVE_REFUND_METHOD,
    Reason.PAYMENT_METHOD_UNKNOWN,
    Reason.KYC_OVERDUE,
    Reason.JUDGE_REQUEST,
}


def unused_part_at_most(policy: Profile, claim: ClaimFacts) -> int:
    """The unused part in exact fractions, for units of equal length."""
    order = claim.order
    start, end = order.rental_start, order.rental_end
    if start is None or end is None:
        return 0
    contact = max(claim.claim_at, order.purchased_at)
    found = [at for at in (claim.blocked_at, claim.stopped_found_at) if at is not None]
    stopped_at = max(at for at in (min([*found, contact]), order.arrived_at) if at is not None)
    left = Fraction((end - min(max(stopped_at, start), end)) // US, (end - start) // US)
    # A begun unit may count as unused where only full ones are used, and a rest counts as one.
    unit = {RentalUnit.DAY: _DAY, RentalUnit.HOUR: timedelta(hours=1), RentalUnit.EXACT: US}
    length = unit.get(policy.rental.unit, timedelta(days=31))
    slack = Fraction(2 * length // US, (end - start) // US)
    return min(order.price_minor, ceil(order.price_minor * (left + slack)))


@any_speed
@given(random_policies, claims, moments)
def test_no_claim_pays_or_proposes_more_than_what_is_left(
    policy: Profile, claim: ClaimFacts, now: datetime
) -> None:
    order = claim.order
    decision = decide(policy, Op.CLAIM, claim, now)
    gross = decision.amount_minor + decision.fee_minor
    if decision.destination is None:
        return

    if decision.destination is Destination.BALANCE:
        assert gross <= max(0, order.price_minor - order.credited_minor - order.paid_out_minor)
    else:  # What leaves may take along what was credited and is still there (R-CLIENT).
        assert gross <= order.price_minor - order.paid_out_minor
    told_late = claim.arrived_at is not None and claim.arrived_at > claim.claim_at
    whole = decision.reason in _WHOLE_PRICE | _BEFORE_A_RIGHT
    if order.is_rental and not whole and not told_late:
        most = unused_part_at_most(policy.for_order(order_words(order)), claim)
        assert gross <= max(0, most - order.unused_returned_minor)


@any_speed
@given(random_policies, orders, moments)
def test_no_order_gives_back_more_than_what_is_left(
    policy: Profile, order: OrderFacts, now: datetime
) -> None:
    for op in ORDER_OPS:
        decision = decide(policy, op, order, now)
        gross = decision.amount_minor + decision.fee_minor
        left = max(0, order.price_minor - order.credited_minor - order.paid_out_minor)
        renewal = max(0, order.renewal_price_minor - order.renewal_credited_minor)
        own = decision.reason in {Reason.RENEWAL_CANCELLED, Reason.CANCEL_LIMIT}
        assert gross <= (max(left, renewal) if own else left)


def with_shown_code(order: OrderFacts) -> OrderFacts:
    shown_at = order.sms_displayed_at or order.purchased_at + timedelta(minutes=2)
    return order._replace(sms_displayed_at=shown_at, product=Product.ONE_TIME)


@any_speed
@given(random_policies, claims, moments)
def test_a_shown_code_is_paid_without_a_human_only_after_a_cancel_that_failed_before(
    policy: Profile, claim: ClaimFacts, now: datetime
) -> None:
    claim = claim._replace(order=with_shown_code(claim.order))
    shown_at = claim.order.sms_displayed_at
    assert shown_at is not None
    decision = decide(policy, Op.CLAIM, claim, now)
    if decision.outcome not in MONEY_MOVES:
        return

    of_order = policy.for_order(order_words(claim.order))
    rule = of_order.kind(claim.kind)
    failed_before = (
        rule is not None
        and rule.log is LogTest.CANCEL_FAILED
        and claim.cancel_failed is True
        and claim.cancel_attempt_at is not None
        and claim.cancel_attempt_at < shown_at
    )
    human = claim.verified is True or claim.approved is True
    nothing_fulfils = of_order.bars.fulfilment is Fulfilment.NOTHING
    assert human or failed_before or nothing_fulfils


@any_speed
@given(random_policies, orders, moments)
def test_a_shown_code_is_never_credited_by_a_tick_or_a_press_of_cancel(
    policy: Profile, order: OrderFacts, now: datetime
) -> None:
    shown = with_shown_code(order)
    for op in ORDER_OPS:
        assert decide(policy, op, shown, now).outcome not in MONEY_MOVES


@any_speed
@given(unlimited_policies, questions, moments, later)
def test_money_once_due_is_due_at_any_later_time(
    policy: Profile, question: tuple[Op, Facts], now: datetime, span: timedelta
) -> None:
    op, facts = question
    first = decide(policy, op, facts, now)

    if first.outcome in MONEY_MOVES and op is not Op.CANCEL:
        then = decide(policy, op, facts, now + span)
        assert (then.outcome, then.amount_minor) == (first.outcome, first.amount_minor)


@any_speed
@given(unlimited_policies, questions, moments, later)
def test_a_denial_stays_a_denial(
    policy: Profile, question: tuple[Op, Facts], now: datetime, span: timedelta
) -> None:
    op, facts = question
    if op is not Op.CANCEL and decide(policy, op, facts, now).outcome is Outcome.DENY:
        assert decide(policy, op, facts, now + span).outcome is Outcome.DENY


@any_speed
@given(random_policies, questions, moments)
def test_waiting_ends_after_its_deadline_and_not_before(
    policy: Profile, question: tuple[Op, Facts], now: datetime
) -> None:
    op, facts = question
    first = decide(policy, op, facts, now)
    waits = first.outcome in {Outcome.WAIT, Outcome.RECTIFY, Outcome.NEEDS_EVIDENCE}
    if not waits or first.deadline is None:
        return

    assert now <= first.deadline
    assert decide(policy, op, facts, first.deadline + US) != first


@any_speed
@given(random_policies, orders, moments)
def test_a_settled_order_has_nothing_left_to_do(
    policy: Profile, order: OrderFacts, now: datetime
) -> None:
    settled = order._replace(credited_minor=max(1, order.price_minor))
    old = policy.effective_from is not None and order.purchased_at < policy.effective_from
    for op in ORDER_OPS:
        assert old or decide(policy, op, settled, now).outcome is Outcome.NONE


@any_speed
@given(shipped, orders, moments, st.integers(1, 10**6))
def test_a_higher_price_never_gives_less(
    policy: Profile, order: OrderFacts, now: datetime, more: int
) -> None:
    assume(order.given_back_minor < order.price_minor)
    dearer = order._replace(price_minor=order.price_minor + more)
    for op in ORDER_OPS:
        cheap, dear = decide(policy, op, order, now), decide(policy, op, dearer, now)
        assert cheap.outcome is dear.outcome
        assert cheap.amount_minor <= dear.amount_minor


@any_speed
@given(shipped, orders, st.integers(0, 10**6))
def test_a_later_order_never_has_an_earlier_deadline(
    policy: Profile, order: OrderFacts, seconds: int
) -> None:
    by = timedelta(seconds=seconds)
    untouched = order._replace(sms_received_at=None, sms_displayed_at=None, claim_at=None)
    one_time = untouched._replace(product=Product.ONE_TIME)
    later_one = one_time._replace(purchased_at=order.purchased_at + by)
    now = later_one.purchased_at + timedelta(days=400)
    for op in ORDER_OPS:
        first, second = decide(policy, op, one_time, now), decide(policy, op, later_one, now)
        assert first.outcome is second.outcome
        if first.deadline is not None and second.deadline is not None:
            assert first.deadline <= second.deadline
