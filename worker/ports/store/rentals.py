"""Long rentals, and the orders to rent one at a provider or to prolong one. None is sent twice.

The intent is stored with its hold before the provider is asked. An order of unknown outcome keeps
its hold until somebody finds out: the number is booked, or the money goes back. It waits for a
human, who has a date for it.
"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple, TypeAlias
from uuid import UUID, uuid5

from worker.domain.ids import AccountId, ProviderName, ProviderRef
from worker.domain.price_fate import PriceFate
from worker.domain.transfer import Charge
from worker.ports.store import case_view
from worker.ports.store.activations import FactsTold
from worker.ports.store.said import StaffNote

_RENTALS = UUID("5e2b7f14-6a90-5c3d-8f21-7b9d3c6e4a04")
_ORDERS = UUID("b1b7c1f0-52d4-5c8e-8d5b-0a6c2c3f8e05")


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
    order_ref: str | None = None
    order_facts: FactsTold | None = None
    ended_at: datetime | None = None
    renewed_at: datetime | None = None  #: Of the newest renewal, with its price.
    renewal_price_minor: int | None = None
    outages: tuple[case_view.Case, ...] = ()
    cancels: tuple[case_view.Case, ...] = ()  #: Presses that the policy took.
    claims: tuple[case_view.Case, ...] = ()

    @property
    def was_given_back(self) -> bool:
        """Before its end."""
        return self.ended_at is not None and self.ended_at < self.ends_at


@dataclass(frozen=True, slots=True, kw_only=True)
class RentalSearch:
    """Which rentals somebody looks for; None: that does not matter."""

    id: UUID | None = None
    account: AccountId | None = None
    ended: bool | None = None
    phone: str | None = field(default=None, repr=False)  #: Whole, or its last digits.
    ref: ProviderRef | None = None
    order_ref: str | None = None
    before: tuple[datetime, UUID] | None = None  #: `rented_at` and id of the last one seen.


class NoClosing(enum.Enum):
    """Why the provider is asked no more to close a rental that it did not close."""

    RUNS_ON = "runs_on"  #: It cannot be closed, or was prolonged after its end: it has time left.
    NOT_KNOWN = "not_known"
    TIME_OVER = "time_over"
    NOT_OFFERED = "not_offered"  #: Its provider is not configured: whoever rented it closes it.


#: What became of a rental that was given back: its price, or why nobody closes it. Definite.
RentalClosing: TypeAlias = PriceFate | NoClosing


class RentalOrderKind(enum.Enum):
    RENT = "rent"
    PROLONG = "prolong"


@dataclass(frozen=True, slots=True, kw_only=True)
class RentalOrder:
    """The same key of the same account and kind, with the same content, is the same order."""

    kind: RentalOrderKind
    idempotency_key: str
    account: AccountId
    provider: ProviderName
    service: str
    country: str
    length: timedelta  #: Of the whole rental, or by which it is prolonged.
    price_minor: int
    max_cost_minor: int | None
    charge: Charge
    policy: str
    policy_version: str
    policy_told: bool = True  #: Else its policy is the default.
    rental: UUID | None = None  #: The one to prolong.
    order_ref: str | None = None
    order_facts: FactsTold | None = None

    @property
    def id(self) -> UUID:
        return rental_order_id(self.kind, self.account, self.idempotency_key)

    def begun_under(self, policy: str) -> "RentalOrder":
        """As it began: the default policy of today may be another one."""
        return self if self.policy_told else replace(self, policy=policy)


class RentalOrderState(enum.Enum):
    """How beginning an order ended, or how it stands."""

    NEW = "new"  #: This call asks the provider.
    DONE = "done"
    FAILED = "failed"  #: Certainly nothing was bought; the hold went back.
    UNKNOWN = "unknown"  #: Also while another call asks the provider.
    OTHER_CONTENT = "other_content"
    UNKNOWN_ACCOUNT = "unknown_account"
    BALANCE_TOO_LOW = "balance_too_low"
    ACCOUNT_BLOCKED = "account_blocked"
    ACCOUNT_CLOSING = "account_closing"  #: Its deletion waits.
    ACCOUNT_FROZEN = "account_frozen"


#: Failure of an order whose number somebody else had booked: its hold went back.
BOOKED: Final = "booked"


class RentalOrderResult(NamedTuple):
    state: RentalOrderState
    rental: Rental | None = None
    failure: str | None = None


class OrderVerdict(NamedTuple):
    """What a human says of an order in doubt."""

    grant: bool  #: Nothing was bought. Else the rental was prolonged.
    failure: str  #: The word with which a granted one fails.
    said: StaffNote


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderStanding:
    """An order as it stands."""

    id: UUID
    kind: RentalOrderKind
    state: str  #: asked | unknown | done | failed
    account: AccountId
    provider: ProviderName
    price_minor: int
    currency: str
    order_ref: str | None
    rental: UUID | None  #: That it became, or prolongs.
    ended_at: datetime | None
    verdict: Mapping[str, Any] | None  #: Of the human who ended it: `grant`, `note` and `by`.

    @property
    def waits(self) -> bool:
        """For a human."""
        return self.state == "unknown"


@dataclass(frozen=True, slots=True)
class RentedLong:
    """What the provider sold. `ends_at` is what it says, else the length from the reply on."""

    ref: ProviderRef
    phone: str = field(repr=False)
    ends_at: datetime
    cost_minor: int | None = None
    cost_currency: str | None = None


@dataclass(frozen=True, slots=True)
class ProlongedLong:
    """What the provider prolonged, and the rental as it was read before the provider was asked."""

    told_end: datetime | None  #: None: it gives no end.
    read_end: datetime
    read_renewal: datetime | None  #: `Rental.renewed_at`.


class RentalMessage(NamedTuple):
    """One SMS on a rental, as often as its provider lists it one row."""

    code: str
    text: str | None
    received_at: datetime | None  #: What the provider says.
    seen_at: datetime

    def __repr__(self) -> str:
        return "RentalMessage(…)"  # A code must not reach a log through somebody's repr.


def rental_id(provider: ProviderName, ref: ProviderRef, rented_at: datetime) -> UUID:
    assert rented_at.tzinfo is not None
    micros = int(rented_at.timestamp()) * 1_000_000 + rented_at.microsecond
    return uuid5(_RENTALS, f"{provider}\n{ref}\n{micros}")


def rental_order_id(kind: RentalOrderKind, account: AccountId, key: str) -> UUID:
    return uuid5(_ORDERS, f"{kind.value}\n{account}\n{key}")
