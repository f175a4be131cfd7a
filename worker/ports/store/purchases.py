"""What we bought at providers: purchases and their intents, pushes, reconciling, exposure.

A purchase's intent is stored with its hold before the provider is asked, once. Its outcome is
rented, failed (certainly nothing was bought), or unknown: then it is never repeated, and what the
provider lists decides. Raises `StoreError` and nothing else; every call is safe to repeat.
"""

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, NamedTuple, Protocol, TypeVar

from worker.domain.balance_check import ProviderSums
from worker.domain.ids import AccountId, ActivationId, ProviderName, ProviderRef
from worker.domain.policy.at_intake import ANY_TIME, CancelTerms
from worker.ports.provider import ActiveRow, Balance, PastNumber
from worker.ports.service import PurchaseOrder, Push
from worker.ports.store.activations import Activation
from worker.ports.store.said import NOTHING_SAID, StaffNote

CANARY_ACCOUNT: Final = AccountId(
    "canary"
)  #: The canary's own; whoever else uses it is counted with it.


AnyNumber = TypeVar("AnyNumber", bound=ActiveRow | PastNumber)


class PurchaseState(enum.Enum):
    NEW = "new"  #: The intent and its hold are stored: ask the provider now, once.
    RENTED = "rented"
    UNKNOWN = "unknown"  #: Asked before, outcome not known (or being asked this moment).
    FAILED = "failed"
    OTHER_CONTENT = "other_content"
    UNKNOWN_ACCOUNT = "unknown_account"
    ACCOUNT_BLOCKED = "account_blocked"
    ACCOUNT_CLOSING = "account_closing"  #: Its deletion waits.
    ACCOUNT_FROZEN = "account_frozen"
    BALANCE_TOO_LOW = "balance_too_low"


class PurchaseStart(NamedTuple):
    how: PurchaseState
    activation: Activation | None  #: Of an earlier call.
    failure: str | None = None  #: Of an earlier call: what it failed with.
    provider: ProviderName | None = None  #: Of an earlier call: whom it asked.
    because: str = ""  #: Of an earlier call: `PurchaseOrder.because`.


class FailedPurchase(NamedTuple):
    """A purchase that was certainly not carried out."""

    activation: Activation | None  #: The order that stays, or what it was taken for meanwhile.
    in_doubt: bool  #: It was taken for unknown meanwhile: who knows better ends it as unsold.


@dataclass(frozen=True, slots=True, kw_only=True)
class Bought:
    """What the provider sold, and how long it lives."""

    ref: ProviderRef
    phone: str = field(repr=False)
    cost_minor: int | None = None
    cost_currency: str | None = None
    expires_at: datetime | None = None
    expires_in: timedelta | None = None  #: The same, where it is given from the rental on.
    cancel_not_before: datetime | None = None
    ago: timedelta = timedelta(0)  #: How long ago it was sold; no host's clock comes into it.


class OpenPurchase(NamedTuple):
    """A purchase whose outcome is unknown."""

    id: ActivationId
    service: str
    country: str
    asked_at: datetime
    max_cost_minor: int | None = None
    absent_at: datetime | None = None  #: Since when readings of the provider are without it.
    options: Mapping[str, str] | None = None  #: What was asked of the number beside that.
    reused_phone: str | None = None  #: Of the number that is wanted again, as far as it is known.
    settled: bool = False  #: Nobody waits for a code any more.

    def __repr__(self) -> str:
        return f"OpenPurchase({self.id!r}, …)"  # Without the phone.


@dataclass(frozen=True, slots=True)
class CountedSums:
    """Our books about one provider, over what was rented since an instant."""

    since: datetime
    sums: ProviderSums


class ReopenedNumbers(NamedTuple):
    """Numbers we hold for ended and the provider lists as active."""

    pursued: int  #: To be cancelled once more.
    disputed: int  #: For the second time: a person asks the provider.


class HistoryComparison(NamedTuple):
    """What a history taught us: how many numbers, and the money at stake by currency."""

    disputed: Mapping[str, tuple[int, int]]  #: By currency: (numbers, minor units).
    agreed: int  #: Disputed before, and not any more.


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispute:
    """A number of which the provider says something else than our books."""

    activation_id: ActivationId
    ref: ProviderRef | None
    held: str  #: What our books said of it.
    says: str
    amount_minor: int
    currency: str
    opened_at: datetime


