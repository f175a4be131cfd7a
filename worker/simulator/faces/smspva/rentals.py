"""The rentals of SMSPVA: one script with `method=`; a number is switched on before each SMS."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from worker.simulator import exchange
from worker.simulator.denials import DenialReason, Denied
from worker.simulator.engine import Engine
from worker.simulator.exchange import FaceCall, FaceOperation, FaceReply, Request
from worker.simulator.numbers import SimulatedNumber
from worker.simulator.tariff import HOUR, BuyerOrder

RENT_PATH = "/api/rent.php"
RENT_METHODS = {
    "create": FaceOperation.RENT,
    "create_multi": FaceOperation.RENT,
    "orders": FaceOperation.LIST,
    "activate": FaceOperation.READY,
    "sms": FaceOperation.LOOK,
    "prolong": FaceOperation.EXTEND,
    "delete": FaceOperation.CANCEL,
    "restore": FaceOperation.EXTEND,
}
HOURS = {"day": 24, "week": 168, "month": 720}
RENT_MESSAGES: Mapping[DenialReason, str] = {
    DenialReason.NO_KEY: "API key is required",
    DenialReason.BAD_KEY: "API key is wrong",
    DenialReason.BAD_REQUEST: "Bad parameters",
    DenialReason.NO_NUMBERS: "No numbers",
    DenialReason.NO_BALANCE: "Balance is too low",
    DenialReason.UNKNOWN_ID: "Order not found",
    DenialReason.ENDED: "Order is closed",
    DenialReason.CODE_RECEIVED: "SMS was received, no refund",
    DenialReason.NEW_CODE_RECEIVED: "SMS was received, no refund",
}


class SmsPvaRentalFace:
    def __init__(
        self, wrong_key: Callable[[str | None], DenialReason | None], *, on_demand: bool
    ) -> None:
        self._wrong_key = wrong_key
        self._on_demand = on_demand

    def read(self, request: Request) -> FaceCall:
        args = request.arguments()
        operation = RENT_METHODS.get(args.get("method", ""))
        wrong_key = self._wrong_key(args.get("apikey"))
        refused = DenialReason.BAD_REQUEST if operation is None else wrong_key
        form = f"{RENT_PATH}?{args.get('method', '')}"
        about_one = operation not in {None, FaceOperation.RENT, FaceOperation.LIST}
        ref = exchange.number_id(args.get("id"))
        return FaceCall(operation or FaceOperation.OTHER, form, ref, args, refused, about_one)

    def answer(self, engine: Engine, call: FaceCall, now: datetime) -> FaceReply:
        if call.operation is FaceOperation.LIST:
            return self.listed(engine.live(now, rentals=True))
        hours = _hours(call.args)
        service = call.args.get("service") or call.args.get("services", "")
        if hours is None:
            return self.refuse(Denied(DenialReason.BAD_REQUEST))
        order = BuyerOrder(service=service, country=call.args.get("country", ""), hours=hours)
        number = engine.rent(order, now)
        if isinstance(number, Denied):
            return self.refuse(number)
        return _rental_data(
            {
                "id": number.id,
                "pnumber": number.phone[1:],
                "ccode": "7",
                "service": number.service,
                "until": str(int(number.expires_at.timestamp())),
            }
        )

    def answer_about(
        self, engine: Engine, call: FaceCall, number: SimulatedNumber, now: datetime
    ) -> FaceReply:
        if not number.rental:
            return self.refuse(Denied(DenialReason.UNKNOWN_ID))
        match call.args.get("method"):
            case "sms":
                engine.show(number)
                rows = [
                    {"text": sms.text, "sender": "Sender", "date": int(sms.at.timestamp())}
                    for sms in number.sms
                ]
                return _rental_data({"SmsList": rows, "OtherSms": []})
            case "activate":
                denied = None if number.live else Denied(DenialReason.ENDED)
                number.ready = True
                return _rental_data([{"id": number.id}]) if denied is None else self.refuse(denied)
            case "delete":
                # It leaves the list either way. The price comes back only without an SMS, in time.
                denied = engine.cancel(number, now) and engine.finish(number, now)
                return self.refuse(denied) if denied else _rental_data({"id": number.id})
            case _:
                return self._prolong(engine, call, number, now)

    def refuse(self, denied: Denied) -> FaceReply:
        return FaceReply.json({"status": 0, "msg": RENT_MESSAGES.get(denied.reason, "Error")})

    def listed(self, numbers: list[SimulatedNumber]) -> FaceReply:
        return _rental_data([_row(number) | {"state": self._state(number)} for number in numbers])

    def _state(self, number: SimulatedNumber) -> int:
        """Not in the system, on, or off until it is switched on."""
        if number.offline:
            return -1
        return 1 if number.ready or not self._on_demand else 0

    def _prolong(
        self, engine: Engine, call: FaceCall, number: SimulatedNumber, now: datetime
    ) -> FaceReply:
        hours = _hours(call.args)
        if hours is None:
            return self.refuse(Denied(DenialReason.BAD_REQUEST))
        denied = engine.extend(number, hours * HOUR, now)
        return self.refuse(denied) if denied else FaceReply.json({"status": 1})


def _rental_data(data: exchange.Json) -> FaceReply:
    return FaceReply.json({"status": 1, "data": data, "msg": ""})


def _hours(args: Mapping[str, str]) -> int | None:
    unit, count = HOURS.get(args.get("dtype", "")), exchange.number_id(args.get("dcount"))
    return unit * count if unit and count else None


def _row(number: SimulatedNumber) -> dict[str, Any]:
    return {
        "id": number.id,
        "scode": number.service,
        "sname": number.service,
        "pnumber": number.phone[1:],
        "ccode": number.country,
        "cname": number.country,
        "hasnewsms": bool(number.new_sms),
        "until": int(number.expires_at.timestamp()),
        "canprolong": True,
    }
