"""Rentals in this family: the classic calls, answered in JSON and refused by a word, and hero's.

Hero's rentals are activations of another kind, ended by calls without a body.
"""

from typing import Any, Final

from worker.adapters.providers import fields
from worker.adapters.providers.family import OperationRoute, OperationTable
from worker.adapters.providers.handler_api import words
from worker.adapters.providers.handler_api.activations import HandlerReplies, word_in
from worker.adapters.providers.rental_account import (
    DAY,
    HOUR,
    CloseAttempt,
    CloseFollowUp,
    FamilyRentals,
    RentalReplies,
)
from worker.adapters.providers.reply import Reply
from worker.domain.price_fate import PriceFate
from worker.ports import long_rental as port
from worker.ports.errors import ProviderUnavailable
from worker.ports.provider import Ended, NoRent, Refusal, Refused, Rented
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
PAGE: Final = "&page={page}"

WAITING: Final = "STATUS_WAIT_CODE"
ENDINGS: Final = {"STATUS_CANCEL": PriceFate.GIVEN_BACK, "STATUS_FINISH": PriceFate.KEPT}
DEAD: Final = "RENT_DIE"
BAD_TIMES: Final = frozenset({"INVALID_TIME", "MAX_HOURS_EXCEED", "BAD_DURATION"})
TOO_LATE: Final = "CANT_CANCEL"
OVER: Final = frozenset({"ALREADY_FINISH", "ALREADY_CANCEL", "INCORECT_STATUS", *ENDINGS, WAITING})
NO_PROLONG: Final = {
    **dict.fromkeys(words.NO_BALANCE, port.NoProlong.NO_BALANCE),
    **dict.fromkeys(BAD_TIMES, port.NoProlong.BAD_LENGTH),
    **dict.fromkeys({*OVER, DEAD}, port.NoProlong.NOT_POSSIBLE),
}


class HandlerRentalReplies(HandlerReplies, RentalReplies):
    """Reads the replies about classic rentals. Raises `ProviderError` only."""

    __slots__ = ()
    not_known = words.NOT_KNOWN | {"INVALID_PHONE", "NO_ID_RENT"}
    no_prolong = NO_PROLONG

    def opened(self, reply: Reply) -> Rented | NoRent:
        phone = self._phone(reply)
        if phone is not None:
            return self._rented(reply, phone.get("id"), fields.phone_of(phone.get("number")))
        if reply.is_answer and word_in(reply).word in BAD_TIMES:
            return NoRent.BAD_REQUEST
        return self.rent(reply)

    def messages(self, reply: Reply) -> port.MessagesReply:
        body = self._success(reply)
        if body is not None and "values" in body:
            return self._messages(reply, body)
        answer = word_in(reply)
        if not reply.is_answer:
            raise self._fault(reply)
        if answer.word == WAITING:
            return port.Messages()
        if answer.word in ENDINGS and not answer.rest:  # Alone, as in the status of an activation.
            return Ended(ENDINGS[answer.word])
        if answer.word == DEAD:
            raise ProviderUnavailable(self.provider, DEAD)
        return self._not_known(reply)

    def _messages(self, reply: Reply, body: dict[str, Any]) -> port.Messages:
        """`values` is an object by index, or an empty list where there is none."""
        values, quantity = body["values"], body.get("quantity")
        if isinstance(values, dict):
            values = [values[index] for index in sorted(values, key=_place)]
        if not isinstance(values, list) or not all(isinstance(row, dict) for row in values):
            raise reply.unreadable(self.provider)
        sms = fields.all_sms(
            fields.RawSms(None, row.get("text"), row.get("date")) for row in values
        )
        return port.Messages(sms, complete=fields.count_of(quantity) <= len(values))

    def available(self, reply: Reply) -> port.Availability:
        if reply.is_answer and word_in(reply).word == DEAD:
            return port.Availability.DOWN
        return super().available(reply)

    def prolonged(self, reply: Reply) -> port.ProlongReply:
        if self._phone(reply) is not None:
            return port.Prolonged()  # The reply has the new end, but without a time zone.
        return self._not_prolonged(reply)

    def given_back(self, reply: Reply) -> CloseAttempt:
        if self._success(reply) is not None:
            return Ended(PriceFate.GIVEN_BACK)
        if reply.is_answer and word_in(reply).word == TOO_LATE:
            return CloseFollowUp.FINISH
        return self._not_closed(reply)

    def kept(self, reply: Reply) -> CloseAttempt:
        if self._success(reply) is not None:
            return Ended(PriceFate.KEPT)
        return self._not_closed(reply)

    def _not_closed(self, reply: Reply) -> CloseAttempt:
        over = reply.is_answer and self._word(reply) in OVER
        return CloseFollowUp.READ if over else self._not_known(reply)

    def _success(self, reply: Reply) -> dict[str, Any] | None:
        body = reply.json() if reply.is_success else None
        return body if isinstance(body, dict) and body.get("status") == "success" else None

    def _phone(self, reply: Reply) -> dict[str, Any] | None:
        phone = (self._success(reply) or {}).get("phone")
        return phone if isinstance(phone, dict) else None


def _place(index: str) -> int:
    return int(index) if index.isdecimal() else 0


RENTALS: Final = FamilyRentals(TERMS, ROUTES, HandlerRentalReplies, FINISH, page=PAGE)