@dataclass(frozen=True, slots=True)
class BalanceDifference:
    """The balance moved by more, or less, than our books explain."""

    at: datetime
    since: datetime  #: The reading before.
    amount_minor: int  #: Below zero: missing.
    currency: str


@dataclass(frozen=True, slots=True)
class BalanceReading:
    at: datetime
    balance_minor: int
    currency: str
    proven: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderReport:
    """What an operator may want to know of one provider."""

    known: bool  #: Whether any activation was ever of it.
    drained_at: datetime | None
    live: Mapping[str, int]  #: Numbers whose customer is not settled, by state.
    last_deadline_at: datetime | None  #: Of those.
    counted: CountedSums
    exposure_minor: Mapping[tuple[str, str], int]  #: By (open | resolved | loss, currency).
    reading: BalanceReading | None
    differences: Sequence[BalanceDifference]  #: Newest first, a few.
    disputed: Mapping[str, tuple[int, int]]  #: By currency: (numbers, minor units).
    disputes: Sequence[Dispute]  #: Newest first, a few.


class ExposureEnd(enum.Enum):
    """How an exposure ends."""

    RESOLVED = "resolved"  #: The provider took nothing, or gave it back.
    LOSS = "loss"  #: It keeps its price, and so did the customer.


class ExposureCause(enum.Enum):
    """What an open exposure waits for."""

    PURSUED = "pursued"  #: The provider's word: the cancel goes on, and ends it.
    DISPUTED = "disputed"  #: A person: the provider took what it had said it gave back.
    GONE = "gone"  #: Its history; a person where it has none: it does not know the number.
    LATE_CODE = "late_code"  #: The same: a code came after the cancel it had confirmed.
    PURCHASE = "purchase"  #: Its list and history; a person where it has not both: unsold or not.


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenExposure:
    activation_id: ActivationId
    ref: ProviderRef | None
    amount_minor: int
    currency: str
    opened_at: datetime
    why: ExposureCause


class EndedExposure(NamedTuple):
    """One that was asked about: how it ended, now or before."""

    activation_id: ActivationId
    amount_minor: int
    currency: str
    end: ExposureEnd
    now: bool  #: By this very call.


class StopKind(enum.Enum):
    """Why nothing is rented at a provider: somebody said so."""

    PAUSE = "pause"  #: It is meant to end.
    DRAIN = "drain"  #: We leave.


