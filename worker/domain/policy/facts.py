"""The facts a decision may use; a fact that is not given has a neutral default.

Instants are aware and in UTC, money is in minor units. Each fact has one source: our log, the
order call, the customer's statement or a named human (`worker/docs/policies.md`). `None` means that
nobody knows it yet.
Named tuples, for speed: making a frozen dataclass of forty fields costs as much as deciding.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple, TypeAlias

from worker.domain.policy import vocabulary
from worker.domain.policy.language.matching import OrderWords
from worker.domain.transfer import Charge


class PastEvent(NamedTuple):
    """What an account did before: what the limits of a policy count."""

    what: vocabulary.PastEventKind
    at: datetime
    amount_minor: int = 0
    kind: str | None = None  #: Of a claim.
    times: int = 1  #: More: the sum of as many, dated as the last of them.


class DatedSum(NamedTuple):
    """A top-up, a payout or a purchase that is still paid for."""

    at: datetime
    amount_minor: int


class OrderFacts(NamedTuple):
    """One order: for `order_tick`, `cancel` and `silence_tick`, and inside every claim.

    The worker needs only `OrderFacts(purchased_at=…, price_minor=…, sms_received_at=…,
    sms_displayed_at=…, credited_minor=…)`.
    """

    purchased_at: datetime
    price_minor: int
    sms_received_at: datetime | None = None  #: Arrived on the platform; of a rental the last one.
    sms_displayed_at: datetime | None = None  #: Shown in the order table or an API answer.
    credited_minor: int = 0  #: To the balance, for whatever reason.
    paid_out_minor: int = 0  #: What of the price has left the platform.
    unused_returned_minor: int = 0  #: Of both: what was given back for an unused part.
    replacement_linked_at: datetime | None = None
    restrictions_shown: bool = True
    restrictions_ignored: bool = False  #: A human's finding, or the shop's with the order.
    account_flags: frozenset[vocabulary.AccountFlag] = frozenset()
    history: tuple[PastEvent, ...] = ()
    recent_orders: int = 0  #: How many of the account's last orders were looked at …
    recent_cancels: int = 0  #: … and how many of them Cancel credited.
    # A rental.
    product: vocabulary.Product = vocabulary.Product.ONE_TIME
    rental_start: datetime | None = None
    rental_end: datetime | None = None
    messages_missing: bool = False  #: Its provider did not answer, or has more SMS than it gave.
    due_to_problem: bool = False  #: The customer says that it did not work, and ends it.
    renewed_at: datetime | None = None
    renewal_price_minor: int = 0
    renewal_credited_minor: int = 0  #: Since `renewed_at`.
    # What the exceptions of a policy ask.
    service: str | None = None
    country: str | None = None
    operator: str | None = None
    labels: frozenset[str] = frozenset()
    buy_channel: vocabulary.BuyChannel = vocabulary.BuyChannel.WEB
    payment_method: str = vocabulary.BALANCE
    service_2fa: bool = False
    # `silence_tick`.
    claim_at: datetime | None = None  #: When the customer complained.
    claim_proper: bool = True  #: Right channel, reasons and evidence, in time.

    @property
    def given_back_minor(self) -> int:
        return self.credited_minor + self.paid_out_minor

    @property
    def left_minor(self) -> int:
        """What of the price was not given back yet."""
        return max(0, self.price_minor - self.credited_minor - self.paid_out_minor)

    @property
    def arrived_at(self) -> datetime | None:
        """When the SMS arrived: at the latest when it was shown."""
        return self.sms_received_at or self.sms_displayed_at

    @property
    def is_rental(self) -> bool:
        return self.product is vocabulary.Product.RENTAL


class ClaimFacts(NamedTuple):
    """A claim about one order. `channel` None: it came the right way."""

    order: OrderFacts
    kind: str
    claim_at: datetime  #: When the customer wrote, as told.
    arrived_at: datetime | None = None  #: When it reached us; None: at the date told.
    channel: str | None = None
    reasons_given: bool = True
    request_fields: frozenset[str] | None = None  #: None: all.
    evidence: frozenset[str] = frozenset()
    evidence_at: datetime | None = None  #: None: with the claim.
    contradicts_terms: bool = False
    issue_at: datetime | None = None  #: Since when, as the customer says.
    destination: vocabulary.Destination = vocabulary.Destination.BALANCE
    verified: bool | None = None  #: A human's verdict.
    approved_at: datetime | None = None
    answer_due_at: datetime | None = None  #: Until when the worker awaits what was asked for.
    charge: Charge | None = None
    credit_available_minor: int | None = None  #: What of the credit is still there; None: all.
    first_refund_from: datetime | None = None  #: The first instant refunded of this rental.
    first_purchase: bool = True
    used_bp: int | None = None  #: How much of it was used, as a human found.
    freeze_seen: bool = False  #: A human pays although the account is blocked.
    compat_listed: bool = False  #: The sales page names it as compatible.
    documents_shown_at_order: bool = False
    was_listed: bool | None = None
    # A defect and its repair.
    approved: bool | None = None
    rectified_at: datetime | None = None
    contested_at: datetime | None = None
    access_requested_at: datetime | None = None
    access_granted_at: datetime | None = None
    access_refused_at: datetime | None = None
    # A replacement.
    customer_choice: vocabulary.CustomerChoice = vocabulary.CustomerChoice.REFUND
    replacement_value_minor: int | None = None  #: None: none is on offer.
    replacement_available: bool | None = None  #: Of the same country and city.
    replacement_due_at: datetime | None = None
    # From our log, and what a human found.
    allocation_failed: bool | None = None  #: None: neither an allotment nor a failed one.
    cancel_failed: bool | None = None
    cancel_attempt_at: datetime | None = None
    sms_correct: bool | None = None
    client_caused: bool | None = None
    blocked_at: datetime | None = None
    stopped_found_at: datetime | None = None
    # Money out.
    refund_fee_minor: int = 0  #: Disclosed with the order.
    last_deposit_at: datetime | None = None
    payment_method_refundable: bool = True
    alternative_method: str | None = None  #: Agreed instead of the method that cannot.
    kyc: vocabulary.Kyc = vocabulary.Kyc.NOT_REQUESTED
    kyc_requested_at: datetime | None = None


class OutageFacts(NamedTuple):
    """A rented number that does not work."""

    rental_start: datetime
    rental_end: datetime
    price_minor: int
    purchased_at: datetime | None = None
    contacted_at: datetime | None = None
    arrived_at: datetime | None = None  #: When the report reached us; None: at the contact.
    unavailable_since: datetime | None = None
    restored_at: datetime | None = None
    sms_received_at: datetime | None = None  #: The first from the start of the outage on.
    #: The first from its arrival on, where the contact was before; None: as `sms_received_at`.
    sms_after_arrival_at: datetime | None = None
    client_caused: bool = False
    outage_verified: bool | None = True  #: None: asked for and not known.
    credited_minor: int = 0  #: For this rental, before.
    first_refund_from: datetime | None = None
    replacement_linked_at: datetime | None = None
    account_flags: frozenset[vocabulary.AccountFlag] = frozenset()
    history: tuple[PastEvent, ...] = ()
    service: str | None = None
    country: str | None = None
    operator: str | None = None
    labels: frozenset[str] = frozenset()
    buy_channel: vocabulary.BuyChannel = vocabulary.BuyChannel.WEB
    payment_method: str = vocabulary.BALANCE
    service_2fa: bool = False


class ActivatedOrder(NamedTuple):
    """A number that was activated, or a rental that was taken."""

    at: datetime
    refunded: bool = False  #: By a claim: it counts no longer.


class WithdrawalFacts(NamedTuple):
    """A request for money off the platform; `claim_at` is the customer's contact."""

    claim_at: datetime
    balance_minor: int
    arrived_at: datetime | None = None
    amount_minor: int | None = None  #: None: the whole balance.
    channel: str | None = None
    reasons_given: bool = True
    withdraw_reason: vocabulary.WithdrawReason = vocabulary.WithdrawReason.UNUSED_FUNDS
    request_fields: frozenset[str] | None = None  #: None: all.
    email_matches: bool = True
    evidence: frozenset[str] = frozenset()
    contradicts_terms: bool = False
    answer_due_at: datetime | None = None
    topups: tuple[DatedSum, ...] = ()
    payouts: tuple[DatedSum, ...] = ()  #: Paid, or set aside by another withdrawal.
    purchases: tuple[DatedSum, ...] = ()  #: Still paid for: net of what came back.
    activations: tuple[ActivatedOrder, ...] = ()
    spent_minor: int = 0
    open_order_window_end: datetime | None = None
    last_deposit_at: datetime | None = None
    history: tuple[PastEvent, ...] = ()
    account_flags: frozenset[vocabulary.AccountFlag] = frozenset()
    freeze_seen: bool = False
    kyc: vocabulary.Kyc = vocabulary.Kyc.NOT_REQUESTED
    kyc_requested_at: datetime | None = None
    payment_method: str = vocabulary.BALANCE
    payment_method_refundable: bool = True
    alternative_method: str | None = None
    payment_info_requested_at: datetime | None = None
    payment_info_provided_at: datetime | None = None
    psp_commission_minor: int = 0
    verified: bool | None = None
    approved_at: datetime | None = None
    taken_back_at: datetime | None = None

    @property
    def amount_asked_minor(self) -> int:
        return self.balance_minor if self.amount_minor is None else self.amount_minor

    @property
    def last_activated_at(self) -> datetime | None:
        """The last activation that was not refunded."""
        return max((each.at for each in self.activations if not each.refunded), default=None)


