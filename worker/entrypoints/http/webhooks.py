"""The outgoing events as the description has them: each type with its `data`."""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, Field, RootModel, create_model

from worker.domain.transfer import Charge
from worker.entrypoints.http.problems import FaultShown
from worker.entrypoints.http.responses import Moment, ResponseBody
from worker.ports.handover import IntakeRefusal


class CodeReceivedShown(ResponseBody):
    """A code may be shown to the customer; `number` counts those of this activation."""

    id: str
    provider: str
    provider_ref: str
    account: str
    order_ref: str | None = None  #: Where the order had one; so below.
    state: Literal["received"]
    number: int
    code: str
    received_at: Moment


class ActivationEndedShown(ResponseBody):
    """The number has its ending, with its money; in review, a person decides about it."""

    id: str
    provider: str
    provider_ref: str | None
    account: str
    order_ref: str | None = None
    state: Literal["delivered", "refunded", "closed", "in_review"]
    amount_minor: int
    currency: str
    charge: Charge  #: `external`: the money is in the shop's books, and the shop moves it.
    reason: str


class IntakeRefusedShown(ResponseBody):
    """A number handed over through arq is not watched; what could be read of it, and all of it."""

    job: str
    reason: IntakeRefusal
    provider: str | None = None
    provider_ref: str | None = None
    account: str | None = None
    order_ref: str | None = None
    errors: list[FaultShown] | None = None
    payload: Any = None  #: As it was sent.
    body_base64: str | None = None  #: Of a job that cannot be read.


class ReviewToldShown(ResponseBody):
    """Something waits for a human; a case has its id, so have a number and an order of a rental."""

    id: str
    case: str | None
    kind: str
    subject: str
    activation: str | None
    account: str
    order_ref: str | None = None
    currency: str


class ReviewOpenedShown(ReviewToldShown):
    """With what is asked, and by when; null where the date is counted later."""

    reason: str
    proposed_minor: int
    by_when: Moment | None


class ReviewDecidedShown(ReviewToldShown):
    """With what became of it; not by a verdict where a date or the customer ended it."""

    state: str
    by_verdict: bool


class CaseToldShown(ResponseBody):
    """What became of a case; with its last decision, where it has one."""

    id: str
    kind: str
    subject: str
    activation: str | None
    rental: str | None
    account: str
    order_ref: str | None = None
    state: str  #: As the type's last word says.
    currency: str
    charge: Charge | None = None  #: Of the order that it is about, as above.
    outcome: str | None = None
    reason: str | None = None
    amount_minor: int | None = None
    fee_minor: int | None = None
    destination: str | None = None
    deadline: Moment | None = None
    clauses: list[str] | None = None


class FinalisedShown(ResponseBody):
    """Nobody complained about a number in time: what it cost is final."""

    id: str
    activation: str
    account: str
    order_ref: str | None = None
    outcome: Literal["finalised"]
    deadline: Moment
    charge: Charge


class RentalClosedShown(ResponseBody):
    """A long rental has ended; what became of its price at the provider."""

    rental: str
    provider: str
    provider_ref: str
    account: str
    order_ref: str | None = None
    at_provider: str


class RentalUnknownShown(ResponseBody):
    """Nobody knows what became of an order of a long rental: a person decides about it."""

    order: str
    kind: Literal["rent", "prolong"]
    provider: str
    account: str
    rental: str | None
    order_ref: str | None = None


class CaseOrFinalShown(RootModel[CaseToldShown | FinalisedShown]):
    """What became of a claim; `claim.finalised` is of a number that nobody complained about."""


class RentalEventShown(RootModel[CaseToldShown | RentalClosedShown | RentalUnknownShown]):
    """What became of a case of a long rental, of its end, or of an order in doubt."""


#: By type; one that ends in `*` stands for all types that begin so.
EVENT_DATA: Final[Mapping[str, type[BaseModel]]] = {
    "activation.code_received": CodeReceivedShown,
    "activation.delivered": ActivationEndedShown,
    "activation.refunded": ActivationEndedShown,
    "activation.closed": ActivationEndedShown,
    "activation.in_review": ActivationEndedShown,
    "intake.refused": IntakeRefusedShown,
    "review.opened": ReviewOpenedShown,
    "review.decided": ReviewDecidedShown,
    "review.late": ReviewOpenedShown,
    "claim.*": CaseOrFinalShown,
    "rental.*": RentalEventShown,
    "withdrawal.*": CaseToldShown,
    "account.*": CaseToldShown,
}


def _model(type_: str, data: type[BaseModel]) -> type[BaseModel]:
    """The body that is sent for events of a type."""
    name = "".join(part.title() for part in type_.replace("_", ".").split(".") if part != "*")
    family = rf"^{type_.removesuffix('*').replace('.', chr(92) + '.')}"
    kind: Any = Annotated[str, Field(pattern=family)] if "*" in type_ else Literal[type_]
    fields: Any = {"type": (kind, ...), "timestamp": (Moment, ...), "data": (data, ...)}
    return create_model(f"{name}Told", __base__=ResponseBody, **fields)


WEBHOOKS: Final[Mapping[str, type[BaseModel]]] = {
    type_: _model(type_, data) for type_, data in EVENT_DATA.items()
}
