"""The face of SMSPVA v2: the body repeats the HTTP status; an order is gone after ten minutes."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import unquote

from pydantic import BaseModel, ConfigDict

from worker.simulator.denials import Denied, Problem
from worker.simulator.engine import Engine
from worker.simulator.exchange import (
    Call,
    Operation,
    Reply,
    Request,
    json,
    number_id,
    price,
    with_wait,
)
from worker.simulator.faces.smspva.rentals import PATH as RENT
from worker.simulator.faces.smspva.rentals import Rentals
from worker.simulator.numbers import Number, Sms, Status
from worker.simulator.tariff import Order, Terms

PREFIX = "/activation/"
CHANGES = {
    "clearsms": Operation.ASK_AGAIN,
    "stopsms": Operation.FINISH,
    "cancelorder": Operation.CANCEL,
    "blocknumber": Operation.CANCEL,
}
WORDS: Mapping[Problem, tuple[int, str]] = {
    Problem.NO_KEY: (401, "UNAUTHORIZED"),
    Problem.BAD_KEY: (401, "UNAUTHORIZED"),
    Problem.BANNED: (411, "LOW_KARMA"),
    Problem.RATE_LIMITED: (411, "RATE_LIMIT"),
    Problem.UNAVAILABLE: (503, "SERVICE_UNAVAILABLE"),
    Problem.BAD_ACTION: (404, "NOT_FOUND"),
    Problem.BAD_METHOD: (405, "BAD_PARAMETERS"),
    Problem.BAD_REQUEST: (405, "BAD_PARAMETERS"),
    Problem.BAD_SERVICE: (405, "BAD_PARAMETERS"),
    Problem.BAD_COUNTRY: (405, "BAD_PARAMETERS"),
    Problem.NO_NUMBERS: (501, "NO_NUMBERS"),
    Problem.NO_BALANCE: (407, "LOW_BALANCE"),
    Problem.UNKNOWN_ID: (406, "BAD_ORDER_ID"),
    Problem.EARLY_CANCEL: (411, "TOO_EARLY"),
    Problem.CODE_RECEIVED: (405, "SMS_RECEIVED"),
    Problem.NEW_CODE_RECEIVED: (405, "SMS_RECEIVED"),
    Problem.NO_CODE: (404, "NO_SMS"),
    Problem.BAD_STATUS: (404, "NO_SMS"),
    Problem.ENDED: (410, "ORDER_CLOSED"),
}


class Knobs(BaseModel):
    """What nobody knows for certain."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    min_cancel_age_seconds: float = 0
    on_demand: bool = False  #: Rentals are off until they are switched on.


