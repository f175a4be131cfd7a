"""A case as its judge sees it, and the step that the judge gives.

A case is changed in one transaction: the store locks its rows and shows them as a `CaseView`, a
pure `CaseJudge` of the lifecycle gives a `CaseStep`, and the store carries that out with its money,
its event and its timers. A transaction that is run again asks the judge again.
"""

import enum
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple, TypeAlias
from uuid import UUID

from worker.domain.account_state import LoggedEvent, flags_of
from worker.domain.ids import AccountId, ActivationId
from worker.domain.policy import Decision, Op, Outcome, Profile
from worker.domain.transfer import Charge, TransferKind
from worker.ports.store.case_record import AccountRecord, CaseRecord
from worker.ports.store.obligations import Obligation, Owed

CaseFacts: TypeAlias = Mapping[str, Any]  #: As JSON, in the vocabulary of the policies.


class CaseKind(enum.Enum):
    CLAIM = "claim"
    OUTAGE = "rental_outage"
    RENTAL_END = "rental_end"  #: Its end gives back what no press or claim asked for.
    RENTAL_CANCEL = "rental_cancel"  #: Given back, a renewal given back, or ended early.
    WITHDRAWAL = "withdrawal"
    ACCOUNT = "account"


class CaseState(enum.Enum):
    WAITING = "waiting"  #: For a date, for an order to end, or for the shop to repair.
    NEEDS_EVIDENCE = "needs_evidence"  #: For the customer to add something.
    IN_REVIEW = "in_review"  #: For a human.
    APPROVED = "approved"  #: Money is owed that leaves the platform: it has to be paid out.
    GRANTED = "granted"  #: Money was credited.
    DENIED = "denied"
    RESOLVED = "resolved"  #: Repaired in time.
    REPLACED = "replaced"
    PAID = "paid"  #: It was paid out.
    DONE = "done"  #: An account event that has had its effect, or nothing was to be done.
    CANCELLED = "cancelled"  #: The customer took it back.


CLOSED = frozenset(
    {
        CaseState.GRANTED,
        CaseState.DENIED,
        CaseState.RESOLVED,
        CaseState.REPLACED,
        CaseState.PAID,
        CaseState.DONE,
        CaseState.CANCELLED,
    }
)
REFUSED = frozenset({CaseState.DENIED, CaseState.CANCELLED})
#: Nothing more is decided about what was asked; of an approved case the money is still owed.
ANSWERED = CLOSED | {CaseState.APPROVED}


class TimerKind(enum.Enum):
    """Closed set; a metric label. What each starts and ends with: the policies' timers."""

    SMS_WINDOW = "sms_window"  #: A claim waits for its order to end.
    CLAIM_WINDOW = "claim_window"  #: An activation becomes final by silence.
    EVIDENCE_DUE = "evidence_due"
    RECTIFICATION = "rectification"
    HOST_ACCESS_GRACE = "host_access_grace"
    HONOUR = "honour"
    OUTAGE_THRESHOLD = "outage_threshold"
    OUTAGE_END = "outage_end"
    BALANCE_CREDIT_SLA = "balance_credit_sla"
    REVIEW_SLA = "review_sla"
    PAYMENT_INFO = "payment_info"
    REFUND_PAYMENT = "refund_payment"
    OPEN_ORDER_HOLD = "open_order_hold"
    DELETION_HOLD = "deletion_hold"
    OBLIGATION = "obligation"  #: What is owed in a case was not carried out by its date.
    BALANCE_IDLE = "balance_idle"  #: Nothing has moved an account's money for long.
    REVIEW_LATE = "review_late"  #: Of a number in review, or of the obligation to review a case.
    RENTAL_END = "rental_end"
    RENTAL_EMPTY = "rental_empty"  #: At its end, too: one without an SMS may be paid back.
    RENTAL_CLOSE = "rental_close"  #: A rental that was given back is closed at its provider.
    RENTAL_ORDER = "rental_order"  #: An order of a long rental that nobody ended is in doubt.
    RENTAL_ORDER_LATE = "rental_order_late"  #: Nobody has decided such an order by its date.


class Timer(NamedTuple):
    kind: TimerKind
    subject: UUID  #: A case, or the activation or rental it is about.
    due_at: datetime  #: The last instant in time: it acts at the first one after.
    #: For a row that somebody keeps locked: the other timers that are due wait behind this one.
    lock_wait: timedelta = timedelta(milliseconds=200)


class MoneyMove(NamedTuple):
    """Money of a case; its kind with the case's id is the unique key of the transfer."""

    kind: TransferKind
    amount_minor: int
    leaves_platform: bool = False  #: CLAIM: it is paid out instead of going to the balance.


@dataclass(frozen=True, slots=True)
class DecisionRecord:
    """A decision with what it rests on."""

    op: Op
    decision: Decision
    facts: CaseFacts
    clauses: tuple[str, ...] = ()
    as_of: datetime | None = None  #: The date of the timer that asked; None: the transaction's now.
    by_human: bool = False


