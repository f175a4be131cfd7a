"""What a reply must contain before anybody may call a number cancelled, or show a code.

Written from the protocols and not from the adapters, and shares no word list and no parser with
them: an oracle that asks the code under test is no oracle. What it demands is necessary, not
sufficient; that the readers understand what they should is the business of the golden files.
"""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, TypeAlias

from tests.fuzz.adapters import Adapter, Call, Outcome
from tests.fuzz.loose_reading import (
    bare,
    is_good,
    is_one,
    is_told,
    json_in,
    object_in,
    text_in,
    token_in,
    under,
)
from tests.fuzz.rental_oracles import RENTAL_ANSWERS, rental_sayings
from worker.adapters.providers.reply import Reply
from worker.domain.money import AMOUNT_MAX
from worker.domain.price_fate import PriceFate
from worker.ports.errors import ProviderError
from worker.ports.long_rental import Messages, NotClosed, Prolonged
from worker.ports.provider import (
    ActivePage,
    Balance,
    CodesArrived,
    Ended,
    HistoryPage,
    NoRent,
    NotKnown,
    Refusal,
    Refused,
    Rented,
    Sms,
    Waiting,
)

SHOWN_MAX: Final = 2000  #: Characters of a code or a text that are kept.

#: What an answer says that costs somebody money, in one word each.
Claims: TypeAlias = set[str]

OBSERVATIONS: Final = (Waiting, CodesArrived, Ended, NotKnown)
ANSWERS: Final[dict[str, tuple[type, ...]]] = {
    "look": OBSERVATIONS,
    "finish": OBSERVATIONS,
    "cancel": (Ended, Refused),
    "ask_again": (bool,),
    "report": (Ended, Refused),
    "rent": (Rented, NoRent),
    "list_active": (ActivePage,),
    "list_whole": (ActivePage,),
    "history": (HistoryPage,),
    "balance": (Balance,),
    **RENTAL_ANSWERS,
}


def complaints(adapter: Adapter, call: Call, outcome: Outcome) -> list[str]:
    """What is wrong with an answer; nothing of a reply is quoted twice, the call shows it."""
    answer = outcome.answer
    if isinstance(answer, ProviderError):
        return list(_wrong_with_error(str(answer)))
    if not isinstance(answer, ANSWERS[call.operation]):
        return [f"{type(answer).__name__} is no answer to {call.operation}"]
    unsaid = claims_of(answer) - _sayings(adapter, call, outcome.heard)
    return [
        *(f"{claim} is not said" for claim in sorted(unsaid)),
        *_wrong_with_sms(adapter.family, call.operation, outcome),
        *_wrong_with_history(adapter.family, outcome),
        *_wrong_with_names(outcome),
        *_wrong_with_amounts(answer),
    ]


def _sayings(adapter: Adapter, call: Call, heard: Sequence[Reply]) -> Claims:
    if call.operation in RENTAL_ANSWERS:
        return rental_sayings(adapter.family, adapter.dialect, heard)
    return SAYINGS[adapter.family](adapter.dialect, call, heard)


def _wrong_with_error(detail: str) -> Iterator[str]:
    if re.search(r"[0-9]{7}", detail):
        yield "an error with digits of the reply"  # A phone or a code would be in the log.
    # A number with more digits in its exponent than a Decimal has is left to the net.
    if "reader failed" in detail and "InvalidOperation" not in detail:
        yield "an error that only the net under all readers caught"


def claims_of(answer: object) -> Claims:
    match answer:
        case Refused(why=why):
            return {BY_REFUSAL[why]} - {""}
        case NotClosed(why=why):
            return {BY_REFUSAL[why]} - {""}
        case Ended(fate=refund):
            return {BY_REFUND[refund]} - {""}
        case ActivePage(rows=rows) if not rows:
            return set()
        case False:
            return set()
        case _:
            return {CLAIMS.get(type(answer), "")} - {""}


CLAIMS: Final[dict[type, str]] = {
    CodesArrived: "code",
    Rented: "rented",
    ActivePage: "rows",
    bool: "again",
    Prolonged: "prolonged",
}
BY_REFUND: Final = {
    PriceFate.GIVEN_BACK: "given back",
    PriceFate.KEPT: "kept",
    PriceFate.UNKNOWN: "",
}
BY_REFUSAL: Final = {
    Refusal.EARLY: "",
    Refusal.UNCLEAR: "",
    Refusal.CODE_ARRIVED: "charged",
    Refusal.NOT_CANCELLABLE: "kept",
}


