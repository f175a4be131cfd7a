"""Long rentals of hero's dialect: activations of another kind, ended by calls without a body."""

from datetime import timedelta
from typing import Any, Final

from worker.adapters.providers.config import ProviderConfig
from worker.adapters.providers.handler_dialects import DIALECTS, NO_BALANCE
from worker.adapters.providers.handler_replies import HandlerReplies, said
from worker.adapters.providers.rental_account import (
    BAD_LENGTH,
    DAY,
    HOUR,
    NOT_POSSIBLE,
    After,
    Closing,
    RentalAccount,
    Told,
    all_sms,
    count_of,
    span_of,
)
from worker.adapters.providers.rental_account import NO_BALANCE as UNPAID
from worker.adapters.providers.reply import (
    Reply,
    exact_json_of,
    instant_of,
    is_answer,
    is_success,
    json_of,
    unreadable,
)
from worker.adapters.providers.transport import Operation, Transport, escaped
from worker.domain.ids import ProviderRef
from worker.domain.price_fate import PriceFate
from worker.ports.long_rental import (
    CloseReply,
    Ended,
    Messages,
    MessagesReply,
    NoProlong,
    NotClosed,
    NotProlonged,
    Prolonged,
    ProlongReply,
    RentalRequest,
    RentalTerms,
    only,
)
from worker.ports.provider import NoRent, NotKnown, Refusal, Refused, Rented

TERMS: Final = RentalTerms(
    lengths=only(DAY, 3 * DAY, 7 * DAY, 30 * DAY),
    prolongs=True,
    gives_expiry=True,
    tells_refund=True,
)
PAGE_SIZE: Final = 100  #: SMS in one answer.

BAD_LENGTHS: Final = frozenset({"BAD_DURATION", "MAX_HOURS_EXCEED"})
OFF: Final = frozenset({"SIM_OFFLINE", "SIM_TEMPORARY_OFFLINE"})
TOO_SOON: Final = frozenset({"FREEZE_PERIOD_NOT_REACHED", "TOO_EARLY"})
NEVER: Final = frozenset({"ACTION_NOT_AVAILABLE", "RENEW_ACTIVATION_NOT_AVAILABLE"})
UNREAD: Final = "NEW_OTP_RECEIVED"  #: Nobody has seen it yet: nothing is ended over it.
OVER: Final = "ACTIVATION_NOT_ACTIVE"


class HeroRentalReplies(HandlerReplies):
    """Reads what hero says of rentals. Raises `ProviderError` only."""

    __slots__ = ()

    def opened(self, reply: Reply) -> Rented | NoRent:
        word = said(reply).word
        return NoRent.BAD_REQUEST if is_answer(reply) and word in BAD_LENGTHS else self.rent(reply)

    def messages(self, reply: Reply) -> MessagesReply:
        body = json_of(reply) if is_success(reply) else None
        if isinstance(body, dict) and isinstance(body.get("data"), list):
            return self._messages(reply, body)
        answer = said(reply)
        if is_answer(reply) and answer.word == OVER:
            return Ended()  # Terminated or refunded: it does not say which.
        if is_answer(reply) and self._is_not_known(answer.word, reply):
            return NotKnown()
        raise self._fault(reply, answer)

    def _messages(self, reply: Reply, body: dict[str, Any]) -> Messages:
        rows, meta = body["data"], body.get("meta")
        if not all(isinstance(row, dict) for row in rows):
            raise unreadable(self.provider, reply)
        sms = all_sms(
            Told(row.get("code"), row.get("text"), row.get("date"), instant_of(row.get("date")))
            for row in rows
        )
        total = count_of(meta.get("total")) if isinstance(meta, dict) else 0
        return Messages(sms, complete=total <= len(rows))

    def prolonged(self, reply: Reply) -> ProlongReply:
        body = exact_json_of(reply) if is_success(reply) else None
        if isinstance(body, dict) and "activationId" in body:
            return Prolonged(instant_of(body.get("activationEndTime")))
        answer = said(reply)
        word, info = answer.word, answer.info or {}
        if not is_answer(reply):
            raise self._fault(reply, answer)
        if word in OFF | TOO_SOON:
            return NotProlonged(NoProlong.NOT_NOW, span_of(info.get("retry_after_seconds")))
        if word in NO_BALANCE:
            return UNPAID
        if word in BAD_LENGTHS:
            return BAD_LENGTH
        if word in NEVER or word == OVER:
            return NOT_POSSIBLE
        if self._is_not_known(word, reply):
            return NotKnown()
        raise self._fault(reply, answer)

    def given_back(self, reply: Reply) -> Closing:
        if _is_done(reply):
            return Ended(PriceFate.GIVEN_BACK)
        return self._not_closed(reply, After.FINISH)

    def kept(self, reply: Reply) -> Closing:
        if _is_done(reply):
            return Ended(PriceFate.KEPT)
        return self._not_closed(reply, After.READ)

    def _not_closed(self, reply: Reply, kept_anyway: After) -> Closing:
        """The refusals are those of a cancel, so they are read as one."""
        refused = self.cancel(reply)
        if not isinstance(refused, Refused):
            raise unreadable(self.provider, reply)
        match refused.why:
            case Refusal.EARLY:
                return NotClosed(refused.why, refused.retry_after, refused.min_age)
            case Refusal.CODE_ARRIVED if said(reply).word == UNREAD:
                return NotClosed(refused.why, sms=refused.sms)
            case Refusal.CODE_ARRIVED | Refusal.NOT_CANCELLABLE:
                return kept_anyway
            case Refusal.UNCLEAR:
                return After.READ


def _is_done(reply: Reply) -> bool:
    return reply.status == 204 and not reply.body.strip()


class HeroRentals(RentalAccount[HeroRentalReplies]):
    """Those of one account at hero."""

    def __init__(self, config: ProviderConfig, http: Transport) -> None:
        read = HeroRentalReplies(config.name, DIALECTS[config.dialect], config.currency)
        super().__init__(http, TERMS, read)

    def _to_open(self, request: RentalRequest) -> str:
        return (
            f"getRentNumber&service={escaped(request.service)}&country={escaped(request.country)}"
            f"&duration={request.length // HOUR}"
        )

    def _to_read(self, ref: ProviderRef) -> str:
        return f"getAllSms&id={escaped(ref)}&size={PAGE_SIZE}"

    async def _prolong(self, ref: ProviderRef, by: timedelta) -> ProlongReply:
        target = f"prolong&id={escaped(ref)}&duration={by // HOUR}"
        read = self._read.prolonged
        return await self._http.call(Operation.RENTAL_PROLONG, target, read, method="POST")

    async def close(self, ref: ProviderRef) -> CloseReply:
        return await self._close(
            ref,
            f"cancelActivation&id={escaped(ref)}",
            self._read.given_back,
            f"finishActivation&id={escaped(ref)}",
            self._read.kept,
        )
