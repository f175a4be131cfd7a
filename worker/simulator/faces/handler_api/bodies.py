"""How `handler_api` words its replies: tokens, refusals and the JSON of numbers, by dialect."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from typing import Any

import orjson

from worker.simulator.denials import DenialReason, Denied
from worker.simulator.exchange import (
    FaceCall,
    FaceOperation,
    FaceReply,
    Json,
    figure,
    number_id,
    price,
)
from worker.simulator.faces.handler_api.dialects import RENT_ACTIONS, SimulatedDialect, Wording
from worker.simulator.numbers import CHARGED, ArrivedSms, SimulatedNumber, Status

#: Naive times are in the provider's own zone, which it does not name.
LOCAL = timezone(timedelta(hours=3))
USD = 840

DETAILS = {
    DenialReason.BAD_KEY: "Unauthorized",
    DenialReason.UNKNOWN_ID: "Activation Not Found",
    DenialReason.EARLY_CANCEL: (
        "Activation cannot be cancelled at this time. Minimum activation period must pass."
    ),
    DenialReason.CODE_RECEIVED: "OTP has been received, the activation cannot be cancelled",
    DenialReason.NEW_CODE_RECEIVED: "New OTP has been received. Please confirm termination",
    DenialReason.TOO_LATE: "Free cancellation time limit exceeded (20 minutes)",
    DenialReason.ENDED: "Activation has been terminated/refunded",
}
# The states in lists. The same digits mean other states in other calls and dialects.
HERO_STATES = {Status.RECEIVED: "2", Status.RETRYING: "3", Status.WAITING: "4"}
TIGER_STATES = {Status.RECEIVED: "6", Status.RETRYING: "3", Status.WAITING: "1"}


@lru_cache(maxsize=4096)
def _naive_second(second: int) -> str:
    return datetime.fromtimestamp(second, LOCAL).strftime("%Y-%m-%d %H:%M:%S")


def naive(at: datetime) -> str:
    # Many numbers are rented in one second, and a page of 100 rows is asked for thousands of times.
    return _naive_second(int(at.timestamp()))


def zoned(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds")


def latest(number: SimulatedNumber) -> ArrivedSms | None:
    return number.sms[-1] if number.sms else None


def refusal(wording: Wording, denied: Denied, now: datetime) -> Json:
    """A refusal that is not plain text."""
    match wording.style:
        case "problem":
            body: dict[str, Any] = {
                "title": wording.token,
                "details": DETAILS.get(denied.reason, ""),
            }
            info = _info(denied, now)
            return body | {"info": info} if info else body
        case "access":
            return {"status": 0, "message": wording.token, "data": []}
        case "bare-error":
            return {"error": wording.token}
        case "message" | "text":
            return {"status": "error", "message": wording.token}


def _info(denied: Denied, now: datetime) -> dict[str, Any]:
    wait = denied.wait or timedelta(0)
    match denied.reason:
        case DenialReason.EARLY_CANCEL:
            age = denied.min_age or timedelta(0)
            return {"minActivationTime": int(age.total_seconds())}
        case DenialReason.NEW_CODE_RECEIVED:
            return {"data": [sms.code for sms in denied.sms]}
        case DenialReason.PRICE_TOO_LOW if denied.minimum_minor is not None:
            return {"min": figure(denied.minimum_minor)}
        case DenialReason.NO_KEY:
            return {"field": "api_key", "code": "REQUIRED"}
        case DenialReason.BANNED:
            until = now + wait
            return {
                "scope": "account",
                "banned_until": int(until.timestamp()),
                "retry_after_seconds": int(wait.total_seconds()),
                "readable_date": until.strftime("%Y-%m-%d %H:%M:%S"),
            }
        case _:
            return {}


def number_v2(dialect: SimulatedDialect, number: SimulatedNumber) -> dict[str, Any]:
    """The answer of getNumberV2."""
    cost = price(number.cost_minor)
    row: dict[str, Any] = {
        "activationId": number.id,
        "phoneNumber": number.phone,
        "activationCost": figure(number.cost_minor),
        "countryCode": number.country,
        "canGetAnotherSms": True,
        "activationTime": naive(number.created_at),
        "activationOperator": number.operator,
    }
    match dialect.v2_style:
        case "hero":
            row |= {
                "activationId": str(number.id),
                "activationTime": zoned(number.created_at),
                "activationEndTime": zoned(number.expires_at),
                "currency": USD,
                "countryPhoneCode": "7",
                "verificationType": 0,
                "subtype": 2 if number.rental else 1,
                "serviceCode": number.service,
                "status": 4,
            }
        case "tiger":
            row |= {"activationTime": zoned(number.created_at), "canGetAnotherSms": "1"}
        case "smsbower":
            row |= {"activationCost": cost, "canGetAnotherSms": 1}
        case "grizzly":
            row |= {
                "activationCancel": zoned(number.cancel_from),
                "activationEnd": zoned(number.expires_at),
            }
        case "classic":
            pass
    return row


def status_v2(dialect: SimulatedDialect, number: SimulatedNumber) -> dict[str, Any]:
    """The answer of getStatusV2 for a live number."""
    sms = latest(number)
    if dialect.v2_style == "hero" and (sms or dialect.waiting_v2 == "null-data"):
        return {"verificationType": "sms", "data": sms and hero_sms(number, sms)}
    sms_json = sms and {"dateTime": naive(sms.at), "code": sms.code, "text": sms.text}
    if dialect.v2_style == "tiger":
        return {"verificationType": 0, "sms": sms_json}
    return {"verificationType": 0, "sms": sms_json, "call": None}


def hero_sms(number: SimulatedNumber, sms: ArrivedSms) -> dict[str, Any]:
    return {
        "id": str(number.sms.index(sms) + 1),
        "phoneFrom": "Sender",
        "code": sms.code,
        "text": sms.text,
        "service": number.service,
        "date": zoned(sms.at),
        "type": "sms",
    }


def page_of_sms(number: SimulatedNumber, args: Mapping[str, str]) -> Sequence[ArrivedSms]:
    size = min(number_id(args.get("size")) or 25, 100)
    first = (max(number_id(args.get("page")) or 1, 1) - 1) * size
    return number.sms[first : first + size]


def all_sms(number: SimulatedNumber, page: Sequence[ArrivedSms]) -> dict[str, Any]:
    rows = [hero_sms(number, sms) for sms in page]
    return {"data": rows, "meta": {"total": len(number.sms), "service": number.service}}


def row(dialect: SimulatedDialect, number: SimulatedNumber) -> dict[str, Any]:
    """One line of the list of active numbers: all strings, and times without a zone."""
    sms = latest(number)
    nothing = "" if dialect.list_style == "tiger" else None
    states = TIGER_STATES if dialect.list_style == "tiger" else HERO_STATES
    return {
        "activationId": str(number.id),
        "serviceCode": number.service,
        "phoneNumber": number.phone,
        "activationCost": price(number.cost_minor),
        "activationStatus": states[number.status],
        "smsCode": sms.code if sms else nothing,
        "smsText": sms.text if sms else nothing,
        "activationTime": naive(number.created_at),
        "discount": "0",
        "repeated": "0",
        "countryCode": number.country,
        "countryName": number.country,
        "canGetAnotherSms": "1",
    }


def active(dialect: SimulatedDialect, numbers: list[SimulatedNumber]) -> Json:
    """The answer of getActiveActivations."""
    rows = [row(dialect, number) for number in numbers]
    match dialect.list_style:
        case "hero":
            inner = {"affected_rows": 0, "num_rows": 0, "row": [], "rows": []}
            return {"status": "success", "data": rows, "activeActivations": inner}
        case "tiger":
            return {"status": "success", "data": rows}
        case "grizzly":
            return rows or None
        case "grizzly-object":
            return {"activeActivations": rows}
        case "classic":
            if not rows:
                return {"status": "error", "error": "NO_ACTIVATIONS"}
            return {"status": "success", "activeActivations": rows}


def old_row(number: SimulatedNumber) -> dict[str, Any]:
    """One line of getListOfActiveActivations."""
    return {
        "id": str(number.id),
        "phone": number.phone,
        "createDate": int(number.created_at.timestamp()),
        "finishDate": int(number.expires_at.timestamp()),
        "status": HERO_STATES[number.status],
    }


def history_row(dialect: SimulatedDialect, number: SimulatedNumber) -> dict[str, Any]:
    """One line of getHistory. Note the cost: none while it lives, and the price once cancelled."""
    states = TIGER_STATES if dialect.list_style == "tiger" else HERO_STATES
    ended = "6" if number.status in CHARGED else "8"
    return {
        "id": str(number.id),
        "date": naive(number.created_at),
        "phone": number.phone,
        "sms": orjson.dumps([sms.text for sms in number.sms]).decode() if number.sms else None,
        "cost": 0 if number.live else figure(number.cost_minor),
        "status": states.get(number.status, ended),
        "currency": USD,
    }


def push(
    dialect: SimulatedDialect, number: SimulatedNumber, sms: ArrivedSms
) -> dict[str, Any] | None:
    if number.rental and dialect.classic_rent:
        sms_json = {"phoneFrom": "Sender", "text": sms.text, "date": naive(sms.at)}
        return {"rentId": number.id, "sms": sms_json}
    country = int(number.country) if number.country.isdigit() else number.country
    body: dict[str, Any] = {
        "activationId": number.id,
        "service": number.service,
        "text": sms.text,
        "code": sms.code,
        "country": country,
        "receivedAt": naive(sms.at),
    }
    match dialect.push_style:
        case "classic":
            return body
        case "hero":
            return body | {
                "activationId": str(number.id),
                "phoneFrom": "Sender",
                "receivedAt": zoned(sms.at),
            }
        case "grizzly":
            return {"activationId": number.id, "code": sms.code, "text": sms.text}
        case "daisysms":
            return body | {"messageId": number.id * 100 + number.sms.index(sms)}
        case "none":
            return None


V2_FORMS = frozenset({"getStatusV2", "setStatusV2"})
RENT_TOKENS: Mapping[DenialReason, str] = {
    DenialReason.UNKNOWN_ID: "INVALID_PHONE",
    DenialReason.BAD_STATUS: "INCORECT_STATUS",  # As the provider spells it.
    DenialReason.CODE_RECEIVED: "CANT_CANCEL",
    DenialReason.NEW_CODE_RECEIVED: "CANT_CANCEL",
    DenialReason.EARLY_CANCEL: "CANT_CANCEL",
    DenialReason.TOO_LATE: "CANT_CANCEL",
    DenialReason.NO_CODE: "STATUS_WAIT_CODE",
    DenialReason.BAD_REQUEST: "INVALID_TIME",
}


class ReplyWriter:
    def __init__(self, dialect: SimulatedDialect) -> None:
        self._dialect = dialect

    def text(self, body: str, status: int = 200) -> FaceReply:
        quote = self._dialect.quote
        return FaceReply.text(f"{quote}{body}{quote}", status, self._dialect.text_type)

    def json(self, body: Json, status: int = 200) -> FaceReply:
        return FaceReply.json(body, status, self._dialect.json_type)

    def refuse(self, call: FaceCall, denied: Denied, now: datetime) -> FaceReply:
        wording = self._wording(call, denied.reason)
        if wording.style == "text":
            token = wording.token + self._more(wording, denied, now)
            reply = self.text(token, wording.status)
        else:
            reply = self.json(refusal(wording, denied, now), wording.status)
        return reply.with_wait(denied) if denied.reason is DenialReason.RATE_LIMITED else reply

    def _wording(self, call: FaceCall, reason: DenialReason) -> Wording:
        if call.form in RENT_ACTIONS and self._dialect.classic_rent:
            wording = self._dialect.words[reason]
            token = RENT_TOKENS.get(reason, wording.token)
            if reason is DenialReason.UNKNOWN_ID and not call.args.get("id"):
                token = "NO_ID_RENT"  # noqa: S105 - a word of the protocol
            return Wording(wording.status, token, "message")
        own = self._dialect.words_of_cancel
        if call.operation is FaceOperation.CANCEL and reason in own:
            return own[reason]
        if call.form in V2_FORMS and reason in self._dialect.words_v2:
            return self._dialect.words_v2[reason]
        if call.form == "getRentNumber" and reason is DenialReason.NO_NUMBERS:
            return Wording(404, "NO_NUMBERS", "problem")
        return self._dialect.words[reason]

    def _more(self, wording: Wording, denied: Denied, now: datetime) -> str:
        if wording.token == "WRONG_MAX_PRICE" and denied.minimum_minor is not None:  # noqa: S105 - a word of the protocol
            return ":" + price(denied.minimum_minor)
        if denied.reason is DenialReason.BANNED and denied.wait is not None:
            return f":'{now + denied.wait:%Y-%m-%d %H-%M-%S}'"
        return ""
