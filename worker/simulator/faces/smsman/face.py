"""The face of sms-man v2: waiting looks like an error, and errors come in two shapes."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from worker.simulator.denials import Denied, Problem
from worker.simulator.engine import Engine
from worker.simulator.exchange import (
    Call,
    Operation,
    Reply,
    Request,
    amount,
    arguments,
    json,
    number_id,
    price,
    text,
    with_wait,
)
from worker.simulator.numbers import Number, Sms, Status
from worker.simulator.tariff import Order, Terms

CONTROL, RENT = "/control/", "/rent-api/"
OPERATIONS = {
    "get-number": Operation.RENT,
    "get-sms": Operation.LOOK,
    "get-all-sms": Operation.LOOK,  #: Of rentals.
    "get-balance": Operation.BALANCE,
    "limits": Operation.OTHER,
}
SETTINGS = {
    "ready": Operation.READY,
    "close": Operation.FINISH,
    "reject": Operation.CANCEL,
    "used": Operation.CANCEL,
    "retrysms": Operation.ASK_AGAIN,
}
HOURS = {"hour": 1, "day": 24, "week": 168, "month": 720}
WORDS: Mapping[Problem, tuple[str, str]] = {
    Problem.NO_KEY: ("wrong_token", "Wrong token!"),
    Problem.BAD_KEY: ("wrong_token", "Wrong token!"),
    Problem.BANNED: ("bad_token", "Account is blocked"),
    Problem.BAD_SERVICE: ("wrong_application_id", "Wrong application id"),
    Problem.BAD_COUNTRY: ("wrong_country_id", "Wrong country id"),
    Problem.NO_NUMBERS: ("no_free_phones", "No free phones"),
    Problem.PRICE_TOO_LOW: ("no_free_phones", "No free phones at this price"),
    Problem.NO_BALANCE: ("not_enough_balance", "Not enough balance"),
    Problem.UNKNOWN_ID: ("sms_not_found", "Request not found"),
    Problem.ENDED: ("sms_not_found", "Request is closed"),
    Problem.NO_CODE: ("no_sms", "No sms"),
    Problem.BAD_STATUS: ("wrong_status", "Wrong status"),
}


class Knobs(BaseModel):
    """What nobody knows for certain."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    min_cancel_age_seconds: float = 0
    error_status: Literal[200, 400] = 200
    error_msg: Literal["text", "object"] = "text"
    cancel_refused: str = "wrong_status"  #: What a reject after an SMS is told.
    no_messages: Literal["wait_sms", "empty"] = "wait_sms"  #: What a rental without an SMS tells.


