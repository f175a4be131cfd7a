"""Long rentals: paid when they are booked, credited for the days on which they did not work."""

import enum
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol, TypeAlias
from uuid import UUID, uuid5

from worker.domain.ids import AccountId, ProviderName, ProviderRef
from worker.domain.price_fate import PriceFate
from worker.domain.transfer import Charge
from worker.ports.store.cases import Case, CaseOpened, Timer

_RENTALS = UUID("5e2b7f14-6a90-5c3d-8f21-7b9d3c6e4a04")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rental:
    id: UUID
    provider: ProviderName
    ref: ProviderRef
    account: AccountId
    phone: str = field(repr=False)
    service: str
    country: str
    price_minor: int
    currency: str
    charge: Charge
    policy: str
    policy_version: str
    rented_at: datetime
    ends_at: datetime
    ended_at: datetime | None = None
    outages: tuple[Case, ...] = ()
    claims: tuple[Case, ...] = ()


class NoClosing(enum.Enum):
    """Why the provider is asked no more to close a rental that it did not close."""

    RUNS_ON = "runs_on"  #: It cannot be closed: it runs until its time is over.
    NOT_KNOWN = "not_known"
    TIME_OVER = "time_over"
    NOT_OFFERED = "not_offered"  #: We cannot ask there: whoever rented it closes it.


#: What became of a rental that was given back: its price, or why nobody closes it. Definite.
RentalClosing: TypeAlias = PriceFate | NoClosing


@dataclass(frozen=True, slots=True)
class RentalBooking:
    how: CaseOpened
    rental: Rental | None = None


class RentalStore(Protocol):
    """Raises `StoreError` and nothing else; every call is safe to repeat."""

    async def book_rental(
        self, rental: Rental, *, now: datetime | None = None
    ) -> RentalBooking: ...

    async def rental(self, provider: ProviderName, ref: ProviderRef) -> Rental | None:
        """The newest rental under this ref, with the cases about it."""
        ...

    async def rental_of(self, id_: UUID) -> Rental | None: ...

    async def rental_closed(
        self, timer: Timer, how: RentalClosing, *, now: datetime | None = None
    ) -> bool:
        """Its provider has said what became of it, and that is told; whether it was this call."""
        ...

    async def put_off(self, timer: Timer, by: timedelta, *, now: datetime | None = None) -> None:
        """Let a timer that could not act be due again after *by*."""
        ...

    async def end_rental(self, timer: Timer, *, now: datetime | None = None) -> bool:
        """The paid period is over; whether it was this call that ended it."""
        ...


def rental_id(provider: ProviderName, ref: ProviderRef, rented_at: datetime) -> UUID:
    assert rented_at.tzinfo is not None
    micros = int(rented_at.timestamp()) * 1_000_000 + rented_at.microsecond
    return uuid5(_RENTALS, f"{provider}\n{ref}\n{micros}")
