"""The control API under `/_sim/`: read the books, set faults, deliver SMS, rent in bulk.

A number in the books has its calls by operation, and of each SMS when it was first told. After
`rent-again` the next number that is rented gets the reference of one that is over.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Annotated, Any, TypeAlias

import orjson
from pydantic import Field, ValidationError

from worker.domain.money import AMOUNT_MAX
from worker.simulator.behaviours import UnreadableBehaviour, forced_by
from worker.simulator.config import FaultRule, StrictModel
from worker.simulator.engine import Engine
from worker.simulator.exchange import FaceReply, Json, Request, number_id
from worker.simulator.face import Face
from worker.simulator.faults import PlannedFault, PlannedFaults
from worker.simulator.numbers import ArrivedSms, SimulatedNumber
from worker.simulator.tariff import BuyerOrder
from worker.simulator.traffic import Traffic

PREFIX = "/_sim/"
PAGE = 100
PAGE_MAX = 10_000
_Money: TypeAlias = Annotated[int, Field(ge=-AMOUNT_MAX, le=AMOUNT_MAX)]


class BadOrder(ValueError):
    """The request names no number, or one that this call cannot change."""


class _Clear(StrictModel):
    clear: bool


class _Sms(StrictModel):
    id: int | str | None = None
    phone: str | None = None
    code: Annotated[str, Field(max_length=1000)]
    text: Annotated[str, Field(max_length=4000)] | None = None


class _Offline(StrictModel):
    """A rental stops working, or works again."""

    id: int | str
    offline: bool


class _Rent(StrictModel):
    count: Annotated[int, Field(ge=1, le=100_000)] = 1
    service: str = "tg"
    country: str = "0"
    behaviour: str | None = None


class _RentAgain(StrictModel):
    """The next number that is rented gets this id, as the one that had it."""

    id: int | str


class _Balance(StrictModel):
    """The new balance, or an amount to add to it."""

    balance_minor: _Money | None = None
    add_minor: _Money = 0


class Control:
    def __init__(self, engine: Engine, face: Face, faults: PlannedFaults, traffic: Traffic) -> None:
        self._engine = engine
        self._face = face
        self._faults = faults
        self._traffic = traffic
        self._calls: Mapping[tuple[str, str], Callable[[Request, datetime], Any]] = {
            ("GET", "books"): self._books,
            ("GET", "summary"): self._summary,
            ("GET", "faults"): self._faults_now,
            ("POST", "faults"): self._set_fault,
            ("DELETE", "faults"): self._clear_faults,
            ("POST", "sms"): self._deliver,
            ("POST", "offline"): self._offline,
            ("POST", "rent"): self._rent,
            ("POST", "rent-again"): self._rent_again,
            ("POST", "reset"): self._reset,
            ("POST", "balance"): self._balance,
        }

    def answer(self, request: Request, now: datetime) -> FaceReply:
        name = request.path.removeprefix(PREFIX)
        call = self._calls.get((request.method, name))
        try:
            if call is not None:
                return FaceReply.json(call(request, now))
            if request.method == "GET" and name.startswith("books/"):
                return FaceReply.json(
                    self._number_json(self._number(name.removeprefix("books/"), now))
                )
        except (ValidationError, orjson.JSONDecodeError, UnreadableBehaviour) as error:
            return FaceReply.json({"error": str(error)}, 400)
        except BadOrder as error:
            return FaceReply.json({"error": str(error)}, 404)
        return FaceReply.json({"error": "no such call"}, 404)

    def _books(self, request: Request, now: datetime) -> Json:
        args = request.arguments()
        offset = number_id(args.get("offset")) or 0
        limit = min(number_id(args.get("limit")) or PAGE, PAGE_MAX)
        ledger = self._engine.ledger
        ledger.catch_up(now)
        rows = []
        for number in ledger.numbers[offset : offset + limit]:
            ledger.advance(number, now)
            rows.append(self._number_json(number))
        return {"total": len(ledger.numbers), "offset": offset, "numbers": rows}

    def _summary(self, _request: Request, now: datetime) -> Json:
        ledger, traffic = self._engine.ledger, self._traffic
        for _number in ledger.everything(now):
            pass
        return {
            "now": now,
            "numbers": len(ledger.numbers),
            "live": len(ledger.live) + len(ledger.live_rentals),
            "statuses": {status.value: count for status, count in ledger.statuses.items() if count},
            "money": {
                "opening_minor": ledger.opening_minor,
                "added_minor": ledger.added_minor,
                "charged_minor": ledger.charged_minor,
                "refunded_minor": ledger.refunded_minor,
                "kept_minor": ledger.kept_minor(),
                "balance_minor": ledger.balance_minor,
            },
            "purchases": self._engine.purchases,
            "requests": {each.value: count for each, count in traffic.requests.items()},
            "most_requests_in_a_second": traffic.most_in_a_second,
            "most_requests_in_flight": traffic.most_in_flight,
            "faults": [_fault(each) for each in self._faults.holding(now)],
        }

    def _faults_now(self, _request: Request, now: datetime) -> Json:
        self._faults.holding(now)
        return {"faults": [_fault(each) for each in self._faults.all()]}

    def _set_fault(self, request: Request, now: datetime) -> Json:
        body = orjson.loads(request.body)
        if isinstance(body, dict) and "clear" in body:
            if _Clear.model_validate(body).clear:
                self._faults.clear()
            return {"faults": []}
        return {"faults": [_fault(self._faults.add(FaultRule.model_validate(body), now))]}

    def _clear_faults(self, _request: Request, _now: datetime) -> Json:
        self._faults.clear()
        return {"faults": []}

    def _deliver(self, request: Request, now: datetime) -> Json:
        body = _Sms.model_validate_json(request.body)
        if body.id is not None:
            number = self._number(str(body.id), now)
        else:
            number = self._by_phone(body.phone, now)
        if not number.live or number.offline:
            raise BadOrder("this number is over or off: an SMS to it goes nowhere")
        self._engine.ledger.receive(number, ArrivedSms(now, body.code, body.text or body.code))
        return self._number_json(number)

    def _offline(self, request: Request, now: datetime) -> Json:
        body = _Offline.model_validate_json(request.body)
        number = self._number(str(body.id), now)
        if not number.rental:
            raise BadOrder("only a rental lasts long enough to be off")
        number.offline = body.offline
        return {"offline": number.offline}

    def _rent(self, request: Request, now: datetime) -> Json:
        body = _Rent.model_validate_json(request.body)
        choice = forced_by(body.behaviour) if body.behaviour is not None else None
        if body.behaviour is not None and choice is None:
            raise UnreadableBehaviour(body.behaviour)
        order = BuyerOrder(service=body.service, country=body.country)
        numbers = self._engine.rent_many(order, choice, body.count, now)
        return {
            "numbers": [
                {
                    "id": self._face.ref(each),
                    "phone": each.phone,
                    "created_at": each.created_at,
                    "expires_at": each.expires_at,
                    "behaviour": each.plan.behaviour.value,
                }
                for each in numbers
            ]
        }

    def _rent_again(self, request: Request, now: datetime) -> Json:
        body = _RentAgain.model_validate_json(request.body)
        if not self._engine.rent_again(self._number(str(body.id), now)):
            raise BadOrder("this number lives, or its id is given out already")
        return {"id": body.id}

    def _reset(self, _request: Request, _now: datetime) -> Json:
        self._engine.reset()
        self._traffic.reset()
        self._faults.clear()
        return {"numbers": 0}

    def _balance(self, request: Request, now: datetime) -> Json:
        body = _Balance.model_validate_json(request.body)
        ledger = self._engine.ledger
        old_balance = self._engine.balance_minor(now)
        if body.balance_minor is not None:
            ledger.added_minor += body.balance_minor - old_balance
        ledger.added_minor += body.add_minor
        return {"balance_minor": ledger.balance_minor}

    def _number(self, ref: str, now: datetime) -> SimulatedNumber:
        number_id = self._face.number_id(ref)
        number = None if number_id is None else self._engine.find(number_id, now)
        if number is None:
            raise BadOrder("no such number")
        return number

    def _by_phone(self, phone: str | None, now: datetime) -> SimulatedNumber:
        number = self._engine.ledger.by_phone((phone or "").removeprefix("+"))
        if number is None:
            raise BadOrder("no such number")
        self._engine.ledger.advance(number, now)
        return number

    def _number_json(self, number: SimulatedNumber) -> dict[str, Any]:
        return {
            "id": self._face.ref(number),
            "phone": number.phone,
            "service": number.service,
            "country": number.country,
            "operator": number.operator,
            "area_code": number.area_code,
            "medium": "voice" if number.voice else "sms",
            "behaviour": number.plan.behaviour.value,
            "rental": number.rental,
            "order": number.order,
            "created_at": number.created_at,
            "cancel_from": number.cancel_from,
            "expires_at": number.expires_at,
            "ended_at": number.ended_at,
            "status": number.status.value,
            "sms": [
                {"at": sms.at, "code": sms.code, "text": sms.text, "told_at": sms.told_at}
                for sms in number.sms
            ],
            "sms_shown": number.shown,
            "cost_minor": number.cost_minor,
            "refunded_minor": number.refunded_minor,
            "net_minor": number.net_minor,
            "changes": [{"at": each.at, "status": each.status.value} for each in number.changes],
            "calls": number.calls,
            "operations": number.operations or {},
            "calls_after_end": number.calls_after_end,
            "most_calls_in_a_minute": number.most_calls_in_a_minute,
        }


def _fault(fault: PlannedFault) -> dict[str, Any]:
    return {
        "kind": fault.rule.kind.value,
        "begins": fault.begins,
        "ends": fault.ends,
        "probability": fault.rule.probability,
        "operations": sorted(each.value for each in fault.rule.operations),
    }
