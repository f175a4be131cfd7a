"""Rentals of TextVerified that are not renewed: a number for one service, by a few fixed lengths.

A purchase answers with a link to its sale, and the sale names the rental. Lines that sleep are not
woken: only numbers that are always on are asked for.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Final, NamedTuple, TypeVar

import orjson

from worker.adapters.providers import fields
from worker.adapters.providers.family import (
    OperationRoute,
    OperationTable,
    ProviderConfig,
    word_under,
)
from worker.adapters.providers.rental_account import (
    DAY,
    CloseAttempt,
    CloseFollowUp,
    FamilyRentals,
    RentalAccount,
    RentalReplies,
    all_read,
    closed_by,
)
from worker.adapters.providers.reply import Reply
from worker.adapters.providers.textverified import lists
from worker.adapters.providers.textverified.activations import (
    JSON,
    REFUSED_CHANGE,
    TextVerifiedReplies,
    has_numbers_of,
)
from worker.adapters.providers.transport import Transport, escaped
from worker.adapters.providers.wire import MoreSent
from worker.domain.ids import ProviderRef
from worker.domain.price_fate import PriceFate
from worker.ports import long_rental
from worker.ports import provider as port
from worker.ports.errors import ProviderError, ProviderUnavailable, UnknownReply
from worker.ports.reporter import Operation

T = TypeVar("T")

DURATIONS: Final = {
    1 * DAY: "oneDay",
    3 * DAY: "threeDay",
    7 * DAY: "sevenDay",
    14 * DAY: "fourteenDay",
    30 * DAY: "thirtyDay",
    90 * DAY: "ninetyDay",
    365 * DAY: "oneYear",
}
TERMS: Final = long_rental.RentalTerms(
    lengths=long_rental.only(*DURATIONS), prolongs=True, gives_expiry=True, tells_refund=True
)
_PHONE_LIKE: Final = re.compile("[0-9]{7}")
RENTAL: Final = "/reservations/rental/nonrenewable/{ref}"
SALE: Final = "/sales/{ref}"
SMS: Final = "/sms?reservationType=nonrenewable&reservationId={ref}"
ROUTES: Final[OperationTable] = {
    Operation.RENTAL_OPEN: OperationRoute("/reservations/rental", "POST"),
    Operation.RENTAL_READ: OperationRoute(RENTAL),
    Operation.RENTAL_PROLONG: OperationRoute("/reservations/rentals/extensions", "POST"),
    Operation.RENTAL_CLOSE: OperationRoute(RENTAL + "/refund", "POST"),
}
ACTIVE: Final = "nonrenewableactive"
ENDED: Final = {
    "nonrenewableexpired": PriceFate.KEPT,
    "nonrenewablerefunded": PriceFate.GIVEN_BACK,
}
NO_PROLONG: Final = {"InsufficientBalance": long_rental.NoProlong.NO_BALANCE}
FAILED_SALE: Final = "failed"


class Sold(NamedTuple):
    """What a sale says: the rental, and what it cost."""

    ref: ProviderRef
    cost_minor: int | None
    currency: str | None


class TextVerifiedRentalReplies(TextVerifiedReplies, RentalReplies):
    """Reads the replies of TextVerified about rentals. Raises `ProviderError` only."""

    no_prolong = NO_PROLONG

    def sold(self, reply: Reply) -> Sold | port.NoRent:
        body = reply.exact_json() if reply.is_success else None
        if not isinstance(body, dict) or not isinstance(body.get("state"), str):
            raise self._fault(reply)
        rentals = fields.objects_in(body.get("reservations"))
        ref = fields.ref_of(rentals[0].get("id")) if len(rentals) == 1 else None
        if ref is not None:
            return Sold(ProviderRef(ref), *fields.cost_in(body.get("total"), self.currency))
        if body["state"].lower() == FAILED_SALE:
            return port.NoRent.NO_NUMBERS
        raise reply.unreadable(self.provider)

    def opened(self, reply: Reply) -> port.Rented | port.NoRent:
        """The details of what was sold."""
        body = self._details(reply)
        rented = self._rented(reply, body.get("id"), lists.phone_of(body.get("number")))
        return replace(rented, expires_at=fields.instant_of(body.get("endsAt")))

    def messages(self, reply: Reply) -> long_rental.MessagesReply:
        """By the details of it, which have no SMS: those are elsewhere."""
        if _is_nothing(reply):
            return port.NotKnown()
        state = word_under(self._details(reply), "state").lower()
        if state == ACTIVE:
            return long_rental.Messages()
        if state in ENDED:
            return port.Ended(ENDED[state])
        raise reply.unreadable(self.provider)

    def prolonged(self, reply: Reply) -> long_rental.ProlongReply:
        if reply.is_success and (not reply.body.strip() or isinstance(reply.json(), dict)):
            return long_rental.Prolonged()
        if _is_nothing(reply):
            return port.NotKnown()
        if self._is_not_done(reply):
            why = self.no_prolong.get(self._word(reply), long_rental.NoProlong.NOT_POSSIBLE)
            return long_rental.NotProlonged(why)
        raise self._fault(reply)

    def given_back(self, reply: Reply) -> CloseAttempt:
        if reply.is_success and reply.body.strip() in {b"", b"{}"}:
            return port.Ended(PriceFate.GIVEN_BACK)
        if _is_nothing(reply):
            return port.NotKnown()
        if reply.status in REFUSED_CHANGE and not reply.body.startswith(b"<"):
            return CloseFollowUp.READ  # Why it refuses has no documented body.
        raise self._fault(reply)

    def not_closed(self, reply: Reply) -> long_rental.CloseReply:
        """What the details say after a refusal."""
        seen = self.messages(reply)
        if isinstance(seen, long_rental.Messages):
            refund = self._details(reply).get("refund")
            if isinstance(refund, dict) and refund.get("canRefund") is False:
                return long_rental.NotClosed(port.Refusal.NOT_CANCELLABLE)
        return closed_by(seen)


def _is_nothing(reply: Reply) -> bool:
    return reply.status == 404 and not reply.body.strip()


class TextVerifiedRentals(RentalAccount):
    """The rentals of one account at TextVerified."""

    def __init__(self, config: ProviderConfig, http: Transport) -> None:
        super().__init__(RENTALS, config, http)
        self._read = TextVerifiedRentalReplies(config)

    async def open(self, request: long_rental.RentalRequest) -> port.Rented | port.NoRent:
        if not (self.terms.lengths.offer(request.length) and has_numbers_of(request.country)):
            return port.NoRent.BAD_REQUEST
        if request.max_cost_minor is not None:
            return port.NoRent.PRICE_ABOVE_MAX
        order = {
            "serviceName": request.service,
            "capability": "sms",
            "numberType": "mobile",
            "duration": DURATIONS[request.length],
            "isRenewable": False,
            "allowBackOrderReservations": False,
            "alwaysOn": True,
        }
        sale = await self._send(Operation.RENTAL_OPEN, order, self._read.bought)
        if isinstance(sale, port.NoRent):
            return sale
        rented = await self._read_sale(sale)
        if rented is None:
            # A sale's id is mostly letters; so many digits may be a phone, and go to no log.
            named = "a sale" if _PHONE_LIKE.search(sale) else f"sale {sale}"
            raise ProviderUnavailable(self.name, f"bought by {named}, but not read")
        return rented

    async def _read_sale(self, sale: ProviderRef) -> port.Rented | port.NoRent | None:
        """None: it was sold, and nobody knows yet what."""
        try:
            return await self._rental_of(sale)
        except ProviderError:
            return None

    async def _rental_of(self, sale: ProviderRef) -> port.Rented | port.NoRent:
        sold = await self._read_until_final(SALE, sale, self._read.sold)
        if isinstance(sold, port.NoRent):
            return sold
        rented = await self._read_until_final(RENTAL, sold.ref, self._read.opened)
        if isinstance(rented, port.Rented):
            return replace(rented, cost_minor=sold.cost_minor, currency=sold.currency)
        return rented

    async def _read_until_final(
        self, target: str, ref: ProviderRef, read: Callable[[Reply], T]
    ) -> T:
        """A few times, also where it cannot be read: what was just sold may not be there yet."""
        await self._http.pay_more()
        target = target.format(ref=escaped(ref))
        on = (ProviderUnavailable, UnknownReply)
        return await self._http.call_patiently(Operation.RENTAL_READ, target, read, on=on)

    async def _first_messages(self, ref: ProviderRef) -> long_rental.MessagesReply:
        seen = await super()._first_messages(ref)
        if not isinstance(seen, long_rental.Messages):
            return seen
        await self._http.pay_more()
        pages = [await self._sms_page(SMS.format(ref=escaped(ref)))]
        whole = await all_read(self._sms_behind(pages))
        rows = dict.fromkeys(row for page in pages for row in page.rows)
        ordered = sorted(rows, key=lambda row: row.at)
        sms = tuple(row.sms for row in ordered if row.sms.code)
        return long_rental.Messages(sms, complete=whole)

    async def _sms_behind(self, pages: list[lists.LinkedRows]) -> bool:
        """The pages behind the first, added as they come: the newest may be on any."""

        async def read(target: str) -> lists.LinkedRows:
            pages.append(await self._sms_page(target))
            return pages[-1]

        following = pages[0].next
        if following is not None:
            await self._http.pay_more()
            await lists.every_row(following, read, self._http.pay_more, self.name)
        return True

    def _sms_page(self, target: str) -> Awaitable[lists.LinkedRows]:
        return self._http.call_patiently(Operation.RENTAL_READ, target, self._read.linked_sms)

    async def prolong(self, ref: ProviderRef, by: timedelta) -> long_rental.ProlongReply:
        if not self.terms.lengths.offer(by):
            return long_rental.NotProlonged(long_rental.NoProlong.BAD_LENGTH)
        order = {"extensionDuration": DURATIONS[by], "rentalId": ref}
        return await self._send(Operation.RENTAL_PROLONG, order, self._read.prolonged)

    async def close(self, ref: ProviderRef) -> long_rental.CloseReply:
        attempt = await self._ask(Operation.RENTAL_CLOSE, ref, self._read.given_back)
        if not isinstance(attempt, CloseFollowUp):
            return attempt
        await self._http.pay_more()
        return await self._ask(Operation.RENTAL_READ, ref, self._read.not_closed)

    async def _send(
        self, operation: Operation, order: Mapping[str, object], read: Callable[[Reply], T]
    ) -> T:
        more = MoreSent((JSON,), orjson.dumps(order))
        target = ROUTES[operation].target
        return await self._http.call(operation, target, read, method="POST", more=more)


RENTALS: Final = FamilyRentals(TERMS, ROUTES, TextVerifiedRentalReplies)
