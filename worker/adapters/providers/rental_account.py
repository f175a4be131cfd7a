"""What the long rentals of every family share: what is asked, what is not even asked, their end."""

import enum
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Final, Generic, NamedTuple, Protocol, TypeAlias, TypeVar

from worker.adapters.providers.reply import Reply, sms_of
from worker.adapters.providers.transport import LIST_CAP, Operation, Transport
from worker.domain.ids import ProviderName, ProviderRef
from worker.ports.long_rental import (
    Availability,
    CloseReply,
    Ended,
    Messages,
    MessagesReply,
    NoProlong,
    NotClosed,
    NotProlonged,
    ProlongReply,
    RentalRequest,
    RentalTerms,
)
from worker.ports.provider import NoRent, NotKnown, Refusal, Rented, Sms

HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)
SPAN_MAX_S: Final = 2 * 366 * 86_400
UNIX_MAX: Final = 4_102_444_800  #: The year 2100: more is no time in seconds.

BAD_LENGTH: Final = NotProlonged(NoProlong.BAD_LENGTH)
NO_BALANCE: Final = NotProlonged(NoProlong.NO_BALANCE)
NOT_POSSIBLE: Final = NotProlonged(NoProlong.NOT_POSSIBLE)


class After(enum.Enum):
    """What a refused close is followed by."""

    FINISH = "finish"  #: The price is kept for certain: end it all the same.
    READ = "read"  #: Only the status tells what became of it.


Closing: TypeAlias = CloseReply | After


class Told(NamedTuple):
    """One SMS as a reply has it. `at` only sorts; `received_at` has a zone."""

    code: object
    text: object
    at: object
    received_at: datetime | None = None

    def __repr__(self) -> str:
        return "Told(…)"  # What the SMS says is nobody's but the customer's.


class Reader(Protocol):
    """What every family reads of its replies; raises `ProviderError` only."""

    def opened(self, reply: Reply) -> Rented | NoRent: ...

    def messages(self, reply: Reply) -> MessagesReply: ...


ReaderT = TypeVar("ReaderT", bound=Reader)


class RentalAccount(Generic[ReaderT]):
    """The long rentals of one account; families add how they are spoken of."""

    def __init__(self, http: Transport, terms: RentalTerms, read: ReaderT) -> None:
        self._http = http
        self._terms = terms
        self._read = read

    @property
    def name(self) -> ProviderName:
        return self._http.name

    @property
    def terms(self) -> RentalTerms:
        return self._terms

    async def open(self, request: RentalRequest) -> Rented | NoRent:
        if (refused := self._not_asked(request)) is not None:
            return refused
        return await self._http.call(
            Operation.RENTAL_OPEN, self._to_open(request), self._read.opened
        )

    async def messages(self, ref: ProviderRef) -> MessagesReply:
        target = self._to_read(ref)
        read = self._read.messages
        return await self._http.call(Operation.RENTAL_READ, target, read, cap=LIST_CAP)

    async def prolong(self, ref: ProviderRef, by: timedelta) -> ProlongReply:
        if not self._terms.prolongs:
            return NOT_POSSIBLE
        if not self._terms.lengths.offer(by):
            return BAD_LENGTH
        return await self._prolong(ref, by)

    async def available(self, ref: ProviderRef) -> Availability:
        """As most can tell it: whether the rental runs, and nothing of the number."""
        return availability_of(await self.messages(ref))

    def _to_open(self, request: RentalRequest) -> str:
        """The target that rents a number; every family's own."""
        raise NotImplementedError

    def _to_read(self, ref: ProviderRef) -> str:
        """The target that shows all its SMS; every family's own."""
        raise NotImplementedError

    async def _prolong(self, ref: ProviderRef, by: timedelta) -> ProlongReply:
        """Only for families that sell more time; asking another is a mistake of ours."""
        raise NotImplementedError

    def _not_asked(self, request: RentalRequest) -> NoRent | None:
        """Why a rental is refused here: an unlimited price is never paid by mistake."""
        if not self._terms.lengths.offer(request.length):
            return NoRent.BAD_REQUEST
        limited = request.max_cost_minor is not None
        return NoRent.PRICE_ABOVE_MAX if limited and not self._terms.price_limit else None

    async def _close(
        self,
        ref: ProviderRef,
        cancel: str,
        given_back: Callable[[Reply], Closing],
        finish: str,
        kept: Callable[[Reply], Closing],
    ) -> CloseReply:
        """Give it back; where the price is kept anyway, end it; where that is unclear, look."""
        said = await self._http.call(Operation.RENTAL_CLOSE, cancel, given_back)
        if said is After.FINISH:
            await self._http.pay_more()
            said = await self._http.call(Operation.RENTAL_CLOSE, finish, kept)
        if isinstance(said, After):
            await self._http.pay_more()
            return closed_by(await self.messages(ref))
        return said


def availability_of(seen: MessagesReply) -> Availability:
    match seen:
        case Messages():
            return Availability.NOT_TOLD
        case Ended():
            return Availability.ENDED
        case NotKnown():
            return Availability.NOT_KNOWN


def closed_by(seen: MessagesReply) -> CloseReply:
    """What a look makes of a close that said nothing certain."""
    return NotClosed(Refusal.UNCLEAR) if isinstance(seen, Messages) else seen


def all_sms(rows: Iterable[Told]) -> tuple[Sms, ...]:
    """Every SMS with something in it, oldest first where all of them say when they came."""
    told = list(rows)
    times = [row.at for row in told]
    if all(isinstance(at, str) for at in times) or all(type(at) is int for at in times):
        told.sort(key=lambda row: row.at)  # type: ignore[arg-type, return-value]  # One type, seen above.
    read = [(sms_of(row.code, row.text), row.received_at) for row in told]
    return tuple(sms._replace(received_at=at) for sms, at in read if sms is not None)


def unix_of(value: object) -> datetime | None:
    """Seconds since 1970, as an integer or as its digits."""
    if isinstance(value, str) and value.isdecimal() and value.isascii() and len(value) <= 10:
        value = int(value)
    if type(value) is not int or not 0 < value <= UNIX_MAX:
        return None
    return datetime.fromtimestamp(value, UTC)


def count_of(value: object) -> int:
    """How many there are, as an integer or as its digits; 0 where it is not told."""
    if isinstance(value, str) and value.isdecimal() and value.isascii() and len(value) < 10:
        return int(value)
    return value if type(value) is int else 0


def span_of(seconds: object) -> timedelta | None:
    """Seconds as a reply has them; None where they are none, or more than two years."""
    if type(seconds) is not int or not 0 < seconds <= SPAN_MAX_S:
        return None
    return timedelta(seconds=seconds)
