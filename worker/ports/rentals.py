"""Long rentals: paid when they are booked, credited for the days on which they did not work."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from uuid import UUID, uuid5

from worker.domain.ids import AccountId, ProviderName, ProviderRef
from worker.domain.transfer import Charge
from worker.ports.cases import Case, Opened, Timer

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


@dataclass(frozen=True, slots=True)
class BookedRental:
    how: Opened
    rental: Rental | None = None


class RentalStore(Protocol):
    """Raises `StoreError` and nothing else; every call is safe to repeat."""

    async def book_rental(self, rental: Rental, *, now: datetime | None = None) -> BookedRental: ...

    async def rental(self, provider: ProviderName, ref: ProviderRef) -> Rental | None:
        """The newest rental under this ref, with the cases about it."""
        ...

    async def end_rental(self, timer: Timer, *, now: datetime | None = None) -> bool:
        """The paid period is over; whether it was this call that ended it."""
        ...


def rental_id(provider: ProviderName, ref: ProviderRef, rented_at: datetime) -> UUID:
    assert rented_at.tzinfo is not None
    micros = int(rented_at.timestamp()) * 1_000_000 + rented_at.microsecond
    return uuid5(_RENTALS, f"{provider}\n{ref}\n{micros}")
