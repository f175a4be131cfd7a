"""The face of sms-man v2: waiting looks like an error, and errors come in two shapes."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Literal

from worker.simulator import exchange
from worker.simulator.config import SimulatorConfig
from worker.simulator.denials import DenialReason, Denied
from worker.simulator.exchange import FaceCall, FaceOperation, FaceReply, Request
from worker.simulator.face import CallContext, Face, FaceKnobs, denied_by_server, deny, granted
from worker.simulator.numbers import ArrivedSms, SimulatedNumber, Status
from worker.simulator.tariff import BuyerOrder

CONTROL, RENT = "/control/", "/rent-api/"
OPERATIONS = {
    "get-number": FaceOperation.RENT,
    "get-sms": FaceOperation.LOOK,
    "get-all-sms": FaceOperation.LOOK,  #: Of rentals.
    "get-balance": FaceOperation.BALANCE,
    "limits": FaceOperation.OTHER,
}
SETTINGS = {
    "ready": FaceOperation.READY,
    "close": FaceOperation.FINISH,
    "reject": FaceOperation.CANCEL,
    "used": FaceOperation.CANCEL,
    "retrysms": FaceOperation.ASK_AGAIN,
}
HOURS = {"hour": 1, "day": 24, "week": 168, "month": 720}
WORDS: Mapping[DenialReason, tuple[str, str]] = {
    DenialReason.NO_KEY: ("wrong_token", "Wrong token!"),
    DenialReason.BAD_KEY: ("wrong_token", "Wrong token!"),
    DenialReason.BANNED: ("bad_token", "Account is blocked"),
    DenialReason.BAD_SERVICE: ("wrong_application_id", "Wrong application id"),
    DenialReason.BAD_COUNTRY: ("wrong_country_id", "Wrong country id"),
    DenialReason.NO_NUMBERS: ("no_free_phones", "No free phones"),
    DenialReason.PRICE_TOO_LOW: ("no_free_phones", "No free phones at this price"),
    DenialReason.NO_BALANCE: ("not_enough_balance", "Not enough balance"),
    DenialReason.UNKNOWN_ID: ("sms_not_found", "Request not found"),
    DenialReason.ENDED: ("sms_not_found", "Request is closed"),
    DenialReason.NO_CODE: ("no_sms", "No sms"),
    DenialReason.BAD_STATUS: ("wrong_status", "Wrong status"),
}


WAITING = {"error_code": "wait_sms", "error_msg": "Still waiting..."}


class SmsManKnobs(FaceKnobs):
    """What nobody knows for certain."""

    error_status: Literal[200, 400] = 200
    error_msg: Literal["text", "object"] = "text"
    cancel_refused: str = "wrong_status"  #: What a reject after an SMS is answered.
    no_messages: Literal["wait_sms", "empty"] = "wait_sms"  #: How a rental without an SMS answers.


class SmsManFace(Face):
    """sms-man, as it answers."""

    knobs_type = SmsManKnobs

    def __init__(self, config: SimulatorConfig) -> None:
        self._knobs = SmsManKnobs.model_validate(config.knobs)
        super().__init__(config, self._knobs.terms(timedelta(seconds=1200)))

    def read(self, request: Request) -> FaceCall:
        args = request.arguments()
        form = request.path.rstrip("/")
        name = form.removeprefix(CONTROL).removeprefix(RENT)
        operation = OPERATIONS.get(name)
        refused = None
        if name == "set-status":
            operation = SETTINGS.get(args.get("status", ""), FaceOperation.OTHER)
            refused = DenialReason.BAD_STATUS if operation is FaceOperation.OTHER else None
        if operation is None or not form.startswith((CONTROL, RENT)):
            return FaceCall(FaceOperation.OTHER, form, None, args, DenialReason.BAD_ACTION)
        refused = self._wrong_key(args.get("token")) or refused
        about_one = name in {"set-status", "get-sms", "get-all-sms"}
        ref = exchange.number_id(args.get("request_id"))
        return FaceCall(operation, form, ref, args, refused, about_one)

    def answer(self, ctx: CallContext) -> FaceReply:
        match ctx.call.operation:
            case FaceOperation.RENT:
                return self._rent(ctx)
            case FaceOperation.BALANCE:
                return FaceReply.json({"balance": exchange.price(ctx.balance_minor), "hold": 0})
            case _:
                service = ctx.arg("application_id", "1")
                return FaceReply.json({service: {"application_id": service, "numbers": "1000"}})

    def answer_about(self, ctx: CallContext, number: SimulatedNumber) -> FaceReply:
        if number.rental != ctx.call.form.startswith(RENT):
            deny(DenialReason.UNKNOWN_ID)
        match ctx.call.operation:
            case FaceOperation.LOOK:
                return self._look(ctx, number)
            case FaceOperation.READY:
                granted(ctx.engine.ready(number))
            case FaceOperation.FINISH:
                ctx.finish(number)
            case FaceOperation.ASK_AGAIN:
                ctx.ask_again(number)
            case _:
                used = ctx.arg("status") == "used"
                ctx.cancel(number, Status.BANNED if used else Status.CANCELLED)
        return FaceReply.json({"request_id": number.id, "success": True})

    def refuse(self, _call: FaceCall, denied: Denied, _now: datetime) -> FaceReply:
        if (reply := denied_by_server(denied)) is not None:
            return reply
        code, message = WORDS.get(denied.reason, (self._knobs.cancel_refused, "Not possible"))
        error_msg: Any = {"token": message} if self._knobs.error_msg == "object" else message
        body = {"success": False, "error_code": code, "error_msg": error_msg}
        return FaceReply.json(body, self._knobs.error_status)

    def _rent(self, ctx: CallContext) -> FaceReply:
        hours = None
        if ctx.call.form.startswith(RENT):
            hours = HOURS.get(ctx.arg("type"), 0) * (ctx.integer("time") or 0)
            if not hours:
                deny(DenialReason.BAD_REQUEST)
        order = BuyerOrder(
            service=ctx.arg("application_id", "rent" if hours else ""),
            country=ctx.arg("country_id"),
            max_minor=exchange.amount(ctx.arg("maxPrice")),
            hours=hours,
        )
        return FaceReply.json(_row(ctx.rent(order)))

    def _look(self, ctx: CallContext, number: SimulatedNumber) -> FaceReply:
        if not number.live:
            deny(DenialReason.ENDED)
        if number.rental:
            return self._rental_sms(ctx, number)
        latest = number.sms[-1:] if number.status is Status.RECEIVED else ()
        ctx.engine.show(number, latest)
        return FaceReply.json(_row(number) | ({"sms_code": latest[0].code} if latest else WAITING))

    def _rental_sms(self, ctx: CallContext, number: SimulatedNumber) -> FaceReply:
        every = ctx.call.form.endswith("get-all-sms")
        ctx.engine.show(number, None if every else number.sms[-1:])
        rows = [_message(sms) for sms in reversed(number.sms)]
        if not rows and self._knobs.no_messages == "wait_sms":
            return FaceReply.json(_row(number) | WAITING)
        return FaceReply.json(_row(number) | {"sms": rows if every or not rows else rows[0]})


def _row(number: SimulatedNumber) -> dict[str, Any]:
    return {
        "request_id": number.id,
        "country_id": _as_number(number.country),
        "application_id": _as_number(number.service),
        "number": number.phone,
    }


def _message(sms: ArrivedSms) -> dict[str, str]:
    return {"text": sms.text, "code": sms.code, "time": f"{sms.at:%Y-%m-%d %H:%M:%S}"}


def _as_number(name: str) -> int | str:
    return int(name) if name.isascii() and name.isdigit() else name


FACE = SmsManFace
