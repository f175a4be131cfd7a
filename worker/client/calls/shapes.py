"""What the API answers: plain JSON, typed. A newer daemon can add members and words.

Written by `python -m deploy.client`; a test compares it with the API.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, NotRequired, TypeAlias, TypedDict

#: Given as RFC 3339 text, or as a `datetime` with its offset.
Instant: TypeAlias = datetime | str


class Account(TypedDict):
    account: str
    available_minor: int
    currency: str
    held_minor: int
    state: str


class Activation(TypedDict):
    account: str
    codes: list[Code]
    country: str
    currency: str
    deadline_at: str
    id: str
    phone: str | None
    policy: str
    price_minor: int
    provider: str
    provider_ref: str | None
    provider_state: Literal[
        "open", "cancelling", "cancelled", "finishing", "finished", "charged", "gone", "disputed"
    ]
    rented_at: str
    service: str
    settlement: Settlement | None
    state: Literal[
        "waiting", "expiring", "received", "in_review", "delivered", "refunded", "closed"
    ]
    timeline: list[Timeline]


class ActivationList(TypedDict):
    items: list[Activation]
    next_cursor: str | None


class BulkAccepted(TypedDict):
    activation: Activation
    status: Literal[200, 201]


class BulkRefused(TypedDict):
    problem: Problem
    status: int


class BulkResults(TypedDict):
    """One result for each item, in the order of the items."""

    results: list[BulkAccepted | BulkRefused]


class Case(TypedDict):
    account: str
    activation: str | None
    closed_at: str | None
    currency: str
    decision: Decision | None
    decisions: list[Decision]
    evidence: list[Evidence]
    facts: dict[str, Any]
    id: str
    kind: Literal["claim", "rental_outage", "withdrawal", "account"]
    moved_minor: int
    opened_at: str
    policy: str
    policy_version: str
    rental: str | None
    state: Literal[
        "waiting",
        "needs_evidence",
        "in_review",
        "approved",
        "granted",
        "denied",
        "resolved",
        "replaced",
        "paid",
        "done",
    ]
    subject: str
    timers: list[Timer]
    verdict: dict[str, Any] | None
    withheld_minor: int


class Code(TypedDict):
    code: str
    received_at: str
    text: str | None


class Decision(TypedDict):
    amount_minor: int
    as_of: str
    at: str
    by: Literal["policy", "verdict"]
    clauses: list[str]
    deadline: str | None
    destination: str | None
    fee_minor: int
    outcome: str
    policy_version: str
    reason: str


class Document(TypedDict):
    """This description."""

    openapi: Literal["3.1.0"]


class Ended(TypedDict):
    """What the verdict ended or moved on: a case or an activation."""

    activation: Activation | None
    case: Case | None


class Entry(TypedDict):
    """One ledger entry; the amount is signed for the account's available balance."""

    activation: str | None
    amount_minor: int
    at: str
    currency: str
    destination: str
    id: int
    key: str
    kind: Kind
    source: str


class EntryList(TypedDict):
    items: list[Entry]
    next_cursor: str | None


class Event(TypedDict):
    """One outgoing event; `data` is what its endpoint gets."""

    activation: str | None
    attempts: int
    data: dict[str, Any]
    id: str
    timestamp: str
    type: str


class EventList(TypedDict):
    items: list[Event]
    next_cursor: str | None


class Evidence(TypedDict):
    at: str
    content: dict[str, Any]
    what: str


class Fault(TypedDict):
    detail: str
    pointer: str


#: Why money moves; with the id of its thing, the unique key of the move.
Kind: TypeAlias = Literal[
    "topup",
    "hold",
    "capture",
    "release",
    "rental",
    "renthold",
    "rentback",
    "prolong",
    "claim",
    "withhold",
    "giveback",
    "excess",
    "withdraw",
    "fee",
    "void",
]


class Message(TypedDict):
    code: str
    received_at: str | None
    seen_at: str
    text: str | None


class Nothing(TypedDict):
    """`{}`"""


class Problem(TypedDict):
    """RFC 9457; branch on `type`."""

    detail: NotRequired[str | None]
    errors: NotRequired[list[Fault] | None]
    request_id: NotRequired[str | None]
    status: int
    title: str
    type: str


class Rental(TypedDict):
    account: str
    charge: Literal["hold", "external"]
    claims: list[Case]
    country: str
    currency: str
    ended_at: str | None
    ends_at: str
    id: str
    messages: list[Message]
    outages: list[Case]
    phone: str
    policy: str
    policy_version: str
    price_minor: int
    provider: str
    provider_ref: str
    renewal_price_minor: int | None
    renewed_at: str | None
    rented_at: str
    service: str


class RentalOrder(TypedDict):
    """An order whose outcome nobody knows yet. It is never sent again; its price stays held."""

    order: str
    state: Literal["unknown"]


class RentedNumberItem(TypedDict):
    """The same with the names that otherwise stand in the path."""

    account: str
    charge: NotRequired[Literal["hold", "external"]]
    country: str
    expires_at: NotRequired[str | None]
    phone: str
    policy: NotRequired[str | None]
    price_minor: int
    provider: str
    provider_ref: str
    rented_at: NotRequired[str | None]
    service: str
    window_seconds: NotRequired[int | None]


class Review(TypedDict):
    """What waits: the facts, the clauses, the sum proposed and by when."""

    account: str
    by_when: str | None
    clauses: list[str]
    currency: str
    destination: str | None
    facts: dict[str, Any]
    id: str
    kind: Literal["claim", "rental_outage", "withdrawal", "account", "activation"]
    opened_at: str
    proposed_minor: int
    reason: str
    subject: str


class ReviewList(TypedDict):
    items: list[Review]
    next_cursor: str | None


class Settlement(TypedDict):
    amount_minor: int
    at: str
    outcome: Literal["delivered", "refunded", "closed"]
    reason: str


class Timeline(TypedDict):
    """One line of the timeline; further members depend on what happened."""

    at: str
    what: str


class Timer(TypedDict):
    due_at: str
    kind: str
