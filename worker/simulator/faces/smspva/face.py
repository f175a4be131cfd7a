"""SMSPVA, version 2: the body repeats the HTTP status, and an order is gone after ten minutes."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import unquote

from worker.simulator import exchange
from worker.simulator.config import SimulatorConfig
from worker.simulator.denials import DenialReason, Denied
from worker.simulator.exchange import FaceCall, FaceOperation, FaceReply, Request
from worker.simulator.face import CallContext, Face, FaceKnobs, deny
from worker.simulator.faces.smspva.rentals import RENT_PATH, SmsPvaRentalFace
from worker.simulator.numbers import SimulatedNumber, Status
from worker.simulator.tariff import BuyerOrder

PREFIX = "/activation/"
CHANGES = {
    "clearsms": FaceOperation.ASK_AGAIN,
    "stopsms": FaceOperation.FINISH,
    "cancelorder": FaceOperation.CANCEL,
    "blocknumber": FaceOperation.CANCEL,
}
WORDS: Mapping[DenialReason, tuple[int, str]] = {
    DenialReason.NO_KEY: (401, "UNAUTHORIZED"),
    DenialReason.BAD_KEY: (401, "UNAUTHORIZED"),
    DenialReason.BANNED: (411, "LOW_KARMA"),
    DenialReason.RATE_LIMITED: (411, "RATE_LIMIT"),
    DenialReason.UNAVAILABLE: (503, "SERVICE_UNAVAILABLE"),
    DenialReason.BAD_ACTION: (404, "NOT_FOUND"),
    DenialReason.BAD_METHOD: (405, "BAD_PARAMETERS"),
    DenialReason.BAD_REQUEST: (405, "BAD_PARAMETERS"),
    DenialReason.BAD_SERVICE: (405, "BAD_PARAMETERS"),
    DenialReason.BAD_COUNTRY: (405, "BAD_PARAMETERS"),
    DenialReason.NO_NUMBERS: (501, "NO_NUMBERS"),
    DenialReason.NO_BALANCE: (407, "LOW_BALANCE"),
    DenialReason.UNKNOWN_ID: (406, "BAD_ORDER_ID"),
    DenialReason.EARLY_CANCEL: (411, "TOO_EARLY"),
    DenialReason.CODE_RECEIVED: (405, "SMS_RECEIVED"),
    DenialReason.NEW_CODE_RECEIVED: (405, "SMS_RECEIVED"),
    DenialReason.NO_CODE: (404, "NO_SMS"),
    DenialReason.BAD_STATUS: (404, "NO_SMS"),
    DenialReason.ENDED: (410, "ORDER_CLOSED"),
}


class SmsPvaKnobs(FaceKnobs):
    """What nobody knows for certain."""

    on_demand: bool = False  #: Rentals get SMS for a while after they are switched on only.


class SmsPvaFace(Face):
    """SMSPVA, as it answers."""

    knobs_type = SmsPvaKnobs

    def __init__(self, config: SimulatorConfig) -> None:
        knobs = SmsPvaKnobs.model_validate(config.knobs)
        super().__init__(config, knobs.terms(timedelta(seconds=600)))
        self._rentals = SmsPvaRentalFace(self._wrong_key, on_demand=knobs.on_demand)

    def read(self, request: Request) -> FaceCall:
        if request.path == RENT_PATH:
            return self._rentals.read(request)
        parts = [unquote(part) for part in request.path.removeprefix(PREFIX).split("/")]
        call = self._read(request.method, parts)
        if call is None or not request.path.startswith(PREFIX):
            return FaceCall(FaceOperation.OTHER, request.path, refused=DenialReason.BAD_ACTION)
        return call._replace(refused=self._wrong_key(request.headers.get("apikey")))

    def _read(self, method: str, parts: list[str]) -> FaceCall | None:
        match [method, *parts]:
            case ["GET", "number", country, service, *operator] if len(operator) < 2:
                purchase = {"country": country, "service": service}
                purchase["operator"] = operator[0] if operator else "any"
                return FaceCall(FaceOperation.RENT, "number", None, purchase)
            case ["GET", "sms", ref]:
                return FaceCall(FaceOperation.LOOK, "sms", exchange.number_id(ref), about_one=True)
            case ["GET", "orders"]:
                return FaceCall(FaceOperation.LIST, "orders")
            case ["GET", "balance" | "userinfo" as form]:
                return FaceCall(FaceOperation.BALANCE, form)
            case ["PUT", name, ref] if name in CHANGES:
                return FaceCall(CHANGES[name], name, exchange.number_id(ref), about_one=True)
            case _:
                return None

    def answer(self, ctx: CallContext) -> FaceReply:
        if ctx.call.form.startswith(RENT_PATH):
            return self._rentals.answer(ctx)
        match ctx.call.operation:
            case FaceOperation.RENT:
                return self._rent(ctx)
            case FaceOperation.LIST:
                orders = [self._order(ctx, number) for number in ctx.engine.live(ctx.now)]
                return _data({"orders": orders})
            case _:
                more = {"name": "buyer", "karma": 100.0} if ctx.call.form == "userinfo" else {}
                return _data({"balance": exchange.price(ctx.balance_minor), **more})

    def answer_about(self, ctx: CallContext, number: SimulatedNumber) -> FaceReply:
        form = ctx.call.form
        if form.startswith(RENT_PATH):
            return self._rentals.answer_about(ctx, number)
        if number.rental or ctx.now >= number.expires_at:
            deny(DenialReason.UNKNOWN_ID)  # Not only closed: after its time the order is deleted.
        match form:
            case "sms":
                return self._sms(ctx, number)
            case "clearsms":
                ctx.ask_again(number)
            case "stopsms":
                ctx.finish(number)
            case _:
                ctx.cancel(number, Status.BANNED if form == "blocknumber" else Status.CANCELLED)
        expiry = {"orderExpireIn": _seconds_left(number, ctx.now)} if form == "clearsms" else {}
        return _data({"orderId": number.id, **expiry})

    def refuse(self, call: FaceCall, denied: Denied, _now: datetime) -> FaceReply:
        if call.form.startswith(RENT_PATH) and denied.reason is not DenialReason.UNAVAILABLE:
            return self._rentals.refuse(denied)
        status, word = WORDS.get(denied.reason, (500, "ERROR"))
        reply = FaceReply.json({"statusCode": status, "error": {"type": word}}, status)
        return reply.with_wait(denied) if denied.reason is DenialReason.RATE_LIMITED else reply

    def empty_list(self, call: FaceCall) -> FaceReply:
        if call.form.startswith(RENT_PATH):
            return self._rentals.none_listed()
        return _data({"orders": []})

    def _rent(self, ctx: CallContext) -> FaceReply:
        args = ctx.call.args
        number = ctx.rent(
            BuyerOrder(service=args["service"], country=args["country"], operator=args["operator"])
        )
        return _data(_number(number, ctx.now))

    def _sms(self, ctx: CallContext, number: SimulatedNumber) -> FaceReply:
        if not number.live:
            deny(DenialReason.ENDED)
        if number.status is not Status.RECEIVED:
            # Also after clearsms, which makes it forget the SMS that came.
            error = {"type": "SMS_NOT_YET_RECEIVED"}
            return FaceReply.json({"statusCode": 202, "error": error}, 202)
        if ctx.balance_minor < 0:
            deny(DenialReason.NO_BALANCE)
        ctx.engine.show(number, number.sms[-1:])
        left = _seconds_left(number, ctx.now)
        return _data({"sms": _sms_json(number), "orderId": number.id, "orderExpireIn": left})

    def _order(self, ctx: CallContext, number: SimulatedNumber) -> dict[str, Any]:
        received = number.status is Status.RECEIVED
        if received:
            ctx.engine.show(number, number.sms[-1:])
        return _number(number, ctx.now) | {
            "service": number.service,
            "country": number.country,
            "status": "SMS_RECEIVED" if received else "WAITING",
            "sms": _sms_json(number) if received else None,
        }


def _number(number: SimulatedNumber, now: datetime) -> dict[str, Any]:
    return {
        "orderId": number.id,
        "phoneNumber": int(number.phone[1:]),  # Without the country code.
        "countryCode": "7",
        "orderExpireIn": _seconds_left(number, now),
    }


def _data(data: dict[str, Any]) -> FaceReply:
    return FaceReply.json({"statusCode": 200, "data": data})


def _sms_json(number: SimulatedNumber) -> dict[str, str]:
    return {"code": number.sms[-1].code, "fullText": number.sms[-1].text}


def _seconds_left(number: SimulatedNumber, now: datetime) -> int:
    return max(0, int((number.expires_at - now).total_seconds()))
