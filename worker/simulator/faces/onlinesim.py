"""The face of onlinesim: JSON that is always 200, and one call that closes for every reason."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

from worker.simulator import exchange
from worker.simulator.config import SimulatorConfig
from worker.simulator.denials import DenialReason, Denied
from worker.simulator.exchange import FaceCall, FaceOperation, FaceReply, Request
from worker.simulator.face import CallContext, Face, FaceKnobs, denied_by_server, deny, granted
from worker.simulator.numbers import CHARGED, ArrivedSms, SimulatedNumber, Status
from worker.simulator.tariff import BuyerOrder

PREFIX = "/api/"
BEARER = "Bearer "
OPERATIONS = {
    "getNum": FaceOperation.RENT,
    "getState": FaceOperation.LIST,
    "setOperationOk": FaceOperation.CANCEL,
    "setOperationRevise": FaceOperation.ASK_AGAIN,
    "getBalance": FaceOperation.BALANCE,
    "rent/getRentNum": FaceOperation.RENT,
    "rent/getRentState": FaceOperation.LIST,
    "rent/extendRentState": FaceOperation.EXTEND,
    "rent/closeRentNum": FaceOperation.CANCEL,
    "rent/portReload": FaceOperation.READY,
}
CHANGES = frozenset(
    {FaceOperation.CANCEL, FaceOperation.ASK_AGAIN, FaceOperation.EXTEND, FaceOperation.READY}
)
WORDS: Mapping[DenialReason, str] = {
    DenialReason.NO_KEY: "ERROR_NO_KEY",
    DenialReason.BAD_KEY: "ERROR_WRONG_KEY",
    DenialReason.BANNED: "ACCOUNT_BLOCKED",
    DenialReason.BAD_ACTION: "REQUEST_NOT_FOUND",
    DenialReason.BAD_REQUEST: "ERROR_PARAMS",
    DenialReason.BAD_SERVICE: "ERROR_NO_SERVICE",
    DenialReason.BAD_COUNTRY: "UNDEFINED_COUNTRY",
    DenialReason.NO_NUMBERS: "NO_NUMBER",
    DenialReason.NO_BALANCE: "WARNING_LOW_BALANCE",
    DenialReason.UNKNOWN_ID: "ERROR_WRONG_TZID",
    DenialReason.EARLY_CANCEL: "NO_COMPLETE_TZID",
    DenialReason.NO_CODE: "TRY_AGAIN_LATER",
    DenialReason.BAD_STATUS: "TRY_AGAIN_LATER",
    DenialReason.ENDED: "ERROR_NO_OPERATIONS",
}


#: Refusals of the server in front, without the family's words.
BY_SERVER = frozenset({DenialReason.UNAVAILABLE, DenialReason.RATE_LIMITED})
OK: Mapping[str, int | str | bool] = {"number": 1, "text": "1", "true": True}


class OnlineSimKnobs(FaceKnobs):
    """What nobody knows for certain."""

    min_cancel_age_seconds: float = 120
    rate_limit: Literal["http", "body"] = "http"
    ok: Literal["number", "text", "true"] = "number"  #: What `response` is when all is well.
    nested: bool = False  #: Refusals come in `{original: {response}}`.


class OnlineSimFace(Face):
    """onlinesim, as it answers."""

    knobs_type = OnlineSimKnobs

    def __init__(self, config: SimulatorConfig) -> None:
        self._knobs = OnlineSimKnobs.model_validate(config.knobs)
        super().__init__(config, self._knobs.terms(timedelta(minutes=15)))
        self._ok = OK[self._knobs.ok]

    def push(self, number: SimulatedNumber, sms: ArrivedSms) -> dict[str, Any] | None:
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

    def read(self, request: Request) -> FaceCall:
        args = request.every_argument()
        form = request.path.removeprefix(PREFIX).removesuffix(".php")
        operation = OPERATIONS.get(form)
        tzid = args.get("tzid")
        refused = None
        if operation is None or not request.path.startswith(PREFIX):
            refused = DenialReason.BAD_ACTION
        else:
            bearer = request.headers.get("Authorization", "").removeprefix(BEARER)
            refused = self._wrong_key(args.get("apikey") or bearer)
        if operation is FaceOperation.LIST and tzid is not None:
            operation = FaceOperation.LOOK
        about_one = operation in CHANGES or operation is FaceOperation.LOOK
        return FaceCall(
            operation or FaceOperation.OTHER,
            form,
            exchange.number_id(tzid),
            args,
            refused,
            about_one,
        )

    def answer(self, ctx: CallContext) -> FaceReply:
        match ctx.call.form:
            case "getNum":
                return self._rent(ctx)
            case "rent/getRentNum":
                return self._rent_for_days(ctx)
            case "getState":
                rows = self._rows(ctx, ctx.engine.live(ctx.now))
                return FaceReply.json(rows) if rows else self.empty_list(ctx.call)
            case "rent/getRentState":
                return self._rentals(ctx, ctx.engine.live(ctx.now, rentals=True))
            case _:
                income = {"income": 0} if _is_set(ctx.arg("income")) else {}
                balance = exchange.price(ctx.balance_minor)
                return self._yes(balance=balance, zbalance="0.00", **income)

    def answer_about(self, ctx: CallContext, number: SimulatedNumber) -> FaceReply:
        if number.rental != ctx.call.form.startswith("rent/"):
            deny(DenialReason.UNKNOWN_ID)
        match ctx.call.form:
            case "getState":
                return FaceReply.json(self._rows(ctx, [number]))
            case "setOperationOk":
                self._close(ctx, number)
            case "setOperationRevise":
                ctx.ask_again(number)
            case "rent/getRentState":
                ctx.engine.show(number)
                return self._rentals(ctx, [number])
            case "rent/closeRentNum":
                ctx.end_rental(number)
                return FaceReply.json({"response": True})
            case "rent/extendRentState":
                if not (days := ctx.integer("days")):
                    return self._word("UNDEFINED_DAYS")
                ctx.extend(number, timedelta(days=days))
                return self._yes(item=self._rental(number, ctx.now))
            case _:
                pass  # The port is loaded again: nothing changes.
        return self._yes(tzid=number.id)

    def refuse(self, _call: FaceCall, denied: Denied, _now: datetime) -> FaceReply:
        if denied.reason is DenialReason.RATE_LIMITED and self._knobs.rate_limit == "body":
            return self._word("INTERVAL_CONCURRENT_REQUESTS_ERROR")
        if denied.reason in BY_SERVER and (reply := denied_by_server(denied)) is not None:
            return reply
        return self._word(WORDS.get(denied.reason, "TRY_AGAIN_LATER"))

    def empty_list(self, call: FaceCall) -> FaceReply:
        if call.form == "rent/getRentState":
            return self._yes(list=[])
        return self._word("ERROR_NO_OPERATIONS")

    def _rent(self, ctx: CallContext) -> FaceReply:
        country = ctx.arg("country", "7")
        number = ctx.rent(BuyerOrder(service=ctx.arg("service"), country=country))
        phone = {"number": "+" + number.phone} if _is_set(ctx.arg("number")) else {}
        return self._yes(tzid=number.id, **phone)

    def _rent_for_days(self, ctx: CallContext) -> FaceReply:
        days = ctx.integer("days")
        if not days:
            return self._word("UNDEFINED_DAYS")
        country = ctx.arg("country", "7")
        number = ctx.rent(BuyerOrder(service="rent", country=country, hours=days * 24))
        return self._yes(item=self._rental(number, ctx.now))

    def _close(self, ctx: CallContext, number: SimulatedNumber) -> None:
        """Finish or cancel: the books decide which, and the reply does not say."""
        if not number.sms:
            ending = Status.BANNED if _is_set(ctx.arg("ban")) else Status.CANCELLED
            denied = ctx.engine.cancel(number, ctx.now, ending)
            if not number.sms:
                return granted(denied)
        return ctx.finish(number)  # An SMS may have come with the cancel itself.

    def _yes(self, **more: Any) -> FaceReply:
        return FaceReply.json({"response": self._ok, **more})

    def _word(self, word: str) -> FaceReply:
        body: dict[str, Any] = {"response": word}
        return FaceReply.json({"original": body} if self._knobs.nested else body)

    def _rentals(self, ctx: CallContext, numbers: list[SimulatedNumber]) -> FaceReply:
        ctx.carry(numbers)
        return self._yes(list=[self._rental(number, ctx.now) for number in numbers])

    def _rows(self, ctx: CallContext, numbers: list[SimulatedNumber]) -> list[dict[str, Any]]:
        rows = [self._row(ctx.call, number, ctx.now) for number in numbers]
        for number in numbers:
            unhidden = number.sms[number.hidden :]
            ctx.engine.show(number, unhidden if _is_set(ctx.arg("msg_list")) else unhidden[-1:])
            if _is_set(ctx.arg("clean", "1")):
                number.hidden = len(number.sms)  # Reading hides what was read.
        return rows

    def _row(self, call: FaceCall, number: SimulatedNumber, now: datetime) -> dict[str, Any]:
        sms = number.sms[number.hidden :]
        return {
            "country": exchange.number_id(number.country) or number.country,
            "sum": exchange.figure(number.cost_minor),
            "service": number.service,
            "number": "+" + number.phone,
            "response": _state(number, sms),
            "tzid": number.id,
            "form": "index",
            "time": max(0, int((number.expires_at - now).total_seconds())),
            **({"msg": self._messages(call, number, sms)} if sms else {}),
        }

    def _messages(
        self, call: FaceCall, number: SimulatedNumber, sms: Sequence[ArrivedSms]
    ) -> exchange.Json:
        codes_only = _is_set(call.args.get("message_to_code"))
        texts = [each.code if codes_only else each.text for each in sms]
        if _is_set(call.args.get("msg_list")):
            return [{"service": number.service, "msg": each} for each in texts]
        return texts[-1]

    def _rental(self, number: SimulatedNumber, now: datetime) -> dict[str, Any]:
        time_left = max(timedelta(0), number.expires_at - now)
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
            "sum": exchange.price(number.cost_minor),
            "country": exchange.number_id(number.country) or number.country,
            "number": number.phone[1:],  # Without the country code.
            "rent": 1,
            "tzid": number.id,
            "time": int(time_left.total_seconds()),
            "days": time_left.days,
            "hours": int(time_left.total_seconds() // 3600),
            "extend": {"1": exchange.price(number.cost_minor)},
            # What its clients cannot do without, and nobody here asks for.
            "extension": 0,
            "checked_time": "",
            "checked": True,
            "reload": 0,
            "day_extend": 1,
            "m_ext": False,
            "freeze": False,
        }


def _is_set(flag: str | None) -> bool:
    """Its own clients write a flag as `true` or `True` where the page has 1."""
    return flag is not None and flag.lower() in {"1", "true"}


def _state(number: SimulatedNumber, sms: Sequence[ArrivedSms]) -> str:
    if number.status in CHARGED:
        return "TZ_OVER_OK"
    if not number.live:
        return "TZ_OVER_EMPTY"
    return "TZ_NUM_ANSWER" if sms else "TZ_NUM_WAIT"


FACE = OnlineSimFace
