"""What the API answers: plain JSON, typed. A newer daemon can add members.

Written by `python -m deploy.client`; a test compares it with the API.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, NotRequired, TypeAlias, TypedDict

from worker.client.calls.parts import (
    CaseBrief,
    Charge,
    Clause,
    Code,
    Decision,
    Effect,
    Entry,
    Event,
    Evidence,
    Fault,
    Figures,
    Message,
    Noted,
    Obligation,
    RentalOrderDecided,
    Service,
    Settlement,
    Timeline,
    Timer,
    Tried,
)

#: Given as RFC 3339 text, or as a `datetime` with its offset.
Instant: TypeAlias = datetime | str


class Account(TypedDict):
    account: str
    available_minor: int
    currency: str
    held_minor: int
    obligations: list[Obligation]
    policy: str | None
    state: Literal["open", "closing", "blocked", "frozen", "deleted"]


class AccountWhole(TypedDict):
    """With what staff noted about it, the newest first."""

    account: str
    available_minor: int
    currency: str
    held_minor: int
    notes: list[Noted]
    obligations: list[Obligation]
    policy: str | None
    state: Literal["open", "closing", "blocked", "frozen", "deleted"]


class Activation(TypedDict):
    account: str
    cancel_from_at: str | None
    cancel_offered: bool
    cancel_until_at: str | None
    codes: list[Code]
    country: str
    currency: str
    deadline_at: str
    id: str
    order_facts: dict[str, Any] | None
    order_ref: str | None
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
    summary: str
    timeline: list[Timeline]


class ActivationExpanded(TypedDict):
    """With `expand`: its events, what moved for it in the ledger, its cases; each oldest first."""

    account: str
    cancel_from_at: str | None
    cancel_offered: bool
    cancel_until_at: str | None
    cases: NotRequired[list[Case] | None]
    codes: list[Code]
    country: str
    currency: str
    deadline_at: str
    entries: NotRequired[list[Entry] | None]
    events: NotRequired[list[Event] | None]
    id: str
    order_facts: dict[str, Any] | None
    order_ref: str | None
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
    summary: str
    timeline: list[Timeline]


class BulkAccepted(TypedDict):
    activation: Activation
    status: Literal[200, 201]


class BulkAccountResults(TypedDict):
    """One result for each account, in the order of the call."""

    results: list[BulkAccountTaken | BulkRefused]


class BulkAccountTaken(TypedDict):
    account: Account
    status: Literal[200, 201]
    topups_minor: int
    topups_new_minor: int


class BulkRefused(TypedDict):
    problem: Problem
    status: int


class BulkResults(TypedDict):
    """One result for each item, in the order of the items."""

    results: list[BulkAccepted | BulkRefused]


class Case(TypedDict):
    account: str
    activation: str | None
    charge: Charge | None
    closed_at: str | None
    currency: str
    decision: Decision | None
    decisions: list[Decision]
    evidence: list[Evidence]
    facts: dict[str, Any]
    id: str
    kind: Literal["claim", "rental_outage", "rental_cancel", "rental_end", "withdrawal", "account"]
    moved_minor: int
    obligations: list[Obligation]
    opened_at: str
    order_ref: str | None
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
        "cancelled",
    ]
    subject: str
    timers: list[Timer]
    verdict: dict[str, Any] | None
    withheld_minor: int


class Document(TypedDict):
    """This description."""

    openapi: Literal["3.1.0"]


class EndpointEnabled(TypedDict):
    """`was_gone`: it had answered 410; otherwise nothing has changed."""

    was_gone: bool


class Nothing(TypedDict):
    """`{}`"""


class Problem(TypedDict):
    """RFC 9457; branch on `type`."""

    activation: NotRequired[str | None]
    case: NotRequired[str | None]
    detail: NotRequired[str | None]
    errors: NotRequired[list[Fault] | None]
    request_id: NotRequired[str | None]
    seq: NotRequired[int | None]
    status: int
    title: str
    tried: NotRequired[list[Tried] | None]
    type: str


class ProviderWhole(TypedDict):
    """With its services by country, of seven days."""

    balance_at: str | None
    balance_minor: int | None
    by: str | None
    circuit: Literal["closed", "open"]
    currency: str
    day: Figures
    dialect: str | None
    exposure_limit_minor: int
    exposure_minor: int
    family: str
    live: int
    name: str
    services: list[Service]
    state: Literal["taking", "paused", "halted", "draining"]
    why: str | None


class Rental(TypedDict):
    account: str
    cancels: list[Case]
    charge: Literal["hold", "external"]
    claims: list[Case]
    country: str
    currency: str
    ended_at: str | None
    ends_at: str
    id: str
    messages: list[Message]
    order_facts: dict[str, Any] | None
    order_ref: str | None
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
    """In doubt: never sent again, and its price is held; it becomes a review with this id."""

    order: str
    state: Literal["unknown"]


class Rented(TypedDict):
    """With the providers that were tried, in their order."""

    account: str
    cancel_from_at: str | None
    cancel_offered: bool
    cancel_until_at: str | None
    codes: list[Code]
    country: str
    currency: str
    deadline_at: str
    id: str
    order_facts: dict[str, Any] | None
    order_ref: str | None
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
    summary: str
    timeline: list[Timeline]
    tried: list[Tried]


class Replayed(TypedDict):
    replayed: int


class Review(TypedDict):
    """What waits: the facts, the clauses, the sum proposed and by when.

    `said` is what the customer said and showed, and what staff noted. With `brief` it is empty, and
    so are the order, the other cases and the answers.
    """

    account: str
    activation: Activation | None
    answers: list[Effect]
    by_when: str
    case: str | None
    charge: Charge | None
    clauses: list[str]
    currency: str
    destination: str | None
    facts: dict[str, Any]
    id: str
    kind: Literal[
        "claim",
        "rental_outage",
        "rental_cancel",
        "rental_end",
        "withdrawal",
        "account",
        "activation",
        "rental_order",
    ]
    late: bool
    opened_at: str
    order_ref: str | None
    other_cases: list[CaseBrief]
    proposed_minor: int
    reason: str
    rental: Rental | None
    said: list[Evidence]
    sentences: list[Clause]
    subject: str


class ReviewEnded(TypedDict):
    """What the verdict ended or moved on: a case, an activation or an order of a long rental."""

    activation: Activation | None
    case: Case | None
    rental_order: RentalOrderDecided | None
