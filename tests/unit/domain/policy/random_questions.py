"""Random questions about orders, claims, outages, withdrawals, accounts and obligations."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from hypothesis import strategies as st

from tests.unit.domain.policy.random_policies import CHANNELS, FIELDS, KINDS, METHODS
from worker.domain.policy import (
    AccountFacts,
    ActivatedOrder,
    ClaimFacts,
    DatedSum,
    Destination,
    Facts,
    Op,
    OrderFacts,
    OutageFacts,
    PastEvent,
    Reason,
    SlaFacts,
    WithdrawalFacts,
)
from worker.domain.policy.vocabulary import (
    AccountEventKind,
    AccountFlag,
    BuyChannel,
    CustomerChoice,
    Kyc,
    PastEventKind,
    Product,
    Sla,
    WithdrawalOffer,
    WithdrawReason,
)
from worker.domain.transfer import Charge

T = TypeVar("T")
START = datetime(2026, 3, 2, 10, tzinfo=UTC)
US = timedelta(microseconds=1)
ORDER_OPS = (Op.ORDER_TICK, Op.CANCEL, Op.SILENCE_TICK)
_EDGES = (0, 60, 600, 1200, 86_400, 3 * 86_400, 5 * 86_400, 7 * 86_400, 14 * 86_400, 31 * 86_400)


def _rarely(strategy: st.SearchStrategy[T]) -> st.SearchStrategy[T | None]:
    return st.one_of(st.none(), st.none(), st.none(), strategy)


def some_of(members: Sequence[T]) -> st.SearchStrategy[frozenset[T]]:
    return st.frozensets(st.sampled_from(members), max_size=3)


#: Edges are drawn on purpose: random instants almost never fall on one.
moments = st.one_of(
    st.sampled_from(_EDGES)
    .map(lambda seconds: timedelta(seconds=seconds))
    .flatmap(lambda at: st.sampled_from([at - US, at, at + US]))
    .map(START.__add__),
    st.integers(-48, 60 * 24).map(lambda hours: START + timedelta(hours=hours)),
)
maybe_moments = st.one_of(st.none(), moments)
rare_moments = _rarely(moments)
amounts = st.one_of(st.integers(0, 5), st.integers(0, 10**9))
small = st.sampled_from([0, 0, 0, 1, 50])
maybe = st.sampled_from([None, True, False])
flags = st.one_of(st.just(frozenset[AccountFlag]()), some_of(list(AccountFlag)))
history = st.lists(
    st.builds(
        PastEvent, st.sampled_from(PastEventKind), moments, amounts, st.sampled_from([None, *KINDS])
    ),
    max_size=4,
).map(tuple)
services = st.sampled_from([None, "tg", "whatsapp"])
nobody_told = st.none()
some_labels = st.sampled_from([frozenset[str](), frozenset({"telegram"})])
mostly = st.sampled_from([True, True, True, False])
rarely = st.sampled_from([False, False, False, True])

orders = st.builds(
    OrderFacts,
    purchased_at=st.just(START),
    price_minor=amounts,
    sms_received_at=rare_moments,
    sms_displayed_at=rare_moments,
    credited_minor=small,
    paid_out_minor=small,
    unused_returned_minor=st.sampled_from([0, 0, 1]),
    replacement_linked_at=_rarely(rare_moments),
    restrictions_shown=st.booleans(),
    restrictions_ignored=rarely,
    account_flags=flags,
    history=history,
    recent_orders=st.integers(0, 3),
    recent_cancels=st.integers(0, 3),
    product=st.sampled_from(Product),
    rental_start=st.sampled_from([None, START, START, START - timedelta(days=9)]),
    rental_end=st.sampled_from([None, START + timedelta(days=10), START + timedelta(days=80.3)]),
    messages_missing=rarely,
    due_to_problem=st.booleans(),
    renewed_at=rare_moments,
    renewal_price_minor=small,
    renewal_credited_minor=small,
    service=services,
    country=nobody_told,
    operator=nobody_told,
    labels=some_labels,
    buy_channel=st.sampled_from(BuyChannel),
    payment_method=st.sampled_from(METHODS),
    service_2fa=st.booleans(),
    claim_at=maybe_moments,
    claim_proper=st.booleans(),
)
claims = st.builds(
    ClaimFacts,
    order=orders,
    kind=st.sampled_from([*KINDS, "never_heard_of"]),
    claim_at=moments,
    arrived_at=rare_moments,
    channel=st.sampled_from([None, *CHANNELS]),
    reasons_given=mostly,
    request_fields=st.one_of(st.none(), some_of(FIELDS)),
    evidence=some_of(["photo", "video"]),
    evidence_at=rare_moments,
    contradicts_terms=rarely,
    issue_at=maybe_moments,
    destination=st.sampled_from(Destination),
    verified=maybe,
    approved_at=rare_moments,
    answer_due_at=rare_moments,
    charge=st.sampled_from([None, None, *Charge]),
    credit_available_minor=st.sampled_from([None, 0, 1]),
    first_refund_from=rare_moments,
    first_purchase=mostly,
    used_bp=st.sampled_from([None, 0, 1, 2501]),
    freeze_seen=st.booleans(),
    compat_listed=st.booleans(),
    documents_shown_at_order=st.booleans(),
    was_listed=maybe,
    approved=maybe,
    rectified_at=rare_moments,
    contested_at=rare_moments,
    access_requested_at=rare_moments,
    access_granted_at=rare_moments,
    access_refused_at=_rarely(rare_moments),
    customer_choice=st.sampled_from(CustomerChoice),
    replacement_value_minor=st.one_of(st.none(), amounts),
    replacement_available=maybe,
    replacement_due_at=rare_moments,
    allocation_failed=maybe,
    cancel_failed=maybe,
    cancel_attempt_at=maybe_moments,
    sms_correct=maybe,
    client_caused=maybe,
    blocked_at=rare_moments,
    stopped_found_at=rare_moments,
    refund_fee_minor=small,
    last_deposit_at=st.one_of(st.none(), moments.map(lambda at: at - timedelta(days=800))),
    payment_method_refundable=mostly,
    alternative_method=st.sampled_from([None, "sepa"]),
    kyc=st.sampled_from(Kyc),
    kyc_requested_at=maybe_moments,
)
outages = st.builds(
    OutageFacts,
    rental_start=st.just(START),
    rental_end=st.integers(1, 100).map(lambda days: START + timedelta(days=days)),
    price_minor=amounts,
    contacted_at=maybe_moments,
    arrived_at=rare_moments,
    unavailable_since=rare_moments,
    restored_at=maybe_moments,
    sms_received_at=rare_moments,
    client_caused=rarely,
    outage_verified=maybe,
    sms_after_arrival_at=rare_moments,
    credited_minor=small,
    first_refund_from=rare_moments,
    purchased_at=st.sampled_from([None, START]),
    replacement_linked_at=_rarely(rare_moments),
    history=history,
    service=services,
    country=nobody_told,
    operator=nobody_told,
    labels=some_labels,
    buy_channel=st.sampled_from(BuyChannel),
    payment_method=st.sampled_from(METHODS),
    service_2fa=st.booleans(),
)
dated_sums = st.lists(st.builds(DatedSum, moments, amounts), max_size=3).map(tuple)
withdrawals = st.builds(
    WithdrawalFacts,
    claim_at=moments,
    balance_minor=amounts,
    arrived_at=rare_moments,
    amount_minor=st.one_of(st.none(), amounts),
    channel=st.sampled_from([None, *CHANNELS]),
    reasons_given=mostly,
    withdraw_reason=st.sampled_from(WithdrawReason),
    request_fields=st.one_of(st.none(), some_of(FIELDS)),
    email_matches=mostly,
    evidence=some_of(["photo"]),
    contradicts_terms=rarely,
    answer_due_at=rare_moments,
    topups=dated_sums,
    payouts=dated_sums,
    purchases=dated_sums,
    activations=st.lists(st.builds(ActivatedOrder, moments, st.booleans()), max_size=2).map(tuple),
    spent_minor=small,
    open_order_window_end=rare_moments,
    last_deposit_at=maybe_moments,
    history=history,
    account_flags=flags,
    freeze_seen=st.booleans(),
    kyc=st.sampled_from(Kyc),
    kyc_requested_at=maybe_moments,
    payment_method=st.sampled_from(METHODS),
    payment_method_refundable=mostly,
    alternative_method=st.sampled_from([None, "sepa"]),
    payment_info_requested_at=rare_moments,
    payment_info_provided_at=rare_moments,
    psp_commission_minor=small,
    verified=maybe,
    approved_at=maybe_moments,
    taken_back_at=_rarely(rare_moments),
)
accounts = st.builds(
    AccountFacts,
    event=st.sampled_from(AccountEventKind),
    balance_minor=amounts,
    idle_since=maybe_moments,
    withdrawal_open=rarely,
    withdrawal_offer=st.sampled_from([None, *WithdrawalOffer]),
    refundable_minor=st.sampled_from([None, 0]),
    deletion_confirmed=maybe,
)
slas = st.builds(
    SlaFacts,
    sla=st.sampled_from(Sla),
    start_at=moments,
    done_at=rare_moments,
    extension_until=maybe_moments,
    extension_beyond_control=st.booleans(),
    account_flags=flags,
    freeze_seen=st.booleans(),
    amount_minor=amounts,
    destination=st.sampled_from([None, *Destination]),
    reason=st.sampled_from([Reason.EVIDENCE_MISSING, Reason.WRONG_CHANNEL]),
)
questions: st.SearchStrategy[tuple[Op, Facts]] = st.one_of(
    st.tuples(st.sampled_from(ORDER_OPS), orders),
    st.tuples(st.just(Op.CLAIM), claims),
    st.tuples(st.just(Op.OUTAGE_TICK), outages),
    st.tuples(st.just(Op.WITHDRAWAL), withdrawals),
    st.tuples(st.just(Op.ACCOUNT_EVENT), accounts),
    st.tuples(st.just(Op.SLA_TICK), slas),
)
