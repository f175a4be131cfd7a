"""The face of SMSPool: a form in, JSON out; a refusal is a sentence, with 200 or a client error."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

import orjson

from worker.simulator import exchange
from worker.simulator.config import SimulatorConfig
from worker.simulator.denials import DenialReason, Denied
from worker.simulator.exchange import FaceCall, FaceOperation, FaceReply, Json, Request
from worker.simulator.face import CallContext, Face, FaceKnobs, denied_by_server, deny
from worker.simulator.numbers import REFUNDED, ArrivedSms, SimulatedNumber, Status
from worker.simulator.tariff import BuyerOrder

OPERATIONS = {
    "/purchase/sms": FaceOperation.RENT,
    "/sms/check": FaceOperation.LOOK,
    "/sms/cancel": FaceOperation.CANCEL,
    "/sms/check_resend": FaceOperation.OTHER,
    "/sms/resend": FaceOperation.ASK_AGAIN,
    "/request/active": FaceOperation.LIST,
    "/request/history": FaceOperation.HISTORY,
    "/request/balance": FaceOperation.BALANCE,
    "/request/price": FaceOperation.OTHER,
    "/purchase/rental": FaceOperation.RENT,
    "/rental/retrieve_messages": FaceOperation.LOOK,
    "/rental/extend": FaceOperation.EXTEND,
    "/rental/refund": FaceOperation.CANCEL,
    "/service/retrieve_all": FaceOperation.OTHER,
    "/country/retrieve_all": FaceOperation.OTHER,
}
RENTAL = "/rental/"
ABOUT_ONE = frozenset(
    {
        *("/sms/check", "/sms/cancel", "/sms/check_resend", "/sms/resend"),
        *("/rental/retrieve_messages", "/rental/extend", "/rental/refund"),
    }
)
WITHOUT_KEY = frozenset({"/service/retrieve_all", "/country/retrieve_all"})
BEARER = "Bearer "
DAY_HOURS = 24
#: A code of eight letters and back.
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
CODES = len(LETTERS) ** 8
SPREAD = 1_000_003
GATHER = pow(SPREAD, -1, CODES)
WORDS: Mapping[DenialReason, tuple[int, str, str]] = {
    DenialReason.NO_NUMBERS: (422, "OUT_OF_STOCK", "This service is out of stock."),
    DenialReason.NO_BALANCE: (422, "BALANCE_ERROR", "Your balance is too low."),
    DenialReason.PRICE_TOO_LOW: (422, "PRICE_NOT_FOUND", "No pool is below your maximum price."),
    DenialReason.UNKNOWN_ID: (404, "", "This order could not be found."),
    DenialReason.NO_CODE: (400, "", "This order did not receive an SMS yet."),
}
EARLY = {
    "order": "Your order cannot be cancelled yet, please try again later.",
    "phone": "This phone number cannot be cancelled yet, please try again later!",
}


class SmsPoolKnobs(FaceKnobs):
    """What nobody knows for certain."""

    min_cancel_age_seconds: float = 120
    methods: frozenset[str] = frozenset({"GET", "POST"})
    early_words: Literal["order", "phone"] = "order"
    not_cancelled: str = "This order can not be cancelled."  #: After an SMS, and after the end.
    refusal_status: Literal[200, 400] = 400  #: Of a refused change.
    markup: bool = False  #: In every `message`.
    refunded_status: Literal[2, 4, 5, 6] = 6
    status_type: Literal["number", "text"] = "number"
    phone_parts: bool = False  #: Without the whole number.
    active_has_ended: bool = True  #: The list of active orders holds those that have ended too.
    completed_has_time: bool = True  #: False: the list says that the time of a completed is over.
    resend_cost_minor: int = 0
    resend_renames: bool = False  #: The next SMS belongs to another order.
    no_messages: Literal["object", "list"] = "list"  #: Of a rental without any.
    zone_hours: int = 0  #: How far its times are from UTC.


class SmsPoolFace(Face):
    """SMSPool, as it answers."""

    knobs_type = SmsPoolKnobs
    push_retries = (5.0, 25.0)

    def __init__(self, config: SimulatorConfig) -> None:
        self._knobs = SmsPoolKnobs.model_validate(config.knobs)
        super().__init__(config, self._knobs.terms(timedelta(seconds=1200)))

    def ref(self, number: SimulatedNumber) -> str:
        left, letters = number.id * SPREAD % CODES, ""
        for _ in range(8):
            left, place = divmod(left, len(LETTERS))
            letters += LETTERS[place]
        return letters

    def number_id(self, ref: str) -> int | None:
        if len(ref) != 8 or not set(ref) <= set(LETTERS):
            return None
        places = [LETTERS.index(letter) for letter in ref]
        spread = sum(place * len(LETTERS) ** at for at, place in enumerate(places))
        return int(spread * GATHER % CODES)

    def read(self, request: Request) -> FaceCall:
        args = request.every_argument()
        form = request.path.removeprefix("/api").rstrip("/")
        operation = OPERATIONS.get(form)
        if operation is None:
            return FaceCall(FaceOperation.OTHER, form, None, args, DenialReason.BAD_ACTION)
        authorization = request.headers.get("Authorization", "")
        key = args.get("key") or (authorization.removeprefix(BEARER) if authorization else None)
        refused = None if form in WITHOUT_KEY else self._wrong_key(key)
        if request.method not in self._knobs.methods:
            refused = DenialReason.BAD_METHOD
        named = ("rental_code",) if form.startswith(RENTAL) else ("orderid", "order_id")
        ref = self.number_id(next((args[name] for name in named if name in args), ""))
        return FaceCall(operation, form, ref, args, refused, form in ABOUT_ONE)

    def answer(self, ctx: CallContext) -> FaceReply:
        match ctx.call.form:
            case "/purchase/sms" | "/purchase/rental" as form:
                return self._rent(ctx) if form == "/purchase/sms" else self._rent_for_days(ctx)
            case "/request/active":
                return self._active(ctx)
            case "/request/history":
                return self._history(ctx)
            case "/request/balance":
                return FaceReply.json({"balance": exchange.price(ctx.balance_minor)})
            case "/request/price":
                service = ctx.arg("service", "1")
                return FaceReply.json(
                    {"price": exchange.price(ctx.engine.tariff.price_of(service))}
                )
            case _:
                return FaceReply.json([{"ID": 1, "name": "Service", "favourite": 0}])

    def answer_about(self, ctx: CallContext, number: SimulatedNumber) -> FaceReply:
        if number.rental != ctx.call.form.startswith(RENTAL):
            deny(DenialReason.UNKNOWN_ID)
        if number.rental:
            return self._about_rental(ctx, number)
        match ctx.call.form:
            case "/sms/check":
                return self._check(ctx, number)
            case "/sms/check_resend":
                return self._may_resend(number)
            case "/sms/resend":
                return self._resend(ctx, number)
            case _:
                ctx.cancel(number)
                return FaceReply.json({"success": 1})

    def refuse(self, call: FaceCall, denied: Denied, _now: datetime) -> FaceReply:
        if denied.reason in {DenialReason.NO_KEY, DenialReason.BAD_KEY, DenialReason.BANNED}:
            errors = [{"param": "key", "message": "Invalid API key"}]
            return FaceReply.json({"success": 0, "errors": errors}, 403)
        if (reply := denied_by_server(denied)) is not None:
            return reply
        if denied.reason is DenialReason.UNKNOWN_ID and call.form.startswith(RENTAL):
            unknown = {"success": 0, "message": "This rental could not be found."}
            return FaceReply.json(unknown, 404)
        status, kind, words = WORDS.get(denied.reason, (self._knobs.refusal_status, "", ""))
        if denied.reason is DenialReason.EARLY_CANCEL:
            words = EARLY[self._knobs.early_words]
        body: dict[str, Any] = {"success": 0, "message": words or self._knobs.not_cancelled}
        if kind:
            body |= {"type": kind, "pools": {}}
        if denied.reason in {DenialReason.BAD_SERVICE, DenialReason.BAD_COUNTRY}:
            param = denied.reason.value.removeprefix("bad-")
            body = {"success": 0, "errors": [{"param": param, "message": f"Invalid {param}"}]}
        if self._knobs.markup and "message" in body and call.form != "/sms/check":
            body["message"] = f"<b>{body['message']}</b>"
        return FaceReply.json(body, status)

    def empty_list(self, _call: FaceCall) -> FaceReply:
        return FaceReply.json([])

    def push(self, number: SimulatedNumber, sms: ArrivedSms) -> dict[str, Any] | None:
        return {
            "orderid": self.ref(number),
            "sms": sms.code,
            "full_sms": sms.text,
            "timestamp": f"{self._local(sms.at):%Y-%m-%d %I:%M:%S%p}".lower(),
        }

    def _rent(self, ctx: CallContext) -> FaceReply:
        number = ctx.rent(
            BuyerOrder(
                service=ctx.arg("service"),
                country=ctx.arg("country", "1"),
                operator=ctx.arg("carrier") or ctx.arg("pool", "any"),
                area_code=_first_in(ctx.arg("areacode")),
                voice=ctx.arg("activation_type") == "VOICE",
                max_minor=exchange.amount(ctx.arg("max_price")),
            )
        )
        parts = {"cc": number.phone[:1], "phonenumber": number.phone[1:]}
        whole = {} if self._knobs.phone_parts else {"number": int(number.phone)}
        return FaceReply.json(
            {
                "success": 1,
                **whole,
                **parts,
                "order_id": self.ref(number),
                "country": number.country,
                "service": number.service,
                "pool": 7,
                "expires_in": int((number.expires_at - ctx.now).total_seconds()),
                "expiration": int(number.expires_at.timestamp()),
                "message": f"You have <b>ordered</b> {number.phone}",
                "cost": exchange.price(number.cost_minor),
                "cost_in_cents": number.cost_minor,
            }
        )

    def _rent_for_days(self, ctx: CallContext) -> FaceReply:
        days = ctx.integer("days")
        if not days:
            deny(DenialReason.BAD_REQUEST)
        number = ctx.rent(
            BuyerOrder(
                service=ctx.arg("service_id"), country=ctx.arg("id", "1"), hours=days * DAY_HOURS
            )
        )
        return FaceReply.json(
            {
                "success": 1,
                "phonenumber": number.phone,
                "days": days,
                "rental_code": self.ref(number),
                "expiry": int(number.expires_at.timestamp()),
            }
        )

    def _about_rental(self, ctx: CallContext, number: SimulatedNumber) -> FaceReply:
        if not number.live:
            deny(DenialReason.UNKNOWN_ID)
        match ctx.call.form:
            case "/rental/retrieve_messages":
                ctx.engine.show(number)
                rows = {
                    str(place): {
                        "ID": place + 1,
                        "sender": "Sender",
                        "message": sms.text,
                        "timestamp": f"{self._local(sms.at):%Y-%m-%d %H:%M:%S}",
                    }
                    for place, sms in enumerate(number.sms)
                }
                return FaceReply.json({"success": 1, "messages": rows or self._no_messages})
            case "/rental/extend":
                ctx.extend(number, timedelta(days=ctx.integer("days") or 0))
                return FaceReply.json({"success": 1, "expiry": int(number.expires_at.timestamp())})
            case _:
                ctx.cancel(number)
                return FaceReply.json({"success": 1})

    @property
    def _no_messages(self) -> Json:
        return {} if self._knobs.no_messages == "object" else []

    def _check(self, ctx: CallContext, number: SimulatedNumber) -> FaceReply:
        times = {
            "expiration": int(number.expires_at.timestamp()),
            "time_left": int((number.expires_at - ctx.now).total_seconds()),  # Goes on counting.
        }
        if number.status in REFUNDED:
            status = self._knobs.refunded_status
            words = {"message": "This order has been refunded"}
            return FaceReply.json({"status": self._status(status), **words, "resend": 0} | times)
        if number.status in {Status.WAITING, Status.RETRYING}:
            resent = int(number.status is Status.RETRYING)
            return FaceReply.json({"status": self._status(1), "resend": resent} | times)
        latest = number.sms[-1]
        ctx.engine.show(number, [latest])
        sms = {"sms": latest.code, "full_sms": latest.text}
        return FaceReply.json({"status": self._status(3), **sms} | times)

    def _status(self, status: int) -> int | str:
        return str(status) if self._knobs.status_type == "text" else status

    def _may_resend(self, number: SimulatedNumber) -> FaceReply:
        if not number.sms:
            deny(DenialReason.NO_CODE)
        return FaceReply.json(
            {
                "success": 1,
                "resendCost": exchange.price(self._knobs.resend_cost_minor),
                "resends": len(number.sms),
                "expires_in_hour": 1,
                "message": "You can resend this order.",
            }
        )

    def _resend(self, ctx: CallContext, number: SimulatedNumber) -> FaceReply:
        ctx.ask_again(number)
        charge = self._knobs.resend_cost_minor
        if charge:
            ctx.engine.ledger.extend(number, timedelta(0), charge)
        named = self.ref(number)[::-1] if self._knobs.resend_renames else self.ref(number)
        return FaceReply.json(
            {
                "success": 1,
                "message": "This order has been resent.",
                "order_id": named,
                "charge": exchange.price(charge),
            }
        )

    def _active(self, ctx: CallContext) -> FaceReply:
        if self._knobs.active_has_ended:
            numbers, _ = ctx.engine.rented(0, 10**6, ctx.now, newest_first=False, rentals=False)
        else:
            numbers = ctx.engine.live(ctx.now)
        return FaceReply.json(self._rows(ctx, numbers))

    def _history(self, ctx: CallContext) -> FaceReply:
        wanted = ctx.call.args.get("search")
        numbers, _ = ctx.engine.rented(0, 10**6, ctx.now, newest_first=True, rentals=False)
        if wanted:
            numbers = [each for each in numbers if wanted in (self.ref(each), each.phone)]
        start, length = ctx.integer("start") or 0, ctx.integer("length") or 10
        page = numbers[start : start + length]
        more = {"pool": "Foxtrot", "completed_on": ""}
        return FaceReply.json([row | more for row in self._rows(ctx, page)])

    def _rows(self, ctx: CallContext, numbers: Sequence[SimulatedNumber]) -> list[dict[str, Any]]:
        ctx.carry(numbers, last=True)
        return [self._row(number, ctx.now) for number in numbers]

    def _row(self, number: SimulatedNumber, now: datetime) -> dict[str, Json]:
        sms = number.sms[-1] if number.sms and number.status is not Status.RETRYING else None
        return {
            "timestamp": f"{self._local(number.created_at):%Y-%m-%d %H:%M:%S}",
            "order_code": self.ref(number),
            "phonenumber": number.phone,
            "code": sms.code if sms else "0",
            "full_code": sms.text if sms else "",
            "short_name": number.country,
            "service": f"Service {number.service}",
            "status": _row_status(number),
            "expiry": int(number.expires_at.timestamp()),
            "time_left": self._time_left(number, now),
            "cost": exchange.price(number.cost_minor),
        }

    def _time_left(self, number: SimulatedNumber, now: datetime) -> int:
        if number.sms and not self._knobs.completed_has_time:
            return 0
        return max(0, int((number.expires_at - now).total_seconds()))

    def _local(self, at: datetime) -> datetime:
        return at + timedelta(hours=self._knobs.zone_hours)


def _first_in(text: str) -> str:
    """The first of a list in JSON; empty where there is none."""
    try:
        found = orjson.loads(text or "[]")
    except orjson.JSONDecodeError:
        return ""
    return str(found[0]) if isinstance(found, list) and found else ""


def _row_status(number: SimulatedNumber) -> str:
    if number.status in REFUNDED:
        return "refunded"
    return "pending" if number.status in {Status.WAITING, Status.RETRYING} else "completed"


FACE = SmsPoolFace
