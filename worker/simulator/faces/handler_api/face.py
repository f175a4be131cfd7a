"""What a request to `handler_api` asks for, in a dialect."""

from collections.abc import Callable, Mapping
from datetime import datetime
from itertools import islice
from typing import Any, TypeAlias

from worker.simulator import exchange
from worker.simulator.config import BadScript, SimulatorConfig
from worker.simulator.denials import DenialReason, Denied
from worker.simulator.exchange import FaceCall, FaceOperation, FaceReply, Request
from worker.simulator.face import CallContext, Face, deny, granted
from worker.simulator.faces.handler_api import bodies
from worker.simulator.faces.handler_api.bodies import ReplyWriter
from worker.simulator.faces.handler_api.dialects import DIALECTS, SimulatedDialect
from worker.simulator.faces.handler_api.hero_rest import PREFIX, HeroRest
from worker.simulator.faces.handler_api.rentals import HandlerRentalFace
from worker.simulator.numbers import CHARGED, REFUNDED, ArrivedSms, SimulatedNumber, Status
from worker.simulator.tariff import BuyerOrder

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
    args = request.every_argument()
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
    if request.path != dialect.path:
        return DenialReason.BAD_ACTION
    if request.method not in ({"POST"} if form in POSTED else dialect.methods):
        return DenialReason.BAD_METHOD
    key = args.get("api_key") or request.headers.get(dialect.key_header)
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
    if status in dialect.cancel_codes:
        return FaceOperation.CANCEL
    setting = SETTINGS.get(status)
    return None if setting is FaceOperation.ASK_AGAIN and not dialect.takes_again else setting


