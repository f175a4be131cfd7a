"""Long rentals of classic handler_api: calls of their own, answered in JSON, refused by a word."""

from typing import Any, Final

from worker.adapters.providers.family import OperationRoute, OperationTable, ProviderConfig
from worker.adapters.providers.handler_api import words
from worker.adapters.providers.handler_api.dialects import DIALECTS
from worker.adapters.providers.handler_api.replies import HandlerReplies, word_in
from worker.adapters.providers.rental_account import (
    BAD_LENGTH,
    HOUR,
    NO_BALANCE,
    NOT_POSSIBLE,
    CloseAttempt,
    CloseFollowUp,
    RentalAccount,
    RentalReplies,
    availability_of,
)
from worker.adapters.providers.reply import (
    RawSms,
    Reply,
    all_sms,
    count_of,
    is_answer,
    is_success,
    json_of,
    phone_of,
    unreadable,
)
from worker.adapters.providers.transport import LIST_CAP, Transport
from worker.domain.ids import ProviderRef
from worker.domain.price_fate import PriceFate
from worker.ports import long_rental as port
from worker.ports.errors import ProviderUnavailable
from worker.ports.provider import NoRent, NotKnown, Rented
from worker.ports.reporter import Operation

TERMS: Final = port.RentalTerms(
    lengths=port.Lengths(HOUR, 4 * HOUR, 1344 * HOUR),
    prolongs=True,
    tells_refund=True,
    tells_outage=True,
)
ROUTES: Final[OperationTable] = {
    Operation.RENTAL_OPEN: OperationRoute(
        "getRentNumber&service={service}&country={country}&rent_time={hours}"
    ),
    Operation.RENTAL_READ: OperationRoute("getRentStatus&id={ref}&size=100"),
    Operation.RENTAL_PROLONG: OperationRoute("continueRentNumber&id={ref}&rent_time={hours}"),
    Operation.RENTAL_CLOSE: OperationRoute("setRentStatus&id={ref}&status=2"),
}
FINISH: Final = "setRentStatus&id={ref}&status=1"

WAITING: Final = "STATUS_WAIT_CODE"
ENDINGS: Final = {"STATUS_CANCEL": PriceFate.GIVEN_BACK, "STATUS_FINISH": PriceFate.KEPT}
DEAD: Final = "RENT_DIE"
BAD_TIMES: Final = frozenset({"INVALID_TIME", "MAX_HOURS_EXCEED", "BAD_DURATION"})
UNKNOWN: Final = frozenset({"INVALID_PHONE", "NO_ID_RENT"})  #: Beyond those of activations.
TOO_LATE: Final = "CANT_CANCEL"
OVER: Final = frozenset({"ALREADY_FINISH", "ALREADY_CANCEL", "INCORECT_STATUS", *ENDINGS, WAITING})


class HandlerRentalReplies(HandlerReplies, RentalReplies):
    """Reads the replies about classic rentals. Raises `ProviderError` only."""

    __slots__ = ()

    def opened(self, reply: Reply) -> Rented | NoRent:
        phone = self._phone(reply)
        if phone is not None:
            return self._rented(reply, phone.get("id"), phone_of(phone.get("number")))
        if is_answer(reply) and word_in(reply).word in BAD_TIMES:
            return NoRent.BAD_REQUEST
        return self.rent(reply)

    def messages(self, reply: Reply) -> port.MessagesReply:
        body = self._success(reply)
        if body is not None and "values" in body:
            return self._messages(reply, body)
        answer = word_in(reply)
        if not is_answer(reply):
            raise self._fault(reply, answer)
        if answer.word == WAITING:
            return port.Messages()
        if answer.word in ENDINGS and not answer.rest:  # Alone, as in the status of an activation.
            return port.Ended(ENDINGS[answer.word])
        if answer.word == DEAD:
            raise ProviderUnavailable(self.provider, DEAD)
        if self._is_no_rental(answer.word, reply):
            return NotKnown()
        raise self._fault(reply, answer)

    def _messages(self, reply: Reply, body: dict[str, Any]) -> port.Messages:
        """`values` is an object by index, or an empty list where there is none."""
        values, quantity = body["values"], body.get("quantity")
        if isinstance(values, dict):
            values = [values[index] for index in sorted(values, key=_place)]
        if not isinstance(values, list) or not all(isinstance(row, dict) for row in values):
            raise unreadable(self.provider, reply)
        sms = all_sms(RawSms(None, row.get("text"), row.get("date")) for row in values)
        return port.Messages(sms, complete=count_of(quantity) <= len(values))

    def available(self, reply: Reply) -> port.Availability:
        if is_answer(reply) and word_in(reply).word == DEAD:
            return port.Availability.DOWN
        return availability_of(self.messages(reply))

    def prolonged(self, reply: Reply) -> port.ProlongReply:
        if self._phone(reply) is not None:
            return port.Prolonged()  # The reply has the new end, but without a time zone.
        answer = word_in(reply)
        if not is_answer(reply):
            raise self._fault(reply, answer)
        if answer.word in words.NO_BALANCE:
            return NO_BALANCE
        if answer.word in BAD_TIMES:
            return BAD_LENGTH
        if answer.word == DEAD or answer.word in OVER:
            return NOT_POSSIBLE
        if self._is_no_rental(answer.word, reply):
            return NotKnown()
        raise self._fault(reply, answer)

    def given_back(self, reply: Reply) -> CloseAttempt:
        if self._success(reply) is not None:
            return port.Ended(PriceFate.GIVEN_BACK)
        if is_answer(reply) and word_in(reply).word == TOO_LATE:
            return CloseFollowUp.FINISH
        return self._not_closed(reply)

    def kept(self, reply: Reply) -> CloseAttempt:
        if self._success(reply) is not None:
            return port.Ended(PriceFate.KEPT)
        return self._not_closed(reply)

    def _not_closed(self, reply: Reply) -> CloseAttempt:
        answer = word_in(reply)
        if is_answer(reply) and answer.word in OVER:
            return CloseFollowUp.READ
        if is_answer(reply) and self._is_no_rental(answer.word, reply):
            return NotKnown()
        raise self._fault(reply, answer)

    def _is_no_rental(self, word: str, reply: Reply) -> bool:
        return word in UNKNOWN or self._is_not_known(word, reply)

    def _success(self, reply: Reply) -> dict[str, Any] | None:
        body = json_of(reply) if is_success(reply) else None
        return body if isinstance(body, dict) and body.get("status") == "success" else None

    def _phone(self, reply: Reply) -> dict[str, Any] | None:
        phone = (self._success(reply) or {}).get("phone")
        return phone if isinstance(phone, dict) else None


def _place(index: str) -> int:
    return int(index) if index.isdecimal() else 0


class HandlerRentals(RentalAccount):
    """The long rentals of one account at a company with the classic calls."""

    def __init__(self, config: ProviderConfig, http: Transport) -> None:
        dialect = DIALECTS[config.dialect]
        self._states = HandlerRentalReplies(config.name, dialect, config.currency)
        super().__init__(http, TERMS, ROUTES, self._states, finish=FINISH)

    async def available(self, ref: ProviderRef) -> port.Availability:
        return await self._ask(Operation.RENTAL_READ, ref, self._states.available, cap=LIST_CAP)
