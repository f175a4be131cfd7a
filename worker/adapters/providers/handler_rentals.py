"""Long rentals of classic handler_api: calls of their own, answered in JSON, refused by a word."""

from datetime import timedelta
from typing import Any, Final

from worker.adapters.providers.config import ProviderConfig
from worker.adapters.providers.handler_dialects import DIALECTS, NO_BALANCE
from worker.adapters.providers.handler_replies import HandlerReplies, said
from worker.adapters.providers.rental_account import (
    BAD_LENGTH,
    HOUR,
    NOT_POSSIBLE,
    After,
    Closing,
    RentalAccount,
    Told,
    all_sms,
    availability_of,
    count_of,
)
from worker.adapters.providers.rental_account import NO_BALANCE as UNPAID
from worker.adapters.providers.reply import (
    Reply,
    is_answer,
    is_success,
    json_of,
    phone_of,
    ref_of,
    unreadable,
)
from worker.adapters.providers.transport import LIST_CAP, Operation, Transport, escaped
from worker.domain.ids import ProviderRef
from worker.domain.price_fate import PriceFate
from worker.ports.errors import ProviderUnavailable
from worker.ports.long_rental import (
    Availability,
    CloseReply,
    Ended,
    Lengths,
    Messages,
    MessagesReply,
    Prolonged,
    ProlongReply,
    RentalRequest,
    RentalTerms,
)
from worker.ports.provider import NoRent, NotKnown, Rented

TERMS: Final = RentalTerms(
    lengths=Lengths(HOUR, 4 * HOUR, 1344 * HOUR),
    prolongs=True,
    tells_refund=True,
    tells_outage=True,
)
PAGE_SIZE: Final = 100  #: SMS in one answer.
FINISH, CANCEL = "1", "2"

WAITING: Final = "STATUS_WAIT_CODE"
ENDINGS: Final = {"STATUS_CANCEL": PriceFate.GIVEN_BACK, "STATUS_FINISH": PriceFate.KEPT}
DEAD: Final = "RENT_DIE"
BAD_TIMES: Final = frozenset({"INVALID_TIME", "MAX_HOURS_EXCEED", "BAD_DURATION"})
UNKNOWN: Final = frozenset({"INVALID_PHONE", "NO_ID_RENT"})  #: Beyond those of activations.
TOO_LATE: Final = "CANT_CANCEL"
OVER: Final = frozenset({"ALREADY_FINISH", "ALREADY_CANCEL", "INCORECT_STATUS", *ENDINGS, WAITING})


class RentalReplies(HandlerReplies):
    """Reads what is said of classic rentals. Raises `ProviderError` only."""

    __slots__ = ()

    def opened(self, reply: Reply) -> Rented | NoRent:
        phone = self._phone(reply)
        if phone is None:
            word = said(reply).word
            return (
                NoRent.BAD_REQUEST if is_answer(reply) and word in BAD_TIMES else self.rent(reply)
            )
        ref, digits = ref_of(phone.get("id")), phone_of(phone.get("number"))
        if ref is None or digits is None:
            raise unreadable(self.provider, reply)
        return Rented(ProviderRef(ref), digits)

    def messages(self, reply: Reply) -> MessagesReply:
        body = self._success(reply)
        if body is not None and "values" in body:
            return self._messages(reply, body)
        answer = said(reply)
        if not is_answer(reply):
            raise self._fault(reply, answer)
        if answer.word == WAITING:
            return Messages()
        if answer.word in ENDINGS and not answer.rest:  # Alone, as in the status of an activation.
            return Ended(ENDINGS[answer.word])
        if answer.word == DEAD:
            raise ProviderUnavailable(self.provider, DEAD)
        if self._is_no_rental(answer.word, reply):
            return NotKnown()
        raise self._fault(reply, answer)

    def _messages(self, reply: Reply, body: dict[str, Any]) -> Messages:
        """`values` is an object by index, or an empty list where there is none."""
        values, quantity = body["values"], body.get("quantity")
        if isinstance(values, dict):
            values = [values[index] for index in sorted(values, key=_place)]
        if not isinstance(values, list) or not all(isinstance(row, dict) for row in values):
            raise unreadable(self.provider, reply)
        sms = all_sms(Told(None, row.get("text"), row.get("date")) for row in values)
        return Messages(sms, complete=count_of(quantity) <= len(values))

    def available(self, reply: Reply) -> Availability:
        if is_answer(reply) and said(reply).word == DEAD:
            return Availability.DOWN
        return availability_of(self.messages(reply))

    def prolonged(self, reply: Reply) -> ProlongReply:
        if self._phone(reply) is not None:
            return Prolonged()  # Until when is told without a zone.
        answer = said(reply)
        if not is_answer(reply):
            raise self._fault(reply, answer)
        if answer.word in NO_BALANCE:
            return UNPAID
        if answer.word in BAD_TIMES:
            return BAD_LENGTH
        if answer.word == DEAD or answer.word in OVER:
            return NOT_POSSIBLE
        if self._is_no_rental(answer.word, reply):
            return NotKnown()
        raise self._fault(reply, answer)

    def given_back(self, reply: Reply) -> Closing:
        if self._success(reply) is not None:
            return Ended(PriceFate.GIVEN_BACK)
        if is_answer(reply) and said(reply).word == TOO_LATE:
            return After.FINISH
        return self._not_closed(reply)

    def kept(self, reply: Reply) -> Closing:
        if self._success(reply) is not None:
            return Ended(PriceFate.KEPT)
        return self._not_closed(reply)

    def _not_closed(self, reply: Reply) -> Closing:
        answer = said(reply)
        if is_answer(reply) and answer.word in OVER:
            return After.READ
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


class HandlerRentals(RentalAccount[RentalReplies]):
    """Those of one account at a company with the classic calls."""

    def __init__(self, config: ProviderConfig, http: Transport) -> None:
        read = RentalReplies(config.name, DIALECTS[config.dialect], config.currency)
        super().__init__(http, TERMS, read)

    def _to_open(self, request: RentalRequest) -> str:
        return (
            f"getRentNumber&service={escaped(request.service)}&country={escaped(request.country)}"
            f"&rent_time={request.length // HOUR}"
        )

    def _to_read(self, ref: ProviderRef) -> str:
        return f"getRentStatus&id={escaped(ref)}&size={PAGE_SIZE}"

    async def available(self, ref: ProviderRef) -> Availability:
        target = self._to_read(ref)
        read = self._read.available
        return await self._http.call(Operation.RENTAL_READ, target, read, cap=LIST_CAP)

    async def _prolong(self, ref: ProviderRef, by: timedelta) -> ProlongReply:
        target = f"continueRentNumber&id={escaped(ref)}&rent_time={by // HOUR}"
        return await self._http.call(Operation.RENTAL_PROLONG, target, self._read.prolonged)

    async def close(self, ref: ProviderRef) -> CloseReply:
        target = f"setRentStatus&id={escaped(ref)}&status="
        return await self._close(
            ref, target + CANCEL, self._read.given_back, target + FINISH, self._read.kept
        )
