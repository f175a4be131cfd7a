"""The face of 5sim: orders as JSON, refusals as plain text, often with 200."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Literal
from urllib.parse import unquote

from worker.simulator import exchange
from worker.simulator.config import SimulatorConfig
from worker.simulator.denials import DenialReason, Denied
from worker.simulator.engine import Engine
from worker.simulator.exchange import FaceCall, FaceOperation, FaceReply, Request
from worker.simulator.face import Face, FaceKnobs
from worker.simulator.numbers import ArrivedSms, SimulatedNumber, Status
from worker.simulator.tariff import BuyerOrder

PREFIX = "/v1/user/"
NOT_FOUND_PAGE = "/404.html"
ABOUT_ONE = {
    "check": FaceOperation.LOOK,
    "finish": FaceOperation.FINISH,
    "cancel": FaceOperation.CANCEL,
    "ban": FaceOperation.CANCEL,
}
GENERAL = {"profile": FaceOperation.BALANCE, "orders": FaceOperation.LIST}
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
WORDS: Mapping[DenialReason, tuple[int, str]] = {
    DenialReason.NO_KEY: (401, ""),
    DenialReason.BAD_KEY: (401, ""),
    DenialReason.BANNED: (403, ""),
    DenialReason.RATE_LIMITED: (429, "api limit is 100 requests per second"),
    DenialReason.UNAVAILABLE: (503, ""),
    DenialReason.BAD_REQUEST: (400, "no product"),
    DenialReason.BAD_SERVICE: (400, "no product"),
    DenialReason.BAD_COUNTRY: (400, "bad country"),
    DenialReason.NO_NUMBERS: (200, "no free phones"),
    DenialReason.PRICE_TOO_LOW: (200, "no free phones"),
    DenialReason.NO_BALANCE: (400, "not enough user balance"),
    DenialReason.UNKNOWN_ID: (400, "order not found"),
    DenialReason.EARLY_CANCEL: (400, "you need to wait time"),
    DenialReason.CODE_RECEIVED: (400, "order has sms"),
    DenialReason.NEW_CODE_RECEIVED: (400, "order has sms"),
    DenialReason.NO_CODE: (400, "order no sms"),
    DenialReason.TOO_LATE: (400, "hosting order"),
    DenialReason.ENDED: (400, "order expired"),
}


class FiveSimKnobs(FaceKnobs):
    """What nobody knows for certain."""

    min_cancel_age_seconds: float = 120
    waiting_status: Literal["PENDING", "RECEIVED"] = "RECEIVED"  #: Of a number without an SMS.
    no_sms: Literal["null", "[]"] = "[]"
    second_sms_has_code: bool = True
    hosting_cancels: bool = True  #: Hosting can be given back at all.


class FiveSimFace(Face):
    """5sim, as it answers."""

    knobs_type = FiveSimKnobs

    def __init__(self, config: SimulatorConfig) -> None:
        self._knobs = FiveSimKnobs.model_validate(config.knobs)
        super().__init__(config, self._knobs.terms(timedelta(minutes=15)))
        self._authorization = f"Bearer {config.api_key}"

    def read(self, request: Request) -> FaceCall:
        parts = [unquote(part) for part in request.path.removeprefix(PREFIX).split("/")]
        args = request.arguments()
        call = self._read(parts, args)
        known = request.path.startswith(PREFIX) and request.method == "GET"
        if call is None or not known:
            return FaceCall(FaceOperation.OTHER, request.path, None, args, DenialReason.BAD_ACTION)
        if request.headers.get("Authorization") != self._authorization:
            return call._replace(refused=DenialReason.BAD_KEY)
        return call

    def _read(self, parts: list[str], args: dict[str, str]) -> FaceCall | None:
        match parts:
            case ["buy", "activation" | "hosting" as form, country, operator, product]:
                purchase = {"country": country, "operator": operator, "product": product}
                return FaceCall(FaceOperation.RENT, form, None, {**args, **purchase})
            case [name, ref] if name in ABOUT_ONE:
                return FaceCall(
                    ABOUT_ONE[name], name, exchange.number_id(ref), args, about_one=True
                )
            case [name] if name in GENERAL:
                return FaceCall(GENERAL[name], name, None, args)
            case _:
                return None

    def answer(self, engine: Engine, call: FaceCall, now: datetime) -> FaceReply:
        match call.operation:
            case FaceOperation.RENT:
                return self._rent(engine, call, now)
            case FaceOperation.LIST:
                return self._orders(engine, call, now)
            case _:
                return self._profile(engine, now)

    def answer_about(
        self, engine: Engine, call: FaceCall, number: SimulatedNumber, now: datetime
    ) -> FaceReply:
        match call.form:
            case "check":
                engine.show(number)
                denied = None
            case "finish":
                denied = engine.finish(number, now)
            case "ban":
                denied = engine.cancel(number, now, Status.BANNED)
            case _ if number.rental and number.live and not self._knobs.hosting_cancels:
                denied = Denied(DenialReason.TOO_LATE)
            case _:
                denied = engine.cancel(number, now)
        if denied is not None and denied.reason is DenialReason.ENDED and now < number.expires_at:
            # Only numbers whose time has run out are called "expired".
            denied = Denied(DenialReason.UNKNOWN_ID)
        if denied is not None:
            return self.refuse(call, denied, now)
        engine.carry(number.sms)
        return FaceReply.json(self._order(number))

    def refuse(self, call: FaceCall, denied: Denied, _now: datetime) -> FaceReply:
        if denied.reason is DenialReason.BAD_ACTION:
            if call.form == NOT_FOUND_PAGE:
                return FaceReply.text("<!DOCTYPE html><html><body>404</body></html>" + " " * 42_000)
            return FaceReply(302, b"", headers=(("Location", NOT_FOUND_PAGE),))
        status, word = WORDS.get(denied.reason, (400, "internal error"))
        if denied.reason is DenialReason.UNKNOWN_ID and call.form == "check":
            status = 404
        return FaceReply.text(
            word, status, "text/plain; charset=utf-8"
        )  # It never says how long to wait.

    def empty_list(self, _call: FaceCall) -> FaceReply:
        return FaceReply.json({"Data": [], "ProductNames": [], "Statuses": [], "Total": 0})

    def _rent(self, engine: Engine, call: FaceCall, now: datetime) -> FaceReply:
        args, hosting = call.args, call.form == "hosting"
        product = args["product"]
        hours = HOSTING_HOURS.get(product)
        if hosting and hours is None:
            return self.refuse(call, Denied(DenialReason.BAD_SERVICE), now)
        any_operator = args["operator"] == "any"
        number = engine.rent(
            BuyerOrder(
                service=product,
                country=args["country"],
                operator=args["operator"],
                max_minor=exchange.amount(args.get("maxPrice")) if any_operator else None,
                hours=hours if hosting else None,
            ),
            now,
        )
        if isinstance(number, Denied):
            return self.refuse(call, number, now)
        return FaceReply.json(self._order(number) | {"status": "PENDING", "sms": None})

    def _orders(self, engine: Engine, call: FaceCall, now: datetime) -> FaceReply:
        args = call.args
        limit = exchange.number_id(args.get("limit")) or PAGE_MIN
        page, total = engine.rented(
            exchange.number_id(args.get("offset")) or 0,
            min(max(limit, PAGE_MIN), PAGE_MAX),
            now,
            newest_first=args.get("reverse") == "true",
            rentals=args.get("category") == "hosting",
        )
        rows = [self._order(number) for number in page]
        return FaceReply.json({"Data": rows, "ProductNames": [], "Statuses": [], "Total": total})

    def _profile(self, engine: Engine, now: datetime) -> FaceReply:
        return FaceReply.json(
            {
                "id": 1,
                "email": "buyer@example.com",
                "balance": exchange.figure(engine.balance_minor(now)),
                "frozen_balance": 0,
                "rating": 96,
                "default_country": {"name": "russia", "iso": "ru", "prefix": "+7"},
                "default_operator": {"name": "any"},
                "default_forwarding_number": "",
            }
        )

    def _order(self, number: SimulatedNumber) -> dict[str, Any]:
        nothing: list[Any] | None = None if self._knobs.no_sms == "null" else []
        sms = [self._sms(place, each) for place, each in enumerate(number.sms)]
        return {
            "id": number.id,
            "phone": "+" + number.phone,
            "operator": number.operator,
            "product": number.service,
            "price": exchange.figure(number.cost_minor),
            "status": STATES.get(number.status, self._knobs.waiting_status),
            "expires": _nanoseconds(number.expires_at),
            "sms": sms or nothing,
            "created_at": _nanoseconds(number.created_at),
            "forwarding": False,
            "forwarding_number": "",
            "country": number.country,
        }

    def _sms(self, place: int, sms: ArrivedSms) -> dict[str, Any]:
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


FACE = FiveSimFace
