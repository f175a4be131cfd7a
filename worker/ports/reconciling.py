"""What is known of a provider as a business: its balance against our books, and whether to go on.

Raises `StoreError` and nothing else; every call is safe to repeat.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol

from worker.domain.ids import ActivationId, ProviderName, ProviderRef
from worker.domain.reckoning import Sums
from worker.ports.endings import Due
from worker.ports.history import PastNumber
from worker.ports.provider import ActiveRow, Balance


@dataclass(frozen=True, slots=True)
class Counted:
    """Our books about one provider, over the numbers rented since an instant."""

    since: datetime
    sums: Sums


class Reopened(NamedTuple):
    """Numbers we hold for ended and the provider lists as active."""

    pursued: int  #: To be cancelled once more.
    disputed: int  #: For the second time: a person asks the provider.


class Told(NamedTuple):
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
class Difference:
    """The balance moved by more, or less, than our books explain."""

    at: datetime
    since: datetime  #: The reading before.
    amount_minor: int  #: Below zero: missing.
    currency: str


@dataclass(frozen=True, slots=True)
class LastReading:
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
    counted: Counted
    exposure_minor: Mapping[tuple[str, str], int]  #: By (open | resolved | loss, currency).
    reading: LastReading | None
    differences: Sequence[Difference]  #: Newest first, a few.
    disputed: Mapping[str, tuple[int, int]]  #: By currency: (numbers, minor units).
    disputes: Sequence[Dispute]  #: Newest first, a few.


class ReconcileStore(Protocol):
    async def count_provider(self, provider: ProviderName, currency: str) -> Counted:
        """Our books over the span that the last reading was taken over."""
        ...

    async def keep_reading(
        self, provider: ProviderName, balance: Balance, before: Counted
    ) -> Difference | None:
        """Hold a balance that was read after *before* against the last one, and keep it."""
        ...

    async def reopen_listed(
        self, provider: ProviderName, rows: Sequence[ActiveRow], *, ended_for: timedelta
    ) -> Reopened:
        """Pursue what is listed as active although it was given back longer than that ago."""
        ...

    async def compare_history(
        self, provider: ProviderName, rows: Sequence[PastNumber], *, ended_for: timedelta
    ) -> Told:
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


class DrainStore(Protocol):
    async def drain(self, provider: ProviderName) -> datetime:
        """No rentals from now on; since when."""
        ...

    async def undrain(self, provider: ProviderName) -> bool:
        """Whether it was drained."""
        ...

    async def drained(self) -> Mapping[ProviderName, datetime]: ...

    async def give_up(
        self, provider: ProviderName, limit: int, *, now: datetime | None = None
    ) -> list[Due]:
        """Numbers that wait for a code or their cancel: now `expiring`, as the provider's end."""
        ...
