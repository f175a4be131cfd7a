"""Accounts and their money, the proof that it adds up, kept answers, and what ops count."""

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple, Protocol, TypeAlias
from uuid import UUID

from worker.domain.ids import AccountId, ActivationId, ProviderName
from worker.ports.errors import StoreError
from worker.ports.store.case_view import Timer
from worker.ports.store.said import Noted, StaffNote


@dataclass(frozen=True, slots=True)
class Account:
    account: AccountId
    currency: str
    available_minor: int
    held_minor: int
    state: str  #: open | closing | blocked | frozen | deleted
    policy: str | None = None  #: None: opened before accounts had one, without an order.


class AccountPolicy(NamedTuple):
    """The policy that a new account belongs to: the named one, else the default."""

    named: str | None = None
    default: str | None = None


NO_POLICY: Final = AccountPolicy()


class AccountOpened(enum.Enum):
    NEW = "new"
    SAME = "same"
    OTHER_CONTENT = "other_content"  #: It exists with another currency.
    OTHER_POLICY = "other_policy"  #: It belongs to another policy.


class TopUpOutcome(enum.Enum):
    NEW = "new"
    SAME = "same"  #: This reference is booked already, with this amount and date.
    OTHER_CONTENT = "other_content"
    UNKNOWN_ACCOUNT = "unknown_account"
    IN_FUTURE = "in_future"  #: Dated later than now.
    ACCOUNT_CLOSING = "account_closing"  #: Its deletion waits.
    ACCOUNT_FROZEN = "account_frozen"


class TakeOverOutcome(enum.Enum):
    """What became of an account and its top-ups; all but NEW and SAME changed nothing."""

    NEW = "new"  #: It, or one of its top-ups.
    SAME = "same"
    OTHER_CURRENCY = "other_currency"
    OTHER_POLICY = "other_policy"
    UNKNOWN_ACCOUNT = "unknown_account"  #: Deleted: it takes no money.
    ACCOUNT_CLOSING = "account_closing"
    ACCOUNT_FROZEN = "account_frozen"
    ACCOUNT_LOCKED = "account_locked"  #: Somebody keeps it locked: send it again.
    OTHER_TOPUP = "other_topup"  #: This reference was booked with another amount or date.
    TOPUP_IN_FUTURE = "topup_in_future"


class DatedTopUp(NamedTuple):
    """Money that came from outside, once per reference; None: it was paid just now."""

    reference: str
    amount_minor: int
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class AccountIntake:
    """An account to open, or to find open, with the top-ups that belong to it."""

    account: AccountId
    currency: str
    policy: AccountPolicy = NO_POLICY
    topups: tuple[DatedTopUp, ...] = ()


class AccountTaken(NamedTuple):
    how: TakeOverOutcome
    account: Account | None  #: None where it was refused.
    topups_minor: int = 0  #: What its top-ups come to in the books, each reference once.
    new_minor: int = 0  #: What of that this item brought.
    topup: int | None = None  #: The place of the top-up that was refused.


@dataclass(frozen=True, slots=True)
class Entry:
    """One transfer as an account sees it; the amount is signed for its available balance."""

    id: int
    at: datetime
    kind: str
    key: str
    source: str
    destination: str
    amount_minor: int
    currency: str
    activation: ActivationId | None


@dataclass(frozen=True, slots=True)
class Finding:
    """One invariant, checked over the whole database."""

    invariant: str  #: Closed set; a metric label.
    says: str  #: What must hold, in a sentence.
    violations: int
    offenders: tuple[str, ...] = ()  #: A few ids, for the one who is paged.


class AuditUnfinished(StoreError):
    """Some invariants could not be checked; what was found of the others stays true."""

    def __init__(self, findings: Sequence[Finding], failed: Mapping[str, StoreError]) -> None:
        super().__init__(f"database: {len(failed)} invariants were not checked")
        self.findings = findings
        self.failed = failed  #: Why, by invariant.


class ReadBalance(NamedTuple):
    """What a provider last said it has of our money."""

    minor: int
    currency: str
    at: datetime


class ProviderStop(NamedTuple):
    """Why nothing new is rented at a provider, who said so, and since when."""

    kind: str  #: pause | drain
    since: datetime
    note: str | None
    by: str | None