# What was said, family by family. Each gets the dialect, the call and the replies that were heard.


def _handler_api(dialect: str, call: Call, heard: Sequence[Reply]) -> Claims:
    last = heard[-1]
    token = token_in(last)
    said: Claims = set()
    if is_good(last):
        gone = {"STATUS_CANCEL"}
        gone |= {"classic": {"STATUS_REVOKE"}, "tiger": {"ACCESS_CANCEL"}}.get(dialect, set())
        if token == "ACCESS_CANCEL" if call.operation == "cancel" else token in gone:
            said.add("given back")
        if token == {"finish": "ACCESS_ACTIVATION"}.get(call.operation) or token == "STATUS_FINISH":
            said.add("kept")
        if token == "ACCESS_RETRY_GET":
            said.add("again")
        said |= {"code"} if re.match(r"\W*STATUS_(OK|WAIT_RETRY)\s*:", text_in(last)) else set()
        said |= {"rented"} if re.match(r"\W*ACCESS_NUMBER\s*:", text_in(last)) else set()
        said |= {"rented"} if "activationId" in object_in(last) else set()
        said |= {"rows"} if b"activationId" in last.body else set()
    if is_told(last):
        words = {text_in(last).partition(":")[0].strip(" \t\r\n'\""), *under(json_in(last))}
        said |= {"charged"} if words & {"OTP_RECEIVED", "NEW_OTP_RECEIVED"} else set()
        said |= {"kept"} if "FREE_CANCELLATION_EXPIRED" in words else set()
    return said


def _fivesim(_dialect: str, _call: Call, heard: Sequence[Reply]) -> Claims:
    last = heard[-1]
    said: Claims = set()
    if is_good(last):
        order = object_in(last)
        status, has_sms = order.get("status"), any(under(order.get("sms"), {"code", "text"}))
        labels = {"CANCELED", "TIMEOUT", "BANNED", "PENDING", "RECEIVED"}
        said |= {"code", "charged"} if has_sms and status in [*labels, "FINISHED"] else set()
        if status in ["CANCELED", "TIMEOUT", "BANNED"] and not has_sms:
            said.add("given back")
        said |= {"kept"} if status == "FINISHED" else set()
        said |= {"rented"} if {"id", "phone", "status"} <= order.keys() else set()
        said |= {"rows"} if isinstance(order.get("Data"), list) else set()
    if is_told(last):
        said |= {"charged"} if "order has sms" in text_in(last) else set()
        said |= {"kept"} if "hosting order" in text_in(last) else set()
    return said


def _onlinesim(_dialect: str, call: Call, heard: Sequence[Reply]) -> Claims:
    last = heard[-1]
    rows = json_in(last)
    row = rows[0] if isinstance(rows, list) and len(rows) == 1 else None
    state = row.get("response") if isinstance(row, dict) else None
    # Nothing but quotes is a message or none, as the adapter likes.
    has_sms, may_have_sms = any(map(bare, _said_in(rows))), any(_said_in(rows))
    said: Claims = set()
    if is_good(last):
        empty = state == "TZ_OVER_EMPTY" and not has_sms
        said |= {"given back"} if empty else set()
        said |= {"code", "charged"} if may_have_sms and isinstance(state, str) else set()
        said |= {"kept", "charged"} if state == "TZ_OVER_OK" else set()
        if is_one(last):
            said |= _yes_to(call.operation) - {"given back"}
            said |= {"rented"} if {"tzid", "number"} <= object_in(last).keys() else set()
        said |= {"rows"} if isinstance(rows, list) else set()
    closed = call.operation in {"cancel", "report"}
    if closed and len(heard) == 3 and is_good(heard[1]) and is_one(heard[1]):
        # Seen empty, closed, and gone: there is nothing that could have been charged.
        waited = not any(map(bare, _said_in(json_in(heard[0])))) and is_good(heard[0])
        gone = {"ERROR_NO_OPERATIONS", "ERROR_WRONG_TZID", "LIFICYCLE_NUM_EXPIRED"}
        gone |= {"WARNING_NO_NUMS"}
        if waited and is_told(last) and not has_sms and gone & set(under(rows)):
            said.add("given back")
    return said


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _is_text(value: object) -> bool:
    return bool(value) and value is not True and isinstance(value, str | int)