class AccountFacts(NamedTuple):
    event: vocabulary.AccountEventKind
    balance_minor: int
    idle_since: datetime | None = None  #: The last entry of the account.
    withdrawal_open: bool = False
    withdrawal_offer: vocabulary.WithdrawalOffer | None = None  #: None: nothing was offered yet.
    refundable_minor: int | None = None  #: None: the whole balance.
    deletion_confirmed: bool | None = None  #: By a human.


class SlaFacts(NamedTuple):
    """Something that the shop or the customer owes since `start_at`."""

    sla: vocabulary.Sla
    start_at: datetime
    done_at: datetime | None = None
    extension_until: datetime | None = None
    extension_beyond_control: bool = False  #: A human recorded the reason.
    payment_method: str = vocabulary.BALANCE  #: By which a payout is owed.
    account_flags: frozenset[vocabulary.AccountFlag] = frozenset()
    freeze_seen: bool = False
    amount_minor: int = 0
    destination: vocabulary.Destination | None = None
    reason: vocabulary.Reason = vocabulary.Reason.EVIDENCE_MISSING  #: For which an answer is owed.


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


def order_words(facts: OrderFacts | OutageFacts) -> OrderWords:
    """What the exceptions of a policy ask of an order; an outage is always of a rental."""
    rental = vocabulary.Product.RENTAL
    return OrderWords(
        service=facts.service,
        country=facts.country,
        operator=facts.operator,
        labels=facts.labels,
        product=facts.product if isinstance(facts, OrderFacts) else rental,
        buy_channel=facts.buy_channel,
        payment_method=facts.payment_method,
        service_2fa=facts.service_2fa,
        price_minor=facts.price_minor,
    )
