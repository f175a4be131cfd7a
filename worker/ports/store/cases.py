"""Cases, long rentals, durable timers, and what waits for a human.

A timer is a date after which something follows, however long no process ran. A long rental
is paid when it is booked, and credited for the days on which it did not work.
"""

import enum
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple, Protocol, TypeAlias, TypeVar
from uuid import UUID, uuid5

from worker.domain.account_state import LoggedEvent
from worker.domain.ids import AccountId, ActivationId, ProviderName, ProviderRef
from worker.domain.policy import Profile
from worker.domain.policy.language.matching import OrderWords
from worker.ports.provider import Sms
from worker.ports.store import case_view, rentals
from worker.ports.store.case_record import AccountRecord, CaseRecord
from worker.ports.store.case_search import (
    ANY_REVIEW,
    CaseBrief,
    CaseSearch,
    Review,
    ReviewPlace,
    ReviewSearch,
)
from worker.ports.store.obligations import Obligation
from worker.ports.store.said import StaffNote

PolicyVersion: TypeAlias = tuple[str, str]  #: Name and version.
#: Of a version, by name and version; None: it cannot be had.
PolicyLookup: TypeAlias = Callable[[str, str], Profile | None]
#: The contents of those versions that are kept, as JSON; None asks for all there are.
ReadPolicies: TypeAlias = Callable[
    [Collection[PolicyVersion] | None], Awaitable[Mapping[PolicyVersion, Any]]
]


T = TypeVar("T")

_CASES = UUID("8d0a4f52-1c7b-5f6e-9b7d-2f4e7c1a9d03")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewCase:
    """`content` is what makes two openings the same; `account` only where no order names it."""

    id: UUID
    kind: case_view.CaseKind
    subject: str
    facts: case_view.CaseFacts
    content: Mapping[str, Any]
    activation: ActivationId | None = None
    rental: UUID | None = None
    account: AccountId | None = None
    policy: str | None = None  #: Only where no order names it.
    policy_version: str | None = None
    call_key: str | None = None  #: Of the call, which finds it by that again.


class CaseOpenOutcome(enum.Enum):
    NEW = "new"
    SAME = "same"
    OTHER_CONTENT = "other_content"
    DECIDED = "decided"  #: A human has judged this claim, sent with other content.
    UNKNOWN_SUBJECT = "unknown_subject"  #: No such account, activation or rental.
    BALANCE_TOO_LOW = "balance_too_low"
    ACCOUNT_BLOCKED = "account_blocked"
    ACCOUNT_CLOSING = "account_closing"  #: Its deletion waits.
    ACCOUNT_FROZEN = "account_frozen"
    OTHER_POLICY = "other_policy"  #: The account belongs to another one.


class NumberTaken(Exception):
    """It replaces another order; raised in the transaction that links it, which it undoes."""


@dataclass(frozen=True, slots=True)
class CaseOpenResult:
    how: CaseOpenOutcome
    case: case_view.Case | None = None


@dataclass(frozen=True, slots=True)
class CaseChange:
    """`case` None: there is no such case."""

    case: case_view.Case | None
    rejected: case_view.Rejected | None = None


@dataclass(frozen=True, slots=True)
class RentalBookingResult:
    how: CaseOpenOutcome
    rental: rentals.Rental | None = None


class UnseededWindow(NamedTuple):
    """A settled activation whose claim window has not been set yet."""

    id: ActivationId
    policy: str
    policy_version: str
    rented_at: datetime
    words: OrderWords


class UnseededPage(NamedTuple):
    windows: Sequence[UnseededWindow]
    up_to: datetime  #: The instant of settlement up to which these are all.
    has_more: bool  #: Whether more follow.


class SilentActivation(NamedTuple):
    """A settled activation whose claim window is over; `claim_at` of the first proper claim."""

    id: ActivationId
    account: AccountId
    service: str
    country: str
    order_facts: Mapping[str, Any]  #: As told with the order.
    order: case_view.CaseOrder
    profile: Profile | None
    claim_at: datetime | None
    due_at: datetime  #: Of the timer: the last instant of the window.
    now: datetime


SilenceJudge: TypeAlias = Callable[[SilentActivation], case_view.DecisionRecord | None]