#: Among the kinds of case that wait for a human: a number whose ending its policy leaves to one.
IN_REVIEW: Final = "activation"
IN_DOUBT: Final = "rental_order"  #: An order of a long rental whose outcome nobody knows.

OTHER_SERVICES: Final = "other"


@dataclass(frozen=True, slots=True)
class QueueStats:
    """What the gauges show; every replica reads the same, so take the maximum."""

    live: Mapping[ProviderName, int]
    overdue: int  #: Unsettled and past deadline + grace.
    oldest_overdue: timedelta
    exposure_minor: Mapping[tuple[ProviderName, str], int]
    events_pending: int
    cancel_ratio: Mapping[ProviderName, float]  #: Cancelled of all ended in the last hour.
    timers_overdue: Mapping[str, int] = field(default_factory=dict)
    canary_success: datetime | None = None  #: When the newest canary that got its code was settled.
    #: Nobody knows whether they were sold, and a customer or our money waits for it.
    purchases_in_doubt: Mapping[ProviderName, int] = field(default_factory=dict)
    balance_minor: Mapping[tuple[ProviderName, str], int] = field(default_factory=dict)
    oldest_event: timedelta = timedelta(0)  #: For how long it has been owed to the endpoint.
    reviews_waiting: Mapping[str, int] = field(default_factory=dict)  #: By kind of case.
    oldest_review: timedelta = timedelta(0)
    reviews_late: int = 0  #: Cases and numbers whose date for a verdict is over.
    #: Ended of those rented yesterday and today (UTC), by provider, service and outcome; of each
    #: provider the services with the most of them, and `OTHER_SERVICES`.
    service_endings: Mapping[tuple[ProviderName, str, str], int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderFigures:
    """What became of numbers that were rented in some time: at a provider, or of one service."""

    provider: ProviderName
    service: str = ""  #: Empty: of all.
    country: str = ""
    live: int = 0
    delivered: int = 0
    refunded: int = 0
    closed: int = 0
    cancelled: int = 0  #: Asked to be cancelled at the provider, among those that ended.
    code_seconds_median: float | None = None
    costed: int = 0  #: Of those that ended: whose price the provider told.
    cost_minor: int = 0  #: What these cost together.

    @property
    def ended(self) -> int:
        return self.delivered + self.refunded + self.closed

    @property
    def rented(self) -> int:
        return self.live + self.ended

    @property
    def success_ratio(self) -> float | None:
        return round(self.delivered / self.ended, 4) if self.ended else None

    @property
    def cost_minor_mean(self) -> int | None:
        """Rounded, for comparing only: what is owed is never reckoned from it."""
        return (self.cost_minor + self.costed // 2) // self.costed if self.costed else None

    @property
    def cancel_ratio(self) -> float | None:
        return round(self.cancelled / self.ended, 4) if self.ended else None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderStanding:
    """How we stand with a provider, as the database knows it."""

    stop: ProviderStop | None = None
    balance: ReadBalance | None = None
    exposure_minor: Mapping[str, int] = field(default_factory=dict)  #: By currency.
    day: ProviderFigures


class QuietAccount(NamedTuple):
    """An account as its idle balance is reckoned."""

    account: AccountId
    policy: str
    state: str
    idle_since: datetime
    available_minor: int
    case_open: bool  #: Something else may move its money.
    months: int | None  #: Of the policy by which it was dated; None: it has no date.


class IdleDate(NamedTuple):
    """When an account's idle balance rings, and after how many months of its policy."""

    account: AccountId
    timer: Timer
    months: int


class QuietPage(NamedTuple):
    accounts: Sequence[QuietAccount]
    up_to: AccountId | None  #: The last name that was looked at; None: there are no more.


KeptAnswer: TypeAlias = Mapping[str, Any]  #: An answer as JSON.


class TakenKey(NamedTuple):
    """What a key was taken for; `answer` None: that call has not ended, or nobody knows how."""

    content_hash: str
    answer: KeptAnswer | None
    case: UUID | None = None  #: What the call opened, or found open.


class BookStore(Protocol):
    """Raises `StoreError` and nothing else; every call is safe to repeat."""

    async def open_account(
        self, account: AccountId, currency: str, policy: AccountPolicy = NO_POLICY
    ) -> tuple[AccountOpened, Account]: ...

    async def account(self, account: AccountId) -> Account | None: ...

    async def take_over(self, accounts: Sequence[AccountIntake]) -> list[AccountTaken]:
        """Open many with their top-ups, in order; each is there as a whole, or is refused."""
        ...

    async def top_up(
        self, account: AccountId, reference: str, amount_minor: int, at: datetime | None = None
    ) -> tuple[TopUpOutcome, Account | None]:
        """*at*: when it was paid, where that was earlier than now."""
        ...

    async def entries(self, account: AccountId, *, before: int | None, limit: int) -> list[Entry]:
        """Newest first; `before` is the id of the last one already seen."""
        ...

    async def entries_about(self, id_: ActivationId) -> list[Entry]:
        """What moved for one number, oldest first, claims included."""
        ...

    async def accounts(self, *, after: AccountId | None, limit: int) -> list[Account]:
        """By name; `after` is the last one already seen."""
        ...

    async def undated_accounts(
        self, after: AccountId | None, limit: int, *, and_dated: bool
    ) -> QuietPage:
        """Of the next *limit* accounts by name those without a date for their idle balance."""
        ...

    async def date_accounts(self, dates: Sequence[IdleDate], since: datetime) -> None:
        """An account that has a date keeps it, unless this one is earlier."""
        ...

    async def dated_account(self, subject: UUID) -> QuietAccount | None:
        """The account that this subject of a timer stands for."""
        ...

    async def date_again(self, timer: Timer, due_at: datetime, months: int) -> None:
        """It rings later; one that fired or was changed meanwhile stays."""
        ...

    async def undate_account(self, timer: Timer) -> None: ...

    async def note(
        self, account: AccountId, said: StaffNote, *, now: datetime | None = None
    ) -> bool:
        """Keep what somebody noted about it, once; False: there is no such account."""
        ...

    async def notes(self, account: AccountId, limit: int) -> list[Noted]:
        """The newest first."""
        ...

    @property
    def invariants(self) -> Sequence[str]: ...

    async def audit(self) -> list[Finding]:
        """Check every invariant in one snapshot. Raises `AuditUnfinished` where some cannot be."""
        ...

    async def check(self, invariant: str) -> Finding | None:
        """Check one of them over everything, and remember whether it holds.

        None while another process is at one, so that there is never more.
        """
        ...

    async def check_new(self, within: timedelta) -> list[Finding] | None:
        """Check what is new since the last proofs, of invariants checked whole *within* that time.

        Those that hold; each of the others is to be checked over everything. None as for `check`.
        """
        ...

    async def queue_stats(self, grace: timedelta, *, now: datetime | None = None) -> QueueStats: ...

    async def provider_standings(
        self, providers: Sequence[ProviderName], *, now: datetime | None = None
    ) -> dict[ProviderName, ProviderStanding]:
        """Of each of these, with the figures of the last 24 hours."""
        ...

    async def provider_services(
        self, provider: ProviderName, *, now: datetime | None = None
    ) -> list[ProviderFigures]:
        """The figures of its services by country, of seven days."""
        ...

    async def service_figures(
        self,
        currencies: Mapping[ProviderName, str],
        service: str,
        country: str,
        *,
        now: datetime | None = None,
    ) -> Mapping[ProviderName, ProviderFigures]:
        """Of one service, of seven days, at each of these; without those that ended none of it.

        The prices are those in the currency given for the provider.
        """
        ...

    async def take_key(self, key: str, content_hash: str) -> TakenKey:
        """Take *key* for this content, or find what it was taken for within the last day."""
        ...

    async def keep_answer(self, key: str, content_hash: str, answer: KeptAnswer) -> KeptAnswer:
        """Keep the answer of this key; of two calls at once, the first one's is everybody's.

        A key that was let go and taken for other content meanwhile keeps that call's answer only.
        """
        ...

    async def let_go(self, key: str, content_hash: str) -> None:
        """Nothing came of the call: the key is free, unless another one was answered under it."""
        ...

    async def forget_answers(self, limit: int) -> int:
        """Delete up to *limit* that are older than a day; how many."""
        ...
