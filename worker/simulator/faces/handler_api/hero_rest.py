"""Hero's REST calls beside its handler: the list with every SMS, and the history of refunds."""

from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import islice
from typing import Any
from urllib.parse import parse_qs

from worker.simulator.denials import DenialReason, Denied
from worker.simulator.exchange import FaceCall, FaceOperation, FaceReply, Request, figure, number_id
from worker.simulator.face import CallContext
from worker.simulator.faces.handler_api import bodies
from worker.simulator.numbers import SimulatedNumber, Status

PREFIX = "/api/v1/"
ACTIVE = PREFIX + "activations"
HISTORY = PREFIX + "activations/history"
DURATIONS = PREFIX + "classifiers/activations/custom-durations"
OPERATIONS = {
    ACTIVE: FaceOperation.LIST,
    HISTORY: FaceOperation.HISTORY,
    DURATIONS: FaceOperation.OTHER,
}
PAGE = 25
STATES: Mapping[Status, int] = {
    Status.RECEIVED: 2,
    Status.RETRYING: 3,
    Status.WAITING: 4,
    Status.FINISHED: 6,
    Status.LAPSED: 6,
    Status.CANCELLED: 8,
    Status.BANNED: 8,
    Status.PROVIDER_CANCELLED: 10,
    Status.EXPIRED: 10,
}


class HeroRest:
    def __init__(self, api_key: str) -> None:
        self._authorization = f"ApiKey {api_key}"

    def read(self, request: Request) -> FaceCall:
        operation = OPERATIONS.get(request.path)
        args = request.arguments()
        if statuses := parse_qs(request.query).get("statuses[]"):
            args["statuses"] = ",".join(statuses)
        refused = None
        if operation is None:
            refused = DenialReason.BAD_ACTION
        elif (
            operation is not FaceOperation.OTHER
            and request.headers.get("Authorization") != self._authorization
        ):
            refused = DenialReason.BAD_KEY
        return FaceCall(operation or FaceOperation.OTHER, request.path, None, args, refused)

    def answer(self, ctx: CallContext) -> FaceReply:
        size = min(max(1, ctx.integer("size") or PAGE), PAGE)
        first = (max(1, ctx.integer("page") or 1) - 1) * size
        match ctx.call.operation:
            case FaceOperation.LIST:
                numbers = ctx.engine.active(first, size, ctx.now)
                ctx.carry(numbers)
                return self.page(numbers, ctx.engine.live_count(ctx.now))
            case FaceOperation.HISTORY:
                return self._history(ctx, first, size)
            case _:
                minutes = {
                    service: {"0": int(lifetime.total_seconds() // 60)}
                    for service, lifetime in ctx.engine.tariff.lifetimes().items()
                }
                return FaceReply.json({"data": minutes})

    def refuse(self, _call: FaceCall, denied: Denied, _now: datetime) -> FaceReply | None:
        """The refusals that these calls word differently; None: as the handler words them."""
        if denied.reason is DenialReason.BAD_KEY:
            return FaceReply.json({"title": "BAD_API_KEY", "details": "Forbidden"}, 403)
        return None

    def page(self, numbers: list[SimulatedNumber], total: int) -> FaceReply:
        return FaceReply.json(
            {"data": [self._row(each) for each in numbers], "meta": {"total": total}}
        )

    def _history(self, ctx: CallContext, first: int, size: int) -> FaceReply:
        statuses = {number_id(each) for each in ctx.arg("statuses", "6,8,10").split(",")}
        start = _unix(ctx.call.args.get("from"), 0)
        end = _unix(ctx.call.args.get("to"), ctx.now.timestamp())
        ended = ctx.engine.ended_of(start, end, ctx.now)
        chosen = (number for number in ended if STATES[number.status] in statuses)
        page = list(islice(chosen, first, first + size))
        ctx.carry(page)
        return FaceReply.json({"data": [self._row(each) for each in page]})

    def _row(self, number: SimulatedNumber) -> dict[str, Any]:
        codes = [sms.code for sms in number.sms]
        return {
            "id": str(number.id),
            "phone": number.phone,
            "service": number.service,
            "country": number.country,
            "cost": figure(number.cost_minor),  # Also when nothing was charged.
            "currency": bodies.USD,
            "status": STATES[number.status],
            "createDate": bodies.zoned(number.created_at),
            "estDate": bodies.zoned(number.expires_at),
            "code": codes[-1] if codes else None,
            "moreCodes": codes,
            "otpList": [bodies.hero_sms(number, sms) for sms in number.sms],
        }


def _unix(raw: str | None, default: float) -> int:
    """UNIX seconds or an RFC 3339 time."""
    if raw is None:
        return int(default)
    if (seconds := number_id(raw)) is not None:
        return seconds
    try:
        return int(datetime.fromisoformat(raw).astimezone(UTC).timestamp())
    except ValueError:
        return int(default)