class CaseStore(Protocol):
    """Raises `StoreError` and nothing else; every call is safe to repeat."""

    async def open_case(
        self,
        new: NewCase,
        judge: case_view.CaseJudge,
        policy_of: PolicyLookup,
        *,
        now: datetime | None = None,
        by: str | None = None,
        lock_wait: timedelta | None = None,
    ) -> CaseOpenResult:
        """Open it and judge it by the policy of its order; what *policy_of* raises undoes it.

        Raises `RowLocked` where its account stays locked for *lock_wait*.
        """
        ...

    async def change_case(  # noqa: PLR0913 - no caller gives them all
        self,
        id_: UUID,
        judge: case_view.CaseJudge,
        policy_of: PolicyLookup,
        *,
        now: datetime | None = None,
        by: str | None = None,
        timer: case_view.Timer | None = None,
        lock_wait: timedelta | None = None,
    ) -> CaseChange:
        """With a *timer*: only if that one is still due, and it has fired afterwards.

        Raises `RowLocked` where its account stays locked for *lock_wait*, or that of the *timer*.
        """
        ...

    async def case(self, id_: UUID) -> case_view.Case | None: ...

    async def open_cases_of(
        self, account: AccountId, kind: case_view.CaseKind, *, waiting_for: str
    ) -> list[UUID]:
        """The open cases of an account that wait with this reason."""
        ...

    async def order_record(self, id_: UUID) -> CaseRecord | None:
        """The record of a number or a rental."""
        ...

    async def account_record(
        self, account: AccountId, *, now: datetime | None = None
    ) -> AccountRecord | None:
        """With each deed of its last year by itself: for reports, never under a lock."""
        ...

    async def account_flags(self, account: AccountId) -> frozenset[str]:
        """What stands about it by its events and by what humans found."""
        ...

    async def account_events(self, account: AccountId) -> list[LoggedEvent]:
        """The events of an account, oldest first."""
        ...

    async def obligations_of(self, accounts: Sequence[AccountId]) -> list[Obligation]:
        """What is owed in the cases of an account, soonest first."""
        ...

    async def obligation(self, id_: UUID) -> Obligation | None: ...

    async def open_deletions(self, account: AccountId) -> list[UUID]:
        """The deletions of an account that have not ended."""
        ...

    async def reviews(
        self,
        policies: Mapping[PolicyVersion, Profile],
        *,
        limit: int,
        after: ReviewPlace | None = None,
        about: ReviewSearch = ANY_REVIEW,
    ) -> list[Review]:
        """What waits for a human, ordered by its date.

        The clauses of an activation's are left to who knows them.
        """
        ...

    async def note(
        self,
        id_: UUID,
        kind: case_view.CaseKind,
        said: StaffNote,
        *,
        now: datetime | None = None,
    ) -> bool:
        """Keep it beside what was told in the case, once; False: no such case of this kind."""
        ...

    async def review_late(
        self, timer: case_view.Timer, review: Review | None, *, now: datetime | None = None
    ) -> bool:
        """Tell that nobody decided it by its date, once; None, or one that was decided: nothing."""
        ...

    async def preview(
        self,
        ids: Collection[UUID],
        looks: Callable[[case_view.CaseView], T],
        policy_of: PolicyLookup,
        *,
        now: datetime | None = None,
    ) -> dict[UUID, T]:
        """What *looks* makes of the cases as they stand at one moment; unknown ids are absent.

        Nothing is locked, and nothing changes.
        """
        ...

    async def list_cases(self, search: CaseSearch, limit: int) -> list[case_view.Case]:
        """Newest first."""
        ...

    async def cases_of(self, ids: Collection[UUID]) -> dict[UUID, case_view.Case]:
        """Many as `case` reads one; unknown ids are absent."""
        ...

    async def newest_cases(self, accounts: Collection[AccountId], each: int) -> list[CaseBrief]:
        """The newest *each* of each account, newest first."""
        ...

    async def book_rental(
        self, rental: rentals.Rental, *, policy_told: bool = True, now: datetime | None = None
    ) -> RentalBookingResult:
        """*policy_told*: else its policy is the default, where no order in doubt names another."""
        ...

    async def rental(self, provider: ProviderName, ref: ProviderRef) -> rentals.Rental | None:
        """The newest rental under this ref, with the cases about it."""
        ...

    async def rental_of(self, id_: UUID) -> rentals.Rental | None: ...

    async def list_rentals(self, search: rentals.RentalSearch, limit: int) -> list[rentals.Rental]:
        """Newest first."""
        ...

    async def cases_about(self, id_: ActivationId) -> Sequence[case_view.Case]:
        """All that were opened about one number, in that order."""
        ...

    async def rental_closed(
        self, timer: case_view.Timer, how: rentals.RentalClosing, *, now: datetime | None = None
    ) -> bool:
        """Record how its provider closed it, with an event; whether it was this call."""
        ...

    async def put_off(
        self, timer: case_view.Timer, by: timedelta, *, now: datetime | None = None
    ) -> None:
        """Let a timer that could not act be due again after *by*."""
        ...

    async def end_rental(self, timer: case_view.Timer, *, now: datetime | None = None) -> bool:
        """End a rental whose paid period is over; whether it was this call."""
        ...

    async def begin_rental_order(
        self, order: rentals.RentalOrder, *, now: datetime | None = None
    ) -> rentals.RentalOrderResult:
        """Store the intent with its hold; NEW: this call, and no other, asks the provider."""
        ...

    async def rental_bought(
        self, order: UUID, sold: rentals.RentedLong, *, now: datetime | None = None
    ) -> rentals.Rental | None:
        """The rental that the order became; None where it had ended without one."""
        ...

    async def rental_prolonged(
        self, order: UUID, longer: rentals.ProlongedLong, *, now: datetime | None = None
    ) -> rentals.Rental | None:
        """The rental, later by what was paid: each of several at once counts once."""
        ...

    async def rental_order_failed(
        self, order: UUID, failure: str, *, now: datetime | None = None
    ) -> bool:
        """Certainly nothing was bought: the hold goes back, once.

        False: a human has said meanwhile that it was.
        """
        ...

    async def rental_order_unknown(self, order: UUID, *, now: datetime | None = None) -> None:
        """Nobody knows whether it was bought: the hold stays, and an event tells of it."""
        ...

    async def rental_order_forgotten(
        self, timer: case_view.Timer, *, now: datetime | None = None
    ) -> bool:
        """The same, where whoever asked the provider has said nothing since."""
        ...

    async def rental_order(self, id_: UUID) -> rentals.OrderStanding | None: ...

    async def decide_rental_order(
        self, id_: UUID, verdict: rentals.OrderVerdict, *, now: datetime | None = None
    ) -> rentals.OrderStanding:
        """End an order in doubt, once; as it stands then, whoever ended it."""
        ...

    async def keep_messages(
        self, rental: UUID, sms: Sequence[Sms], *, now: datetime | None = None
    ) -> None:
        """Keep what a provider lists of a rental, each once."""
        ...

    async def messages(self, rental: UUID) -> list[rentals.RentalMessage]:
        """The messages of a rental, oldest first."""
        ...

    async def lease_timers(
        self, limit: int, kinds: Collection[case_view.TimerKind], *, now: datetime | None = None
    ) -> list[case_view.Timer]:
        """Lease due timers of these kinds: those that failed last, the others oldest first."""
        ...

    async def leave_timers(self, leased: Sequence[case_view.Timer]) -> None:
        """Nobody fires these any more: this process makes them due as soon as it can.

        It asks nothing of the database.
        """
        ...

    async def timers(
        self, *, overdue_only: bool, limit: int, now: datetime | None = None
    ) -> list[case_view.Timer]: ...

    async def unseeded(
        self, policies: Sequence[PolicyVersion], limit: int, *, now: datetime | None = None
    ) -> UnseededPage:
        """The next settled activations of these policies without a claim window."""
        ...

    async def seed(self, timers: Sequence[case_view.Timer], upto: datetime) -> None: ...

    async def end_in_silence(
        self,
        timer: case_view.Timer,
        judge: SilenceJudge,
        policy_of: PolicyLookup,
        *,
        now: datetime | None = None,
    ) -> bool:
        """Make an activation final by *judge*'s decision; None: nothing follows."""
        ...


def case_id(kind: case_view.CaseKind, *thing: object) -> UUID:
    """The id of the case about a thing: asked twice, it is one case."""
    return uuid5(_CASES, "\n".join([kind.value, *map(str, thing)]))
