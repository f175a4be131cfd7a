"""Properties of every decision: no more than is at stake, none lost by waiting, repeatable."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TypeVar

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

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
    SlaFacts,
    Topup,
    WithdrawalFacts,
    decide,
    load_profile,
    override,
    policy_names,
)
from worker.domain.policy.vocabulary import (
    AccountEventKind,
    AccountFlag,
    BuyChannel,
    Channel,
    ClaimKind,
    CustomerChoice,
    Evidence,
    Kyc,
    PaymentMethod,
    Product,
    RequestField,
    Sla,
    WithdrawReason,
)

T = TypeVar("T")
START = datetime(2026, 3, 2, 10, tzinfo=UTC)
US = timedelta(microseconds=1)
MONEY_MOVES = {
    Outcome.AUTO_CREDIT,
    Outcome.CREDIT,
    Outcome.PRORATED_CREDIT,
    Outcome.PAYOUT,
    Outcome.REFUND_FULL,
}
ORDER_OPS = (Op.ORDER_TICK, Op.CANCEL, Op.SILENCE_TICK)
_HOURS = timedelta(hours=1)
#: A slow machine is no failure.
any_speed = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


@cache
def profile(name: str, changes: tuple[tuple[str, str], ...] = ()) -> Profile:
    return override(load_profile(name), dict(changes))


profiles = st.builds(
    profile,
    st.sampled_from(policy_names()),
    st.sampled_from(
        [
            (),
            (("day_count", "calendar_end_of_day"),),
            (("auto_credit_mode", "automatic"),),
            (("auto_credit_mode", "on_claim"),),
            (("outage.day_count", "started_24h"),),
            (("timezone", "America/New_York"),),
        ]
    ),
)
#: Edges are drawn on purpose: random instants almost never fall on one.
moments = st.one_of(
    st.sampled_from([0, 20 * 60, 24 * 3600, 3 * 86_400, 5 * 86_400, 7 * 86_400, 14 * 86_400])
    .map(lambda seconds: timedelta(seconds=seconds))
    .flatmap(lambda at: st.sampled_from([at - US, at, at + US]))
    .map(START.__add__),
    st.integers(-48, 24 * 60).map(lambda hours: START + hours * _HOURS),
)
maybe_moments = st.one_of(st.none(), moments)
amounts = st.one_of(st.integers(0, 5), st.integers(0, 10**9))
maybe = st.sampled_from([None, True, False])


def some_of(members: Sequence[T]) -> st.SearchStrategy[frozenset[T]]:
    return st.frozensets(st.sampled_from(members), max_size=3)


orders = st.builds(
    OrderFacts,
    purchased_at=st.just(START),
    price_minor=amounts,
    sms_received_at=maybe_moments,
    sms_displayed_at=maybe_moments,
    credited_minor=st.sampled_from([0, 0, 0, 1]),
    restrictions_ignored=st.booleans(),
    product=st.sampled_from(Product),
    due_to_problem=st.booleans(),
    claim_at=maybe_moments,
    claim_proper=st.booleans(),
)
claims = st.builds(
    ClaimFacts,
    order=orders,
    kind=st.sampled_from(ClaimKind),
    claim_at=moments,
    channel=st.sampled_from([None, *Channel]),
    reasons_given=st.booleans(),
    evidence=some_of(list(Evidence)),
    evidence_at=maybe_moments,
    contradicts_terms=st.sampled_from([False, False, True]),
    verified=maybe,
    destination=st.sampled_from(Destination),
    account_flags=some_of(list(AccountFlag)),
    service=st.sampled_from(["telegram", "whatsapp"]),
    service_2fa=st.booleans(),
    buy_channel=st.sampled_from(BuyChannel),
    payment_method=st.sampled_from(PaymentMethod),
    refund_fee_minor=amounts,
    last_deposit_at=st.one_of(st.none(), moments.map(lambda at: at - timedelta(days=800))),
    kyc=st.sampled_from(Kyc),
    compat_listed=st.booleans(),
    approved=maybe,
    rectified_at=maybe_moments,
    customer_choice=st.sampled_from(CustomerChoice),
    replacement_value_minor=st.one_of(st.none(), amounts),
    access_requested_at=maybe_moments,
    access_granted_at=maybe_moments,
    access_refused_at=st.one_of(st.none(), st.none(), moments),
    sms_correct=maybe,
    allocation_failed=maybe,
    was_listed=maybe,
    replacement_available=maybe,
    cancel_failed=st.booleans(),
    cancel_attempt_at=maybe_moments,
    client_caused=maybe,
    blocked_at=maybe_moments,
    rental_start=st.one_of(st.none(), st.just(START - timedelta(days=9))),
    rental_end=st.one_of(st.none(), st.just(START + timedelta(days=80))),
    documents_shown_at_order=st.booleans(),
    request_fields=some_of(list(RequestField)),
    payment_method_refundable=st.booleans(),
)
outages = st.builds(
    OutageFacts,
    rental_start=st.just(START),
    rental_end=st.integers(1, 100).map(lambda days: START + timedelta(days=days)),
    price_minor=amounts,
    contacted_at=maybe_moments,
    unavailable_since=maybe_moments,
    restored_at=maybe_moments,
    client_caused=st.booleans(),
    outage_verified=maybe,
)
topups = st.lists(st.builds(Topup, moments, amounts), max_size=4).map(tuple)
withdrawals = st.builds(
    WithdrawalFacts,
    claim_at=moments,
    balance_minor=amounts,
    amount_minor=st.one_of(st.none(), amounts),
    channel=st.sampled_from([None, *Channel]),
    withdraw_reason=st.sampled_from(WithdrawReason),
    topups=topups,
    activations=st.lists(moments, max_size=3).map(tuple),
    open_order_window_end=maybe_moments,
    last_deposit_at=maybe_moments,
    kyc=st.sampled_from(Kyc),
    payment_method_refundable=st.booleans(),
    payment_info_requested_at=maybe_moments,
    payment_info_provided_at=maybe_moments,
    psp_commission_minor=amounts,
    verified=maybe,
    approved_at=maybe_moments,
)
accounts = st.builds(
    AccountFacts,
    event=st.sampled_from(AccountEventKind),
    balance_minor=amounts,
    withdrawal_open=st.booleans(),
)
slas = st.builds(
    SlaFacts,
    sla=st.sampled_from(Sla),
    start_at=moments,
    done_at=maybe_moments,
    extension_until=maybe_moments,
    extension_beyond_control=st.booleans(),
)
questions: st.SearchStrategy[tuple[Op, Facts]] = st.one_of(
    st.tuples(st.sampled_from(ORDER_OPS), orders),
    st.tuples(st.just(Op.CLAIM), claims),
    st.tuples(st.just(Op.OUTAGE_TICK), outages),
    st.tuples(st.just(Op.WITHDRAWAL), withdrawals),
    st.tuples(st.just(Op.ACCOUNT_EVENT), accounts),
    st.tuples(st.just(Op.SLA_TICK), slas),
)


def at_stake(facts: Facts) -> int:
    match facts:
        case ClaimFacts():
            return facts.order.price_minor
        case OrderFacts() | OutageFacts():
            return facts.price_minor
        case WithdrawalFacts() | AccountFacts():
            return facts.balance_minor
        case SlaFacts():
            return 0


@any_speed
@given(profiles, questions, moments)
def test_every_decision_moves_at_most_what_is_at_stake(
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
@given(profiles, questions, moments)
def test_money_moves_only_with_a_destination_and_never_with_a_denial(
    policy: Profile, question: tuple[Op, Facts], now: datetime
) -> None:
    decision = decide(policy, *question, now)

    if decision.outcome in MONEY_MOVES:
        assert decision.destination is not None
    if decision.outcome in {Outcome.DENY, Outcome.NONE, Outcome.FINALISED, Outcome.OVERDUE}:
        assert (decision.amount_minor, decision.fee_minor) == (0, 0)
        assert (decision.destination, decision.deadline) == (None, None)
    if decision.destination is Destination.BALANCE:
        assert decision.fee_minor == 0


@any_speed
@given(profiles, questions, moments, st.integers(0, 10**7).map(lambda s: timedelta(seconds=s)))
def test_money_once_due_is_due_at_any_later_time(
    policy: Profile, question: tuple[Op, Facts], now: datetime, later: timedelta
) -> None:
    op, facts = question
    first = decide(policy, op, facts, now)

    if first.outcome in MONEY_MOVES:
        then = decide(policy, op, facts, now + later)
        assert (then.outcome, then.amount_minor) == (first.outcome, first.amount_minor)


@any_speed
@given(profiles, questions, moments, st.integers(0, 10**7).map(lambda s: timedelta(seconds=s)))
def test_a_denial_stays_a_denial(
    policy: Profile, question: tuple[Op, Facts], now: datetime, later: timedelta
) -> None:
    op, facts = question
    if decide(policy, op, facts, now).outcome is Outcome.DENY:
        assert decide(policy, op, facts, now + later).outcome is Outcome.DENY


@any_speed
@given(profiles, questions, moments)
def test_waiting_ends_after_its_deadline_and_not_before(
    policy: Profile, question: tuple[Op, Facts], now: datetime
) -> None:
    op, facts = question
    first = decide(policy, op, facts, now)
    if first.outcome not in {Outcome.WAIT, Outcome.RECTIFY} or first.deadline is None:
        return

    assert now <= first.deadline
    assert decide(policy, op, facts, now + US) != first or now < first.deadline
    assert decide(policy, op, facts, first.deadline + US) != first


@any_speed
@given(profiles, orders, moments)
def test_a_settled_order_has_nothing_left_to_do(
    policy: Profile, order: OrderFacts, now: datetime
) -> None:
    settled = order._replace(credited_minor=max(1, order.price_minor))
    for op in ORDER_OPS:
        assert decide(policy, op, settled, now).outcome is Outcome.NONE


@any_speed
@given(profiles, orders, moments, st.integers(1, 10**6))
def test_a_higher_price_never_gives_less(
    policy: Profile, order: OrderFacts, now: datetime, more: int
) -> None:
    dearer = order._replace(price_minor=order.price_minor + more)
    for op in ORDER_OPS:
        cheap, dear = decide(policy, op, order, now), decide(policy, op, dearer, now)
        assert cheap.outcome is dear.outcome
        assert cheap.amount_minor <= dear.amount_minor


@any_speed
@given(profiles, orders, st.integers(0, 10**6))
def test_a_later_order_never_has_an_earlier_deadline(
    policy: Profile, order: OrderFacts, seconds: int
) -> None:
    by = timedelta(seconds=seconds)
    later = order._replace(
        purchased_at=order.purchased_at + by,
        sms_received_at=None,
        sms_displayed_at=None,
        claim_at=None,
    )
    earlier = later._replace(purchased_at=order.purchased_at)
    now = later.purchased_at + timedelta(days=400)
    for op in ORDER_OPS:
        first, second = decide(policy, op, earlier, now), decide(policy, op, later, now)
        assert first.outcome is second.outcome
        if first.deadline is not None and second.deadline is not None:
            assert first.deadline <= second.deadline
