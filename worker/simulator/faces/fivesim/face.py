"""The face of 5sim: orders as JSON, refusals as plain text, often with 200."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Literal
from urllib.parse import unquote

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
    number_id,
    text,
)
from worker.simulator.numbers import Number, Sms, Status
from worker.simulator.tariff import Order, Terms

PREFIX = "/v1/user/"
NOT_FOUND_PAGE = "/404.html"
ABOUT_ONE = {
    "check": Operation.LOOK,
    "finish": Operation.FINISH,
    "cancel": Operation.CANCEL,
    "ban": Operation.CANCEL,
}
GENERAL = {"profile": Operation.BALANCE, "orders": Operation.LIST}
HOSTING_HOURS = {"3hours": 3, "1day": 24, "10days": 240, "1month": 720}
PAGE_MIN, PAGE_MAX = 15, 100
STATES: Mapping[Status, str] = {
    Status.RECEIVED: "RECEIVED",
    Status.RETRYING: "RECEIVED",
    Status.CANCELLED: "CANCELED",
    Status.PROVIDER_CANCELLED: "CANCELED",
    Status.BANNED: "BANNED",
    Status.EXPIRED: "TIMEOUT",
    Status.FINISHED: "FINISHED",
    Status.LAPSED: "FINISHED",  # It closes a number with an SMS by itself.
}
WORDS: Mapping[Problem, tuple[int, str]] = {
    Problem.NO_KEY: (401, ""),
    Problem.BAD_KEY: (401, ""),
    Problem.BANNED: (403, ""),
    Problem.RATE_LIMITED: (429, "api limit is 100 requests per second"),
    Problem.UNAVAILABLE: (503, ""),
    Problem.BAD_REQUEST: (400, "no product"),
    Problem.BAD_SERVICE: (400, "no product"),
    Problem.BAD_COUNTRY: (400, "bad country"),
    Problem.NO_NUMBERS: (200, "no free phones"),
    Problem.PRICE_TOO_LOW: (200, "no free phones"),
    Problem.NO_BALANCE: (400, "not enough user balance"),
    Problem.UNKNOWN_ID: (400, "order not found"),
    Problem.EARLY_CANCEL: (400, "you need to wait time"),
    Problem.CODE_RECEIVED: (400, "order has sms"),
    Problem.NEW_CODE_RECEIVED: (400, "order has sms"),
    Problem.NO_CODE: (400, "order no sms"),
    Problem.TOO_LATE: (400, "hosting order"),
    Problem.ENDED: (400, "order expired"),
}


class Knobs(BaseModel):
    """What nobody knows for certain."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    min_cancel_age_seconds: float = 120
    waiting_status: Literal["PENDING", "RECEIVED"] = "RECEIVED"  #: Of a number without an SMS.
    no_sms: Literal["null", "[]"] = "[]"
    second_sms_has_code: bool = True
    hosting_cancels: bool = True  #: Hosting can be given back at all.


