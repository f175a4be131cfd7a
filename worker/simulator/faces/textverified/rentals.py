"""The rentals of TextVerified that are not renewed: sold by a sale, and refunded for a while."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from worker.simulator import exchange
from worker.simulator.denials import DenialReason
from worker.simulator.exchange import FaceCall, FaceOperation, FaceReply
from worker.simulator.face import CallContext, deny
from worker.simulator.numbers import REFUNDED, SimulatedNumber
from worker.simulator.tariff import BuyerOrder

FORM = "rental"  #: What the forms of these calls begin with.
SALE_START = "sale_"
DAYS = {
    "oneDay": 1,
    "threeDay": 3,
    "sevenDay": 7,
    "fourteenDay": 14,
    "thirtyDay": 30,
    "ninetyDay": 90,
    "oneYear": 365,
}


class TextVerifiedRentalFace:
    def __init__(
        self, ref: Callable[[SimulatedNumber], str], number_id: Callable[[str], int | None]
    ) -> None:
        self._ref, self._number_id = ref, number_id

    def read(
        self, method: str, parts: list[str], body: bytes, args: Mapping[str, str]
    ) -> FaceCall | None:
        """A call about rentals; None for any other."""
        asked, about_one, ref = FaceOperation.LOOK, True, ""
        match [method, *parts]:
            case ["POST", "reservations", "rental"]:
                asked, about_one, form = FaceOperation.RENT, False, "rental"
                args = {**args, **_texts_in(body)}
            case ["GET", "sales", sale] if sale.startswith(SALE_START):
                form, ref = "rental sale", sale.removeprefix(SALE_START)
            case ["GET", "reservations", "rental", "nonrenewable", ref]:
                form = "rental details"
            case ["POST", "reservations", "rental", "nonrenewable", ref, "refund"]:
                asked, form = FaceOperation.CANCEL, "rental refund"
            case ["POST", "reservations", "rentals", "extensions"]:
                asked, form = FaceOperation.EXTEND, "rental extension"
                args = {**args, **_texts_in(body)}
                ref = args.get("rentalId", "")
            case _:
                return None
        return FaceCall(asked, form, self._number_id(ref), args, about_one=about_one)

    def rent(self, ctx: CallContext, href: Callable[[CallContext, str], str]) -> FaceReply:
        days = DAYS.get(ctx.arg("duration"))
        if days is None:
            deny(DenialReason.BAD_REQUEST)
        number = ctx.rent(BuyerOrder(service=ctx.arg("serviceName"), country="us", hours=days * 24))
        link = href(ctx, f"/sales/{SALE_START}{self._ref(number)}")
        body = orjson.dumps({"method": "GET", "href": link})
        return FaceReply(201, body, exchange.JSON, (("Location", link),))

    def answer_about(self, ctx: CallContext, number: SimulatedNumber) -> FaceReply | None:
        """The reply; None: an empty one."""
        match ctx.call.form:
            case "rental sale":
                return FaceReply.json(self._sale(number))
            case "rental details":
                return FaceReply.json(self._details(ctx, number))
            case "rental refund":
                ctx.cancel(number)
            case _:
                days = DAYS.get(ctx.arg("extensionDuration"))
                if days is None:
                    deny(DenialReason.BAD_REQUEST)
                ctx.extend(number, timedelta(days=days))
        return None

    def _sale(self, number: SimulatedNumber) -> dict[str, Any]:
        rental = {
            "id": self._ref(number),
            "reservationType": "nonrenewable",
            "serviceName": number.service,
            "link": None,
        }
        return {
            "id": SALE_START + self._ref(number),
            "createdAt": _instant(number.created_at),
            "updatedAt": _instant(number.created_at),
            "state": "succeeded",
            "total": exchange.figure(number.cost_minor),
            "reservations": [rental],
            "backOrderReservations": [],
        }

    def _details(self, ctx: CallContext, number: SimulatedNumber) -> dict[str, Any]:
        can_refund = number.live and not number.sms and ctx.now <= number.cancel_until
        return {
            "id": self._ref(number),
            "createdAt": _instant(number.created_at),
            "endsAt": _instant(number.expires_at),
            "serviceName": number.service,
            "state": _state(number),
            "number": number.phone[1:],
            "alwaysOn": True,
            "saleId": SALE_START + self._ref(number),
            "refund": {
                "canRefund": can_refund,
                "refundableUntil": _instant(number.cancel_until) if can_refund else None,
            },
        }


def _state(number: SimulatedNumber) -> str:
    if number.live:
        return "nonrenewableActive"
    return "nonrenewableRefunded" if number.status in REFUNDED else "nonrenewableExpired"


def _texts_in(body: bytes) -> dict[str, str]:
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    values = found.items() if isinstance(found, dict) else ()
    return {name: value for name, value in values if isinstance(value, str)}


def _instant(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}0+00:00"
