"""What a face is: it reads a family's requests, asks the engine, and words the replies."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, ClassVar, NamedTuple, NoReturn

from pydantic import BaseModel

from worker.simulator.config import SimulatorConfig, StrictModel
from worker.simulator.denials import DenialReason, Denied
from worker.simulator.engine import Engine
from worker.simulator.exchange import FaceCall, FaceReply, Request, number_id
from worker.simulator.numbers import ArrivedSms, SimulatedNumber, Status
from worker.simulator.tariff import BuyerOrder, FamilyTerms


class DeniedCall(Exception):
    """The books deny what was asked; the face words it."""

    def __init__(self, denied: Denied) -> None:
        super().__init__(denied.reason.value)
        self.denied = denied


def deny(reason: DenialReason) -> NoReturn:
    raise DeniedCall(Denied(reason))


class CallContext(NamedTuple):
    """One call that a face carries out: what was asked, when, and of which books."""

    engine: Engine
    call: FaceCall
    now: datetime

    def arg(self, name: str, default: str = "") -> str:
        return self.call.args.get(name, default)

    def integer(self, name: str) -> int | None:
        """A parameter as a number; None where it is none."""
        return number_id(self.call.args.get(name))

    @property
    def balance_minor(self) -> int:
        return self.engine.balance_minor(self.now)

    def carry(self, numbers: Iterable[SimulatedNumber], *, last: bool = False) -> None:
        """Note that the reply holds every SMS of these numbers, or the last of each."""
        for number in numbers:
            self.engine.carry(number.sms[-1:] if last else number.sms)

    def rent(self, order: BuyerOrder) -> SimulatedNumber:
        number = self.engine.rent(order, self.now)
        if isinstance(number, Denied):
            raise DeniedCall(number)
        return number

    def rent_again(self, number: SimulatedNumber, order: BuyerOrder) -> SimulatedNumber:
        """Another number on the same phone; only after an SMS of this one."""
        if not number.sms:
            deny(DenialReason.NO_CODE)
        again = self.rent(replace(order, again=number))
        number.followed = True
        return again

    def cancel(self, number: SimulatedNumber, ending: Status = Status.CANCELLED) -> None:
        granted(self.engine.cancel(number, self.now, ending))

    def finish(self, number: SimulatedNumber) -> None:
        granted(self.engine.finish(number, self.now))

    def end_rental(self, number: SimulatedNumber) -> None:
        """End it either way; the price comes back only without an SMS, in time."""
        granted(self.engine.cancel(number, self.now) and self.engine.finish(number, self.now))

    def ask_again(self, number: SimulatedNumber) -> None:
        granted(self.engine.ask_again(number, self.now))

    def extend(self, number: SimulatedNumber, by: timedelta) -> None:
        granted(self.engine.extend(number, by, self.now))


def granted(denied: Denied | None) -> None:
    if denied is not None:
        raise DeniedCall(denied)


class FaceKnobs(StrictModel):
    """The facts of a family that nobody knows for certain; a script can set each."""

    min_cancel_age_seconds: float = 0

    def terms(self, lifetime: timedelta) -> FamilyTerms:
        """The times of a family whose numbers all live equally long."""
        min_cancel_age = timedelta(seconds=self.min_cancel_age_seconds)
        return FamilyTerms(lifetime=lifetime, min_cancel_age=min_cancel_age, lifetimes={})


class Face(ABC):
    """One family's side of the simulator. The methods with a body are the usual case."""

    knobs_type: ClassVar[type[BaseModel]]
    push_retries: tuple[float, ...] = ()
    """Seconds before each further try of a push that was not answered with 200."""

    def __init__(self, config: SimulatorConfig, terms: FamilyTerms) -> None:
        self._key = config.api_key
        self.terms = terms

    @abstractmethod
    def read(self, request: Request) -> FaceCall:
        """Parse a request. Changes nothing."""

    @abstractmethod
    def answer(self, ctx: CallContext) -> FaceReply:
        """Carry out a call that is not about one number, and word the reply."""

    @abstractmethod
    def answer_about(self, ctx: CallContext, number: SimulatedNumber) -> FaceReply:
        """Carry out a call about one number, and word the reply."""

    @abstractmethod
    def refuse(self, call: FaceCall, denied: Denied, now: datetime) -> FaceReply:
        """Any refusal in this family's words."""

    def empty_list(self, call: FaceCall) -> FaceReply:
        """A list without active numbers, whether that is true or not; for families with a list."""
        raise NotImplementedError(call.form)

    def alone_for_s(self, call: FaceCall) -> float | None:  # noqa: ARG002 - for families that do it
        """How long a call takes beside which others of its kind are refused; None: none is."""
        return None

    def ref(self, number: SimulatedNumber) -> str:
        """The number's id as this family writes it."""
        return str(number.id)

    def number_id(self, ref: str) -> int | None:
        """The id that a *ref* stands for; None where it cannot be one of ours."""
        return number_id(ref)

    def push(self, number: SimulatedNumber, sms: ArrivedSms) -> dict[str, Any] | None:  # noqa: ARG002 - for families that push
        """What is pushed for an SMS; None where the family pushes nothing."""
        return None

    def push_headers(self, body: bytes, secret: str) -> Mapping[str, str]:  # noqa: ARG002 - for families that sign
        """What goes out with a push, beside its type."""
        return {}

    def _wrong_key(self, key: str | None) -> DenialReason | None:
        """Why a request with this key is refused; None where the key is right."""
        if key == self._key:
            return None
        return DenialReason.BAD_KEY if key else DenialReason.NO_KEY


def denied_by_server(denied: Denied) -> FaceReply | None:
    """A refusal of the web server in front, which knows nothing of the family's words."""
    match denied.reason:
        case DenialReason.UNAVAILABLE:
            return FaceReply.text("Service Unavailable", 503)
        case DenialReason.RATE_LIMITED:
            return FaceReply.text("Too Many Requests", 429).with_wait(denied)
        case DenialReason.BAD_ACTION:
            return FaceReply.text("Not Found", 404)
        case _:
            return None