class SmsMan:
    def __init__(self, api_key: str, knobs: Mapping[str, Any]) -> None:
        self._key = api_key
        self._knobs = Knobs.model_validate(dict(knobs))
        self.terms = Terms(
            lifetime=timedelta(seconds=1200),
            min_cancel_age=timedelta(seconds=self._knobs.min_cancel_age_seconds),
            lifetimes={},
        )
        self.push_retries: tuple[float, ...] = ()

    def ref(self, number: Number) -> str:
        return str(number.id)

    def number_id(self, ref: str) -> int | None:
        return number_id(ref)

    def push(self, _number: Number, _sms: Sms) -> dict[str, Any] | None:
        return None

    def read(self, request: Request) -> Call:
        args = arguments(request.query)
        form = request.path.rstrip("/")
        name = form.removeprefix(CONTROL).removeprefix(RENT)
        operation = OPERATIONS.get(name)
        problem = None
        if name == "set-status":
            operation = SETTINGS.get(args.get("status", ""), Operation.OTHER)
            problem = Problem.BAD_STATUS if operation is Operation.OTHER else None
        if operation is None or not form.startswith((CONTROL, RENT)):
            return Call(Operation.OTHER, form, None, args, Problem.BAD_ACTION)
        token = args.get("token")
        if token != self._key:
            problem = Problem.BAD_KEY if token else Problem.NO_KEY
        about_one = name in {"set-status", "get-sms", "get-all-sms"}
        ref = number_id(args.get("request_id"))
        return Call(operation, form, ref, args, problem, about_one)

    def answer(self, engine: Engine, call: Call, now: datetime) -> Reply:
        match call.operation:
            case Operation.RENT:
                return self._rent(engine, call, now)
            case Operation.BALANCE:
                return json({"balance": price(engine.balance_minor(now)), "hold": 0})
            case _:
                service = call.args.get("application_id", "1")
                return json({service: {"application_id": service, "numbers": "1000"}})

    def answer_about(self, engine: Engine, call: Call, number: Number, now: datetime) -> Reply:
        if number.rental != call.form.startswith(RENT):
            return self.refuse(call, Denied(Problem.UNKNOWN_ID), now)
        match call.operation:
            case Operation.LOOK:
                return self._look(engine, call, number, now)
            case Operation.READY:
                denied = engine.ready(number)
            case Operation.FINISH:
                denied = engine.finish(number, now)
            case Operation.ASK_AGAIN:
                denied = engine.ask_again(number, now)
            case _:
                used = call.args.get("status") == "used"
                ending = Status.BANNED if used else Status.CANCELLED
                denied = engine.cancel(number, now, ending)
        if denied is not None:
            return self.refuse(call, denied, now)
        return json({"request_id": number.id, "success": True})

    def refuse(self, _call: Call, denied: Denied, _now: datetime) -> Reply:
        match denied.problem:
            case Problem.UNAVAILABLE:
                return text("Service Unavailable", 503)
            case Problem.RATE_LIMITED:
                return with_wait(text("Too Many Requests", 429), denied)
            case Problem.BAD_ACTION:
                return text("Not Found", 404)
            case _:
                refused = (self._knobs.cancel_refused, "Not possible")
                code, message = WORDS.get(denied.problem, refused)
        told: Any = {"token": message} if self._knobs.error_msg == "object" else message
        body = {"success": False, "error_code": code, "error_msg": told}
        return json(body, self._knobs.error_status)

    def empty_list(self, call: Call) -> Reply:
        return text(f"Not Found: {call.form}", 404)  # There is no list.

    def _rent(self, engine: Engine, call: Call, now: datetime) -> Reply:
        args = call.args
        hours = None
        if call.form.startswith(RENT):
            hours = HOURS.get(args.get("type", ""), 0) * (number_id(args.get("time")) or 0)
            if not hours:
                return self.refuse(call, Denied(Problem.BAD_REQUEST), now)
        order = Order(
            service=args.get("application_id", "rent" if hours else ""),
            country=args.get("country_id", ""),
            max_minor=amount(args.get("maxPrice")),
            hours=hours,
        )
        number = engine.rent(order, now)
        if isinstance(number, Denied):
            return self.refuse(call, number, now)
        return json(_row(number))

    def _look(self, engine: Engine, call: Call, number: Number, now: datetime) -> Reply:
        if not number.live:
            return self.refuse(call, Denied(Problem.ENDED), now)
        engine.show(number)
        waiting = {"error_code": "wait_sms", "error_msg": "Still waiting..."}
        if number.rental:
            rows = [_message(sms) for sms in reversed(number.sms)]
            if not rows and self._knobs.no_messages == "wait_sms":
                return json(_row(number) | waiting)
            all_of_them = call.form.endswith("get-all-sms")
            return json(_row(number) | {"sms": rows if all_of_them or not rows else rows[0]})
        if number.status is Status.RECEIVED:
            return json(_row(number) | {"sms_code": number.sms[-1].code})
        return json(_row(number) | waiting)


def _row(number: Number) -> dict[str, Any]:
    return {
        "request_id": number.id,
        "country_id": _as_number(number.country),
        "application_id": _as_number(number.service),
        "number": number.phone,
    }


def _message(sms: Sms) -> dict[str, str]:
    return {"text": sms.text, "code": sms.code, "time": f"{sms.at:%Y-%m-%d %H:%M:%S}"}


def _as_number(name: str) -> int | str:
    return int(name) if name.isascii() and name.isdigit() else name
