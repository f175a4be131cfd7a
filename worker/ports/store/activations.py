"""Rented numbers: their intake, their codes, and what is asked of them.

Every changing call is one transaction and safe to repeat: it names the state it leaves, and a
second caller changes nothing. `now` is for tests; None means the database's own clock, which is
what guards use in production. Raises `StoreError` and nothing else.
"""

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple, Protocol, TypeAlias

from worker.domain.activation import CancelAnswer, CodeFate, ProviderState, State
from worker.domain.ids import AccountId, ActivationId, ProviderName, ProviderRef, SmsCode
from worker.domain.policy.at_intake import ANY_TIME, CancelTerms
from worker.domain.policy.limits import HistoryAsked
from worker.domain.transfer import Charge
from worker.ports.store.case_record import AccountRecord, CaseRecord
from worker.ports.store.said import StaffAct, StaffNote

#: What only the order call knows, as JSON, in the vocabulary of the policies. Never changed.
FactsTold: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ShownCode:
    code: SmsCode = field(repr=False)
    text: str | None = field(repr=False)
    received_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberIntake:
    """A number that was already rented, as the caller gives it; None = the default applies."""

    provider: ProviderName
    ref: ProviderRef
    account: AccountId
    phone: str = field(repr=False)
    service: str
    country: str
    price_minor: int
    rented_at: datetime | None = None
    window: timedelta | None = None
    expires_at: datetime | None = None
    policy: str | None = None
    charge: Charge = Charge.HOLD
    order_ref: str | None = None  #: The shop's own id of the order.
    order_facts: FactsTold | None = None
    #: Those that were shown elsewhere already, in the order in which they came.
    codes: tuple[ShownCode, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class CompleteIntake:
    """A number that is handed over, with its defaults filled in and its terms fixed."""

    number: NumberIntake  #: Its window and its policy are given.
    #: The same without the defaults, which may change until it is told again; None: none are in it.
    told: NumberIntake | None = field(default=None, compare=False)
    #: Why it is not taken where it is not stored yet: its provider, its policy or its window.
    refused: "AcceptOutcome | None" = None
    policy_version: str
    min_cancel_age: timedelta = timedelta(0)
    cancel: CancelTerms = ANY_TIME
    cost_minor: int | None = None  #: What the provider took, where it told us.
    cost_currency: str | None = None

    @property
    def window(self) -> timedelta:
        assert self.number.window is not None
        return self.number.window

    @property
    def policy(self) -> str:
        assert self.number.policy is not None
        return self.number.policy


class AcceptOutcome(enum.Enum):
    """How an intake ended; all but NEW and SAME stored nothing."""

    NEW = "new"
    SAME = "same"  #: Known already, with this very content.
    OTHER_CONTENT = "other_content"
    UNKNOWN_ACCOUNT = "unknown_account"
    ACCOUNT_BLOCKED = "account_blocked"
    ACCOUNT_CLOSING = "account_closing"  #: Its deletion waits.
    ACCOUNT_FROZEN = "account_frozen"
    #: Somebody keeps the account locked, and nothing is known of the number: hand it over again.
    ACCOUNT_LOCKED = "account_locked"
    BALANCE_TOO_LOW = "balance_too_low"
    UNKNOWN_PROVIDER = "unknown_provider"  #: Not configured here.
    UNKNOWN_POLICY = "unknown_policy"
    WINDOW_TOO_LONG = "window_too_long"  #: Longer than the one its policy names.
    RENTED_IN_FUTURE = "rented_in_future"  #: `rented_at` is beyond what clock skew explains.
    CODE_IN_FUTURE = "code_in_future"  #: The same of a code.
    CODE_TOO_LATE = "code_too_late"  #: It came after the deadline: it should not have been shown.


@dataclass(frozen=True, slots=True)
class Settlement:
    outcome: State
    amount_minor: int
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One line of a timeline; `detail` holds plain values, never a code or a phone."""

    at: datetime
    what: str
    detail: Mapping[str, str | int | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Activation:
    """One activation as the API shows it."""

    id: ActivationId
    provider: ProviderName
    ref: ProviderRef | None  #: None while a purchase's outcome is unknown.
    account: AccountId
    phone: str | None = field(repr=False)
    service: str
    country: str
    price_minor: int
    currency: str
    policy: str
    state: State
    provider_state: ProviderState
    rented_at: datetime
    deadline_at: datetime
    charge: Charge = Charge.HOLD
    cancel_offered: bool = True
    cancel_from_at: datetime | None = None  #: None: no such bound.
    cancel_until_at: datetime | None = None
    order_ref: str | None = None
    order_facts: FactsTold | None = None
    codes: tuple[ShownCode, ...] = ()
    settlement: Settlement | None = None
    given_back_minor: int = 0  #: By claims, after its charge was kept.
    timeline: tuple[TimelineEntry, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivationSearch:
    """What somebody knows of the numbers they look for; None: that does not matter."""

    service: str | None = None
    country: str | None = None
    ref: ProviderRef | None = None
    #: Digits, perhaps after a plus: a whole phone, or the last 4 to 12 digits of one.
    phone: str | None = field(default=None, repr=False)
    id_tail: str | None = None  #: The last 8 characters of the id.
    order_ref: str | None = None  #: The shop's own id of the order.


ANY_NUMBER = ActivationSearch()


@dataclass(frozen=True, slots=True)
class AcceptResult:
    how: AcceptOutcome
    activation: Activation | None


class SeenSms(NamedTuple):
    """An SMS as seen at the provider, by our id or by the provider's ref."""

    provider: ProviderName
    ref: ProviderRef
    code: str
    text: str | None
    #: The number that was asked about. Where its ref is a newer rental's by now, it is nobody's: it
    #: may be the old one's, and the newer one is asked about itself. None: a list told it.
    rental: ActivationId | None = None

    def __repr__(self) -> str:
        return f"SeenSms({self.provider}, {self.ref})"  # The code is in no repr.


class RecordedCode(NamedTuple):
    id: ActivationId
    provider: ProviderName
    fate: CodeFate
    wait: timedelta  #: Seen minus rented.
    sms: SeenSms


class LockedCode(NamedTuple):
    """One that waits: somebody has its number's row locked."""

    sms: SeenSms  #: With the number whose it is: its ref may be sold again meanwhile.
    seen_at: datetime  #: By the database: what it is recorded with later, so no wait makes it late.


class SettledPlace(NamedTuple):
    """How far old numbers were looked at, by when they were rented."""

    rented_at: datetime
    id: ActivationId


class LiveNumber(NamedTuple):
    """What is needed to look at a number."""

    id: ActivationId
    ref: ProviderRef
    rented_at: datetime
    deadline_at: datetime


class CancelPress(NamedTuple):
    """What pressing Cancel did; `not_before` is set while the provider will not cancel yet."""

    answer: CancelAnswer
    state: State  #: As it was found.
    provider: ProviderName
    not_before: datetime | None


class PressDecision(NamedTuple):
    """What the policy makes of a press: refused, or how the number ends if no SMS comes."""

    refused: CancelAnswer | None
    ends_as: tuple[State, str] | None = None  #: And why.


class CancelJudge(Protocol):
    """Asks the policy of a number about a press, from the record; without I/O."""

    def asked(self, record: CaseRecord, /) -> HistoryAsked:
        """What of the account's past is counted before this number's press is answered."""
        ...

    def __call__(
        self, record: CaseRecord, account: AccountRecord, now: datetime, /
    ) -> PressDecision: ...


class ActivationStore(Protocol):
    """Rented numbers: intake, codes, what is asked of them, and how they read."""

    async def accept(
        self,
        intakes: Sequence[CompleteIntake],
        *,
        patient: bool = True,
        now: datetime | None = None,
    ) -> list[AcceptResult]:
        """Store new numbers with their holds, in order, in one transaction (E0).

        *patient* is whether an account that somebody keeps locked is waited for.
        """
        ...

    async def record_codes(
        self, seen: Sequence[SeenSms], *, now: datetime | None = None
    ) -> list[RecordedCode]:
        """Record SMS and say what each means (E1, E1a, E1b). Unknown refs are left out.

        Raises `RowLocked` where somebody keeps the row of one of them locked.
        """
        ...

    async def record_free_codes(
        self, seen: Sequence[SeenSms], *, now: datetime | None = None
    ) -> list[RecordedCode | LockedCode]:
        """The same, without waiting for rows that somebody has locked: those are told apart."""
        ...

    async def forget_texts(
        self, time: timedelta, limit: int, *, now: datetime | None = None
    ) -> int:
        """Delete up to *limit* that came longer ago than *time*; how many.

        Codes stay for the shop's records, and the hashes by which an SMS is known again. So does
        the text of a number about which a case is open, or may still be opened.
        """
        ...

    async def forget_phones(
        self, time: timedelta, limit: int, *, now: datetime | None = None
    ) -> int:
        """Delete up to *limit* of numbers that rest and were rented longer ago; how many."""
        ...

    async def forget_settled(
        self,
        time: timedelta,
        limit: int,
        *,
        after: SettledPlace | None,
        now: datetime | None = None,
    ) -> SettledPlace | None:
        """Delete numbers settled longer ago whose books were dropped and nobody may ask for.

        Looks at the next *limit* old numbers; where to go on, None at the end.
        """
        ...

    async def settled_place(self, limit: int, *, after: SettledPlace | None) -> SettledPlace | None:
        """Where it goes on behind the next *limit* numbers, without forgetting; None at the end."""
        ...

    async def press_cancel(
        self, id_: ActivationId, *, now: datetime | None = None
    ) -> CancelPress | None:
        """The Cancel button (E3); None for an unknown id."""
        ...

    async def press_cancels(
        self, ids: Sequence[ActivationId], *, now: datetime | None = None
    ) -> dict[ActivationId, CancelPress]:
        """The same for many, in one transaction that waits for no row.

        Numbers that somebody else has locked are left out, like unknown ones.
        """
        ...

    async def press_judged(
        self, id_: ActivationId, judge: CancelJudge, *, now: datetime | None = None
    ) -> CancelPress | None:
        """A press that *judge* answers; the account is locked, so no other one counts meanwhile."""
        ...

    async def ask_finish(self, id_: ActivationId, *, now: datetime | None = None) -> State | None:
        """Ask for the end of a number with a code; the state found, None for an unknown id."""
        ...

    async def tell(
        self, id_: ActivationId, what: str, said: StaffNote, *, now: datetime | None = None
    ) -> bool:
        """Write what somebody did or noted in the timeline, once; False: an unknown id."""
        ...

    async def tell_acts(
        self, acts: Sequence[StaffAct], *, now: datetime | None = None
    ) -> set[StaffAct]:
        """Many as `tell` writes one, and which; not those of numbers that somebody has locked."""
        ...

    async def activation(self, id_: ActivationId) -> Activation | None: ...

    async def activations_of(self, ids: Sequence[ActivationId]) -> dict[ActivationId, Activation]:
        """Many as `activation` reads one; unknown ids are absent."""
        ...

    async def activations(
        self,
        *,
        state: State | None = None,
        provider: ProviderName | None = None,
        account: AccountId | None = None,
        search: ActivationSearch = ANY_NUMBER,
        before: tuple[datetime, ActivationId] | None = None,
        limit: int = 50,
    ) -> list[Activation]:
        """Newest first; `before` is the (rented_at, id) of the last one already seen.

        Their timelines are empty.
        """
        ...

    async def versions(self, ids: Sequence[ActivationId]) -> dict[ActivationId, int]:
        """A number per activation that grows with each visible change; unknown ids are absent."""
        ...

    async def live_numbers(
        self, provider: ProviderName, *, after: ActivationId | None, limit: int
    ) -> list[LiveNumber]:
        """Numbers that can still get a code (waiting, expiring, received), by id."""
        ...

    async def live_since(
        self, provider: ProviderName, *, since: datetime, limit: int
    ) -> list[LiveNumber]:
        """Of those the ones that were stored since then, newest first."""
        ...

    async def live_number(self, provider: ProviderName, ref: ProviderRef) -> LiveNumber | None: ...

    async def live_of_refs(
        self, provider: ProviderName, refs: Sequence[ProviderRef]
    ) -> list[LiveNumber]: ...

    async def missing_from(
        self,
        provider: ProviderName,
        listed: Sequence[ProviderRef],
        rented_before: datetime,
        limit: int,
        after: ActivationId | None = None,
    ) -> list[LiveNumber]:
        """Waiting numbers that a list did not name, by id, from behind *after* on and round."""
        ...
