"""What a request to `handler_api` asks for, in a dialect."""

from collections.abc import Callable, Mapping
from datetime import datetime
from itertools import islice
from typing import Any, TypeAlias

from worker.simulator import exchange
from worker.simulator.config import BadScript, SimulatorConfig
from worker.simulator.denials import DenialReason, Denied
from worker.simulator.engine import LAST_SMS, NO_SMS, Engine
from worker.simulator.exchange import FaceCall, FaceOperation, FaceReply, Request
from worker.simulator.face import Face
from worker.simulator.faces.handler_api import bodies
from worker.simulator.faces.handler_api.bodies import ReplyWriter
from worker.simulator.faces.handler_api.dialects import DIALECTS, SimulatedDialect
from worker.simulator.faces.handler_api.hero_rest import PREFIX, HeroRest
from worker.simulator.faces.handler_api.rentals import HandlerRentalFace
from worker.simulator.numbers import CHARGED, REFUNDED, ArrivedSms, SimulatedNumber, Status
from worker.simulator.tariff import BuyerOrder

PATH = "/stubs/handler_api.php"
OPERATIONS: Mapping[str, FaceOperation] = {
    "getNumber": FaceOperation.RENT,
    "getNumberV2": FaceOperation.RENT,
    "getStatus": FaceOperation.LOOK,
    "getStatusV2": FaceOperation.LOOK,
    "getFullSms": FaceOperation.LOOK,
    "getAllSms": FaceOperation.LOOK,
    "getActiveActivations": FaceOperation.LIST,
    "getListOfActiveActivations": FaceOperation.LIST,
    "getHistory": FaceOperation.HISTORY,
    "getBalance": FaceOperation.BALANCE,
    "finishActivation": FaceOperation.FINISH,
    "cancelActivation": FaceOperation.CANCEL,
    "getRentNumber": FaceOperation.RENT,
    "getRentStatus": FaceOperation.LOOK,
    "getRentList": FaceOperation.LIST,
    "continueRentNumber": FaceOperation.EXTEND,
    "prolong": FaceOperation.EXTEND,
}
SETTINGS: Mapping[str, FaceOperation] = {"3": FaceOperation.ASK_AGAIN, "6": FaceOperation.FINISH}
RENT_SETTINGS: Mapping[str, FaceOperation] = {"1": FaceOperation.FINISH, "2": FaceOperation.CANCEL}
POSTED = frozenset({"prolong"})  #: Calls that a dialect of GETs takes as POST.
ABOUT_ONE = frozenset(
    {
        FaceOperation.LOOK,
        FaceOperation.CANCEL,
        FaceOperation.FINISH,
        FaceOperation.ASK_AGAIN,
        FaceOperation.READY,
        FaceOperation.EXTEND,
    }
)


def read_request(request: Request, dialect: SimulatedDialect, api_key: str) -> FaceCall:
    args = request.arguments()
    form = args.get("action", "")
    operation = OPERATIONS.get(form, FaceOperation.OTHER)
    refused = _refused(request, args, dialect, api_key)
    if form in {"setStatus", "setStatusV2", "setRentStatus"}:
        setting = _setting(form, args.get("status", ""), dialect)
        operation = setting or FaceOperation.OTHER
        refused = refused or (None if setting else DenialReason.BAD_STATUS)
    return FaceCall(
        operation, form, exchange.number_id(args.get("id")), args, refused, operation in ABOUT_ONE
    )


def _refused(
    request: Request, args: Mapping[str, str], dialect: SimulatedDialect, api_key: str
) -> DenialReason | None:
    form = args.get("action", "")
    if request.path != PATH:
        return DenialReason.BAD_ACTION
    if request.method not in ({"POST"} if form in POSTED else dialect.methods):
        return DenialReason.BAD_METHOD
    key = args.get("api_key")
    if not key:
        return DenialReason.NO_KEY
    if key != api_key:
        return DenialReason.BAD_KEY
    return None if form in dialect.actions else DenialReason.BAD_ACTION


def _setting(form: str, status: str, dialect: SimulatedDialect) -> FaceOperation | None:
    if form == "setRentStatus":
        return RENT_SETTINGS.get(status)
    if status == "1":
        return FaceOperation.READY if dialect.takes_ready else None
    return FaceOperation.CANCEL if status in dialect.cancel_codes else SETTINGS.get(status)


GeneralHandler: TypeAlias = Callable[[Engine, FaceCall, datetime], FaceReply]
NumberHandler: TypeAlias = Callable[[Engine, FaceCall, SimulatedNumber, datetime], FaceReply]

OLD_PAGE = 10  #: Of getListOfActiveActivations.
HISTORY_PAGE, HISTORY_DEFAULT = 100, 50
DONE: Mapping[FaceOperation, str] = {
    FaceOperation.READY: "ACCESS_READY",
    FaceOperation.ASK_AGAIN: "ACCESS_RETRY_GET",
    FaceOperation.FINISH: "ACCESS_ACTIVATION",
    FaceOperation.CANCEL: "ACCESS_CANCEL",
}


