"""A company that rents numbers out, as the lifecycle sees it.

Every call raises `ProviderError` and nothing else. A reply that does not say it is never taken as
"cancelled" or "a code": unknown is no information.
"""

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, NamedTuple, Protocol, TypeAlias, assert_never

from worker.domain.families import Capabilities, RentOption
from worker.domain.ids import ActivationId, ProviderName, ProviderRef
from worker.domain.price_fate import PriceFate


@dataclass(frozen=True, slots=True, kw_only=True)
class PastNumber:
    """One number of the history; None is what the provider does not tell, or not for certain."""

    ref: ProviderRef
    fate: PriceFate  #: NOT_YET: it is listed as live.
    phone: str | None = field(default=None, repr=False)
    service: str | None = None
    country: str | None = None
    cost_minor: int | None = None  #: What it cost, also where it was given back.
    currency: str | None = None
    rented_at: datetime | None = None  #: Only where the provider gives a zone with it.
    rented_by: datetime | None = None  #: At the latest: where its end alone has a zone.


class HistoryPage(NamedTuple):
    """Some of the history. Absence of a number proves nothing."""

    rows: Sequence[PastNumber]
    next: int | None  #: Where the next page begins; None where there is none.


class Sms(NamedTuple):
    """One message. `code` is what the customer waits for; `text` all of it, where it is known."""

    code: str
    text: str | None = None
    received_at: datetime | None = None  #: Only where the provider gives a zone with it.

    def __repr__(self) -> str:
        return "Sms(…)"  # A code must not reach a log through somebody's repr.


@dataclass(frozen=True, slots=True)
class Waiting:
    """No SMS yet, and the number is still ours."""


@dataclass(frozen=True, slots=True)
class CodesArrived:
    """At least one SMS is there, oldest first. The provider charges for the number."""

    sms: tuple[Sms, ...]


@dataclass(frozen=True, slots=True)
class Ended:
    """The number is over: by us, by the provider, or by its time."""

    fate: PriceFate = PriceFate.UNKNOWN  #: Of its price; never NOT_YET.
    sms: tuple[Sms, ...] = ()  #: Those that the provider still tells.


@dataclass(frozen=True, slots=True)
class NotKnown:
    """The provider does not know the number (any more): no word on whether it charged."""


Observation: TypeAlias = Waiting | CodesArrived | Ended | NotKnown


def price_fate(seen: Observation) -> PriceFate:
    """Who has the price, by the status of a number."""
    match seen:
        case Waiting():
            return PriceFate.NOT_YET
        case CodesArrived():
            return PriceFate.KEPT
        case Ended(fate=fate):
            return fate
        case NotKnown():
            return PriceFate.UNKNOWN
        case _:
            assert_never(seen)


class Refusal(enum.Enum):
    """Why a cancel was refused, by what we do next (the classes of the providers' replies)."""

    EARLY = "early"  #: The number is too young: ask again after `retry_after`.
    CODE_ARRIVED = "code_arrived"  #: An SMS is there, charged. `sms` holds it where the body did.
    NOT_CANCELLABLE = "not_cancellable"  #: For good: the provider keeps the price.
    UNCLEAR = "unclear"  #: Wrong state, not known, ended somehow: read the status.


@dataclass(frozen=True, slots=True)
class Refused:
    why: Refusal
    retry_after: timedelta | None = None
    min_age: timedelta | None = None  #: EARLY: the least age the provider named, from the rental.
    sms: tuple[Sms, ...] = ()


CancelReply: TypeAlias = Ended | Refused


@dataclass(frozen=True, slots=True)
class Rented:
    """A number was bought. Times are None where the provider gives none with a zone."""

    ref: ProviderRef
    #: Digits with country code and without `+`, as far as the provider gives it.
    phone: str = field(repr=False)
    cost_minor: int | None = None
    currency: str | None = None
    expires_at: datetime | None = None
    expires_in: timedelta | None = None  #: The same, where it is given from the reply on.
    cancel_not_before: datetime | None = None


class NoRent(enum.Enum):
    """Why nothing was bought; certain, so the caller may try elsewhere."""

    NO_NUMBERS = "no_numbers"
    NO_BALANCE = "no_balance"
    PRICE_ABOVE_MAX = "price_above_max"
    BAD_REQUEST = "bad_request"  #: The provider does not know this service or country.


