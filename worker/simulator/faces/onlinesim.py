"""The face of onlinesim: JSON that is always 200, and one call that closes for every reason."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

from worker.simulator import exchange
from worker.simulator.config import SimulatorConfig
from worker.simulator.denials import DenialReason, Denied
from worker.simulator.engine import Engine
from worker.simulator.exchange import FaceCall, FaceOperation, FaceReply, Request
from worker.simulator.face import Face, FaceKnobs, denied_by_server
from worker.simulator.numbers import CHARGED, ArrivedSms, SimulatedNumber, Status
from worker.simulator.tariff import BuyerOrder

PREFIX = "/api/"
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
        args = request.arguments()
        form = request.path.removeprefix(PREFIX).removesuffix(".php")
        operation = OPERATIONS.get(form)
        tzid = args.get("tzid")
        refused = None
        if operation is None or not request.path.startswith(PREFIX):
            refused = DenialReason.BAD_ACTION
        else:
            refused = self._wrong_key(args.get("apikey"))
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

    def answer(self, engine: Engine, call: FaceCall, now: datetime) -> FaceReply:
        match call.form:
            case "getNum" | "rent/getRentNum":
                return self._rent(engine, call, now)
            case "getState":
                rows = self._rows(engine, call, engine.live(now), now)
                return FaceReply.json(rows) if rows else self.empty_list(call)
            case "rent/getRentState":
                numbers = engine.live(now, rentals=True)
                engine.carry([sms for each in numbers for sms in each.sms])
                rentals = [self._rental(each, now) for each in numbers]
                return FaceReply.json({"response": self._ok, "list": rentals})
            case _:
                balance = exchange.price(engine.balance_minor(now))
                return FaceReply.json(
                    {"response": self._ok, "balance": balance, "zbalance": "0.00"}
                )

    def answer_about(
        self, engine: Engine, call: FaceCall, number: SimulatedNumber, now: datetime
    ) -> FaceReply:
        if number.rental != call.form.startswith("rent/"):
            return self.refuse(call, Denied(DenialReason.UNKNOWN_ID), now)
        if number.rental:
            return self._about_rental(engine, call, number, now)
        match call.form:
            case "getState":
                return FaceReply.json(self._rows(engine, call, [number], now))
            case "setOperationOk":
                denied = self._close(engine, call, number, now)
            case _:
                denied = engine.ask_again(number, now)
        return self._change_reply(call, number, denied, now)

    def _about_rental(
        self, engine: Engine, call: FaceCall, number: SimulatedNumber, now: datetime
    ) -> FaceReply:
        match call.form:
            case "rent/getRentState":
                engine.show(number)
                return FaceReply.json({"response": self._ok, "list": [self._rental(number, now)]})
            case "rent/closeRentNum":
                denied = engine.cancel(number, now) and engine.finish(number, now)
                return (
                    self.refuse(call, denied, now) if denied else FaceReply.json({"response": True})
                )
            case "rent/extendRentState" if days := exchange.number_id(call.args.get("days")):
                denied = engine.extend(number, timedelta(days=days), now)
                if denied is not None:
                    return self.refuse(call, denied, now)
                return FaceReply.json({"response": self._ok, "item": self._rental(number, now)})
            case "rent/extendRentState":
                return self._word("UNDEFINED_DAYS")
            case _:
                return self._change_reply(call, number, None, now)

    def refuse(self, _call: FaceCall, denied: Denied, _now: datetime) -> FaceReply:
        if denied.reason is DenialReason.RATE_LIMITED and self._knobs.rate_limit == "body":
            return self._word("INTERVAL_CONCURRENT_REQUESTS_ERROR")
        if denied.reason in BY_SERVER and (reply := denied_by_server(denied)) is not None:
            return reply
        return self._word(WORDS.get(denied.reason, "TRY_AGAIN_LATER"))

    def empty_list(self, call: FaceCall) -> FaceReply:
        if call.form == "rent/getRentState":
            return FaceReply.json({"response": self._ok, "list": []})
        return self._word("ERROR_NO_OPERATIONS")

    def _rent(self, engine: Engine, call: FaceCall, now: datetime) -> FaceReply:
        args = call.args
        rental = call.form == "rent/getRentNum"
        days = exchange.number_id(args.get("days"))
        if rental and not days:
            return self._word("UNDEFINED_DAYS")
        number = engine.rent(
            BuyerOrder(
                service="rent" if rental else args.get("service", ""),
                country=args.get("country", "7"),
                hours=(days or 0) * 24 if rental else None,
            ),
            now,
        )
        if isinstance(number, Denied):
            return self.refuse(call, number, now)
        if rental:
            return FaceReply.json({"response": self._ok, "item": self._rental(number, now)})
        body = {"response": self._ok, "tzid": number.id}
        return FaceReply.json(body | {"number": "+" + number.phone} if args.get("number") else body)

    def _close(
        self, engine: Engine, call: FaceCall, number: SimulatedNumber, now: datetime
    ) -> Denied | None:
        """Finish or cancel: the books decide which, and the reply does not say."""
        if not number.sms:
            ending = Status.BANNED if call.args.get("ban") == "1" else Status.CANCELLED
            denied = engine.cancel(number, now, ending)
            if not number.sms:
                return denied
        return engine.finish(number, now)  # An SMS may have come with the cancel itself.

    def _change_reply(
        self, call: FaceCall, number: SimulatedNumber, denied: Denied | None, now: datetime
    ) -> FaceReply:
        if denied is not None:
            return self.refuse(call, denied, now)
        return FaceReply.json({"response": self._ok, "tzid": number.id})

    def _word(self, word: str) -> FaceReply:
        body: dict[str, Any] = {"response": word}
        return FaceReply.json({"original": body} if self._knobs.nested else body)

    def _rows(
        self, engine: Engine, call: FaceCall, numbers: list[SimulatedNumber], now: datetime
    ) -> list[dict[str, Any]]:
        rows = [self._row(call, number, now) for number in numbers]
        listed = call.args.get("msg_list") == "1"
        for number in numbers:
            unhidden = number.sms[number.hidden :]
            engine.show(number, unhidden if listed else unhidden[-1:])
            if call.args.get("clean", "1") != "0":
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
            "time": max(0, int((number.expires_at - now).total_seconds())),
            **({"msg": self._messages(call, number, sms)} if sms else {}),
        }

    def _messages(
        self, call: FaceCall, number: SimulatedNumber, sms: Sequence[ArrivedSms]
    ) -> exchange.Json:
        codes_only = call.args.get("message_to_code") == "1"
        texts = [each.code if codes_only else each.text for each in sms]
        if call.args.get("msg_list") == "1":
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
        }


def _state(number: SimulatedNumber, sms: Sequence[ArrivedSms]) -> str:
    if number.status in CHARGED:
        return "TZ_OVER_OK"
    if not number.live:
        return "TZ_OVER_EMPTY"
    return "TZ_NUM_ANSWER" if sms else "TZ_NUM_WAIT"


FACE = OnlineSimFace