class HandlerApiFace(Face):
    """One company of this family, in its dialect."""

    knobs_type = SimulatedDialect

    def __init__(self, config: SimulatorConfig) -> None:
        spoken = DIALECTS.get(config.dialect)
        if spoken is None:
            raise BadScript(f"dialect: one of {', '.join(DIALECTS)}")
        dialect = self._dialect = spoken.with_knobs(config.knobs)
        super().__init__(config, dialect.terms())
        self.push_retries = dialect.push_retry_seconds
        self._words = ReplyWriter(dialect)
        self._text, self._json, self._refuse = (
            self._words.text,
            self._words.json,
            self._words.refuse,
        )
        self._rentals = HandlerRentalFace(dialect, self._words)
        self._rest = HeroRest(config.api_key) if dialect.rest else None
        self._general: Mapping[FaceOperation, GeneralHandler] = {
            FaceOperation.RENT: self._rent,
            FaceOperation.LIST: self._list,
            FaceOperation.HISTORY: self._history,
            FaceOperation.BALANCE: self._balance,
            FaceOperation.OTHER: self._catalogue,
        }
        self._about: Mapping[FaceOperation, NumberHandler] = {
            FaceOperation.LOOK: self._look,
            FaceOperation.CANCEL: self._cancel,
            FaceOperation.FINISH: self._finish,
            FaceOperation.ASK_AGAIN: self._ask_again,
            FaceOperation.READY: self._ready,
        }

    def push(self, number: SimulatedNumber, sms: ArrivedSms) -> dict[str, Any] | None:
        return bodies.push(self._dialect, number, sms)

    def read(self, request: Request) -> FaceCall:
        if self._rest is not None and request.path.startswith(PREFIX):
            return self._rest.read(request)
        return read_request(request, self._dialect, self._key)

    def answer(self, engine: Engine, call: FaceCall, now: datetime) -> FaceReply:
        if self._rest is not None and call.form.startswith(PREFIX):
            return self._rest.answer(engine, call, now)
        if self._rentals.takes(call):
            return self._rentals.answer(engine, call, now)
        return self._general[call.operation](engine, call, now)

    def answer_about(
        self, engine: Engine, call: FaceCall, number: SimulatedNumber, now: datetime
    ) -> FaceReply:
        if self._rentals.takes(call):
            return self._rentals.answer_about(engine, call, number, now)
        if number.rental and self._dialect.classic_rent:
            return self._refuse(call, Denied(DenialReason.UNKNOWN_ID), now)
        return self._about[call.operation](engine, call, number, now)

    def refuse(self, call: FaceCall, denied: Denied, now: datetime) -> FaceReply:
        if self._rest is not None and call.form.startswith(PREFIX):
            return self._rest.refuse(call, denied, now) or self._refuse(call, denied, now)
        return self._refuse(call, denied, now)

    def empty_list(self, call: FaceCall) -> FaceReply:
        if self._rest is not None and call.form.startswith(PREFIX):
            return self._rest.page([], 0)
        if self._rentals.takes(call):
            return self._rentals.listed([])
        if call.form == "getListOfActiveActivations":
            return self._json([])
        return self._json(bodies.active(self._dialect, []))

    def _rent(self, engine: Engine, call: FaceCall, now: datetime) -> FaceReply:
        args = call.args
        number = engine.rent(
            BuyerOrder(
                service=args.get("service", ""),
                country=args.get("country", "0"),
                operator=args.get("operator", "any"),
                max_minor=exchange.amount(args.get("maxPrice")),
                reference=args.get("orderId"),
            ),
            now,
        )
        if isinstance(number, Denied):
            return self._refuse(call, number, now)
        if call.form == "getNumber":
            return self._text(f"ACCESS_NUMBER:{number.id}:{number.phone}")
        return self._json(bodies.number_v2(self._dialect, number))

    def _list(self, engine: Engine, call: FaceCall, now: datetime) -> FaceReply:
        old = call.form == "getListOfActiveActivations"
        most = OLD_PAGE if old else self._dialect.page_max
        default = OLD_PAGE if old else self._dialect.page_default
        limit = exchange.number_id(call.args.get("length" if old else "limit"))
        rows = engine.active(
            exchange.number_id(call.args.get("start")) or 0,
            min(default if limit is None else limit, most),
            now,
            carried=NO_SMS if old else LAST_SMS,
        )
        if old:
            return self._json([bodies.old_row(each) for each in rows])
        return self._json(bodies.active(self._dialect, rows))

    def _history(self, engine: Engine, call: FaceCall, now: datetime) -> FaceReply:
        args = call.args
        numbers = engine.rented_of(
            exchange.number_id(args.get("start")) or 0,
            exchange.number_id(args.get("end")) or int(now.timestamp()),
            now,
        )
        offset = exchange.number_id(args.get("offset")) or 0
        size = exchange.number_id(args.get(self._dialect.history_size_word)) or HISTORY_DEFAULT
        activations = (each for each in numbers if not each.rental)
        rows = list(islice(activations, offset, offset + min(size, HISTORY_PAGE)))
        engine.carry([sms for each in rows for sms in each.sms])
        return self._json([bodies.history_row(self._dialect, each) for each in rows])

    def _balance(self, engine: Engine, call: FaceCall, now: datetime) -> FaceReply:
        balance = exchange.price(engine.balance_minor(now))
        if self._dialect.name == "tiger" and call.args.get("format") == "json":
            return self._json({"balance": balance + "00", "currency": bodies.USD})
        return self._text(f"ACCESS_BALANCE:{balance}")

    def _catalogue(self, engine: Engine, call: FaceCall, _now: datetime) -> FaceReply:
        service, country = call.args.get("service", "tg"), call.args.get("country", "0")
        match call.form:
            case "getPrices":
                cost = exchange.figure(engine.tariff.price_of(service))
                return self._json({country: {service: {"cost": cost, "count": 1000}}})
            case "getNumbersStatus":
                return self._json({f"{service}_0": "1000"})
            case _:
                return self._json({"0": {"id": 0, "rus": "Россия", "eng": "Russia"}})

    def _look(
        self, engine: Engine, call: FaceCall, number: SimulatedNumber, now: datetime
    ) -> FaceReply:
        if call.form == "getAllSms":
            if not number.live:
                return self._refuse(call, Denied(DenialReason.ENDED), now)
            page = bodies.page_of_sms(number, call.args)
            engine.show(number, page)
            return self._json(bodies.all_sms(number, page))
        if not number.live:
            return self._ended_status(engine, call, number, now)
        unsaid = call.form == "getStatus" and self._waits_without_code(number)
        engine.show(number, () if unsaid else number.sms[-1:])
        if call.form == "getStatusV2":
            return self._json(bodies.status_v2(self._dialect, number))
        return self._text(self._status(call, number))

    def _waits_without_code(self, number: SimulatedNumber) -> bool:
        again = self._dialect.resend_word
        return number.status is Status.RETRYING and again == "STATUS_WAIT_RESEND"

    def _status(self, call: FaceCall, number: SimulatedNumber) -> str:
        sms = bodies.latest(number)
        if sms is None:
            return "STATUS_WAIT_CODE"
        if call.form == "getFullSms":
            return f"FULL_SMS:{sms.text}"
        if number.status is Status.RETRYING:
            again = self._dialect.resend_word
            return again if self._waits_without_code(number) else f"{again}:{sms.code}"
        if call.args.get("full_text") == "true" and self._dialect.name == "tiger":
            return f"STATUS_OK:{sms.text}"
        return f"STATUS_OK:{self._quoted(sms.code)}"

    def _ended_status(
        self, engine: Engine, call: FaceCall, number: SimulatedNumber, now: datetime
    ) -> FaceReply:
        """The status of a number that has ended."""
        paid = number.status in CHARGED
        word = self._dialect.paid_status if paid else self._dialect.refunded_status
        if word == "NO_ACTIVATION":
            return self._refuse(call, Denied(DenialReason.UNKNOWN_ID), now)
        if word == "STATUS_OK":
            engine.show(number, number.sms[-1:])
            return self._text(f"STATUS_OK:{self._quoted(number.sms[-1].code)}")
        return self._text(word)

    def _ready(
        self, engine: Engine, call: FaceCall, number: SimulatedNumber, now: datetime
    ) -> FaceReply:
        return self._change_reply(call, engine.ready(number), now)

    def _ask_again(
        self, engine: Engine, call: FaceCall, number: SimulatedNumber, now: datetime
    ) -> FaceReply:
        return self._change_reply(call, engine.ask_again(number, now), now)

    def _finish(
        self, engine: Engine, call: FaceCall, number: SimulatedNumber, now: datetime
    ) -> FaceReply:
        return self._change_reply(call, engine.finish(number, now), now)

    def _cancel(
        self, engine: Engine, call: FaceCall, number: SimulatedNumber, now: datetime
    ) -> FaceReply:
        again = self._dialect.cancelled_again
        if again is not None and number.status in REFUNDED:
            return self._text(again)
        denied = engine.cancel(number, now)
        if denied is not None and self._dialect.words[denied.reason].style == "problem":
            engine.carry(denied.sms)
        return self._change_reply(call, denied, now)

    def _change_reply(self, call: FaceCall, denied: Denied | None, now: datetime) -> FaceReply:
        if denied is not None:
            return self._refuse(call, denied, now)
        if call.form == "setStatusV2":
            return self._json({"status": "success"})
        if call.form in {"finishActivation", "cancelActivation"}:
            return FaceReply(204, b"")
        return self._text(DONE[call.operation])

    def _quoted(self, code: str) -> str:
        quote = self._dialect.quote_code
        return f"{quote}{code}{quote.strip()}"
