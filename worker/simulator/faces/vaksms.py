"""The face of vak-sms: small JSON, ids of 32 hex digits, no cancel once an SMS is on its way."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Literal

from worker.simulator.config import SimulatorConfig
from worker.simulator.denials import DenialReason, Denied
from worker.simulator.exchange import FaceCall, FaceOperation, FaceReply, Request, amount, figure
from worker.simulator.face import CallContext, Face, FaceKnobs, denied_by_server, deny
from worker.simulator.numbers import SimulatedNumber, Status
from worker.simulator.tariff import BuyerOrder

PREFIX = "/api/"
OPERATIONS = {
    "getNumber": FaceOperation.RENT,
    "getSmsCode": FaceOperation.LOOK,
    "getBalance": FaceOperation.BALANCE,
    "getCountNumber": FaceOperation.OTHER,
    "prolongNumber": FaceOperation.RENT,
}
SETTINGS = {
    "send": FaceOperation.ASK_AGAIN,
    "end": FaceOperation.CANCEL,
    "bad": FaceOperation.CANCEL,
}
MIX = 0x9E3779B97F4A7C15F39CC0605CEDC834  #: Turns an id into 32 hex digits and back.
RENT_HOURS = 4
LIFETIMES = {
    "tf": 7200,
    **dict.fromkeys(("otk", "cs", "strh", "cp", "mg"), 3600),
    **dict.fromkeys(("otp", "mkb"), 2400),
    **dict.fromkeys(("ai", "ig", "tw"), 1800),
}
ERRORS: Mapping[DenialReason, str] = {
    DenialReason.NO_KEY: "apiKeyNotFound",
    DenialReason.BAD_KEY: "apiKeyNotFound",
    DenialReason.BANNED: "apiKeyNotFound",
    DenialReason.BAD_SERVICE: "noService",
    DenialReason.BAD_COUNTRY: "noCountry",
    DenialReason.NO_NUMBERS: "noNumber",
    DenialReason.PRICE_TOO_LOW: "noNumber",
    DenialReason.NO_BALANCE: "noMoney",
    DenialReason.BAD_STATUS: "badStatus",
    DenialReason.TOO_LATE: "badStatus",
    DenialReason.UNKNOWN_ID: "idNumNotFound",
    DenialReason.ENDED: "idNumNotFound",
}
REFUSALS: Mapping[DenialReason, str] = {
    DenialReason.CODE_RECEIVED: "smsReceived",
    DenialReason.NEW_CODE_RECEIVED: "waitSMS",  # Arrived or on its way: vak-sms does not say which.
    DenialReason.EARLY_CANCEL: "waitSMS",
    DenialReason.NO_CODE: "waitSMS",
}


class VakSmsKnobs(FaceKnobs):
    """What nobody knows for certain."""

    error_status: Literal[200, 400] = 200
    no_codes: Literal["null", "[]"] = "null"  #: What `all` is answered before the first SMS.


class VakSmsFace(Face):
    """vak-sms, as it answers."""

    knobs_type = VakSmsKnobs

    def __init__(self, config: SimulatorConfig) -> None:
        self._knobs = VakSmsKnobs.model_validate(config.knobs)
        lifetimes = {service: timedelta(seconds=each) for service, each in LIFETIMES.items()}
        terms = self._knobs.terms(timedelta(seconds=1200))
        super().__init__(config, replace(terms, lifetimes=lifetimes))

    def ref(self, number: SimulatedNumber) -> str:
        return f"{number.id ^ MIX:032x}"

    def number_id(self, ref: str) -> int | None:
        try:
            return int(ref, 16) ^ MIX if len(ref) == 32 else None
        except ValueError:
            return None

    def read(self, request: Request) -> FaceCall:
        args = request.arguments()
        form = request.path.removeprefix(PREFIX).rstrip("/")
        operation = OPERATIONS.get(form)
        refused = None
        if form == "setStatus":
            operation = SETTINGS.get(args.get("status", ""), FaceOperation.OTHER)
            refused = DenialReason.BAD_STATUS if operation is FaceOperation.OTHER else None
        if operation is None or not request.path.startswith(PREFIX):
            return FaceCall(FaceOperation.OTHER, form, None, args, DenialReason.BAD_ACTION)
        refused = self._wrong_key(args.get("apiKey")) or refused
        about_one = form in {"setStatus", "getSmsCode"}
        return FaceCall(
            operation, form, self.number_id(args.get("idNum", "")), args, refused, about_one
        )

    def answer(self, ctx: CallContext) -> FaceReply:
        match ctx.call.form:
            case "getNumber":
                return self._rent(ctx)
            case "getBalance":
                return FaceReply.json({"balance": figure(ctx.balance_minor)})
            case "getCountNumber":
                return FaceReply.json({ctx.arg("service", "tg"): 1000})
            case _:
                return self._error("noNumber")  # This simulator rents no number a second time.

    def answer_about(self, ctx: CallContext, number: SimulatedNumber) -> FaceReply:
        if not number.live:
            deny(DenialReason.ENDED)
        if ctx.call.form == "getSmsCode":
            return self._codes(ctx, number)
        if ctx.call.operation is FaceOperation.ASK_AGAIN:
            ctx.ask_again(number)
            return FaceReply.json({"status": "ready"})
        ctx.cancel(number, Status.BANNED if ctx.arg("status") == "bad" else Status.CANCELLED)
        return FaceReply.json({"status": "update"})

    def _codes(self, ctx: CallContext, number: SimulatedNumber) -> FaceReply:
        if "all" in ctx.call.args:
            ctx.engine.show(number)
            codes = [sms.code for sms in number.sms]
            is_null = not codes and self._knobs.no_codes == "null"
            return FaceReply.json({"smsCode": None if is_null else codes})
        latest = number.sms[-1:] if number.status is Status.RECEIVED else ()
        ctx.engine.show(number, latest)
        return FaceReply.json({"smsCode": latest[0].code if latest else None})

    def refuse(self, call: FaceCall, denied: Denied, _now: datetime) -> FaceReply:
        if (reply := denied_by_server(denied)) is not None:
            return reply
        if call.form == "setStatus" and denied.reason in REFUSALS:
            return FaceReply.json({"status": REFUSALS[denied.reason]})
        return self._error(ERRORS.get(denied.reason, "badData"))

    def _rent(self, ctx: CallContext) -> FaceReply:
        number = ctx.rent(
            BuyerOrder(
                service=ctx.arg("service"),
                country=ctx.arg("country", "ru"),
                operator=ctx.arg("operator", "any"),
                max_minor=amount(ctx.arg("maxPrice")),
                hours=RENT_HOURS if ctx.arg("rent") == "true" else None,
            )
        )
        return FaceReply.json({"tel": int(number.phone), "idNum": self.ref(number)})

    def _error(self, word: str) -> FaceReply:
        return FaceReply.json({"error": word}, self._knobs.error_status)


FACE = VakSmsFace
