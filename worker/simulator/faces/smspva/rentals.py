"""The rentals of SMSPVA: one script with `method=`; a number is switched on before each SMS."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from worker.simulator import exchange
from worker.simulator.denials import DenialReason, Denied
from worker.simulator.exchange import FaceCall, FaceOperation, FaceReply, Request
from worker.simulator.face import CallContext, deny
from worker.simulator.numbers import ArrivedSms, SimulatedNumber
from worker.simulator.tariff import HOUR, BuyerOrder

RENT_PATH = "/api/rent.php"
RENT_METHODS = {
    "create": FaceOperation.RENT,
    "create_multi": FaceOperation.RENT,
    "orders": FaceOperation.LIST,
    "activate": FaceOperation.READY,
    "sms": FaceOperation.LOOK,
    "prolong": FaceOperation.EXTEND,
    "delete": FaceOperation.CANCEL,
    "restore": FaceOperation.EXTEND,
}
ON_FOR = timedelta(minutes=10)  #: It may be thirty; nobody should count on more than this.
HOURS = {"day": 24, "week": 168, "month": 720}
RENT_MESSAGES: Mapping[DenialReason, str] = {
    DenialReason.NO_KEY: "API key is required",
    DenialReason.BAD_KEY: "API key is wrong",
    DenialReason.BAD_REQUEST: "Bad parameters",
    DenialReason.NO_NUMBERS: "No numbers",
    DenialReason.NO_BALANCE: "Balance is too low",
    DenialReason.UNKNOWN_ID: "Order not found",
    DenialReason.ENDED: "Order is closed",
    DenialReason.CODE_RECEIVED: "SMS was received, no refund",
    DenialReason.NEW_CODE_RECEIVED: "SMS was received, no refund",
}


class SmsPvaRentalFace:
    def __init__(
        self, wrong_key: Callable[[str | None], DenialReason | None], *, on_demand: bool
    ) -> None:
        self._wrong_key = wrong_key
        self._on_demand = on_demand
        self._switched: dict[int, list[datetime]] = {}  #: When each number was switched on.

    def read(self, request: Request) -> FaceCall:
        args = request.arguments()
        operation = RENT_METHODS.get(args.get("method", ""))
        wrong_key = self._wrong_key(args.get("apikey"))
        refused = DenialReason.BAD_REQUEST if operation is None else wrong_key
        form = f"{RENT_PATH}?{args.get('method', '')}"
        about_one = operation not in {None, FaceOperation.RENT, FaceOperation.LIST}
        ref = exchange.number_id(args.get("id"))
        return FaceCall(operation or FaceOperation.OTHER, form, ref, args, refused, about_one)

    def answer(self, ctx: CallContext) -> FaceReply:
        if ctx.call.operation is FaceOperation.LIST:
            rentals = ctx.engine.live(ctx.now, rentals=True)
            return _rental_data([self._row(ctx, number) for number in rentals])
        service = ctx.arg("service") or ctx.arg("services")
        order = BuyerOrder(service=service, country=ctx.arg("country"), hours=_hours(ctx))
        number = ctx.rent(order)
        return _rental_data(
            {
                "id": number.id,
                "pnumber": number.phone[1:],
                "ccode": "7",
                "service": number.service,
                "until": str(int(number.expires_at.timestamp())),
            }
        )

    def answer_about(self, ctx: CallContext, number: SimulatedNumber) -> FaceReply:
        if not number.rental:
            deny(DenialReason.UNKNOWN_ID)
        match ctx.arg("method"):
            case "sms":
                came = self._came(number)
                ctx.engine.show(number, came)
                rows = [
                    {"text": sms.text, "sender": "Sender", "date": int(sms.at.timestamp())}
                    for sms in came
                ]
                return _rental_data({"SmsList": rows, "OtherSms": []})
            case "activate":
                if not number.live:
                    deny(DenialReason.ENDED)
                self._switched.setdefault(number.id, []).append(ctx.now)
                return _rental_data([{"id": number.id}])
            case "delete":
                ctx.end_rental(number)  # It leaves the list either way.
                return _rental_data({"id": number.id})
            case _:
                ctx.extend(number, _hours(ctx) * HOUR)
                return FaceReply.json({"status": 1})

    def refuse(self, denied: Denied) -> FaceReply:
        return FaceReply.json({"status": 0, "msg": RENT_MESSAGES.get(denied.reason, "Error")})

    def none_listed(self) -> FaceReply:
        return _rental_data([])

    def _row(self, ctx: CallContext, number: SimulatedNumber) -> dict[str, Any]:
        new = [sms for sms in self._came(number) if sms in number.new_sms]
        return {
            "id": number.id,
            "scode": number.service,
            "sname": number.service,
            "pnumber": number.phone[1:],
            "ccode": number.country,
            "cname": number.country,
            "hasnewsms": bool(new),
            "until": int(number.expires_at.timestamp()),
            "canprolong": True,
            "state": self._state(number, ctx.now),
        }

    def _state(self, number: SimulatedNumber, now: datetime) -> int:
        """Not in the system, on, or off until it is switched on."""
        if number.offline:
            return -1
        return 1 if self._is_on(number, now) else 0

    def _came(self, number: SimulatedNumber) -> Sequence[ArrivedSms]:
        """Its SMS but for those that were sent while it was off, and went nowhere."""
        return [sms for sms in number.sms if self._is_on(number, sms.at)]

    def _is_on(self, number: SimulatedNumber, at: datetime) -> bool:
        switched = self._switched.get(number.id, ())
        return not self._on_demand or any(each <= at < each + ON_FOR for each in switched)


def _rental_data(data: exchange.Json) -> FaceReply:
    return FaceReply.json({"status": 1, "data": data, "msg": ""})


def _hours(ctx: CallContext) -> int:
    unit, count = HOURS.get(ctx.arg("dtype")), ctx.integer("dcount")
    if not unit or not count:
        deny(DenialReason.BAD_REQUEST)
    return unit * count
