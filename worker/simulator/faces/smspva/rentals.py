"""SMSPVA's rentals: one old script with `method=`, an activation before each SMS."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from worker.simulator.denials import Denied, Problem
from worker.simulator.engine import Engine
from worker.simulator.exchange import (
    Call,
    Json,
    Operation,
    Reply,
    Request,
    arguments,
    json,
    number_id,
)
from worker.simulator.numbers import Number
from worker.simulator.tariff import HOUR, Order

PATH = "/api/rent.php"
METHODS = {
    "create": Operation.RENT,
    "create_multi": Operation.RENT,
    "orders": Operation.LIST,
    "activate": Operation.READY,
    "sms": Operation.LOOK,
    "prolong": Operation.EXTEND,
    "delete": Operation.CANCEL,
    "restore": Operation.EXTEND,
}
HOURS = {"day": 24, "week": 168, "month": 720}
MESSAGES: Mapping[Problem, str] = {
    Problem.NO_KEY: "API key is required",
    Problem.BAD_KEY: "API key is wrong",
    Problem.BAD_REQUEST: "Bad parameters",
    Problem.NO_NUMBERS: "No numbers",
    Problem.NO_BALANCE: "Balance is too low",
    Problem.UNKNOWN_ID: "Order not found",
    Problem.ENDED: "Order is closed",
    Problem.CODE_RECEIVED: "SMS was received, no refund",
    Problem.NEW_CODE_RECEIVED: "SMS was received, no refund",
}


class Rentals:
    def __init__(self, api_key: str, *, on_demand: bool) -> None:
        self._key = api_key
        self._on_demand = on_demand

    def read(self, request: Request) -> Call:
        args = arguments(request.query)
        operation = METHODS.get(args.get("method", ""))
        problem = None
        if operation is None:
            problem = Problem.BAD_REQUEST
        elif args.get("apikey") != self._key:
            problem = Problem.BAD_KEY if args.get("apikey") else Problem.NO_KEY
        form = f"{PATH}?{args.get('method', '')}"
        about_one = operation not in {None, Operation.RENT, Operation.LIST}
        ref = number_id(args.get("id"))
        return Call(operation or Operation.OTHER, form, ref, args, problem, about_one)

    def answer(self, engine: Engine, call: Call, now: datetime) -> Reply:
        if call.operation is Operation.LIST:
            return self.listed(engine.live(now, rentals=True))
        hours = _hours(call.args)
        service = call.args.get("service") or call.args.get("services", "")
        if hours is None:
            return self.refuse(Denied(Problem.BAD_REQUEST))
        order = Order(service=service, country=call.args.get("country", ""), hours=hours)
        number = engine.rent(order, now)
        if isinstance(number, Denied):
            return self.refuse(number)
        return _data(
            {
                "id": number.id,
                "pnumber": number.phone[1:],
                "ccode": "7",
                "service": number.service,
                "until": str(int(number.expires_at.timestamp())),
            }
        )

    def answer_about(self, engine: Engine, call: Call, number: Number, now: datetime) -> Reply:
        if not number.rental:
            return self.refuse(Denied(Problem.UNKNOWN_ID))
        match call.args.get("method"):
            case "sms":
                engine.show(number)
                rows = [
                    {"text": sms.text, "sender": "Sender", "date": int(sms.at.timestamp())}
                    for sms in number.sms
                ]
                return _data({"SmsList": rows, "OtherSms": []})
            case "activate":
                denied = None if number.live else Denied(Problem.ENDED)
                number.ready = True
                return _data([{"id": number.id}]) if denied is None else self.refuse(denied)
            case "delete":
                # Gone from the list either way; the money comes back only in time and unread.
                denied = engine.cancel(number, now) and engine.finish(number, now)
                return self.refuse(denied) if denied else _data({"id": number.id})
            case _:
                return self._prolong(engine, call, number, now)

    def refuse(self, denied: Denied) -> Reply:
        return json({"status": 0, "msg": MESSAGES.get(denied.problem, "Error")})

    def listed(self, numbers: list[Number]) -> Reply:
        return _data([_row(number) | {"state": self._state(number)} for number in numbers])

    def _state(self, number: Number) -> int:
        """Not in the system, on, or off until it is switched on."""
        if number.offline:
            return -1
        return 1 if number.ready or not self._on_demand else 0

    def _prolong(self, engine: Engine, call: Call, number: Number, now: datetime) -> Reply:
        hours = _hours(call.args)
        if hours is None:
            return self.refuse(Denied(Problem.BAD_REQUEST))
        denied = engine.extend(number, hours * HOUR, now)
        return self.refuse(denied) if denied else json({"status": 1})


def _data(data: Json) -> Reply:
    return json({"status": 1, "data": data, "msg": ""})


def _hours(args: Mapping[str, str]) -> int | None:
    unit, count = HOURS.get(args.get("dtype", "")), number_id(args.get("dcount"))
    return unit * count if unit and count else None


def _row(number: Number) -> dict[str, Any]:
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