def _said_in(rows: object) -> list[str]:
    """What the rows of onlinesim say: one message, or a list of them, bare or as objects."""
    told = [row.get("msg") for row in _list(rows) if isinstance(row, dict)]
    each = [one for msg in told for one in (_list(msg) or [msg])]
    found = [one.get("msg") if isinstance(one, dict) else one for one in each]
    return [str(one).strip() for one in found if _is_text(one)]


def _smspva(_dialect: str, call: Call, heard: Sequence[Reply]) -> Claims:
    last = heard[-1]
    body = object_in(last)
    status = body.get("statusCode")
    said: Claims = set()
    if last.status == 200 and type(status) is int and status == 200:
        said |= _yes_to(call.operation)
        said |= {"code"} if any(_messages("smspva", call.operation, last)) else set()
        data = body.get("data")
        bought = isinstance(data, dict) and {"orderId", "phoneNumber"} <= data.keys()
        said |= {"rented"} if bought else set()
        said |= {"rows"} if call.operation.startswith("list_") else set()
    if type(status) is int and status == 407:
        said.add("charged")
    return said


def _vaksms(_dialect: str, call: Call, heard: Sequence[Reply]) -> Claims:
    last = heard[-1]
    body = object_in(last)
    status = body.get("status")
    said: Claims = set()
    if is_good(last):
        if status in ["ready", "update"] and "error" not in body:
            said |= _yes_to(call.operation)
        if status == "smsReceived" and call.operation == "finish":
            said.add("kept")
        said |= {"code"} if "smsCode" in body and "error" not in body else set()
        said |= {"rented"} if "idNum" in body else set()
    said |= {"charged"} if is_told(last) and status == "smsReceived" else set()
    return said


def _smsman(_dialect: str, call: Call, heard: Sequence[Reply]) -> Claims:
    last = heard[-1]
    body = object_in(last)
    said: Claims = set()
    if is_good(last) and not body.get("error_code"):
        said |= _yes_to(call.operation) if body.get("success") is True else set()
        said |= {"code"} if "sms_code" in body else set()
        said |= {"rented"} if "request_id" in body else set()
    return said


def _smspool(_dialect: str, call: Call, heard: Sequence[Reply]) -> Claims:
    last = heard[-1]
    body = object_in(last)
    rows = [row for row in _list(json_in(last)) if isinstance(row, dict)]
    said: Claims = set()
    if not is_good(last):
        return said
    # A zero is no code, in whatever field it is.
    has_sms = any(_messages("smspool", "", last))
    # Nothing but quotes is a message or none, as the adapter likes.
    may_have_sms = any(map(str.strip, under(json_in(last), SMS_KEYS["smspool"][""])))
    said |= {"code", "kept"} if may_have_sms and ("status" in body or rows) else set()
    # What some other place says is no SMS of this order.
    beside = {"sms": [body.get("sms"), body.get("full_sms")]}
    empty = not any(map(bare, under(beside))) or not has_sms
    said |= {"given back"} if str(body.get("status")) == "6" and empty else set()
    ended = {str(row.get("status")).lower() for row in rows if row.get("order_code") == "77"}
    said |= {"given back"} if "refunded" in ended and len(heard) == 2 else set()
    said |= {"kept"} if "completed" in ended and len(heard) == 2 else set()
    said |= {"rows"} if isinstance(json_in(last), list) else set()
    if str(body.get("success")) in {"1", "True"}:
        said |= _yes_to(call.operation) - {"kept"}
        said |= {"rented"} if "order_id" in body else set()
    return said


#: The states of a number whose report is refused because of an SMS, before it or after it.
TEXTVERIFIED_REPORTS: Final = {
    "verificationpending",
    "verificationcompleted",
    "verificationreported",
}


