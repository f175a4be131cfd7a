"""The face of TextVerified, second version: a token for the key, links to follow, and pages."""

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import orjson

from worker.simulator import exchange
from worker.simulator.config import SimulatorConfig
from worker.simulator.denials import DenialReason, Denied
from worker.simulator.exchange import FaceCall, FaceOperation, FaceReply, Request
from worker.simulator.face import CallContext, Face, FaceKnobs, denied_by_server, deny
from worker.simulator.faces.textverified.rentals import FORM, TextVerifiedRentalFace
from worker.simulator.numbers import CHARGED, ArrivedSms, SimulatedNumber, Status
from worker.simulator.tariff import BuyerOrder

PREFIX = "/api/pub/v2"
ID_START = "lr_"
ID_DIGITS = 26
EMPTY = FaceReply(200, b"", "text/plain")
SMS_ID = 10
RENTAL_SMS = "nonrenewable"
STATES: Mapping[Status, str] = {
    Status.WAITING: "verificationPending",
    Status.CANCELLED: "verificationCanceled",
    Status.PROVIDER_CANCELLED: "verificationRefunded",
    Status.BANNED: "verificationReported",
    Status.EXPIRED: "verificationTimedOut",
}
ERRORS: Mapping[DenialReason, tuple[int, str]] = {
    DenialReason.NO_BALANCE: (400, "InsufficientBalance"),
    DenialReason.NO_NUMBERS: (400, "Unavailable"),
    DenialReason.PRICE_TOO_LOW: (400, "PricingFailure"),
    DenialReason.BAD_REQUEST: (400, "InvalidRequest"),
    DenialReason.BAD_SERVICE: (400, "InvalidService"),
    DenialReason.BAD_COUNTRY: (400, "InvalidRequest"),
    **dict.fromkeys((DenialReason.ENDED, DenialReason.NO_CODE), (400, "InvalidRequest")),
}
CHANGES = frozenset({FaceOperation.RENT, FaceOperation.CANCEL, FaceOperation.EXTEND})
BAD_KEY = frozenset({DenialReason.NO_KEY, DenialReason.BAD_KEY})


class TextVerifiedKnobs(FaceKnobs):
    """What nobody knows for certain."""

    token_seconds: int = 899  #: What is said of a token.
    token_valid_seconds: float | None = None  #: How long it really is good; None: as it is said.
    tells_token_seconds: bool = True
    page_size: int = 100
    oldest_first: bool = False
    link_host: str = ""  #: Of the links to pages and numbers; empty: where it was asked.
    states: Literal["camel", "lower", "upper"] = "camel"
    parsed_code: bool = True  #: False: an SMS has its text only.
    country_code: bool = False  #: SMS name the phone with its country code.
    cancelled_body: Literal["", "{}"] = ""
    refusal_body: Literal["", "error"] = ""  #: Of a refused change.
    change_seconds: float = 0.01  #: Another change meanwhile is answered with 429.
    signature_key: Literal["secret", "bare", "decoded"] = "decoded"  #: What of `whsec_…` signs.