class Rejected(enum.Enum):
    """Why a change did not happen; the case is shown with it as it is."""

    CLOSED = "closed"
    OTHER_CONTENT = "other_content"
    NOT_ASKED_FOR = "not_asked_for"  #: The case does not wait for this.
    ACCOUNT_BLOCKED = "account_blocked"  #: No money leaves it, unless a human has seen the block.
    ACCOUNT_FROZEN = "account_frozen"
    ACCOUNT_DELETED = "account_deleted"
    PAID_BACK = "paid_back"  #: Money was given for the order: one price, one number.
    REPLACED = "replaced"  #: The order has its number, or the number is another order's.
    PROLONGED = "prolonged"  #: The rental was, since a human was asked about it.
    WRONG_SUM = "wrong_sum"  #: No sum where one is needed, or more than proposed.
    SET_ASIDE = "set_aside"  #: A yes would give nothing while another claim has the credit.


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseStep:
    """What becomes of a case. `None` leaves it as it is."""

    state: CaseState
    facts: CaseFacts
    record: DecisionRecord | None = None
    timers: Mapping[TimerKind, datetime] = field(default_factory=dict)
    moves: Sequence[MoneyMove] = ()
    event: str | None = None  #: Its type.
    verdict: Mapping[str, Any] | None = None
    account_state: str | None = None
    replaced_by: UUID | None = None  #: The number or rental that is linked.
    owed: Sequence[Owed] | None = None  #: All that is owed from now on.
    account_flags: Sequence[str] = ()  #: That a human found: they stay with the account.
    lifted_flags: Sequence[str] = ()  #: That this case found, and that its human takes back.
    reopens: bool = False  #: A closed case changes: its repair did not hold, or a human says so.
    ends_rental: bool = False  #: Its days are credited: it is to be closed at its provider.
    gives_renewal_back: bool = False  #: It ends when it would have ended without its renewal.
    evidence: tuple[str, Mapping[str, Any]] | None = None  #: What it is, as it was sent.
    rejected: Rejected | None = None


@dataclass(frozen=True, slots=True)
class DecisionRow:
    """A decision as it is stored."""

    at: datetime
    op: str
    outcome: str
    reason: str
    amount_minor: int
    fee_minor: int
    destination: str | None
    deadline: datetime | None
    as_of: datetime
    clauses: tuple[str, ...]
    policy_version: str
    by: str


class EvidenceEntry(NamedTuple):
    """What was added to a case, as it was sent."""

    at: datetime
    what: str
    content: Mapping[str, Any]
    by: str | None = None  #: Who told it.


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    id: UUID
    kind: CaseKind
    subject: str
    activation: ActivationId | None
    rental: UUID | None
    account: AccountId
    currency: str
    state: CaseState
    facts: CaseFacts
    policy: str
    policy_version: str
    opened_at: datetime
    closed_at: datetime | None = None
    verdict: Mapping[str, Any] | None = None
    withheld_minor: int = 0
    moved_minor: int = 0  #: Credited or paid out so far.
    order_ref: str | None = None  #: The shop's own id of the order that it is about.
    charge: Charge | None = None  #: Of that order: whose books its money is in.
    decisions: tuple[DecisionRow, ...] = ()  #: Oldest first.
    evidence: tuple[EvidenceEntry, ...] = ()
    timers: tuple[Timer, ...] = ()
    obligations: tuple[Obligation, ...] = ()  #: Oldest first.

    @property
    def decided(self) -> DecisionRow | None:
        """The newest decision; that the shop is late decides nothing."""
        late = Outcome.OVERDUE.value
        return next((row for row in reversed(self.decisions) if row.outcome != late), None)


class PaidOutage(NamedTuple):
    """An outage of a rental that was credited."""

    start: datetime
    end: datetime
    amount_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseOrder:
    """The order a case is about, as our own log has it."""

    rental: bool
    purchased_at: datetime
    ends_at: datetime  #: The deadline of an activation, the end of a rental.
    price_minor: int
    charge: Charge
    service: str
    settled: bool
    credited_minor: int  #: Released, or credited or approved by any case so far.
    outages_minor: int = 0  #: Of that, for days on which a rental did not work.
    outages: tuple[PaidOutage, ...] = ()  #: Those that were credited.
    blocked_from: datetime | None = None  #: All days from then on were credited, or given back.
    unused_from: datetime | None = None  #: The first instant for which an unused part was given …
    unused_minor: int = 0  #: … and what all of them gave.
    sms_received_at: datetime | None = None
    sms_displayed_at: datetime | None = None
    order_ref: str | None = None
    order_facts: CaseFacts = field(default_factory=dict)  #: What was told with the order.

    @property
    def left_minor(self) -> int:
        """What is left of the price to be credited or paid out."""
        return self.price_minor - self.credited_minor


class Payout(NamedTuple):
    """What another withdrawal took off the platform, or will take."""

    asked_at: datetime
    granted_at: datetime
    amount_minor: int  #: With its fee.


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountHoldings:
    """What an account has and did, as our own books have it."""

    available_minor: int
    held_minor: int
    state: str
    topups: tuple[tuple[datetime, int], ...] = ()
    paid_out: tuple[Payout, ...] = ()  #: Oldest first; not by this case itself.
    activated: tuple[datetime, ...] = ()
    open_order_end: datetime | None = None
    withdrawal_open: bool = False
    events: tuple[LoggedEvent, ...] = ()  #: Oldest first, without what is being decided.
    events_before: int = 0  #: Of these, told before what is being decided.
    findings: frozenset[str] = frozenset()  #: Flags that a human found.

    @property
    def flags(self) -> frozenset[str]:
        """What its events say about the account when money is to leave."""
        return flags_of(self.events) | self.findings


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseView:
    """All that is locked or read for one change; `timer` is the one that fires."""

    case: Case
    now: datetime
    profile: Profile | None  #: Of the order's purchase; None: no such version is kept.
    order: CaseOrder | None
    holdings: AccountHoldings
    record: CaseRecord | None  #: Of the order, without what this case itself gave.
    account: AccountRecord
    timer: Timer | None = None
    overdue: tuple[TimerKind, ...] = ()  #: Timers of this case that are due and have not fired.


CaseJudge: TypeAlias = Callable[[CaseView], CaseStep]
