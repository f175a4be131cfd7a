"""What a reply about a long rental must contain before money is said to have moved."""

import json
from collections.abc import Sequence
from typing import Final

from tests.fuzz.loose_reading import bare, is_good, is_told, object_in, text_in, under
from worker.adapters.providers.reply import Reply
from worker.ports.long_rental import Availability, Messages, NotClosed, NotProlonged, Prolonged
from worker.ports.provider import Ended, NoRent, NotKnown, Rented

RENTAL_ANSWERS: Final[dict[str, tuple[type, ...]]] = {
    "rental_open": (Rented, NoRent),
    "rental_messages": (Messages, Ended, NotKnown),
    "rental_prolong": (Prolonged, NotProlonged, NotKnown),
    "rental_close": (Ended, NotClosed, NotKnown),
    "rental_available": (Availability,),
}
#: What says that a price came back, or did not, at those who tell it; the others never do.
ENDINGS: Final = {
    "handler_api": {"STATUS_CANCEL": "given back", "STATUS_FINISH": "kept"},
    "fivesim": {"FINISHED": "kept"},
}
#: Words of those who refuse to give it back, or because an SMS came.
REFUSALS: Final = {
    "CANT_CANCEL": "kept",
    "FREE_CANCELLATION_EXPIRED": "kept",
    "OTP_RECEIVED": "charged",
    "NEW_OTP_RECEIVED": "charged",
    "order has sms": "kept",
    "hosting order": "kept",
    "smsReceived": "kept",
}


def rental_sayings(family: str, dialect: str, heard: Sequence[Reply]) -> set[str]:
    """Over all replies of the call, because several calls make one close."""
    said: set[str] = set()
    for reply in heard:
        body = object_in(reply)
        text = text_in(reply)
        alone = {bare(text), *under(body)}
        words = alone | {bare(text.partition(":")[0])}
        if is_told(reply):
            said |= {claim for word, claim in REFUSALS.items() if word in words}
            # A price is told of by the word alone.
            said |= {claim for word, claim in ENDINGS.get(family, {}).items() if word in alone}
            # It gives a price back only while no message has come.
            said |= {"kept"} if family == "smspool" and body.get("messages") else set()
        if is_good(reply):
            said |= {"prolonged", "rented"}
            said |= {"given back", "kept"} if _is_yes(family, dialect, reply) else set()
    return said


def _is_yes(family: str, dialect: str, reply: Reply) -> bool:
    """A plain yes to the call that gives the price back, or to the one that keeps it."""
    body = object_in(reply)
    match family, dialect:
        case "fivesim", _:
            has_sms = any(under(body.get("sms"), {"code", "text"}))
            return body.get("status") == "CANCELED" and not has_sms
        case "handler_api", "hero":
            return reply.status == 204 and not reply.body.strip()
        case "handler_api", _:
            return body.get("status") == "success"
        case "textverified", _:
            state = str(body.get("state")).lower()
            ended = state in {"nonrenewableexpired", "nonrenewablerefunded"}
            told = "refund" in body and "canRefund" in json.dumps(body["refund"])
            return reply.body.strip() in {b"", b"{}"} or ended or told
        case "smspool" | "smsman", _:
            return str(body.get("success")) in {"1", "True"} and not body.get("error_code")
        case _:
            return False
