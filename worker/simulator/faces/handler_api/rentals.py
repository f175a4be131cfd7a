"""Long rentals of `handler_api`: the classic calls of their own, and hero's extra ones."""

from datetime import datetime, timedelta
from typing import Any

from worker.simulator.denials import DenialReason, Denied
from worker.simulator.engine import Engine
from worker.simulator.exchange import FaceCall, FaceOperation, FaceReply, number_id
from worker.simulator.faces.handler_api import bodies
from worker.simulator.faces.handler_api.bodies import RENT_FORMS, ReplyWriter
from worker.simulator.faces.handler_api.dialects import SimulatedDialect
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
        return call.form in RENT_FORMS or call.form == "prolong"

    def answer(self, engine: Engine, call: FaceCall, now: datetime) -> FaceReply:
        if call.operation is FaceOperation.LIST:
            return self.listed(engine.live(now, rentals=True))
        return self._rent(engine, call, now)

    def answer_about(
        self, engine: Engine, call: FaceCall, number: SimulatedNumber, now: datetime
    ) -> FaceReply:
        if not number.rental:
            return self._words.refuse(call, Denied(DenialReason.UNKNOWN_ID), now)
        match call.operation:
            case FaceOperation.LOOK:
                return self._look(engine, call, number)
            case FaceOperation.FINISH:
                return self._change_reply(call, number, engine.finish(number, now), now)
            case FaceOperation.CANCEL:
                return self._change_reply(call, number, engine.cancel(number, now), now)
            case _:
                return self._extend(engine, call, number, now)

    def listed(self, numbers: list[SimulatedNumber]) -> FaceReply:
        rows = {
            str(place): {"id": each.id, "phone": each.phone} for place, each in enumerate(numbers)
        }
        return self._words.json({"status": "success", "values": rows})

    def _rent(self, engine: Engine, call: FaceCall, now: datetime) -> FaceReply:
        args = call.args
        hours = self._hours(call)
        if hours is None:
            return self._words.refuse(call, Denied(DenialReason.BAD_REQUEST), now)
        number = engine.rent(
            BuyerOrder(
                service=args.get("service", ""),
                country=args.get("country", "0"),
                operator=args.get("operator", "any"),
                hours=hours,
            ),
            now,
        )
        if isinstance(number, Denied):
            return self._words.refuse(call, number, now)
        return self._rented(number)

    def _rented(self, number: SimulatedNumber) -> FaceReply:
        if not self._classic:
            return self._words.json(bodies.number_v2(self._dialect, number))
        phone = {
            "id": number.id,
            "endDate": bodies.naive(number.expires_at),
            "number": number.phone,
        }
        return self._words.json({"status": "success", "phone": phone})

    def _look(self, engine: Engine, call: FaceCall, number: SimulatedNumber) -> FaceReply:
        size = number_id(call.args.get("size")) or PAGE
        first = (number_id(call.args.get("page")) or 0) * size
        page = number.sms[first : first + size]
        engine.show(number, page if number.live and not number.offline else ())
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

    def _extend(
        self, engine: Engine, call: FaceCall, number: SimulatedNumber, now: datetime
    ) -> FaceReply:
        hours = self._hours(call)
        if hours is None:
            return self._words.refuse(call, Denied(DenialReason.BAD_REQUEST), now)
        if number.offline and not self._classic:
            return self._words.json({"title": "SIM_OFFLINE", "details": "SIM is offline"}, 400)
        denied = engine.extend(number, timedelta(hours=hours), now)
        if denied is not None:
            return self._refuse_change(call, number, denied, now)
        return self._rented(number)

    def _change_reply(
        self, call: FaceCall, number: SimulatedNumber, denied: Denied | None, now: datetime
    ) -> FaceReply:
        if denied is not None:
            return self._refuse_change(call, number, denied, now)
        return self._words.json({"status": "success"})

    def _refuse_change(
        self, call: FaceCall, number: SimulatedNumber, denied: Denied, now: datetime
    ) -> FaceReply:
        if denied.reason is DenialReason.ENDED and self._classic:
            return self._error("ALREADY_FINISH" if number.status in CHARGED else "ALREADY_CANCEL")
        return self._words.refuse(call, denied, now)

    def _error(self, token: str) -> FaceReply:
        return self._words.json({"status": "error", "message": token})

    def _hours(self, call: FaceCall) -> int | None:
        args = call.args
        if not self._classic:
            hours = number_id(args.get("duration"))
            return hours if hours in HERO_HOURS else None
        hours = number_id(args.get("rent_time") or args.get("time") or str(SHORTEST))
        return hours if hours is not None and SHORTEST <= hours <= LONGEST else None