def _textverified(_dialect: str, call: Call, heard: Sequence[Reply]) -> Claims:
    last = heard[-1]
    said: Claims = set()
    if not is_good(last):
        return said
    state = str(object_in(last).get("state")).lower()
    gone = {"verificationcanceled", "verificationtimedout", "verificationrefunded"}
    said |= {"given back"} if state in gone else set()
    said |= {"kept"} if state in {"verificationreused", "verificationreactivated"} else set()
    if call.operation == "cancel" and last.body.strip() in {b"", b"{}"}:
        said.add("given back")
    first = str(object_in(heard[0]).get("state")).lower()
    has_sms = any(_messages("textverified", "", last))
    if first == "verificationcompleted" and has_sms:
        said |= {"code", "kept"}
    if call.operation == "report" and has_sms and first in TEXTVERIFIED_REPORTS:
        said.add("charged")
    said |= {"rented"} if {"id", "number", "state"} <= object_in(last).keys() else set()
    listed = all(isinstance(object_in(reply).get("data"), list) for reply in heard)
    said |= {"rows"} if listed else set()
    return said


def _yes_to(operation: str) -> Claims:
    """What a plain yes means, by what was asked; to other questions it is no answer."""
    gives_back = {"given back"}
    return {
        "cancel": gives_back,
        "report": gives_back,
        "finish": {"kept"},
        "ask_again": {"again"},
    }.get(operation, set())


SAYINGS: Final[dict[str, Callable[[str, Call, Sequence[Reply]], Claims]]] = {
    "handler_api": _handler_api,
    "fivesim": _fivesim,
    "onlinesim": _onlinesim,
    "smspva": _smspva,
    "vaksms": _vaksms,
    "smsman": _smsman,
    "smspool": _smspool,
    "textverified": _textverified,
}
#: Where a family writes a code or the text of an SMS, by what was asked; "" is for all else.
SMS_KEYS: Final[dict[str, dict[str, set[str]]]] = {
    "handler_api": {"": {"smsCode", "smsText"}, "cancel": {"code", "text"}},
    "fivesim": {"": {"code", "text"}},
    "onlinesim": {"": {"msg"}},
    "smspva": {"": {"code", "fullText"}},
    "vaksms": {"": {"smsCode"}},
    "smsman": {"": {"sms_code"}},
    "textverified": {"": {"parsedCode", "smsContent"}},
    "smspool": {"": {"sms", "full_sms", "code", "full_code"}},
}


def _messages(family: str, operation: str, reply: Reply) -> Iterator[str]:
    """Every code and text the reply holds where this family writes them, blanks cut off."""
    places = SMS_KEYS[family]
    for value in under(json_in(reply), places.get(operation, places.get("", set()))):
        if found := bare(value):
            yield found
    if family == "handler_api" and (found := bare(text_in(reply).partition(":")[2])):
        yield found


def _wrong_with_sms(family: str, operation: str, outcome: Outcome) -> Iterator[str]:
    told = sms_in(outcome.answer)
    if isinstance(outcome.answer, CodesArrived) and not told:
        yield "a code without a code"
    if not told:
        return
    there = set(_messages(family, operation, outcome.heard[-1]))
    if operation in RENTAL_ANSWERS:
        # One SMS of many, in one of several replies: it must at least be a text of its own there.
        there = {bare(each) for reply in outcome.heard for each in under(json_in(reply))}
    for sms in told:
        if not sms.code.strip() or max(len(sms.code), len(sms.text or "")) > SHOWN_MAX:
            yield "a code that is blank or too long"
        if not all(_is_there(text, there) for text in sms[:2] if text):
            yield "a code that is not in the reply"


def _is_there(text: str, there: set[str]) -> bool:
    """Whole, or cut where texts are cut; of a text of quotes only nothing is left to compare."""
    found = bare(text)
    if not found or found in there:
        return True
    return len(text) == SHOWN_MAX and any(each.startswith(found) for each in there)


def sms_in(answer: object) -> tuple[Sms, ...]:
    match answer:
        case CodesArrived(sms=sms) | Ended(sms=sms) | Refused(sms=sms):
            return sms
        case Messages(sms=sms) | NotClosed(sms=sms):
            return sms
        case ActivePage(rows=rows):
            return tuple(sms for row in rows for sms in row.sms)
        case _:
            return ()


