"""The database as the lifecycle sees it: what is true about rented numbers, and how they end.

Every changing call is one transaction and safe to repeat: it names the state it leaves, and a
second caller changes nothing. `now` is for tests; None means the database's own clock, which is
what guards use in production. Raises `StoreError` and nothing else.
"""

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol

from worker.domain.activation import CancelAnswer, CodeFate, EndReason, ProviderState, State
from worker.domain.ids import AccountId, ActivationId, ProviderName, ProviderRef, SmsCode
from worker.ports.intake import CompleteIntake


class DueNumber(NamedTuple):
    """A number leased for one attempt at its ending. Results must carry its `epoch`."""

    id: ActivationId
    provider: ProviderName
    ref: ProviderRef | None  #: None: a purchase whose outcome stayed unknown.
    account: AccountId
    state: State
    provider_state: ProviderState
    reason: EndReason | None
    price_minor: int
    policy: str
    policy_version: str
    rented_at: datetime
    deadline_at: datetime
    attempts: int  #: Calls made for this ending before this one.
    unknown_reads: int  #: Reads in a row that did not know the number.
    epoch: int


class ForeignRow(NamedTuple):
    """A number whose ending or pursuit is newer code's: its row has a word this one lacks."""

    id: ActivationId
    provider: ProviderName
    column: str  #: Where that word stands.


class Ending(NamedTuple):
    """A number to settle: the one commit point of its state, money and event.

    `source` is the state it leaves; whoever finds another one changes nothing.
    """

    id: ActivationId
    account: AccountId
    source: State
    outcome: State  #: DELIVERED, REFUNDED, CLOSED or IN_REVIEW
    provider_state: ProviderState | None  #: None: what it is by then, pursued on where it is open.
    reason: str
    act_after: timedelta | None = None  #: When the provider's axis is pursued next; None: never.
    exposure: bool = False  #: Whether the provider may keep a price the customer has back.


class SettledNumber(NamedTuple):
    """What a settlement really changed; numbers somebody else settled are not in it."""

    id: ActivationId
    provider: ProviderName
    outcome: State
    reason: str
    amount_minor: int
    currency: str
    lateness: timedelta  #: Settled minus deadline; negative when the ending was asked for earlier.


class Settlements(NamedTuple):
    """What one call of `settle` did; `refused` are numbers the database would not settle.

    They break one of its rules: that is a bug or an attack, and a person must look.
    """

    settled: Sequence[SettledNumber]
    refused: Sequence[ActivationId]


class Postponed(NamedTuple):
    """Nothing definite was learnt: the same number is due again after `delay`."""

    id: ActivationId
    epoch: int
    delay: timedelta
    too_early: bool = False  #: The provider said so: also `cancel_not_before`.
    unknown_reads: int = 0

    @classmethod
    def of(cls, due: DueNumber, delay: timedelta) -> "Postponed":
        """The same number as it was leased, without news of it."""
        return cls(due.id, due.epoch, delay, unknown_reads=due.unknown_reads)


class Resolved(NamedTuple):
    """The provider's axis of a settled number reached its end."""

    id: ActivationId
    epoch: int
    provider_state: ProviderState


class AcceptOutcome(enum.Enum):
    """How an intake ended; all but NEW and SAME stored nothing."""

    NEW = "new"
    SAME = "same"  #: Known already, with this very content.
    OTHER_CONTENT = "other_content"
    UNKNOWN_ACCOUNT = "unknown_account"
    BALANCE_TOO_LOW = "balance_too_low"
    UNKNOWN_PROVIDER = "unknown_provider"  #: Not configured here.
    UNKNOWN_POLICY = "unknown_policy"
    RENTED_IN_FUTURE = "rented_in_future"  #: `rented_at` is beyond what clock skew explains.


@dataclass(frozen=True, slots=True)
class ShownCode:
    code: SmsCode = field(repr=False)
    text: str | None = field(repr=False)
    received_at: datetime


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
    codes: tuple[ShownCode, ...] = ()
    settlement: Settlement | None = None
    timeline: tuple[TimelineEntry, ...] = ()


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

    def __repr__(self) -> str:
        return f"SeenSms({self.provider}, {self.ref})"  # The code is in no repr.


class RecordedCode(NamedTuple):
    id: ActivationId
    provider: ProviderName
    fate: CodeFate
    wait: timedelta  #: Seen minus rented.
    sms: SeenSms


class LiveNumber(NamedTuple):
    """What is needed to look at a number."""

    id: ActivationId
    ref: ProviderRef
    rented_at: datetime
    deadline_at: datetime


