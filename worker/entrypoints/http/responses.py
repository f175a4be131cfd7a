"""The JSON that comes out, as `render` makes it; these models only describe it for OpenAPI."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from worker.domain.transfer import TransferKind
from worker.entrypoints.http.requests import StateName

Moment = Annotated[
    str,
    Field(
        pattern=r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}Z$",
        json_schema_extra={"format": "date-time"},
    ),
]


class Shown(BaseModel):
    model_config = ConfigDict(extra="forbid")


class AccountShown(Shown):
    account: str
    currency: str
    available_minor: int
    held_minor: int
    state: str


class EntryShown(Shown):
    """One ledger entry; the amount is signed for the account's available balance."""

    id: int
    at: Moment
    kind: TransferKind
    key: str
    source: str
    destination: str
    amount_minor: int
    currency: str
    activation: str | None


class EntryList(Shown):
    items: list[EntryShown]
    next_cursor: str | None


class CodeShown(Shown):
    code: str
    text: str | None
    received_at: Moment


class SettlementShown(Shown):
    outcome: Literal["delivered", "refunded", "closed"]
    amount_minor: int
    reason: str
    at: Moment


class TimelineShown(BaseModel):
    """One line of the timeline; further members depend on what happened."""

    model_config = ConfigDict(extra="allow")

    at: Moment
    what: str


class ActivationShown(Shown):
    id: str
    provider: str
    provider_ref: str | None  #: None while a purchase's outcome is unknown.
    account: str
    phone: str | None
    service: str
    country: str
    price_minor: int
    currency: str
    policy: str
    state: StateName
    provider_state: Literal[
        "open", "cancelling", "cancelled", "finishing", "finished", "charged", "gone", "disputed"
    ]
    rented_at: Moment
    deadline_at: Moment
    codes: list[CodeShown]
    settlement: SettlementShown | None
    timeline: list[TimelineShown]


class ActivationList(Shown):
    items: list[ActivationShown]
    next_cursor: str | None


class FaultShown(Shown):
    pointer: str
    detail: str


class ProblemShown(Shown):
    """RFC 9457; branch on `type`."""

    type: str
    title: str
    status: int
    detail: str | None = None
    errors: list[FaultShown] | None = None
    request_id: str | None = None


class BulkAccepted(Shown):
    status: Literal[200, 201]
    activation: ActivationShown


class BulkRefused(Shown):
    status: int
    problem: ProblemShown


class BulkShown(Shown):
    """One result for each item, in the order of the items."""

    results: list[BulkAccepted | BulkRefused]


class EventShown(Shown):
    """One outgoing event; `data` is what its endpoint gets."""

    id: str
    type: str
    timestamp: Moment
    activation: str | None
    attempts: int
    data: dict[str, Any]


class EventList(Shown):
    items: list[EventShown]
    next_cursor: str | None


class DocumentShown(BaseModel):
    """This description."""

    model_config = ConfigDict(extra="allow")

    openapi: Literal["3.1.0"]


class Nothing(Shown):
    """`{}`"""