GeneralHandler: TypeAlias = Callable[[CallContext], FaceReply]
NumberHandler: TypeAlias = Callable[[CallContext, SimulatedNumber], FaceReply]

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

    def answer(self, ctx: CallContext) -> FaceReply:
        if self._rest is not None and ctx.call.form.startswith(PREFIX):
            return self._rest.answer(ctx)
        if self._rentals.takes(ctx.call):
            return self._rentals.answer(ctx)
        return self._general[ctx.call.operation](ctx)

    def answer_about(self, ctx: CallContext, number: SimulatedNumber) -> FaceReply:
        if self._rentals.takes(ctx.call):
            return self._rentals.answer_about(ctx, number)
        if number.rental and self._dialect.classic_rent:
            deny(DenialReason.UNKNOWN_ID)
        return self._about[ctx.call.operation](ctx, number)

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

    def _rent(self, ctx: CallContext) -> FaceReply:
        number = ctx.rent(
            BuyerOrder(
                service=ctx.arg("service"),
                country=ctx.arg("country", "0"),
                operator=ctx.arg("carriers") or ctx.arg("operator", "any"),
                area_code=ctx.arg("areas"),
                max_minor=self._limit(ctx),
                reference=ctx.call.args.get("orderId"),
            )
        )
        if ctx.call.form == "getNumber":
            reply = self._text(f"ACCESS_NUMBER:{number.id}:{number.phone}")
            name = self._dialect.price_header
            price = ((name, exchange.price(number.cost_minor)),) if name else ()
            return reply._replace(headers=price)
        return self._json(bodies.number_v2(self._dialect, number))

    def _limit(self, ctx: CallContext) -> int | None:
        given = (ctx.call.args.get(word) for word in self._dialect.price_words)
        return next((exchange.amount(each) for each in given if each is not None), None)

    def _list(self, ctx: CallContext) -> FaceReply:
        old = ctx.call.form == "getListOfActiveActivations"
        most = OLD_PAGE if old else self._dialect.page_max
        default = OLD_PAGE if old else self._dialect.page_default
        limit = ctx.integer("length" if old else "limit")
        rows = ctx.engine.active(
            ctx.integer("start") or 0,
            min(default if limit is None else limit, most),
            ctx.now,
        )
        if old:
            return self._json([bodies.old_row(each) for each in rows])
        ctx.carry(rows, last=True)
        return self._json(bodies.active(self._dialect, rows))

    def _history(self, ctx: CallContext) -> FaceReply:
        end = ctx.integer("end") or int(ctx.now.timestamp())
        numbers = ctx.engine.rented_of(ctx.integer("start") or 0, end, ctx.now)
        offset = ctx.integer("offset") or 0
        size = ctx.integer(self._dialect.history_size_word) or HISTORY_DEFAULT
        activations = (each for each in numbers if not each.rental)
        rows = list(islice(activations, offset, offset + min(size, HISTORY_PAGE)))
        ctx.carry(rows)
        return self._json([bodies.history_row(self._dialect, each) for each in rows])

    def _balance(self, ctx: CallContext) -> FaceReply:
        balance = exchange.price(ctx.balance_minor)
        if self._dialect.name == "tiger" and ctx.arg("format") == "json":
            return self._json({"balance": balance + "00", "currency": bodies.USD})
        return self._text(f"ACCESS_BALANCE:{balance}")

    def _catalogue(self, ctx: CallContext) -> FaceReply:
        service, country = ctx.arg("service", "tg"), ctx.arg("country", "0")
        match ctx.call.form:
            case "getPrices":
                cost = exchange.figure(ctx.engine.tariff.price_of(service))
                return self._json({country: {service: {"cost": cost, "count": 1000}}})
            case "getNumbersStatus":
                return self._json({f"{service}_0": "1000"})
            case _:
                return self._json({"0": {"id": 0, "rus": "Россия", "eng": "Russia"}})

    def _look(self, ctx: CallContext, number: SimulatedNumber) -> FaceReply:
        form = ctx.call.form
        if form == "getAllSms":
            if not number.live:
                deny(DenialReason.ENDED)
            page = bodies.page_of_sms(number, ctx.call.args)
            ctx.engine.show(number, page)
            return self._json(bodies.all_sms(number, page))
        if not number.live:
            return self._ended_status(ctx, number)
        unsaid = form == "getStatus" and self._waits_without_code(number)
        ctx.engine.show(number, () if unsaid else number.sms[-1:])
        if form == "getStatusV2":
            return self._json(bodies.status_v2(self._dialect, number))
        return self._text(self._status(ctx, number))

    def _waits_without_code(self, number: SimulatedNumber) -> bool:
        again = self._dialect.resend_word
        return number.status is Status.RETRYING and again == "STATUS_WAIT_RESEND"

    def _status(self, ctx: CallContext, number: SimulatedNumber) -> str:
        sms = bodies.latest(number)
        if sms is None:
            return "STATUS_WAIT_CODE"
        if ctx.call.form == "getFullSms":
            return f"FULL_SMS:{sms.text}"
        if number.status is Status.RETRYING:
            again = self._dialect.resend_word
            return again if self._waits_without_code(number) else f"{again}:{sms.code}"
        if ctx.arg("full_text") == "true" and self._dialect.name == "tiger":
            return f"STATUS_OK:{sms.text}"
        return f"STATUS_OK:{self._quoted(sms.code)}"

    def _ended_status(self, ctx: CallContext, number: SimulatedNumber) -> FaceReply:
        paid = number.status in CHARGED
        word = self._dialect.paid_status if paid else self._dialect.refunded_status
        if word == "NO_ACTIVATION":
            deny(DenialReason.UNKNOWN_ID)
        if word == "STATUS_OK":
            ctx.engine.show(number, number.sms[-1:])
            return self._text(f"STATUS_OK:{self._quoted(number.sms[-1].code)}")
        return self._text(word)

    def _ready(self, ctx: CallContext, number: SimulatedNumber) -> FaceReply:
        granted(ctx.engine.ready(number))
        return self._done(ctx.call)

    def _ask_again(self, ctx: CallContext, number: SimulatedNumber) -> FaceReply:
        ctx.ask_again(number)
        return self._done(ctx.call)

    def _finish(self, ctx: CallContext, number: SimulatedNumber) -> FaceReply:
        ctx.finish(number)
        return self._done(ctx.call)

    def _cancel(self, ctx: CallContext, number: SimulatedNumber) -> FaceReply:
        again = self._dialect.cancelled_again
        if again is not None and number.status in REFUNDED:
            return self._text(again)
        denied = ctx.engine.cancel(number, ctx.now)
        if denied is not None and self._dialect.words[denied.reason].style == "problem":
            ctx.engine.carry(denied.sms)
        granted(denied)
        return self._done(ctx.call)

    def _done(self, call: FaceCall) -> FaceReply:
        if call.form == "setStatusV2":
            return self._json({"status": "success"})
        if call.form in {"finishActivation", "cancelActivation"}:
            return FaceReply(204, b"")
        return self._text(DONE[call.operation])

    def _quoted(self, code: str) -> str:
        quote = self._dialect.quote_code
        return f"{quote}{code}{quote.strip()}"
