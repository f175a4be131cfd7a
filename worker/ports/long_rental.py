"""Long rentals at a provider: numbers kept for hours or months, and every SMS they get meanwhile.

Every call raises `ProviderError` and nothing else. What a reply does not say is not known: a close
that does not tell of a refund is none, and a number that merely runs is not said to work.
"""

import enum
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, TypeAlias

from worker.domain.ids import ProviderName, ProviderRef
from worker.ports.provider import Ended, NoRent, NotKnown, Refusal, Rented, Sms


@dataclass(frozen=True, slots=True)
class Lengths:
    """How long a number can be rented for; it is paid by these lengths and no others."""

    step: timedelta
    shortest: timedelta
    longest: timedelta
    only: frozenset[timedelta] = frozenset()  #: Not empty: these, and nothing between them.

    def offer(self, length: timedelta) -> bool:
        if self.only:
            return length in self.only
        whole = length % self.step == timedelta(0)
        return whole and self.shortest <= length <= self.longest


def only(*lengths: timedelta) -> Lengths:
    """A provider with a few fixed lengths."""
    return Lengths(min(lengths), min(lengths), max(lengths), frozenset(lengths))


@dataclass(frozen=True, slots=True, kw_only=True)
class RentalTerms:
    """What a family and dialect can do with long rentals; data, as `Capabilities` is."""

    lengths: Lengths
    prolongs: bool = False
    whole_number: bool = False  #: It is rented for all services: the one asked for is not sent.
    price_limit: bool = False  #: Knows a price it must not exceed; else a limited rental is none.
    gives_expiry: bool = False
    tells_refund: bool = False  #: A close says whether the price came back.
    tells_outage: bool = False  #: Can say of a number that it does not work.


@dataclass(frozen=True, slots=True)
class RentalRequest:
    service: str
    country: str
    length: timedelta
    max_cost_minor: int | None = None


@dataclass(frozen=True, slots=True)
class Messages:
    """The rental runs. Its SMS so far, oldest first where the provider gives times."""

    sms: tuple[Sms, ...] = ()
    complete: bool = True  #: False: it has more than one answer holds.


MessagesReply: TypeAlias = Messages | Ended | NotKnown


@dataclass(frozen=True, slots=True)
class Prolonged:
    """It runs on. Times are None where the provider gives none with a zone."""

    expires_at: datetime | None = None
    expires_in: timedelta | None = None  #: The same, where it is given from the reply on.


class NoProlong(enum.Enum):
    """Why nothing was prolonged and nothing paid; certain."""

    NO_BALANCE = "no_balance"
    BAD_LENGTH = "bad_length"  #: Not by this much, or not beyond its longest time.
    NOT_NOW = "not_now"  #: The number is off just now, or it is too soon: ask again later.
    NOT_POSSIBLE = "not_possible"  #: Over, dead, or the provider never does.


@dataclass(frozen=True, slots=True)
class NotProlonged:
    why: NoProlong
    retry_after: timedelta | None = None


ProlongReply: TypeAlias = Prolonged | NotProlonged | NotKnown


@dataclass(frozen=True, slots=True)
class NotClosed:
    """The rental runs on; why, as of a refused cancel.

    EARLY: ask again after `retry_after` or at `min_age`; CODE_ARRIVED: read its messages, then ask
    again; NOT_CANCELLABLE: it runs until its time is over; UNCLEAR: nothing certain was said.
    """

    why: Refusal
    retry_after: timedelta | None = None
    min_age: timedelta | None = None
    sms: tuple[Sms, ...] = ()


CloseReply: TypeAlias = Ended | NotClosed | NotKnown


class Availability(enum.Enum):
    """What a provider says of whether a rented number works."""

    UP = "up"  #: It can receive SMS just now.
    DOWN = "down"  #: It cannot.
    NOT_TOLD = "not_told"  #: The rental runs; whether the number works is not said.
    ENDED = "ended"
    NOT_KNOWN = "not_known"  #: The provider does not know the rental (any more).


class LongRentals(Protocol):
    """The long rentals of one account. Raises `ProviderError` and nothing else."""

    @property
    def name(self) -> ProviderName: ...

    @property
    def terms(self) -> RentalTerms: ...

    async def open(self, request: RentalRequest) -> Rented | NoRent:
        """Rent a number. Sent once: after `ProviderUnavailable(sent=True)` it may be rented.

        A length that is not offered, or a price limit that it cannot be told, is not even asked.
        """
        ...

    async def messages(self, ref: ProviderRef) -> MessagesReply:
        """Every SMS so far. Safe to repeat."""
        ...

    async def prolong(self, ref: ProviderRef, by: timedelta) -> ProlongReply:
        """Pay for more time. Sent once: after `ProviderUnavailable(sent=True)` it may be paid."""
        ...

    async def close(self, ref: ProviderRef) -> CloseReply:
        """End it now, with its price back where the provider still gives it. Safe to repeat."""
        ...

    async def available(self, ref: ProviderRef) -> Availability:
        """Whether the number works, to see when an outage is over. Safe to repeat."""
        ...
