"""The face of onlinesim: JSON that is always 200, and one call that closes for every reason."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from worker.simulator.denials import Denied, Problem
from worker.simulator.engine import Engine
from worker.simulator.exchange import (
    Call,
    Json,
    Operation,
    Reply,
    Request,
    arguments,
    figure,
    json,
    number_id,
    price,
    text,
    with_wait,
)
from worker.simulator.numbers import CHARGED, Number, Sms, Status
from worker.simulator.tariff import Order, Terms

PREFIX = "/api/"
OPERATIONS = {
    "getNum": Operation.RENT,
    "getState": Operation.LIST,
    "setOperationOk": Operation.CANCEL,
    "setOperationRevise": Operation.ASK_AGAIN,
    "getBalance": Operation.BALANCE,
    "rent/getRentNum": Operation.RENT,
    "rent/getRentState": Operation.LIST,
    "rent/extendRentState": Operation.EXTEND,
    "rent/closeRentNum": Operation.CANCEL,
    "rent/portReload": Operation.READY,
}
CHANGES = frozenset({Operation.CANCEL, Operation.ASK_AGAIN, Operation.EXTEND, Operation.READY})
WORDS: Mapping[Problem, str] = {
    Problem.NO_KEY: "ERROR_NO_KEY",
    Problem.BAD_KEY: "ERROR_WRONG_KEY",
    Problem.BANNED: "ACCOUNT_BLOCKED",
    Problem.BAD_ACTION: "REQUEST_NOT_FOUND",
    Problem.BAD_REQUEST: "ERROR_PARAMS",
    Problem.BAD_SERVICE: "ERROR_NO_SERVICE",
    Problem.BAD_COUNTRY: "UNDEFINED_COUNTRY",
    Problem.NO_NUMBERS: "NO_NUMBER",
    Problem.NO_BALANCE: "WARNING_LOW_BALANCE",
    Problem.UNKNOWN_ID: "ERROR_WRONG_TZID",
    Problem.EARLY_CANCEL: "NO_COMPLETE_TZID",
    Problem.NO_CODE: "TRY_AGAIN_LATER",
    Problem.BAD_STATUS: "TRY_AGAIN_LATER",
    Problem.ENDED: "ERROR_NO_OPERATIONS",
}


OK: Mapping[str, int | str | bool] = {"number": 1, "text": "1", "true": True}


class Knobs(BaseModel):
    """What nobody knows for certain."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    min_cancel_age_seconds: float = 120
    rate_limit: Literal["http", "body"] = "http"
    ok: Literal["number", "text", "true"] = "number"  #: What `response` is when all is well.
    nested: bool = False  #: Refusals come in `{original: {response}}`.


