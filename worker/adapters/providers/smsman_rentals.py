"""sms-man's rentals by the hour or the day, for all services, beside its activations."""

from typing import Final

from worker.adapters.providers.config import ProviderConfig
from worker.adapters.providers.rental_account import (
    DAY,
    HOUR,
    RentalAccount,
    Told,
    all_sms,
)
from worker.adapters.providers.reply import Reply, is_success, unreadable
from worker.adapters.providers.smsman import WAITING, SmsManReplies
from worker.adapters.providers.transport import Operation, Transport, escaped
from worker.domain.ids import ProviderRef
from worker.domain.price_fate import PriceFate
from worker.ports.long_rental import (
    CloseReply,
    Ended,
    Lengths,
    Messages,
    MessagesReply,
    NotClosed,
    RentalRequest,
    RentalTerms,
)
from worker.ports.provider import NoRent, NotKnown, Refusal, Rented

TERMS: Final = RentalTerms(
    lengths=Lengths(HOUR, HOUR, 360 * DAY), whole_number=True, tells_refund=True
)
PATH: Final = "/rent-api"

NONE_YET: Final = frozenset({WAITING, "no_sms"})
NOT_FOUND: Final = "sms_not_found"


class SmsManRentalReplies(SmsManReplies):
    """Reads what sms-man says of rentals. Raises `ProviderError` only."""

    def opened(self, reply: Reply) -> Rented | NoRent:
        return self.rent(reply)

    def messages(self, reply: Reply) -> MessagesReply:
        body = self._body(reply)
        error = body.get("error_code")
        if isinstance(error, str) and error in NONE_YET:
            return Messages()
        if error == NOT_FOUND:
            return NotKnown()
        rows = body.get("sms")
        if error or not is_success(reply) or not isinstance(rows, list):
            raise self._fault(reply, body)
        if not all(isinstance(row, dict) for row in rows):
            raise unreadable(self.provider, reply)
        return Messages(
            all_sms(Told(row.get("code"), row.get("text"), row.get("time")) for row in rows)
        )

    def ended(self, reply: Reply) -> CloseReply:
        """Why a reject is refused is not documented, so nothing is done that keeps the price."""
        body = self._body(reply)
        if self._succeeded(reply, body):
            return Ended(PriceFate.GIVEN_BACK)
        if body.get("error_code") == NOT_FOUND:
            return NotKnown()
        if self._refused(body):
            return NotClosed(Refusal.UNCLEAR)
        raise self._fault(reply, body)


class SmsManRentals(RentalAccount[SmsManRentalReplies]):
    """Those of one account at sms-man."""

    def __init__(self, config: ProviderConfig, http: Transport) -> None:
        super().__init__(http, TERMS, SmsManRentalReplies(config.name, config.currency))

    def _to_open(self, request: RentalRequest) -> str:
        days, rest = divmod(request.length, DAY)
        period = f"type=hour&time={request.length // HOUR}" if rest else f"type=day&time={days}"
        return f"{PATH}/get-number?country_id={escaped(request.country)}&{period}&"

    def _to_read(self, ref: ProviderRef) -> str:
        return f"{PATH}/get-all-sms?request_id={escaped(ref)}&"

    async def close(self, ref: ProviderRef) -> CloseReply:
        target = f"{PATH}/set-status?request_id={escaped(ref)}&status=reject&"
        return await self._http.call(Operation.RENTAL_CLOSE, target, self._read.ended)