#: In a row of the history: what charged and given back are called, and where the id and SMS are.
FATES: Final = {
    "handler_api": {"6": PriceFate.KEPT, "8": PriceFate.GIVEN_BACK, "10": PriceFate.GIVEN_BACK},
    "fivesim": {
        "FINISHED": PriceFate.KEPT,
        "CANCELED": PriceFate.GIVEN_BACK,
        "TIMEOUT": PriceFate.GIVEN_BACK,
        "BANNED": PriceFate.GIVEN_BACK,
    },
    "smspool": {"completed": PriceFate.KEPT, "refunded": PriceFate.GIVEN_BACK},
    "textverified": {
        "verificationcompleted": PriceFate.KEPT,
        "verificationreused": PriceFate.KEPT,
        "verificationreactivated": PriceFate.KEPT,
        "verificationcanceled": PriceFate.GIVEN_BACK,
        "verificationtimedout": PriceFate.GIVEN_BACK,
        "verificationrefunded": PriceFate.GIVEN_BACK,
    },
}


LOWERED: Final = {"smspool", "textverified"}  #: Whose words are told in any case.
#: Whose rows of a history have a link to their SMS, whether there is one or not; the state says it.
SMS_BY_LINK: Final = {"textverified"}
ID_IN_HISTORY: Final = {"smspool": "order_code"}


def _fate_said(family: str, row: dict[str, Any]) -> PriceFate | None:
    status = str(row.get("status"))
    if family == "textverified":
        status = str(row.get("state"))
    return FATES[family].get(status.lower() if family in LOWERED else status)


def _wrong_with_history(family: str, outcome: Outcome) -> Iterator[str]:
    if not isinstance(outcome.answer, HistoryPage):
        return
    bodies = [json_in(reply) for reply in outcome.heard]
    rows: list[Any] = []
    for body in bodies:
        found = (body.get("Data") or body.get("data")) if isinstance(body, dict) else body
        rows += _list(found)
    said = {
        (
            str(row.get(ID_IN_HISTORY.get(family, "id"))),
            _fate_said(family, row),
            family not in SMS_BY_LINK and _has_sms(row),
        )
        for row in rows
        if isinstance(row, dict)
    }
    for past in outcome.answer.rows:
        lines = {(past.ref, past.fate, False), (past.ref, past.fate, past.fate is PriceFate.KEPT)}
        if past.fate in {PriceFate.KEPT, PriceFate.GIVEN_BACK} and lines.isdisjoint(said):
            yield f"{past.fate.value} is not said"


def _has_sms(row: dict[str, Any]) -> bool:
    """handler_api also writes an empty list as a text, and SMSPool a zero."""
    written = json.dumps(row.get("sms") or row.get("code") or "").replace("null", "")
    if written.strip('" ') == "0":
        return False
    return re.search(r"[0-9A-Za-z]", written) is not None


def _wrong_with_names(outcome: Outcome) -> Iterator[str]:
    """Ids and phones are the provider's, to the digit: the id is what a later cancel is for."""
    match outcome.answer:
        case Rented(ref=ref, phone=phone):
            named = [(ref, phone)]
        case ActivePage(rows=rows) | HistoryPage(rows=rows):
            named = [(row.ref, row.phone or "") for row in rows]
        case _:
            return
    texts = [text for reply in outcome.heard for text in (text_in(reply), *under(json_in(reply)))]
    digits = re.sub(r"[^0-9]", "", "".join(texts))
    for ref, phone in named:
        if not re.fullmatch(r"[0-9A-Za-z_-]{1,64}", ref) or not any(ref in text for text in texts):
            yield "an id that is not in the reply"
        if phone and not (re.fullmatch(r"[0-9]{4,}", phone) and _pieces_in(phone, digits)):
            yield "a phone that is not in the reply"


def _pieces_in(phone: str, digits: str) -> bool:
    """SMSPVA gives country code and number apart, so a phone may be made of two pieces."""
    return any(phone[:at] in digits and phone[at:] in digits for at in range(5))


def _wrong_with_amounts(answer: object) -> Iterator[str]:
    amount = {Balance: "minor", Rented: "cost_minor"}.get(type(answer))
    value = getattr(answer, amount) if amount else None
    if value is not None and (type(value) is not int or abs(value) > AMOUNT_MAX):
        yield "an amount that is none"
