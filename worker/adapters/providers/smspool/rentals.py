"""Rentals of SMSPool: by the day, beside its activations, in the same JSON.

What is ordered as the country is the id of an offer of its list of rentals: each is one country
with its own lengths and prices. A price comes back only while no message has come.
"""

import re
from dataclasses import replace
from typing import Any, Final

from worker.adapters.providers import fields
from worker.adapters.providers.family import OperationRoute, OperationTable
from worker.adapters.providers.rental_account import (
    DAY,
    CloseAttempt,
    CloseFollowUp,
    FamilyRentals,
    RentalAccount,
    RentalReplies,
    closed_by,
)
from worker.adapters.providers.reply import Reply
from worker.adapters.providers.smspool import activations
from worker.adapters.providers.smspool.activations import (
    BAD_KEY,
    SmsPoolReplies,
    is_no,
    is_yes,
)
from worker.domain.ids import ProviderRef
from worker.domain.price_fate import PriceFate
from worker.ports import long_rental
from worker.ports import provider as port
from worker.ports.reporter import Operation

TERMS: Final = long_rental.RentalTerms(
    lengths=long_rental.Lengths(DAY, DAY, 365 * DAY),
    prolongs=True,
    gives_expiry=True,
    tells_refund=True,
)
ROUTES: Final[OperationTable] = {
    Operation.RENTAL_OPEN: OperationRoute(
        "/purchase/rental?id={country}&days={days}&service_id={service}&", "POST"
    ),
    Operation.RENTAL_READ: OperationRoute("/rental/retrieve_messages?rental_code={ref}&", "POST"),
    Operation.RENTAL_PROLONG: OperationRoute(
        "/rental/extend?rental_code={ref}&days={days}&", "POST"
    ),
    Operation.RENTAL_CLOSE: OperationRoute("/rental/refund?rental_code={ref}&", "POST"),
}
NO_RENT: Final = {
    **activations.NO_RENT,
    "This rental is out of stock.": port.NoRent.NO_NUMBERS,
}
#: What it calls an offer, its length and its service.
FIELDS_OF_A_RENTAL: Final = frozenset({"id", "days", "service_id"})
NO_PROLONG: Final = {"BALANCE_ERROR": long_rental.NoProlong.NO_BALANCE}
#: Of a rental the sentence is not documented; of an order it is this one.
NOT_FOUND: Final = re.compile(r"\bcould not be found\b", re.IGNORECASE)


class SmsPoolRentalReplies(SmsPoolReplies, RentalReplies):
    """Reads the replies of SMSPool about rentals. Raises `ProviderError` only."""

    no_rent = NO_RENT
    fields_of_a_purchase = FIELDS_OF_A_RENTAL
    no_prolong = NO_PROLONG

    def opened(self, reply: Reply) -> port.Rented | port.NoRent:
        body = self._object(reply, exact=True)
        if not reply.is_success or not is_yes(body.get("success")):
            return self._not_rented(reply)
        phone = fields.phone_of(body.get("phonenumber"))
        rented = self._rented(reply, body.get("rental_code"), phone)
        return replace(rented, expires_at=fields.unix_of(body.get("expiry")))

    def messages(self, reply: Reply) -> long_rental.MessagesReply:
        body = self._object(reply)
        if not reply.is_success or not is_yes(body.get("success")):
            return self._not_known(reply)
        rows = _rows_in(body.get("messages"))
        if rows is None:
            raise reply.unreadable(self.provider)
        return long_rental.Messages(
            fields.all_sms(
                fields.RawSms(None, row.get("message"), row.get("timestamp")) for row in rows
            )
        )

    def prolonged(self, reply: Reply) -> long_rental.ProlongReply:
        body = self._object(reply)
        if reply.is_success and is_yes(body.get("success")):
            return long_rental.Prolonged(expires_at=fields.unix_of(body.get("expiry")))
        if self._is_plain_no(reply) and self._word(reply) not in self.no_prolong:
            return long_rental.NotProlonged(long_rental.NoProlong.NOT_POSSIBLE)
        return self._not_prolonged(reply)

    def given_back(self, reply: Reply) -> CloseAttempt:
        body = self._object(reply)
        if reply.is_success and is_yes(body.get("success")):
            return port.Ended(PriceFate.GIVEN_BACK)
        # Why it refuses is documented nowhere: the messages show whether one has come.
        return CloseFollowUp.READ if self._is_plain_no(reply) else self._not_known(reply)

    def _is_plain_no(self, reply: Reply) -> bool:
        """A refusal, of a rental that it knows."""
        known = not self._is_not_known(reply) and self._word(reply) != BAD_KEY
        return reply.is_answer and known and is_no(self._object(reply).get("success"))

    def _is_not_known(self, reply: Reply) -> bool:
        said = is_no(self._object(reply).get("success"))
        return reply.is_answer and said and NOT_FOUND.search(self._word(reply)) is not None


def _rows_in(messages: object) -> list[dict[str, Any]] | None:
    """The messages: an object by their index, or a list; None for what is neither."""
    rows = list(messages.values()) if isinstance(messages, dict) else messages
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        return None
    return rows


class SmsPoolRentals(RentalAccount):
    """The rentals of one account at SMSPool."""

    async def close(self, ref: ProviderRef) -> long_rental.CloseReply:
        attempt = await self._ask(Operation.RENTAL_CLOSE, ref, self.replies.given_back)
        if not isinstance(attempt, CloseFollowUp):
            return attempt
        await self._http.pay_more()
        seen = await self._first_messages(ref)
        if isinstance(seen, long_rental.Messages) and seen.sms:
            return long_rental.NotClosed(port.Refusal.NOT_CANCELLABLE)
        return closed_by(seen)


RENTALS: Final = FamilyRentals(TERMS, ROUTES, SmsPoolRentalReplies)
