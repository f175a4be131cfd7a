"""The facts a decision may use; a fact that is not given has a neutral default.

Instants are aware and in UTC, money is in minor units. Findings about people and causes
(`verified`, `approved`, `sms_correct`, `client_caused`, …) are inputs from humans or from our own
log: `None` means that it is not known yet.
Named tuples, for speed: making a frozen dataclass of forty fields costs as much as deciding.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple, TypeAlias

from worker.domain.policy import vocabulary


class OrderFacts(NamedTuple):
    """One order: for `order_tick`, `cancel` and `silence_tick`, and inside every claim.

    The worker needs only `OrderFacts(purchased_at=…, price_minor=…, sms_received_at=…,
    sms_displayed_at=…, credited_minor=…)`.
    """

    purchased_at: datetime
    price_minor: int
    sms_received_at: datetime | None = None  #: Arrived on the platform.
    sms_displayed_at: datetime | None = None  #: Shown in the order table or an API answer.
    credited_minor: int = 0
    restrictions_ignored: bool = False  #: A human's finding.
    product: vocabulary.Product = vocabulary.Product.ONE_TIME
    due_to_problem: bool = False  #: The rental is switched off because it did not work.
    claim_at: datetime | None = None  #: `silence_tick`: when the customer complained.
    claim_proper: bool = True  #: `silence_tick`: right channel, reasons and evidence, in time.


class ClaimFacts(NamedTuple):
    """A claim about one order. `channel` None: it came the right way."""

    order: OrderFacts
    kind: vocabulary.ClaimKind
    claim_at: datetime
    channel: vocabulary.Channel | None = None
    reasons_given: bool = True
    evidence: frozenset[vocabulary.Evidence] = frozenset()
    evidence_at: datetime | None = None  #: None: with the claim.
    contradicts_terms: bool = False
    verified: bool | None = None
    destination: vocabulary.Destination = vocabulary.Destination.BALANCE
    account_flags: frozenset[vocabulary.AccountFlag] = frozenset()
    freeze_seen: bool = False  #: By the human who releases a payout in spite of it.
    service: str = ""
    service_2fa: bool = False
    buy_channel: vocabulary.BuyChannel = vocabulary.BuyChannel.WEB
    payment_method: vocabulary.PaymentMethod = vocabulary.PaymentMethod.BALANCE
    refund_fee_minor: int = 0  #: Recorded and disclosed.
    last_deposit_at: datetime | None = None
    kyc: vocabulary.Kyc = vocabulary.Kyc.NOT_REQUESTED
    compat_listed: bool = False  #: The sales page names it as compatible.
    # A defect and its repair.
    approved: bool | None = None
    rectified_at: datetime | None = None
    customer_choice: vocabulary.CustomerChoice = vocabulary.CustomerChoice.REFUND
    replacement_value_minor: int | None = None  #: None: no replacement is on offer.
    access_requested_at: datetime | None = None
    access_granted_at: datetime | None = None
    access_refused_at: datetime | None = None
    # From our log.
    sms_correct: bool | None = None
    allocation_failed: bool | None = None
    was_listed: bool | None = None
    replacement_available: bool | None = None  #: Of the same country and city.
    cancel_failed: bool = False
    cancel_attempt_at: datetime | None = None
    # Cause, documents, rental.
    client_caused: bool | None = None
    blocked_at: datetime | None = None
    rental_start: datetime | None = None
    rental_end: datetime | None = None
    documents_shown_at_order: bool = False
    # Money out.
    request_fields: frozenset[vocabulary.RequestField] = frozenset(vocabulary.RequestField)
    payment_method_refundable: bool = True


class OutageFacts(NamedTuple):
    """A rented number that does not work."""

    rental_start: datetime
    rental_end: datetime
    price_minor: int
    contacted_at: datetime | None = None
    unavailable_since: datetime | None = None
    restored_at: datetime | None = None
    client_caused: bool = False
    outage_verified: bool | None = True  #: None: the probes are silent.
    credited_minor: int = 0


class Topup(NamedTuple):
    at: datetime
    amount_minor: int


class WithdrawalFacts(NamedTuple):
    """A request for money off the platform; `claim_at` is the customer's contact."""

    claim_at: datetime
    balance_minor: int
    amount_minor: int | None = None  #: None: the whole balance.
    channel: vocabulary.Channel | None = None
    reasons_given: bool = True
    withdraw_reason: vocabulary.WithdrawReason = vocabulary.WithdrawReason.UNUSED_FUNDS
    request_fields: frozenset[vocabulary.RequestField] = frozenset(vocabulary.RequestField)
    email_matches: bool = True
    evidence: frozenset[vocabulary.Evidence] = frozenset()
    contradicts_terms: bool = False
    topups: tuple[Topup, ...] = ()
    activations: tuple[datetime, ...] = ()  #: Purchases that were activated.
    open_order_window_end: datetime | None = None
    last_deposit_at: datetime | None = None
    kyc: vocabulary.Kyc = vocabulary.Kyc.NOT_REQUESTED
    account_flags: frozenset[vocabulary.AccountFlag] = frozenset()
    freeze_seen: bool = False  #: By the human who releases a payout in spite of it.
    payment_method_refundable: bool = True
    payment_info_requested_at: datetime | None = None
    payment_info_provided_at: datetime | None = None
    psp_commission_minor: int = 0
    verified: bool | None = None
    approved_at: datetime | None = None


class AccountFacts(NamedTuple):
    event: vocabulary.AccountEventKind
    balance_minor: int
    withdrawal_open: bool = False


class SlaFacts(NamedTuple):
    sla: vocabulary.Sla
    start_at: datetime
    done_at: datetime | None = None
    extension_until: datetime | None = None
    extension_beyond_control: bool = False  #: A human recorded the reason.


Facts: TypeAlias = OrderFacts | ClaimFacts | OutageFacts | WithdrawalFacts | AccountFacts | SlaFacts

FACTS_FOR: Mapping[vocabulary.Op, type[Facts]] = {
    vocabulary.Op.ORDER_TICK: OrderFacts,
    vocabulary.Op.CANCEL: OrderFacts,
    vocabulary.Op.SILENCE_TICK: OrderFacts,
    vocabulary.Op.CLAIM: ClaimFacts,
    vocabulary.Op.OUTAGE_TICK: OutageFacts,
    vocabulary.Op.WITHDRAWAL: WithdrawalFacts,
    vocabulary.Op.ACCOUNT_EVENT: AccountFacts,
    vocabulary.Op.SLA_TICK: SlaFacts,
}