class OnlineSim:
    def __init__(self, api_key: str, knobs: Mapping[str, Any]) -> None:
        self._key = api_key
        self._knobs = Knobs.model_validate(dict(knobs))
        self._ok = OK[self._knobs.ok]
        self.terms = Terms(
            lifetime=timedelta(minutes=15),
            min_cancel_age=timedelta(seconds=self._knobs.min_cancel_age_seconds),
            lifetimes={},
        )
        self.push_retries: tuple[float, ...] = ()

    def ref(self, number: Number) -> str:
        return str(number.id)

    def number_id(self, ref: str) -> int | None:
        return number_id(ref)

    def push(self, number: Number, sms: Sms) -> dict[str, Any] | None:
        return {
            "user_id": 1,
            "country_code": number.country,
            "number": number.phone,
            "sender": "Sender",
            "message": sms.text,
            "time_start": int(number.created_at.timestamp()),
            "time_left": int((number.expires_at - sms.at).total_seconds()),
            "operation_id": number.id,
            "webhook_type": "rent_sms" if number.rental else "receiving_sms",
            "code": str(number.sms.index(sms) + 1),  # The id of the SMS, not what it says.
        }

    def read(self, request: Request) -> Call:
        args = arguments(request.query)
        form = request.path.removeprefix(PREFIX).removesuffix(".php")
        operation = OPERATIONS.get(form)
        tzid = args.get("tzid")
        problem = None
        if operation is None or not request.path.startswith(PREFIX):
            problem = Problem.BAD_ACTION
        elif not args.get("apikey"):
            problem = Problem.NO_KEY
        elif args["apikey"] != self._key:
            problem = Problem.BAD_KEY
        if operation is Operation.LIST and tzid is not None:
            operation = Operation.LOOK
        about_one = operation in CHANGES or operation is Operation.LOOK
        return Call(operation or Operation.OTHER, form, number_id(tzid), args, problem, about_one)

    def answer(self, engine: Engine, call: Call, now: datetime) -> Reply:
        match call.form:
            case "getNum" | "rent/getRentNum":
                return self._rent(engine, call, now)
            case "getState":
                rows = self._rows(call, engine.live(now), now)
                return json(rows) if rows else self.empty_list(call)
            case "rent/getRentState":
                rentals = [self._rental(each, now) for each in engine.live(now, rentals=True)]
                return json({"response": self._ok, "list": rentals})
            case _:
                balance = price(engine.balance_minor(now))
                return json({"response": self._ok, "balance": balance, "zbalance": "0.00"})

    def answer_about(self, engine: Engine, call: Call, number: Number, now: datetime) -> Reply:
        if number.rental != call.form.startswith("rent/"):
            return self.refuse(call, Denied(Problem.UNKNOWN_ID), now)
        if number.rental:
            return self._about_rental(engine, call, number, now)
        match call.form:
            case "getState":
                return json(self._rows(call, [number], now))
            case "setOperationOk":
                denied = self._close(engine, call, number, now)
            case _:
                denied = engine.ask_again(number, now)
        return self._done(call, number, denied, now)

    def _about_rental(self, engine: Engine, call: Call, number: Number, now: datetime) -> Reply:
        match call.form:
            case "rent/getRentState":
                engine.show(number)
                return json({"response": self._ok, "list": [self._rental(number, now)]})
            case "rent/closeRentNum":
                denied = engine.cancel(number, now) and engine.finish(number, now)
                return self.refuse(call, denied, now) if denied else json({"response": True})
            case "rent/extendRentState" if days := number_id(call.args.get("days")):
                denied = engine.extend(number, timedelta(days=days), now)
                if denied is not None:
                    return self.refuse(call, denied, now)
                return json({"response": self._ok, "item": self._rental(number, now)})
            case "rent/extendRentState":
                return self._word("UNDEFINED_DAYS")
            case _:
                return self._done(call, number, None, now)

    def refuse(self, _call: Call, denied: Denied, _now: datetime) -> Reply:
        if denied.problem is Problem.UNAVAILABLE:
            return text("Service Unavailable", 503)
        if denied.problem is Problem.RATE_LIMITED:
            if self._knobs.rate_limit == "body":
                return self._word("INTERVAL_CONCURRENT_REQUESTS_ERROR")
            return with_wait(text("Too Many Requests", 429), denied)
        return self._word(WORDS.get(denied.problem, "TRY_AGAIN_LATER"))

    def empty_list(self, call: Call) -> Reply:
        if call.form == "rent/getRentState":
            return json({"response": self._ok, "list": []})
        return self._word("ERROR_NO_OPERATIONS")

    def _rent(self, engine: Engine, call: Call, now: datetime) -> Reply:
        args = call.args
        rental = call.form == "rent/getRentNum"
        days = number_id(args.get("days"))
        if rental and not days:
            return self._word("UNDEFINED_DAYS")
        number = engine.rent(
            Order(
                service="rent" if rental else args.get("service", ""),
                country=args.get("country", "7"),
                hours=(days or 0) * 24 if rental else None,
            ),
            now,
        )
        if isinstance(number, Denied):
            return self.refuse(call, number, now)
        if rental:
            return json({"response": self._ok, "item": self._rental(number, now)})
        told = {"response": self._ok, "tzid": number.id}
        return json(told | {"number": "+" + number.phone} if args.get("number") else told)

    def _close(self, engine: Engine, call: Call, number: Number, now: datetime) -> Denied | None:
        """Success or cancel: the books decide which, and the reply does not say."""
        if not number.sms:
            ending = Status.BANNED if call.args.get("ban") == "1" else Status.CANCELLED
            denied = engine.cancel(number, now, ending)
            if not number.sms:
                return denied
        return engine.finish(number, now)  # It may have come at this very moment.

    def _done(self, call: Call, number: Number, denied: Denied | None, now: datetime) -> Reply:
        if denied is not None:
            return self.refuse(call, denied, now)
        return json({"response": self._ok, "tzid": number.id})

    def _word(self, word: str) -> Reply:
        body: dict[str, Any] = {"response": word}
        return json({"original": body} if self._knobs.nested else body)

    def _rows(self, call: Call, numbers: list[Number], now: datetime) -> list[dict[str, Any]]:
        rows = [self._row(call, number, now) for number in numbers]
        for number in numbers:
            number.shown = len(number.sms)
            if call.args.get("clean", "1") != "0":
                number.hidden = len(number.sms)  # Reading hides what was read.
        return rows

    def _row(self, call: Call, number: Number, now: datetime) -> dict[str, Any]:
        sms = number.sms[number.hidden :]
        return {
            "country": number_id(number.country) or number.country,
            "sum": figure(number.cost_minor),
            "service": number.service,
            "number": "+" + number.phone,
            "response": _state(number, sms),
            "tzid": number.id,
            "time": max(0, int((number.expires_at - now).total_seconds())),
            **({"msg": self._messages(call, number, sms)} if sms else {}),
        }

    def _messages(self, call: Call, number: Number, sms: Sequence[Sms]) -> Json:
        codes_only = call.args.get("message_to_code") == "1"
        told = [each.code if codes_only else each.text for each in sms]
        if call.args.get("msg_list") == "1":
            return [{"service": number.service, "msg": each} for each in told]
        return told[-1]

    def _rental(self, number: Number, now: datetime) -> dict[str, Any]:
        left = max(timedelta(0), number.expires_at - now)
        messages = [
            {
                "id": place + 1,
                "service": number.service,
                "text": sms.text,
                "code": sms.code,
                "created_at": f"{sms.at:%Y-%m-%d %H:%M:%S}",
            }
            for place, sms in enumerate(number.sms)
        ]
        return {
            "status": 1 if number.live else 0,
            "messages": messages,
            "sum": price(number.cost_minor),
            "country": number_id(number.country) or number.country,
            "number": number.phone[1:],  # Without the country code.
            "rent": 1,
            "tzid": number.id,
            "time": int(left.total_seconds()),
            "days": left.days,
            "hours": int(left.total_seconds() // 3600),
            "extend": {"1": price(number.cost_minor)},
        }


def _state(number: Number, sms: Sequence[Sms]) -> str:
    if number.status in CHARGED:
        return "TZ_OVER_OK"
    if not number.live:
        return "TZ_OVER_EMPTY"
    return "TZ_NUM_ANSWER" if sms else "TZ_NUM_WAIT"