class PurchaseStore(Protocol):
    """Purchases, pushes, what reconciling finds, exposures and drains."""

    async def begin_purchase(
        self,
        id_: ActivationId,
        order: PurchaseOrder,
        policy: str,
        policy_version: str,
        window: timedelta,
        cancel: CancelTerms = ANY_TIME,
    ) -> PurchaseStart:
        """Store the intent with its hold; of all calls for one purchase one is answered NEW."""
        ...

    async def known_purchase(
        self, id_: ActivationId, same_as: PurchaseOrder | None
    ) -> PurchaseStart | None:
        """How one stands that has begun, as beginning it again tells; None: it has not.

        *same_as* says what the order says; None: it is a later try of one that was compared.
        """
        ...

    async def purchase_bought(
        self, id_: ActivationId, bought: Bought, min_cancel_age: timedelta
    ) -> Activation | None:
        """Make it an activation, or give a found one its number; the activation as it is then.

        Without that number where another activation has it, or it has got another one meanwhile.
        """
        ...

    async def purchase_failed(
        self, id_: ActivationId, failure: str, *, is_order: bool
    ) -> FailedPurchase:
        """Certainly nothing was bought: the hold goes back, unless it is in doubt by now.

        As an order it stays, refunded and without a number; else another provider is tried.
        """
        ...

    async def purchase_unknown(self, id_: ActivationId) -> Activation | None:
        """Nobody knows: an activation without a number, ended by its deadline if none is found."""
        ...

    async def forgotten_purchases(self, older_than: timedelta) -> list[ActivationId]:
        """Intents that were asked and never answered: their process died."""
        ...

    async def open_purchases(
        self, provider: ProviderName, *, settled_for: timedelta = timedelta(0)
    ) -> list[OpenPurchase]:
        """Activations still without a number; settled ones asked so long ago too.

        Those whose customer waits come first, those proven unsold last, of each the oldest first.
        """
        ...

    async def purchases_in_doubt(
        self, provider: ProviderName, oldest: timedelta
    ) -> list[OpenPurchase]:
        """Those that may be proven unsold, oldest first, and asked for no longer ago than that."""
        ...

    async def note_absence(self, began: datetime, absent: Mapping[ActivationId, bool]) -> None:
        """What a whole reading of the provider, begun then, said: True where it was without it."""
        ...

    async def prove_unsold(self, ids: Sequence[ActivationId]) -> list[ActivationId]:
        """Nothing was sold: no exposure, no dispute. Not while the customer is not settled."""
        ...

    async def unknown_rows(
        self, provider: ProviderName, rows: Sequence[AnyNumber]
    ) -> list[AnyNumber]:
        """Those that are no number of ours: orphans, in the order given."""
        ...

    async def ordered(self, id_: ActivationId) -> bool:
        """Whether this was asked for at its provider, whatever came of it."""
        ...

    async def keep_pushes(
        self, provider: ProviderName, pushes: Sequence[Push]
    ) -> list[ProviderRef]:
        """Store what is new in the inbox; the refs of it, each once."""
        ...

    async def pushed_refs(
        self, provider: ProviderName, refs: Sequence[ProviderRef]
    ) -> set[ProviderRef]:
        """Those of the refs for which a push lies in the inbox."""
        ...

    async def forget_pushes(self, time: timedelta, limit: int) -> int:
        """Delete up to *limit* of the oldest that came longer ago than *time*; how many."""
        ...

    async def count_provider(self, provider: ProviderName, currency: str) -> CountedSums:
        """Our books over the span that the last reading was taken over."""
        ...

    async def keep_reading(
        self, provider: ProviderName, balance: Balance, before: CountedSums
    ) -> BalanceDifference | None:
        """Hold a balance that was read after *before* against the last one, and keep it."""
        ...

    async def reopen_listed(
        self, provider: ProviderName, rows: Sequence[ActiveRow], *, ended_for: timedelta
    ) -> ReopenedNumbers:
        """Pursue what is listed as active although it was given back longer than that ago."""
        ...

    async def compare_history(
        self, provider: ProviderName, rows: Sequence[PastNumber], *, ended_for: timedelta
    ) -> HistoryComparison:
        """Hold who kept the price of which number against our books."""
        ...

    async def disputed_since(
        self, provider: ProviderName, oldest: timedelta, newest: timedelta
    ) -> list[datetime]:
        """When the numbers in doubt were rented, so long ago; oldest first, a few.

        Disputed, or with an open exposure that no pursuit will end.
        """
        ...

    async def provider_report(self, provider: ProviderName, currency: str) -> ProviderReport: ...

    async def exposure_by_currency(self, provider: ProviderName) -> Mapping[str, int]:
        """What is open, in minor units; different currencies cannot be added up."""
        ...

    async def open_exposures(
        self, provider: ProviderName, limit: int, *, older_than: timedelta = timedelta(0)
    ) -> list[OpenExposure]:
        """One by one, oldest first."""
        ...

    async def end_exposures(
        self, provider: ProviderName, ids: Sequence[ActivationId], end: ExposureEnd, by: str
    ) -> list[EndedExposure]:
        """A person's word on those that are open; the disputes about them end with it.

        Without those that never were an exposure of this provider. One that ended before stays so.
        """
        ...

    async def correct_exposures(
        self, provider: ProviderName, ids: Sequence[ActivationId], end: ExposureEnd, by: str
    ) -> list[EndedExposure]:
        """A person's word in place of a wrong one, by a further row: the first one stays.

        Only where a person's word ended it, and the provider has proved nothing since.
        """
        ...

    async def drain(
        self,
        provider: ProviderName,
        kind: StopKind = StopKind.DRAIN,
        said: StaffNote = NOTHING_SAID,
    ) -> datetime:
        """No rentals from now on; since when."""
        ...

    async def resume(self, provider: ProviderName, said: StaffNote = NOTHING_SAID) -> bool:
        """Whether it was stopped."""
        ...

    async def forget_figures(self) -> None:
        """Delete the figures of more than a week ago."""
        ...

    async def drained(self) -> Mapping[ProviderName, datetime]: ...
