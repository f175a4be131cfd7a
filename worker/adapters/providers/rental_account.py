"""The long rentals of one account, as most families have them, and the readers they need."""

import asyncio
import contextlib
import enum
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import timedelta
from typing import ClassVar, Final, NamedTuple, TypeAlias

from worker.adapters.providers.family import (
    FamilyReplies,
    OperationCalls,
    OperationTable,
    ProviderConfig,
)
from worker.adapters.providers.reply import Reply
from worker.adapters.providers.transport import LIST_CAP, Transport, escaped
from worker.domain.ids import ProviderRef
from worker.ports import long_rental as port
from worker.ports.errors import ProviderError
from worker.ports.provider import Ended, NoRent, NotKnown, Refusal, Rented, Sms
from worker.ports.reporter import Operation

HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)
PAGES_MAX: Final = 20  #: Of the messages of one rental.
MORE_PAGES_S: Final = 1.0  #: For those behind the first: whoever looks waits for 3 s at most.


class CloseFollowUp(enum.Enum):
    """What a refused close of a rental is followed by."""

    FINISH = "finish"  #: The price is kept for certain: end it all the same.
    READ = "read"  #: Only the status shows what became of it.


CloseAttempt: TypeAlias = port.CloseReply | CloseFollowUp


class RentalReplies(FamilyReplies, ABC):
    """What a family reads of the replies about long rentals."""

    __slots__ = ()
    no_prolong: ClassVar[Mapping[str, port.NoProlong]] = {}

    @abstractmethod
    def opened(self, reply: Reply) -> Rented | NoRent: ...

    @abstractmethod
    def messages(self, reply: Reply) -> port.MessagesReply: ...

    def available(self, reply: Reply) -> port.Availability:
        """What most families can say: whether the rental runs, and nothing about the number."""
        return availability_of(self.messages(reply))

    def prolonged(self, reply: Reply) -> port.ProlongReply:
        """Only for families that sell more time."""
        raise NotImplementedError

    def _not_prolonged(
        self, reply: Reply, retry_after: timedelta | None = None
    ) -> port.ProlongReply:
        why = self.no_prolong.get(self._word(reply)) if reply.is_answer else None
        return self._not_known(reply) if why is None else port.NotProlonged(why, retry_after)

    def given_back(self, reply: Reply) -> CloseAttempt:
        """The reply to a close, which gives the price back where the provider still does."""
        return self.ended(reply)

    def kept(self, reply: Reply) -> CloseAttempt:
        """The reply to the close that follows `CloseFollowUp.FINISH`."""
        raise NotImplementedError

    def ended(self, reply: Reply) -> port.CloseReply:
        """The reply to a close, in families with one kind of close."""
        raise NotImplementedError