class Smspva:
    def __init__(self, api_key: str, knobs: Mapping[str, Any]) -> None:
        self._key = api_key
        turned = Knobs.model_validate(dict(knobs))
        self.terms = Terms(
            lifetime=timedelta(seconds=600),
            min_cancel_age=timedelta(seconds=turned.min_cancel_age_seconds),
            lifetimes={},
        )
        self.push_retries: tuple[float, ...] = ()
        self._rentals = Rentals(api_key, on_demand=turned.on_demand)

    def ref(self, number: Number) -> str:
        return str(number.id)

    def number_id(self, ref: str) -> int | None:
        return number_id(ref)

    def push(self, _number: Number, _sms: Sms) -> dict[str, Any] | None:
        return None

    def read(self, request: Request) -> Call:
        if request.path == RENT:
            return self._rentals.read(request)
        parts = [unquote(part) for part in request.path.removeprefix(PREFIX).split("/")]
        call = self._read(request.method, parts)
        if call is None or not request.path.startswith(PREFIX):
            return Call(Operation.OTHER, request.path, problem=Problem.BAD_ACTION)
        key = request.headers.get("apikey")
        if key == self._key:
            return call
        return call._replace(problem=Problem.BAD_KEY if key else Problem.NO_KEY)

    def _read(self, method: str, parts: list[str]) -> Call | None:
        match [method, *parts]:
            case ["GET", "number", country, service, *operator] if len(operator) < 2:
                bought = {"country": country, "service": service}
                bought["operator"] = operator[0] if operator else "any"
                return Call(Operation.RENT, "number", None, bought)
            case ["GET", "sms", ref]:
                return Call(Operation.LOOK, "sms", number_id(ref), about_one=True)
            case ["GET", "orders"]:
                return Call(Operation.LIST, "orders")
            case ["GET", "balance" | "userinfo" as form]:
                return Call(Operation.BALANCE, form)
            case ["PUT", name, ref] if name in CHANGES:
                return Call(CHANGES[name], name, number_id(ref), about_one=True)
            case _:
                return None

    def answer(self, engine: Engine, call: Call, now: datetime) -> Reply:
        if call.form.startswith(RENT):
            return self._rentals.answer(engine, call, now)
        match call.operation:
            case Operation.RENT:
                return self._rent(engine, call, now)
            case Operation.LIST:
                orders = [self._order(number, now) for number in engine.live(now)]
                return _data({"orders": orders})
            case _:
                balance = price(engine.balance_minor(now))
                more = {"name": "buyer", "karma": 100.0} if call.form == "userinfo" else {}
                return _data({"balance": balance, **more})

    def answer_about(self, engine: Engine, call: Call, number: Number, now: datetime) -> Reply:
        if call.form.startswith(RENT):
            return self._rentals.answer_about(engine, call, number, now)
        if number.rental or now >= number.expires_at:
            # Not only closed: after its time the order is deleted.
            return self.refuse(call, Denied(Problem.UNKNOWN_ID), now)
        match call.form:
            case "sms":
                return self._sms(engine, call, number, now)
            case "clearsms":
                denied = engine.ask_again(number, now)
            case "stopsms":
                denied = engine.finish(number, now)
            case "blocknumber":
                denied = engine.cancel(number, now, Status.BANNED)
            case _:
                denied = engine.cancel(number, now)
        if denied is not None:
            return self.refuse(call, denied, now)
        left = {"orderExpireIn": _left(number, now)} if call.form == "clearsms" else {}
        return _data({"orderId": number.id, **left})

    def refuse(self, call: Call, denied: Denied, _now: datetime) -> Reply:
        if call.form.startswith(RENT) and denied.problem is not Problem.UNAVAILABLE:
            return self._rentals.refuse(denied)
        status, word = WORDS.get(denied.problem, (500, "ERROR"))
        reply = json({"statusCode": status, "error": {"type": word}}, status)
        return with_wait(reply, denied) if denied.problem is Problem.RATE_LIMITED else reply

    def empty_list(self, call: Call) -> Reply:
        if call.form.startswith(RENT):
            return self._rentals.listed([])
        return _data({"orders": []})

    def _rent(self, engine: Engine, call: Call, now: datetime) -> Reply:
        args = call.args
        number = engine.rent(
            Order(service=args["service"], country=args["country"], operator=args["operator"]),
            now,
        )
        if isinstance(number, Denied):
            return self.refuse(call, number, now)
        return _data(
            {
                "orderId": number.id,
                "phoneNumber": int(number.phone[1:]),  # Without the country code.
                "countryCode": "7",
                "orderExpireIn": _left(number, now),
            }
        )

    def _sms(self, engine: Engine, call: Call, number: Number, now: datetime) -> Reply:
        if not number.live:
            return self.refuse(call, Denied(Problem.ENDED), now)
        if number.status is not Status.RECEIVED:
            # Also after clearsms, which makes it forget the SMS that came.
            error = {"type": "SMS_NOT_YET_RECEIVED"}
            return json({"statusCode": 202, "error": error}, 202)
        if engine.balance_minor(now) < 0:
            return self.refuse(call, Denied(Problem.NO_BALANCE), now)
        engine.show(number)
        return _data(
            {"sms": _told(number), "orderId": number.id, "orderExpireIn": _left(number, now)}
        )

    def _order(self, number: Number, now: datetime) -> dict[str, Any]:
        received = number.status is Status.RECEIVED
        if received:
            number.shown = len(number.sms)
        return {
            "orderId": number.id,
            "phoneNumber": int(number.phone[1:]),
            "countryCode": "7",
            "orderExpireIn": _left(number, now),
            "service": number.service,
            "country": number.country,
            "status": "SMS_RECEIVED" if received else "WAITING",
            "sms": _told(number) if received else None,
        }


def _data(data: dict[str, Any]) -> Reply:
    return json({"statusCode": 200, "data": data})


def _told(number: Number) -> dict[str, str]:
    return {"code": number.sms[-1].code, "fullText": number.sms[-1].text}


def _left(number: Number, now: datetime) -> int:
    return max(0, int((number.expires_at - now).total_seconds()))
