"""Rentals of sms-man: by the hour or the day, for all services, beside its activations."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from worker.adapters.providers import fields
from worker.adapters.providers.family import (
    OperationRoute,
    OperationTable,
)
from worker.adapters.providers.rental_account import DAY, HOUR, FamilyRentals, RentalReplies
from worker.adapters.providers.reply import Reply
from worker.adapters.providers.smsman.activations import WAITING, SmsManReplies
from worker.domain.price_fate import PriceFate
from worker.ports import long_rental
from worker.ports import provider as port
from worker.ports.reporter import Operation

TERMS: Final = long_rental.RentalTerms(
    lengths=long_rental.Lengths(HOUR, HOUR, 360 * DAY), whole_number=True, tells_refund=True
)
RENTAL_PATH: Final = "/rent-api"
ROUTES: Final[OperationTable] = {
    Operation.RENTAL_OPEN: OperationRoute(
        RENTAL_PATH + "/get-number?country_id={country}&{period}&"
    ),
    Operation.RENTAL_READ: OperationRoute(RENTAL_PATH + "/get-all-sms?request_id={ref}&"),
    Operation.RENTAL_CLOSE: OperationRoute(
        RENTAL_PATH + "/set-status?request_id={ref}&status=reject&"
    ),
}

NONE_YET: Final = frozenset({WAITING, "no_sms"})
NOT_FOUND: Final = "sms_not_found"


class SmsManRentalReplies(SmsManReplies, RentalReplies):
    """Reads the replies of sms-man about rentals. Raises `ProviderError` only."""

    def opened(self, reply: Reply) -> port.Rented | port.NoRent:
        return self.rent(reply)

    def messages(self, reply: Reply) -> long_rental.MessagesReply:
        body = self._body(reply)
        error = body.get("error_code")
        if isinstance(error, str) and error in NONE_YET:
            return long_rental.Messages()
        if error == NOT_FOUND:
            return port.NotKnown()
        rows = body.get("sms")
        if error or not reply.is_success or not isinstance(rows, list):
            raise self._fault(reply)
        if not all(isinstance(row, dict) for row in rows):
            raise reply.unreadable(self.provider)
        return long_rental.Messages(
            fields.all_sms(
                fields.RawSms(row.get("code"), row.get("text"), row.get("time")) for row in rows
            )
        )

    def ended(self, reply: Reply) -> long_rental.CloseReply:
        """Why a reject is refused is not documented, so nothing is done that keeps the price."""
        if self._word(reply) == NOT_FOUND:
            return port.NotKnown()
        why = self.changed(reply)
        return port.Ended(PriceFate.GIVEN_BACK) if why is None else long_rental.NotClosed(why)


def _period(length: timedelta) -> Mapping[str, object]:
    days, rest = divmod(length, DAY)
    return {"period": f"type=hour&time={length // HOUR}" if rest else f"type=day&time={days}"}


RENTALS: Final = FamilyRentals(TERMS, ROUTES, SmsManRentalReplies, words_of=_period)
