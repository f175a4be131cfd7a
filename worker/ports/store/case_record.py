"""The record: what our own log and books say about an order or an account.

Policies are asked from it, so no caller has to be believed. The names are those of the policies'
facts; `None` means that the log knows nothing of it.
"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from worker.domain.account_state import LoggedEvent, flags_of
from worker.domain.ids import AccountId
from worker.domain.transfer import Charge


class RecordedSum(NamedTuple):
    at: datetime
    amount_minor: int


class TakenOrder(NamedTuple):
    """A number that was activated, or a rental that was taken."""

    at: datetime
    refunded: bool  #: A claim gave all of it back: it counts no longer.


class PastKind(enum.Enum):
    """What limits count."""

    ORDER = "order"
    CANCEL = "cancel"  #: One that credits, or is about to.
    AUTO_CREDIT = "auto_credit"
    CLAIM = "claim"
    PAYOUT = "payout"


class PastDeed(NamedTuple):
    what: PastKind
    at: datetime
    amount_minor: int
    kind: str | None = None  #: Of a claim.
    times: int = 1  #: More: the sum of as many, dated as the last of them.


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseRecord:
    """One order, as a case about it is decided."""

    id: UUID
    rental: bool
    account: AccountId
    provider: str
    policy: str
    policy_version: str
    purchased_at: datetime
    ends_at: datetime  #: The deadline of a number, the end of a rental.
    price_minor: int
    currency: str
    charge: Charge
    service: str
    country: str
    order_ref: str | None = None
    order_facts: Mapping[str, Any] = field(default_factory=dict)  #: As told with the order.
    settled: bool
    settled_at: datetime | None = None
    #: True: no number was found. False: one was given out. None: nobody knows yet.
    allocation_failed: bool | None = None
    sms_received_at: datetime | None = None
    sms_displayed_at: datetime | None = None
    sms_after_arrival_at: datetime | None = None  #: For an outage: the first since it was told.
    cancel_attempt_at: datetime | None = None  #: The press that failed, else the first one.
    cancel_failed: bool | None = None  #: None: nobody pressed, or nobody knows yet.
    credited_minor: int = 0  #: To the balance, or back outside where the shop charged.
    paid_out_minor: int = 0  #: Left the platform, or is approved to.
    unused_returned_minor: int = 0  #: Of both: for an unused part.
    renewed_at: datetime | None = None  #: Of a rental: its newest renewal.
    renewal_price_minor: int = 0
    renewal_credited_minor: int = 0  #: Since `renewed_at`.
    #: Of what was credited: what is still there. None: no money of it leaves, so nobody asks.
    credit_available_minor: int | None = 0
    credit_aside_minor: int = 0  #: Of what was credited: other open claims about it have this.
    #: Entries that would tell it, or that decide about the order, left the books: a human decides.
    books_dropped: bool = False
    first_refund_from: datetime | None = None  #: Of a rental: from when on it was refunded.
    replacement_linked_at: datetime | None = None
    #: In another case about the order a human found that its restrictions were ignored.
    restrictions_found: bool = False
    first_purchase: bool = True

    @property
    def left_minor(self) -> int:
        """What of the price was not given back yet."""
        return max(0, self.price_minor - self.credited_minor - self.paid_out_minor)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRecord:
    """One account, as money out of it is decided."""

    account: AccountId
    currency: str
    policy: str | None
    state: str
    balance_minor: int
    held_minor: int
    topups: tuple[RecordedSum, ...] = ()
    #: Paid, or set aside by another withdrawal, since the customer asked for it.
    payouts: tuple[RecordedSum, ...] = ()
    purchases: tuple[RecordedSum, ...] = ()  #: Still paid for: less what came back.
    activations: tuple[TakenOrder, ...] = ()
    spent_minor: int | None = 0  #: None: nobody asks, or an activated purchase answers.
    last_deposit_at: datetime | None = None
    open_order_window_end: datetime | None = None
    idle_since: datetime  #: Its money lies idle since then.
    case_open: bool = False  #: Something else may move its money.
    history: tuple[PastDeed, ...] = ()
    recent_orders: int = 0
    recent_cancels: int = 0
    withdrawal_open: bool = False
    withdrawals: tuple[tuple[datetime, str], ...] = ()  #: When asked for, and their states.
    events: tuple[LoggedEvent, ...] = ()  #: Oldest first.
    findings: frozenset[str] = frozenset()  #: Flags that a human found.
    findings_ended: Mapping[str, int] = field(default_factory=dict)  #: How often, by flag.

    @property
    def account_flags(self) -> frozenset[str]:
        return flags_of(self.events) | self.findings


class PastPlace(NamedTuple):
    """A place among settlements, or among cases, in the order of time."""

    at: datetime
    id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class PastOrder:
    """A settled number, with what its ending was decided from."""

    id: UUID
    at: datetime  #: Of its settlement.
    outcome: str
    settled_for: str
    ended_for: str | None  #: The `EndReason`; None: a code ended it.
    account: AccountId
    currency: str
    price_minor: int
    service: str
    country: str
    order_facts: Mapping[str, Any]
    policy_version: str
    purchased_at: datetime
    ends_at: datetime
    sms_received_at: datetime | None
    sms_displayed_at: datetime | None
    pressed_at: datetime | None  #: When Cancel was pressed, where that ended it.
    #: Whether Cancel had credited them: the orders before the press, and this one, newest first.
    recent_cancels: tuple[bool, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PastCase:
    """A case with its newest decision."""

    id: UUID
    at: datetime  #: Of its opening.
    kind: str
    currency: str
    policy_version: str
    op: str
    facts: Mapping[str, Any]
    decided_at: datetime
    outcome: str
    reason: str
    amount_minor: int
    by_human: bool
    purchased_at: datetime | None  #: Of the number it is about.
    ends_at: datetime | None