def hours_and_days(length: timedelta) -> Mapping[str, object]:
    return {"hours": length // HOUR, "days": length // DAY}


class FamilyRentals(NamedTuple):
    """What a family declares of its rentals."""

    terms: port.RentalTerms
    routes: OperationTable
    readers: Callable[[ProviderConfig], RentalReplies]
    finish: str = ""  #: The target that ends a rental whose price is kept anyway.
    page: str = ""  #: Added to `RENTAL_READ` for another page of the messages, by its number.
    words_of: Callable[[timedelta], Mapping[str, object]] = hours_and_days  #: Of a length.


class RentalAccount(OperationCalls):
    """The long rentals of one account; the port `LongRentals`, as most families need it."""

    def __init__(self, family: FamilyRentals, config: ProviderConfig, http: Transport) -> None:
        super().__init__(http, family.routes)
        self.replies = family.readers(config)
        self._family = family
        assert self.terms.prolongs == (Operation.RENTAL_PROLONG in family.routes)
        assert self.terms.price_limit == bool(family.routes[Operation.RENTAL_OPEN].price_limit)

    @property
    def terms(self) -> port.RentalTerms:
        return self._family.terms

    async def open(self, request: port.RentalRequest) -> Rented | NoRent:
        if not self.terms.lengths.offer(request.length):
            return NoRent.BAD_REQUEST
        return await self._buy(
            Operation.RENTAL_OPEN,
            request,
            self.replies.opened,
            self.replies.currency,
            words=self._family.words_of(request.length),
        )

    async def messages(self, ref: ProviderRef) -> port.MessagesReply:
        first = await self._first_messages(ref)
        if not isinstance(first, port.Messages) or first.complete or not self._family.page:
            return first
        return await self._all_messages(ref, first)

    async def _first_messages(self, ref: ProviderRef) -> port.MessagesReply:
        return await self._ask(Operation.RENTAL_READ, ref, self.replies.messages, cap=LIST_CAP)

    async def _all_messages(self, ref: ProviderRef, first: port.Messages) -> port.MessagesReply:
        """The pages behind the first, up to one that is not full.

        Whether pages are counted from 0 or from 1 is not documented: the first may come again.
        """
        pages = [first.sms]
        whole = await all_read(self._read_on(ref, pages))
        return port.Messages(in_order(pages), complete=whole)

    async def _read_on(self, ref: ProviderRef, pages: list[tuple[Sms, ...]]) -> bool:
        first = pages[0]
        for number in range(1, PAGES_MAX):
            await self._http.pay_more()
            target = self._routes[Operation.RENTAL_READ].target + self._family.page
            page = await self._http.call(
                Operation.RENTAL_READ,
                target.format(ref=escaped(ref), page=number),
                self.replies.messages,
                cap=LIST_CAP,
            )
            if not isinstance(page, port.Messages):
                break  # It ended meanwhile: the next look says how.
            again = page.sms == pages[-1]
            if again and number > 1:
                break  # It turns no pages.
            pages += [] if again else [page.sms]
            if len(page.sms) < len(first):
                return True
        return False

    async def prolong(self, ref: ProviderRef, by: timedelta) -> port.ProlongReply:
        if not self.terms.prolongs:
            return port.NotProlonged(port.NoProlong.NOT_POSSIBLE)
        if not self.terms.lengths.offer(by):
            return port.NotProlonged(port.NoProlong.BAD_LENGTH)
        return await self._ask(
            Operation.RENTAL_PROLONG, ref, self.replies.prolonged, words=self._family.words_of(by)
        )

    async def available(self, ref: ProviderRef) -> port.Availability:
        return await self._ask(Operation.RENTAL_READ, ref, self.replies.available, cap=LIST_CAP)

    async def close(self, ref: ProviderRef) -> port.CloseReply:
        """Give it back; where the price is kept anyway, end it; where that is unclear, look."""
        attempt = await self._ask(Operation.RENTAL_CLOSE, ref, self.replies.given_back)
        if attempt is CloseFollowUp.FINISH:
            await self._http.pay_more()
            target = self._family.finish.format(ref=escaped(ref))
            attempt = await self._http.call(Operation.RENTAL_CLOSE, target, self.replies.kept)
        if isinstance(attempt, CloseFollowUp):
            await self._http.pay_more()
            return closed_by(await self._first_messages(ref))
        return attempt


async def all_read(more: Awaitable[bool]) -> bool:
    """Whether all pages behind the first came; those that came before one that did not are kept."""
    try:
        async with asyncio.timeout(MORE_PAGES_S):
            return await more
    except (ProviderError, TimeoutError):
        return False


async def tried(attempt: Awaitable[object], within_s: float) -> None:
    """Wait for what helps a call, and whose failure must not be the call's."""
    with contextlib.suppress(ProviderError, TimeoutError):
        async with asyncio.timeout(within_s):
            await attempt


def in_order(pages: Iterable[tuple[Sms, ...]]) -> tuple[Sms, ...]:
    """Oldest first, where all of them tell their instant; else as the pages came."""
    every = [sms for page in pages for sms in page]
    dated = [(sms.received_at, sms) for sms in every if sms.received_at is not None]
    if len(dated) < len(every):
        return tuple(every)
    return tuple(sms for _, sms in sorted(dated, key=lambda each: each[0]))


def availability_of(seen: port.MessagesReply) -> port.Availability:
    match seen:
        case port.Messages():
            return port.Availability.NOT_TOLD
        case Ended():
            return port.Availability.ENDED
        case NotKnown():
            return port.Availability.NOT_KNOWN


def closed_by(seen: port.MessagesReply) -> port.CloseReply:
    """What a look makes of a close that said nothing certain."""
    return port.NotClosed(Refusal.UNCLEAR) if isinstance(seen, port.Messages) else seen