class FiveSim:
    def __init__(self, api_key: str, knobs: Mapping[str, Any]) -> None:
        self._authorization = f"Bearer {api_key}"
        self._knobs = Knobs.model_validate(dict(knobs))
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

    def push(self, _number: Number, _sms: Sms) -> dict[str, Any] | None:
        return None

    def read(self, request: Request) -> Call:
        parts = [unquote(part) for part in request.path.removeprefix(PREFIX).split("/")]
        args = arguments(request.query)
        call = self._read(parts, args)
        known = request.path.startswith(PREFIX) and request.method == "GET"
        if call is None or not known:
            return Call(Operation.OTHER, request.path, None, args, Problem.BAD_ACTION)
        if request.headers.get("Authorization") != self._authorization:
            return call._replace(problem=Problem.BAD_KEY)
        return call

    def _read(self, parts: list[str], args: dict[str, str]) -> Call | None:
        match parts:
            case ["buy", "activation" | "hosting" as form, country, operator, product]:
                bought = {"country": country, "operator": operator, "product": product}
                return Call(Operation.RENT, form, None, {**args, **bought})
            case [name, ref] if name in ABOUT_ONE:
                return Call(ABOUT_ONE[name], name, number_id(ref), args, about_one=True)
            case [name] if name in GENERAL:
                return Call(GENERAL[name], name, None, args)
            case _:
                return None

    def answer(self, engine: Engine, call: Call, now: datetime) -> Reply:
        match call.operation:
            case Operation.RENT:
                return self._rent(engine, call, now)
            case Operation.LIST:
                return self._orders(engine, call, now)
            case _:
                return self._profile(engine, now)

    def answer_about(self, engine: Engine, call: Call, number: Number, now: datetime) -> Reply:
        match call.form:
            case "check":
                engine.show(number)
                denied = None
            case "finish":
                denied = engine.finish(number, now)
            case "ban":
                denied = engine.cancel(number, now, Status.BANNED)
            case _ if number.rental and number.live and not self._knobs.hosting_cancels:
                denied = Denied(Problem.TOO_LATE)
            case _:
                denied = engine.cancel(number, now)
        if denied is not None and denied.problem is Problem.ENDED and now < number.expires_at:
            denied = Denied(Problem.UNKNOWN_ID)  # "Expired" is said of those whose time is over.
        return json(self._order(number)) if denied is None else self.refuse(call, denied, now)

    def refuse(self, call: Call, denied: Denied, _now: datetime) -> Reply:
        if denied.problem is Problem.BAD_ACTION:
            if call.form == NOT_FOUND_PAGE:
                return text("<!DOCTYPE html><html><body>404</body></html>" + " " * 42_000)
            return Reply(302, b"", headers=(("Location", NOT_FOUND_PAGE),))
        status, word = WORDS.get(denied.problem, (400, "internal error"))
        if denied.problem is Problem.UNKNOWN_ID and call.form == "check":
            status = 404
        return text(word, status, "text/plain; charset=utf-8")  # It never says how long to wait.

    def empty_list(self, _call: Call) -> Reply:
        return json({"Data": [], "ProductNames": [], "Statuses": [], "Total": 0})

    def _rent(self, engine: Engine, call: Call, now: datetime) -> Reply:
        args, hosting = call.args, call.form == "hosting"
        product = args["product"]
        hours = HOSTING_HOURS.get(product)
        if hosting and hours is None:
            return self.refuse(call, Denied(Problem.BAD_SERVICE), now)
        any_operator = args["operator"] == "any"
        number = engine.rent(
            Order(
                service=product,
                country=args["country"],
                operator=args["operator"],
                max_minor=amount(args.get("maxPrice")) if any_operator else None,
                hours=hours if hosting else None,
            ),
            now,
        )
        if isinstance(number, Denied):
            return self.refuse(call, number, now)
        return json(self._order(number) | {"status": "PENDING", "sms": None})

    def _orders(self, engine: Engine, call: Call, now: datetime) -> Reply:
        args = call.args
        limit = number_id(args.get("limit")) or PAGE_MIN
        page, total = engine.rented(
            number_id(args.get("offset")) or 0,
            min(max(limit, PAGE_MIN), PAGE_MAX),
            now,
            newest_first=args.get("reverse") == "true",
            rentals=args.get("category") == "hosting",
        )
        rows = [self._order(number) for number in page]
        return json({"Data": rows, "ProductNames": [], "Statuses": [], "Total": total})

    def _profile(self, engine: Engine, now: datetime) -> Reply:
        return json(
            {
                "id": 1,
                "email": "buyer@example.com",
                "balance": figure(engine.balance_minor(now)),
                "frozen_balance": 0,
                "rating": 96,
                "default_country": {"name": "russia", "iso": "ru", "prefix": "+7"},
                "default_operator": {"name": "any"},
                "default_forwarding_number": "",
            }
        )

    def _order(self, number: Number) -> dict[str, Any]:
        nothing: list[Any] | None = None if self._knobs.no_sms == "null" else []
        sms = [self._sms(place, each) for place, each in enumerate(number.sms)]
        return {
            "id": number.id,
            "phone": "+" + number.phone,
            "operator": number.operator,
            "product": number.service,
            "price": figure(number.cost_minor),
            "status": STATES.get(number.status, self._knobs.waiting_status),
            "expires": _nanoseconds(number.expires_at),
            "sms": sms or nothing,
            "created_at": _nanoseconds(number.created_at),
            "forwarding": False,
            "forwarding_number": "",
            "country": number.country,
        }

    def _sms(self, place: int, sms: Sms) -> dict[str, Any]:
        code = sms.code if place == 0 or self._knobs.second_sms_has_code else ""
        at = _nanoseconds(sms.at)
        return {
            "id": place + 1,
            "created_at": at,
            "date": at,
            "sender": "Sender",
            "text": sms.text,
            "code": code,
        }


def _nanoseconds(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%S.%f}028Z"
