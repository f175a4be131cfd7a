"""Long rentals of `handler_api`: the classic calls of their own, and hero's extra ones."""

from datetime import timedelta
from typing import Any

from worker.simulator.denials import DenialReason
from worker.simulator.exchange import FaceCall, FaceOperation, FaceReply, number_id
from worker.simulator.face import CallContext, deny
from worker.simulator.faces.handler_api import bodies
from worker.simulator.faces.handler_api.bodies import ReplyWriter
from worker.simulator.faces.handler_api.dialects import RENT_ACTIONS, SimulatedDialect
from worker.simulator.numbers import CHARGED, REFUNDED, SimulatedNumber
from worker.simulator.tariff import BuyerOrder

SHORTEST, LONGEST = 4, 1344  #: Hours.
HERO_HOURS = frozenset({24, 72, 168, 720})
PAGE = 10  #: SMS of one rental.


class HandlerRentalFace:
    def __init__(self, dialect: SimulatedDialect, words: ReplyWriter) -> None:
        self._classic = dialect.classic_rent
        self._dialect = dialect
        self._words = words

    def takes(self, call: FaceCall) -> bool:
        return call.form in RENT_ACTIONS or call.form == "prolong"

    def answer(self, ctx: CallContext) -> FaceReply:
        if ctx.call.operation is FaceOperation.LIST:
            return self.listed(ctx.engine.live(ctx.now, rentals=True))
        return self._rented(
            ctx.rent(
                BuyerOrder(
                    service=ctx.arg("service"),
                    country=ctx.arg("country", "0"),
                    operator=ctx.arg("operator", "any"),
                    hours=self._hours(ctx),
                )
            )
        )

    def answer_about(self, ctx: CallContext, number: SimulatedNumber) -> FaceReply:
        if not number.rental:
            deny(DenialReason.UNKNOWN_ID)
        if ctx.call.operation is FaceOperation.LOOK:
            return self._look(ctx, number)
        extending = ctx.call.operation is FaceOperation.EXTEND
        hours = self._hours(ctx) if extending else 0
        if not number.live and self._classic:
            return self._error("ALREADY_FINISH" if number.status in CHARGED else "ALREADY_CANCEL")
        if extending:
            return self._extend(ctx, number, hours)
        if ctx.call.operation is FaceOperation.FINISH:
            ctx.finish(number)
        else:
            ctx.cancel(number)
        return self._words.json({"status": "success"})

    def listed(self, numbers: list[SimulatedNumber]) -> FaceReply:
        rows = {
            str(place): {"id": each.id, "phone": each.phone} for place, each in enumerate(numbers)
        }
        return self._words.json({"status": "success", "values": rows})

    def _rented(self, number: SimulatedNumber) -> FaceReply:
        if not self._classic:
            return self._words.json(bodies.number_v2(self._dialect, number))
        phone = {
            "id": number.id,
            "endDate": bodies.naive(number.expires_at),
            "number": number.phone,
        }
        return self._words.json({"status": "success", "phone": phone})

    def _look(self, ctx: CallContext, number: SimulatedNumber) -> FaceReply:
        size = ctx.integer("size") or PAGE
        first = (ctx.integer("page") or 0) * size
        page = number.sms[first : first + size]
        ctx.engine.show(number, page if number.live and not number.offline else ())
        if not number.live:
            return self._error("STATUS_CANCEL" if number.status in REFUNDED else "STATUS_FINISH")
        if number.offline:
            return self._error("RENT_DIE")
        if not number.sms:
            return self._error("STATUS_WAIT_CODE")
        values: dict[str, Any] = {
            str(place): {"phoneFrom": "Sender", "text": sms.text, "date": bodies.naive(sms.at)}
            for place, sms in enumerate(page)
        }
        quantity = len(number.sms)
        return self._words.json({"status": "success", "quantity": quantity, "values": values})

    def _extend(self, ctx: CallContext, number: SimulatedNumber, hours: int) -> FaceReply:
        if number.offline and not self._classic:
            return self._words.json({"title": "SIM_OFFLINE", "details": "SIM is offline"}, 400)
        ctx.extend(number, timedelta(hours=hours))
        return self._rented(number)

    def _error(self, token: str) -> FaceReply:
        return self._words.json({"status": "error", "message": token})

    def _hours(self, ctx: CallContext) -> int:
        if self._classic:
            hours = number_id(ctx.arg("rent_time") or ctx.arg("time") or str(SHORTEST))
            offered = hours is not None and SHORTEST <= hours <= LONGEST
        else:
            hours = ctx.integer("duration")
            offered = hours in HERO_HOURS
        if hours is None or not offered:
            deny(DenialReason.BAD_REQUEST)
        return hours
