"""The face of vak-sms: small JSON, ids of 32 hex digits, no cancel once an SMS is on its way."""

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
    figure,
    json,
    text,
    with_wait,
)
from worker.simulator.numbers import Number, Sms, Status
from worker.simulator.tariff import Order, Terms

PREFIX = "/api/"
OPERATIONS = {
    "getNumber": Operation.RENT,
    "getSmsCode": Operation.LOOK,
    "getBalance": Operation.BALANCE,
    "getCountNumber": Operation.OTHER,
    "prolongNumber": Operation.RENT,
}
SETTINGS = {
    "send": Operation.ASK_AGAIN,
    "end": Operation.CANCEL,
    "bad": Operation.CANCEL,
}
MIX = 0x9E3779B97F4A7C15F39CC0605CEDC834  #: Makes 32 hex digits of an id, and the id of them.
RENT_HOURS = 4
LIFETIMES = {
    "tf": 7200,
    **dict.fromkeys(("otk", "cs", "strh", "cp", "mg"), 3600),
    **dict.fromkeys(("otp", "mkb"), 2400),
    **dict.fromkeys(("ai", "ig", "tw"), 1800),
}
ERRORS: Mapping[Problem, str] = {
    Problem.NO_KEY: "apiKeyNotFound",
    Problem.BAD_KEY: "apiKeyNotFound",
    Problem.BANNED: "apiKeyNotFound",
    Problem.BAD_SERVICE: "noService",
    Problem.BAD_COUNTRY: "noCountry",
    Problem.NO_NUMBERS: "noNumber",
    Problem.PRICE_TOO_LOW: "noNumber",
    Problem.NO_BALANCE: "noMoney",
    Problem.BAD_STATUS: "badStatus",
    Problem.TOO_LATE: "badStatus",
    Problem.UNKNOWN_ID: "idNumNotFound",
    Problem.ENDED: "idNumNotFound",
}
REFUSALS: Mapping[Problem, str] = {
    Problem.CODE_RECEIVED: "smsReceived",
    Problem.NEW_CODE_RECEIVED: "waitSMS",  # There or on its way: it does not say which.
    Problem.EARLY_CANCEL: "waitSMS",
    Problem.NO_CODE: "waitSMS",
}


class Knobs(BaseModel):
    """What nobody knows for certain."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    min_cancel_age_seconds: float = 0
    error_status: Literal[200, 400] = 200


class VakSms:
    def __init__(self, api_key: str, knobs: Mapping[str, Any]) -> None:
        self._key = api_key
        self._knobs = Knobs.model_validate(dict(knobs))
        self.terms = Terms(
            lifetime=timedelta(seconds=1200),
            min_cancel_age=timedelta(seconds=self._knobs.min_cancel_age_seconds),
            lifetimes={service: timedelta(seconds=each) for service, each in LIFETIMES.items()},
        )
        self.push_retries: tuple[float, ...] = ()

    def ref(self, number: Number) -> str:
        return f"{number.id ^ MIX:032x}"

    def number_id(self, ref: str) -> int | None:
        try:
            return int(ref, 16) ^ MIX if len(ref) == 32 else None
        except ValueError:
            return None

    def push(self, _number: Number, _sms: Sms) -> dict[str, Any] | None:
        return None

    def read(self, request: Request) -> Call:
        args = arguments(request.query)
        form = request.path.removeprefix(PREFIX).rstrip("/")
        operation = OPERATIONS.get(form)
        problem = None
        if form == "setStatus":
            operation = SETTINGS.get(args.get("status", ""), Operation.OTHER)
            problem = Problem.BAD_STATUS if operation is Operation.OTHER else None
        if operation is None or not request.path.startswith(PREFIX):
            return Call(Operation.OTHER, form, None, args, Problem.BAD_ACTION)
        key = args.get("apiKey")
        if key != self._key:
            problem = Problem.BAD_KEY if key else Problem.NO_KEY
        about_one = form in {"setStatus", "getSmsCode"}
        return Call(
            operation, form, self.number_id(args.get("idNum", "")), args, problem, about_one
        )

    def answer(self, engine: Engine, call: Call, now: datetime) -> Reply:
        match call.form:
            case "getNumber":
                return self._rent(engine, call, now)
            case "getBalance":
                return json({"balance": figure(engine.balance_minor(now))})
            case "getCountNumber":
                return json({call.args.get("service", "tg"): 1000})
            case _:
                return self._error("noNumber")  # A number is not lent a second time here.

    def answer_about(self, engine: Engine, call: Call, number: Number, now: datetime) -> Reply:
        if not number.live:
            return self.refuse(call, Denied(Problem.ENDED), now)
        if call.form == "getSmsCode":
            engine.show(number)
            codes = [sms.code for sms in number.sms]
            latest = codes[-1] if codes and number.status is Status.RECEIVED else None
            return json({"smsCode": codes if "all" in call.args else latest})
        if call.operation is Operation.ASK_AGAIN:
            denied = engine.ask_again(number, now)
            return self.refuse(call, denied, now) if denied else json({"status": "ready"})
        ending = Status.BANNED if call.args["status"] == "bad" else Status.CANCELLED
        denied = engine.cancel(number, now, ending)
        return self.refuse(call, denied, now) if denied else json({"status": "update"})

    def refuse(self, call: Call, denied: Denied, _now: datetime) -> Reply:
        match denied.problem:
            case Problem.UNAVAILABLE:
                return text("Service Unavailable", 503)
            case Problem.RATE_LIMITED:
                return with_wait(text("Too Many Requests", 429), denied)
            case Problem.BAD_ACTION:
                return text("Not Found", 404)
            case _ if call.form == "setStatus" and denied.problem in REFUSALS:
                return json({"status": REFUSALS[denied.problem]})
            case _:
                return self._error(ERRORS.get(denied.problem, "badData"))

    def empty_list(self, _call: Call) -> Reply:
        return self._error("badData")  # There is no list.

    def _rent(self, engine: Engine, call: Call, now: datetime) -> Reply:
        args = call.args
        number = engine.rent(
            Order(
                service=args.get("service", ""),
                country=args.get("country", "ru"),
                operator=args.get("operator", "any"),
                max_minor=amount(args.get("maxPrice")),
                hours=RENT_HOURS if args.get("rent") == "true" else None,
            ),
            now,
        )
        if isinstance(number, Denied):
            return self.refuse(call, number, now)
        return json({"tel": int(number.phone), "idNum": self.ref(number)})

    def _error(self, word: str) -> Reply:
        return json({"error": word}, self._knobs.error_status)