class CancelPress(NamedTuple):
    """What pressing Cancel did; `not_before` is set while the provider will not cancel yet."""

    answer: CancelAnswer
    state: State
    provider: ProviderName
    not_before: datetime | None


class ActivationStore(Protocol):
    """Rented numbers: intake, codes, endings."""

    async def accept(
        self, intakes: Sequence[CompleteIntake], *, now: datetime | None = None
    ) -> list[AcceptResult]:
        """Store new numbers with their holds, in order, in one transaction (E0)."""
        ...

    async def record_codes(
        self, seen: Sequence[SeenSms], *, now: datetime | None = None
    ) -> list[RecordedCode]:
        """Record SMS and say what each means (E1, E1a, E1b). Unknown refs are left out."""
        ...

    async def lease_cancels(
        self, provider: ProviderName, limit: int, lease: timedelta, *, now: datetime | None = None
    ) -> list[DueNumber]:
        """Lease numbers whose window passed or whose Cancel was pressed, oldest first (E2, E4).

        The intent is committed by this: they are `expiring` and `cancelling` when it returns.
        """
        ...

    async def lease_cancel(
        self,
        id_: ActivationId,
        provider: ProviderName,
        lease: timedelta,
        *,
        now: datetime | None = None,
    ) -> list[DueNumber]:
        """The same for one number that is due; empty when it is not, or leased by another."""
        ...

    async def lease_pursuits(
        self, provider: ProviderName, limit: int, lease: timedelta, *, now: datetime | None = None
    ) -> list[DueNumber]:
        """Lease settled numbers that still owe the provider a cancel or a finish, oldest first."""
        ...

    async def mark_expired(
        self, behind: timedelta, limit: int, *, now: datetime | None = None
    ) -> int:
        """Move what passed its deadline longer than *behind* ago to `expiring`, unasked (E2)."""
        ...

    async def behind(
        self, provider: ProviderName, by: timedelta, *, now: datetime | None = None
    ) -> bool:
        """Whether a number of this provider has been due for longer than *by*, unleased."""
        ...

    async def unread(
        self, by: timedelta, limit: int, *, now: datetime | None = None
    ) -> list[ForeignRow]:
        """Numbers due for longer than *by* that no call here hands out: words not known here."""
        ...

    async def due_deliveries(self, limit: int, *, now: datetime | None = None) -> list[DueNumber]:
        """Numbers with a code whose window is over or whose finish was asked for (E7)."""
        ...

    async def due_delivery(
        self, id_: ActivationId, *, now: datetime | None = None
    ) -> list[DueNumber]:
        """The same for one number; empty where it is not due."""
        ...

    async def past_grace(
        self, grace: timedelta, limit: int, *, now: datetime | None = None
    ) -> list[DueNumber]:
        """`expiring` numbers whose deadline is more than *grace* ago (E6)."""
        ...

    async def settle(
        self, endings: Sequence[Ending], *, now: datetime | None = None
    ) -> Settlements:
        """Make endings final with their money and events; what is settled already is left out."""
        ...

    async def postpone(
        self, postponed: Sequence[Postponed], *, now: datetime | None = None
    ) -> None: ...

    async def resolve(
        self, resolved: Sequence[Resolved], *, now: datetime | None = None
    ) -> None: ...

    async def press_cancel(
        self, id_: ActivationId, *, now: datetime | None = None
    ) -> CancelPress | None:
        """The Cancel button (E3); None for an unknown id."""
        ...

    async def ask_finish(self, id_: ActivationId, *, now: datetime | None = None) -> State | None:
        """Ask for the end of a number with a code; the state found, None for an unknown id."""
        ...

    async def activation(self, id_: ActivationId) -> Activation | None: ...

    async def activations(
        self,
        *,
        state: State | None = None,
        provider: ProviderName | None = None,
        account: AccountId | None = None,
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

    async def live_number(self, provider: ProviderName, ref: ProviderRef) -> LiveNumber | None: ...

    async def missing_from(
        self,
        provider: ProviderName,
        listed: Sequence[ProviderRef],
        rented_before: datetime,
        limit: int,
    ) -> list[LiveNumber]:
        """Waiting numbers that a complete list did not name: reasons to look, proofs of nothing."""
        ...

    async def provider_ended(
        self, ids: Sequence[ActivationId], *, now: datetime | None = None
    ) -> list[DueNumber]:
        """Numbers a read showed as cancelled while waiting: now `expiring`, reason provider."""
        ...


class TextStore(Protocol):
    """Raises `StoreError` and nothing else; safe to repeat."""

    async def forget_texts(self, limit: int) -> int:
        """Delete up to *limit* that came more than three days ago; how many.

        Codes stay for the shop's records, and the hashes by which an SMS is known again.
        """
        ...