class TextVerifiedFace(Face):
    """TextVerified, as it answers."""

    knobs_type = TextVerifiedKnobs
    push_retries = (5.0, 30.0, 120.0)

    def __init__(self, config: SimulatorConfig) -> None:
        self._knobs = TextVerifiedKnobs.model_validate(config.knobs)
        super().__init__(config, self._knobs.terms(timedelta(minutes=15)))
        self._rentals = TextVerifiedRentalFace(self.ref, self.number_id)

    def ref(self, number: SimulatedNumber) -> str:
        return f"{ID_START}{number.id:0{ID_DIGITS}d}"

    def number_id(self, ref: str) -> int | None:
        digits = ref.removeprefix(ID_START)
        if not ref.startswith(ID_START) or len(digits) != ID_DIGITS or not digits.isdecimal():
            return None
        return exchange.number_id(digits.lstrip("0"))

    def alone_for_s(self, call: FaceCall) -> float | None:
        """An account changes one thing at a time."""
        return self._knobs.change_seconds if call.operation in CHANGES else None

    def read(self, request: Request) -> FaceCall:
        args = request.arguments() | {
            "host": self._knobs.link_host or request.headers.get("Host", ""),
            "token": request.headers.get("Authorization", "").removeprefix("Bearer "),
        }
        parts = request.path.removeprefix(PREFIX).strip("/").split("/")
        if not request.path.startswith(PREFIX):
            parts = []
        if (request.method, parts) == ("POST", ["auth"]):
            return self._sign_in(request, args)
        if (request.method, parts) == ("POST", ["verifications"]):
            return self._purchase(request, args)
        rental = self._rentals.read(request.method, parts, request.body, args)
        return self._read(request, parts, args) if rental is None else rental

    def _read(self, request: Request, parts: list[str], args: Mapping[str, str]) -> FaceCall:
        asked, about_one, form, ref = FaceOperation.OTHER, False, request.path, ""
        match [request.method, *parts]:
            case ["GET", "verifications" | "sms" as form]:
                asked = FaceOperation.LIST if form == "verifications" else FaceOperation.LOOK
            case ["GET", "verifications", ref]:
                asked, about_one, form = FaceOperation.LOOK, True, "details"
            case ["POST", "verifications", ref, "reuse" as form]:
                asked, about_one = FaceOperation.RENT, True
            case ["POST", "verifications", ref, "cancel" | "report" as form]:
                asked, about_one = FaceOperation.CANCEL, True
            case ["GET", "account", "me" as form]:
                asked = FaceOperation.BALANCE
            case ["POST", "pricing" as form, "verifications"]:
                args = {**args, "service": _text_in(request.body, "serviceName")}
            case _:
                return FaceCall(asked, form, None, args, DenialReason.BAD_ACTION)
        return FaceCall(asked, form, self.number_id(ref), args, about_one=about_one)

    def _sign_in(self, request: Request, args: Mapping[str, str]) -> FaceCall:
        refused = self._wrong_key(request.headers.get("X-API-KEY"))
        if not request.headers.get("X-API-USERNAME"):
            refused = DenialReason.NO_KEY
        return FaceCall(FaceOperation.SIGN_IN, "auth", None, args, refused)

    def _purchase(self, request: Request, args: Mapping[str, str]) -> FaceCall:
        order = {
            **args,
            "service": _text_in(request.body, "serviceName"),
            "capability": _text_in(request.body, "capability"),
            "limit": _text_in(request.body, "maxPrice"),
            "area": _first_in(request.body, "areaCodeSelectOption"),
            "carrier": _first_in(request.body, "carrierSelectOption"),
            "key": request.headers.get("Idempotency-Key", ""),
        }
        known = order["capability"] in {"sms", "voice", "smsAndVoiceCombo"}
        refused = None if known and order["service"] else DenialReason.BAD_REQUEST
        return FaceCall(FaceOperation.RENT, "verifications", None, order, refused)

    def answer(self, ctx: CallContext) -> FaceReply:
        if ctx.call.form == "auth":
            return self._token(ctx)
        self._check_token(ctx)
        match ctx.call.operation:
            case FaceOperation.RENT:
                rental = ctx.call.form == FORM
                return self._rentals.rent(ctx, self._href) if rental else self._rent(ctx)
            case FaceOperation.LIST:
                return self._list(ctx)
            case FaceOperation.LOOK:
                return self._sms_list(ctx)
            case FaceOperation.BALANCE:
                balance = exchange.figure(ctx.balance_minor)
                return FaceReply.json({"username": "buyer", "currentBalance": balance})
            case _:
                price = ctx.engine.tariff.price_of(ctx.arg("service"))
                priced = {"serviceName": ctx.arg("service"), "price": exchange.figure(price)}
                return FaceReply.json(priced)

    def answer_about(self, ctx: CallContext, number: SimulatedNumber) -> FaceReply:
        self._check_token(ctx)
        if number.rental != ctx.call.form.startswith(FORM):
            deny(DenialReason.UNKNOWN_ID)
        if number.rental:
            return self._rentals.answer_about(ctx, number) or self._empty
        if ctx.call.form == "details":
            return FaceReply.json(self._details(ctx, number))
        if ctx.call.form == "reuse":
            order = BuyerOrder(service=number.service, country=number.country)
            return self._bought(ctx, ctx.rent_again(number, order))
        ctx.cancel(number, Status.BANNED if ctx.call.form == "report" else Status.CANCELLED)
        return self._empty

    @property
    def _empty(self) -> FaceReply:
        return EMPTY._replace(body=self._knobs.cancelled_body.encode())

    def refuse(self, call: FaceCall, denied: Denied, _now: datetime) -> FaceReply:
        if denied.reason in BAD_KEY or denied.reason is DenialReason.BANNED:
            return EMPTY._replace(status=401)
        if (reply := denied_by_server(denied)) is not None:
            return reply
        if denied.reason is DenialReason.UNKNOWN_ID:
            return EMPTY._replace(status=404)
        status, code = ERRORS.get(denied.reason, (400, "ProcessingError"))
        if call.operation is FaceOperation.CANCEL and not self._knobs.refusal_body:
            return EMPTY._replace(status=status)
        body = {"errorCode": code, "errorDescription": "It was not possible."}
        return FaceReply.json(body, status)

    def empty_list(self, _call: FaceCall) -> FaceReply:
        return FaceReply.json({"data": [], "hasNext": False, "links": {}})

    def push(self, number: SimulatedNumber, sms: ArrivedSms) -> dict[str, Any] | None:
        row = self._sms(number, sms)
        return {
            "id": f"evt_{row['id']}",
            "event": "v2.sms.received",
            "attempt": 1,
            "occurredAt": _instant(sms.at),
            "idempotencyKey": f"sms_{row['id']}",
            "data": row | {"reservationId": self.ref(number)},
        }

    def push_headers(self, body: bytes, secret: str) -> Mapping[str, str]:
        bare = secret.removeprefix("whsec_")
        keys = {"secret": secret.encode(), "bare": bare.encode()}
        key = keys.get(self._knobs.signature_key) or base64.b64decode(bare)
        signed = base64.b64encode(hmac.new(key, body, hashlib.sha512).digest()).decode()
        return {"X-Webhook-Signature": f"HMAC-SHA512={signed}"}

    def _token(self, ctx: CallContext) -> FaceReply:
        said = timedelta(seconds=self._knobs.token_seconds)
        valid = self._knobs.token_valid_seconds
        until = ctx.now + (said if valid is None else timedelta(seconds=valid))
        body: dict[str, Any] = {
            "token": self._signed(str(int(until.timestamp() * 1000))),
            "expiresAt": f"{ctx.now + said:%Y-%m-%dT%H:%M:%S.%f}0+00:00",
        }
        if self._knobs.tells_token_seconds:
            body["expiresIn"] = self._knobs.token_seconds
        return FaceReply.json(body)

    def _signed(self, until: str) -> str:
        signature = hmac.new(self._key.encode(), until.encode(), hashlib.sha256)
        return f"{until}.{signature.hexdigest()}"

    def _check_token(self, ctx: CallContext) -> None:
        until = ctx.arg("token").partition(".")[0]
        good = until.isdecimal() and hmac.compare_digest(ctx.arg("token"), self._signed(until))
        if not good or ctx.now.timestamp() * 1000 >= int(until):
            deny(DenialReason.BAD_KEY)

    def _rent(self, ctx: CallContext) -> FaceReply:
        key = ctx.arg("key")  # The same one buys once, and is answered alike.
        number = ctx.engine.ledger.by_order.get(key)
        if number is None:
            number = ctx.rent(
                BuyerOrder(
                    service=ctx.arg("service"),
                    country="us",
                    operator=ctx.arg("carrier") or "any",
                    area_code=ctx.arg("area"),
                    voice=ctx.arg("capability") == "voice",
                    max_minor=exchange.amount(ctx.call.args.get("limit")),
                    reference=key or None,
                )
            )
        return self._bought(ctx, number)

    def _bought(self, ctx: CallContext, number: SimulatedNumber) -> FaceReply:
        href = self._href(ctx, f"/verifications/{self.ref(number)}")
        body = orjson.dumps({"method": "GET", "href": href})
        return FaceReply(201, body, exchange.JSON, (("Location", href),))

    def _href(self, ctx: CallContext, target: str) -> str:
        return f"http://{ctx.arg('host')}{PREFIX}{target}"

    def _state(self, number: SimulatedNumber) -> str:
        state = STATES.get(number.status, "verificationCompleted")
        if number.followed:
            state = "verificationReused"
        match self._knobs.states:
            case "camel":
                return state
            case "lower":
                return state.lower()
            case "upper":
                return state[:1].upper() + state[1:]

    def _row(self, number: SimulatedNumber) -> dict[str, Any]:
        return {
            "id": self.ref(number),
            "createdAt": _instant(number.created_at),
            "serviceName": number.service,
            "state": self._state(number),
            "totalCost": exchange.figure(number.cost_minor),
            "number": number.phone[1:],
            "link": None,
            "sms": None,
            "calls": None,
        }

    def _details(self, ctx: CallContext, number: SimulatedNumber) -> dict[str, Any]:
        can_cancel = number.live and not number.sms and ctx.now >= number.cancel_from
        own = f"/verifications/{self.ref(number)}"
        link = {"method": "POST", "href": self._href(ctx, own + "/cancel")}
        completed = bool(number.sms) or number.status in CHARGED
        return self._row(number) | {
            "endsAt": _instant(number.expires_at),
            "sale": None,
            "cancel": {"canCancel": can_cancel, "link": link if can_cancel else None},
            "report": {"canReport": number.live, "link": None},
            "reactivate": {"canReactivate": completed, "link": None},
            "reuse": {"link": None, "reusableUntil": None},
        }

    def _list(self, ctx: CallContext) -> FaceReply:
        numbers, _ = ctx.engine.ledger.rented(
            0, 10**6, newest_first=not self._knobs.oldest_first, rentals=False
        )
        for number in numbers:
            ctx.engine.ledger.advance(number, ctx.now)
        return self._page(ctx, "/verifications", [self._row(number) for number in numbers])

    def _sms_list(self, ctx: CallContext) -> FaceReply:
        ref = ctx.call.args.get("reservationId")
        chosen = self._reserved(ctx, ref) if ref else list(ctx.engine.ledger.everything(ctx.now))
        kind = ctx.arg("reservationType")
        chosen = [each for each in chosen if not kind or each.rental == (kind == RENTAL_SMS)]
        told = [(number, sms) for number in chosen for sms in number.sms]
        wanted = ctx.call.args.get("to")
        rows = [
            (sms.at, self._sms(number, sms))
            for number, sms in told
            if not wanted or number.phone.endswith(wanted)
        ]
        for number in chosen:
            ctx.engine.show(number)
        rows.sort(key=lambda row: row[0], reverse=True)
        kept = "".join(
            f"{name}={ctx.arg(name)}&"
            for name in ("reservationType", "reservationId")
            if ctx.arg(name)
        )
        return self._page(ctx, "/sms", [row for _, row in rows], kept)

    def _reserved(self, ctx: CallContext, ref: str) -> Sequence[SimulatedNumber]:
        known = self.number_id(ref)
        number = None if known is None else ctx.engine.find(known, ctx.now)
        return () if number is None else (number,)

    def _page(
        self, ctx: CallContext, target: str, rows: Sequence[dict[str, Any]], kept: str = ""
    ) -> FaceReply:
        first, size = ctx.integer("cursor") or 0, self._knobs.page_size
        page, after = rows[first : first + size], first + size
        links: dict[str, Any] = {"current": None, "previous": None, "next": None}
        if after < len(rows):
            href = self._href(ctx, f"{target}?{kept}cursor={after}")
            links["next"] = {"method": "GET", "href": href}
        body = {"data": list(page), "hasNext": after < len(rows), "links": links}
        return FaceReply.json(body)

    def _sms(self, number: SimulatedNumber, sms: ArrivedSms) -> dict[str, Any]:
        phone = "1" + number.phone[1:] if self._knobs.country_code else number.phone[1:]
        return {
            "id": str(number.id * SMS_ID + number.sms.index(sms)),
            "from": None,
            "to": phone,
            "createdAt": _instant(sms.at),
            "smsContent": sms.text,
            "parsedCode": sms.code if self._knobs.parsed_code else None,
            "encrypted": False,
        }


def _first_in(body: bytes, key: str) -> str:
    """The first of a list in the JSON object of a body; empty where there is none."""
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        return ""
    values = found.get(key) if isinstance(found, dict) else None
    return str(values[0]) if isinstance(values, list) and values else ""


def _instant(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}0+00:00"


def _text_in(body: bytes, key: str) -> str:
    """A value of the JSON object in a body, as text; empty where there is none."""
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        return ""
    value = found.get(key) if isinstance(found, dict) else None
    return "" if value is None else str(value)
