"""What a face is: it reads a family's requests, asks the engine, and words the answers."""

from datetime import datetime
from typing import Any, Protocol

from worker.simulator.denials import Denied
from worker.simulator.engine import Engine
from worker.simulator.exchange import Call, Reply, Request
from worker.simulator.numbers import Number, Sms
from worker.simulator.tariff import Terms


class Face(Protocol):
    @property
    def terms(self) -> Terms: ...

    @property
    def push_retries(self) -> tuple[float, ...]:
        """Seconds before each further try of a push that was not answered with 200."""
        ...

    def read(self, request: Request) -> Call:
        """What is asked. Touches no books."""
        ...

    def answer(self, engine: Engine, call: Call, now: datetime) -> Reply:
        """Do what is not about one number, and say so."""
        ...

    def answer_about(self, engine: Engine, call: Call, number: Number, now: datetime) -> Reply:
        """Do what is asked about one number, and say so."""
        ...

    def refuse(self, call: Call, denied: Denied, now: datetime) -> Reply:
        """Any refusal in this family's words."""
        ...

    def empty_list(self, call: Call) -> Reply:
        """A list that says nothing is active, true or not."""
        ...

    def ref(self, number: Number) -> str:
        """The number's id as this family writes it."""
        ...

    def number_id(self, ref: str) -> int | None:
        """The other way round; None where it cannot be one of ours."""
        ...

    def push(self, number: Number, sms: Sms) -> dict[str, Any] | None:
        """What is pushed for an SMS; None where the family pushes nothing."""
        ...