class ReusedNumber(NamedTuple):
    """An earlier number of ours, whose phone is to be had once more."""

    ref: ProviderRef
    phone: str

    def __repr__(self) -> str:
        return f"ReusedNumber({self.ref!r}, …)"  # Without its phone.


@dataclass(frozen=True, slots=True, kw_only=True)
class RentOptions:
    """What is asked of a number beside its service and country."""

    operator: str | None = None
    area_code: str | None = None
    voice: bool = False  #: A call tells the code, instead of an SMS.
    reuse: ActivationId | None = None  #: The earlier number whose phone is wanted.
    reused: ReusedNumber | None = None  #: What its provider knows it by.

    def given(self) -> Mapping[RentOption, str]:
        """As they were told, without what was left out."""
        told = {
            RentOption.OPERATOR: self.operator,
            RentOption.AREA_CODE: self.area_code,
            RentOption.MEDIUM: "voice" if self.voice else None,
            RentOption.REUSE: None if self.reuse is None else str(self.reuse),
        }
        return {option: value for option, value in told.items() if value is not None}


ANY_NUMBER: Final = RentOptions()


@dataclass(frozen=True, slots=True)
class RentRequest:
    service: str
    country: str
    max_cost_minor: int | None = None
    order: str | None = None  #: Our id, for providers that take one.
    options: RentOptions = ANY_NUMBER  #: Only what the capabilities name.


class ActiveRow(NamedTuple):
    """One row of the provider's list of active numbers."""

    ref: ProviderRef
    sms: tuple[Sms, ...] = ()
    phone: str | None = None
    service: str | None = None
    country: str | None = None
    cost_minor: int | None = None
    currency: str | None = None
    rented_at: datetime | None = None  #: Only where the provider gives a zone with it.
    rented_by: datetime | None = None  #: At the latest: where its end alone has a zone.

    def __repr__(self) -> str:
        return f"ActiveRow({self.ref!r}, …)"  # Without its phone.


@dataclass(frozen=True, slots=True)
class ActivePage:
    """One page. Absence of a number from a list proves nothing: it is a reason to look."""

    rows: Sequence[ActiveRow]
    last: bool  #: Whether no further page follows.


@dataclass(frozen=True, slots=True)
class Balance:
    minor: int
    currency: str


class Circuit(enum.Enum):
    """Whether calls to a provider go out just now."""

    CLOSED = "closed"  #: They do.
    OPEN = "open"  #: None is sent: each raises `CircuitOpen`.


class Provider(Protocol):
    """One account at one provider. Raises `ProviderError` and nothing else."""

    @property
    def name(self) -> ProviderName: ...

    @property
    def capabilities(self) -> Capabilities: ...

    @property
    def circuit(self) -> Circuit:
        """Whether calls go out just now; after a 429 none does until its time is over."""
        ...

    async def reachable(self) -> None:
        """Return once calls go out: at once when the provider answers again."""
        ...

    async def rent(self, request: RentRequest) -> Rented | NoRent:
        """Buy a number, once: after `ProviderUnavailable(sent=True)` it may be bought.

        It is sent again only where the provider takes `order` for a key, by which it buys once.
        """
        ...

    async def look(self, ref: ProviderRef) -> Observation:
        """Ask once what became of the number. Safe to repeat unless `look_changes_things`."""
        ...

    async def list_active(self, page: int) -> ActivePage:
        """Page *page* (from 0) of the active numbers; only with `list_page_size`.

        A number that has ended may be on it with its SMS.
        """
        ...

    async def list_whole(self, page: int) -> ActivePage:
        """Those that may still be live, with all that is told: for numbers that nobody knows."""
        ...

    async def history(self, since: datetime, until: datetime, skip: int) -> HistoryPage:
        """Numbers rented in that span, *skip* of them left out; only with `history`."""
        ...

    async def cancel(self, ref: ProviderRef) -> CancelReply:
        """Give the number back. Harmless to repeat; only the status says what a refusal means."""
        ...

    async def finish(self, ref: ProviderRef) -> Observation:
        """Close a number whose code arrived: `Ended`, or what it says instead."""
        ...

    async def ask_again(self, ref: ProviderRef) -> bool:
        """Ask for another SMS; False where the provider will not."""
        ...

    async def report(self, ref: ProviderRef) -> CancelReply:
        """Tell that the number is bad, which gives it back; only with `report`."""
        ...

    async def balance(self) -> Balance:
        """What is left of our money there."""
        ...

    async def close(self) -> None: ...