HERO_TERMS: Final = port.RentalTerms(
    lengths=port.only(DAY, 3 * DAY, 7 * DAY, 30 * DAY),
    prolongs=True,
    gives_expiry=True,
    tells_refund=True,
)
HERO_ROUTES: Final[OperationTable] = {
    Operation.RENTAL_OPEN: OperationRoute(
        "getRentNumber&service={service}&country={country}&duration={hours}"
    ),
    Operation.RENTAL_READ: OperationRoute("getAllSms&id={ref}&size=100"),
    Operation.RENTAL_PROLONG: OperationRoute("prolong&id={ref}&duration={hours}", "POST"),
    Operation.RENTAL_CLOSE: OperationRoute("cancelActivation&id={ref}"),
}
HERO_FINISH: Final = "finishActivation&id={ref}"

BAD_LENGTHS: Final = frozenset({"BAD_DURATION", "MAX_HOURS_EXCEED"})
UNREAD: Final = "NEW_OTP_RECEIVED"  #: Nobody has read that SMS yet, so the rental is not ended.
HERO_OVER: Final = "ACTIVATION_NOT_ACTIVE"
HERO_NO_PROLONG: Final = {
    "SIM_OFFLINE": port.NoProlong.NOT_NOW,
    "SIM_TEMPORARY_OFFLINE": port.NoProlong.NOT_NOW,
    "FREEZE_PERIOD_NOT_REACHED": port.NoProlong.NOT_NOW,
    "TOO_EARLY": port.NoProlong.NOT_NOW,
    **dict.fromkeys(words.NO_BALANCE, port.NoProlong.NO_BALANCE),
    **dict.fromkeys(BAD_LENGTHS, port.NoProlong.BAD_LENGTH),
    "ACTION_NOT_AVAILABLE": port.NoProlong.NOT_POSSIBLE,
    "RENEW_ACTIVATION_NOT_AVAILABLE": port.NoProlong.NOT_POSSIBLE,
    HERO_OVER: port.NoProlong.NOT_POSSIBLE,
}


class HeroRentalReplies(HandlerReplies, RentalReplies):
    """Reads the replies of hero about rentals. Raises `ProviderError` only."""

    __slots__ = ()
    no_prolong = HERO_NO_PROLONG

    def opened(self, reply: Reply) -> Rented | NoRent:
        word = word_in(reply).word
        return NoRent.BAD_REQUEST if reply.is_answer and word in BAD_LENGTHS else self.rent(reply)

    def messages(self, reply: Reply) -> port.MessagesReply:
        body = reply.json() if reply.is_success else None
        if isinstance(body, dict) and isinstance(body.get("data"), list):
            return self._messages(reply, body)
        if reply.is_answer and self._word(reply) == HERO_OVER:
            return Ended()  # Terminated or refunded: hero does not say which.
        return self._not_known(reply)

    def _messages(self, reply: Reply, body: dict[str, Any]) -> port.Messages:
        rows, meta = body["data"], body.get("meta")
        if not all(isinstance(row, dict) for row in rows):
            raise reply.unreadable(self.provider)
        sms = fields.all_sms(
            fields.RawSms(
                row.get("code"),
                row.get("text"),
                row.get("date"),
                fields.instant_of(row.get("date")),
            )
            for row in rows
        )
        total = fields.count_of(meta.get("total")) if isinstance(meta, dict) else 0
        return port.Messages(sms, complete=total <= len(rows))

    def prolonged(self, reply: Reply) -> port.ProlongReply:
        body = reply.exact_json() if reply.is_success else None
        if isinstance(body, dict) and "activationId" in body:
            return port.Prolonged(fields.instant_of(body.get("activationEndTime")))
        info = word_in(reply).info or {}
        return self._not_prolonged(reply, fields.span_of(info.get("retry_after_seconds")))

    def given_back(self, reply: Reply) -> CloseAttempt:
        if _is_done(reply):
            return Ended(PriceFate.GIVEN_BACK)
        return self._not_closed(reply, CloseFollowUp.FINISH)

    def kept(self, reply: Reply) -> CloseAttempt:
        if _is_done(reply):
            return Ended(PriceFate.KEPT)
        return self._not_closed(reply, CloseFollowUp.READ)

    def _not_closed(self, reply: Reply, kept_anyway: CloseFollowUp) -> CloseAttempt:
        """The reply to a refused close, which has the words of a refused cancel."""
        refused = self.cancel(reply)
        if not isinstance(refused, Refused):
            raise reply.unreadable(self.provider)
        match refused.why:
            case Refusal.EARLY:
                return port.NotClosed(refused.why, refused.retry_after, refused.min_age)
            case Refusal.CODE_ARRIVED if word_in(reply).word == UNREAD:
                return port.NotClosed(refused.why, sms=refused.sms)
            case Refusal.CODE_ARRIVED | Refusal.NOT_CANCELLABLE:
                return kept_anyway
            case Refusal.UNCLEAR:
                return CloseFollowUp.READ


def _is_done(reply: Reply) -> bool:
    return reply.status == 204 and not reply.body.strip()


HERO_RENTALS: Final = FamilyRentals(
    HERO_TERMS, HERO_ROUTES, HeroRentalReplies, HERO_FINISH, page=PAGE
)
