"""The face of 5sim: orders as JSON, refusals as plain text, often with 200."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Literal
from urllib.parse import unquote

from worker.simulator import exchange
from worker.simulator.config import SimulatorConfig
from worker.simulator.denials import DenialReason, Denied
from worker.simulator.exchange import FaceCall, FaceOperation, FaceReply, Request
from worker.simulator.face import CallContext, Face, FaceKnobs, deny
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
            case ["reuse" as form, product, phone]:
                return FaceCall(
                    FaceOperation.RENT, form, None, {"product": product, "phone": phone}
                )
            case [name, ref] if name in ABOUT_ONE:
                return FaceCall(
                    ABOUT_ONE[name], name, exchange.number_id(ref), args, about_one=True
                )
            case [name] if name in GENERAL:
                return FaceCall(GENERAL[name], name, None, args)
            case _:
                return None

    def answer(self, ctx: CallContext) -> FaceReply:
        match ctx.call.operation:
            case FaceOperation.RENT:
                return self._rent(ctx)
            case FaceOperation.LIST:
                return self._orders(ctx)
            case _:
                return self._profile(ctx)

    def answer_about(self, ctx: CallContext, number: SimulatedNumber) -> FaceReply:
        form = ctx.call.form
        if form != "check" and not number.live and ctx.now < number.expires_at:
            deny(DenialReason.UNKNOWN_ID)  # Only numbers whose time has run out are "expired".
        match form:
            case "check":
                ctx.engine.show(number)
            case "finish":
                ctx.finish(number)
            case "ban":
                ctx.cancel(number, Status.BANNED)
            case _ if number.rental and number.live and not self._knobs.hosting_cancels:
                deny(DenialReason.TOO_LATE)
            case _:
                ctx.cancel(number)
        ctx.carry([number])
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

    def _rent(self, ctx: CallContext) -> FaceReply:
        if ctx.call.form == "reuse":
            return self._rent_again(ctx)
        args, hosting = ctx.call.args, ctx.call.form == "hosting"
        hours = HOSTING_HOURS.get(args["product"]) if hosting else None
        if hosting and hours is None:
            deny(DenialReason.BAD_SERVICE)
        any_operator = args["operator"] == "any"
        number = ctx.rent(
            BuyerOrder(
                service=args["product"],
                country=args["country"],
                operator=args["operator"],
                voice=args.get("voice") == "1",
                max_minor=exchange.amount(args.get("maxPrice")) if any_operator else None,
                hours=hours,
            )
        )
        return FaceReply.json(self._order(number) | {"status": "PENDING", "sms": None})

    def _rent_again(self, ctx: CallContext) -> FaceReply:
        earlier = ctx.engine.ledger.by_phone(ctx.arg("phone"))
        if earlier is None or not earlier.sms:
            return FaceReply.text("reuse not possible", 400, "text/plain; charset=utf-8")
        order = BuyerOrder(service=ctx.arg("product"), country=earlier.country)
        number = ctx.rent_again(earlier, order)
        return FaceReply.json(self._order(number) | {"status": "PENDING", "sms": None})

    def _orders(self, ctx: CallContext) -> FaceReply:
        page, total = ctx.engine.rented(
            ctx.integer("offset") or 0,
            min(max(ctx.integer("limit") or PAGE_MIN, PAGE_MIN), PAGE_MAX),
            ctx.now,
            newest_first=ctx.arg("reverse") == "true",
            rentals=ctx.arg("category") == "hosting",
        )
        rows = [self._order(number) for number in page]
        return FaceReply.json({"Data": rows, "ProductNames": [], "Statuses": [], "Total": total})

    def _profile(self, ctx: CallContext) -> FaceReply:
        return FaceReply.json(
            {
                "id": 1,
                "email": "buyer@example.com",
                "balance": exchange.figure(ctx.balance_minor),
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
