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
    obligations: list[Obligation]
    policy: str | None
    state: Literal["open", "closing", "blocked", "frozen", "deleted"]


class AccountList(TypedDict):
    items: list[Account]
    next_cursor: str | None


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
    kind: Literal["claim", "rental_outage", "rental_cancel", "withdrawal", "account"]
    moved_minor: int
    obligations: list[Obligation]
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
        "cancelled",
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


class EndpointEnabled(TypedDict):
    """`was_gone`: it had answered 410; otherwise nothing has changed."""

    was_gone: bool


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
    last_answer: Reply | None
    seq: int
    state: Literal["pending", "sent", "dead", "kept"]
    timestamp: str
    type: str


class EventList(TypedDict):
    """With `after`, oldest first: `next_after` is what to ask for next, also where nothing came."""

    items: list[Event]
    next_after: int | None
    next_cursor: str | None


class Evidence(TypedDict):
    at: str
    by: str | None
    content: dict[str, Any]
    what: str


class Fault(TypedDict):
    detail: str
    pointer: str


class Figures(TypedDict):
    """Of the numbers rented in that time; ratios of those that ended, null where none did."""

    cancel_ratio: Any | None
    code_seconds_median: Any | None
    delivered: int
    refunded: int
    rented: int
    success_ratio: Any | None


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


class Obligation(TypedDict):
    """What somebody owes in a case, until when, and how it ended."""

    by_when: str
    case: str
    end: str | None
    ended_at: str | None
    id: str
    owed_by: Literal["shop", "customer"]
    since: str
    what: Owed


class OrderFactsTold(TypedDict):
    """Told once, with the order; later calls can neither change nor add them."""

    buy_channel: NotRequired[Literal["web", "api"] | None]
    compat_listed: NotRequired[bool | None]
    documents_shown_at_order: NotRequired[bool | None]
    labels: NotRequired[list[str] | None]
    operator: NotRequired[str | None]
    payment_method: NotRequired[str | None]
    refund_fee_minor: NotRequired[int | None]
    restrictions_ignored: NotRequired[bool | None]
    restrictions_shown: NotRequired[bool | None]
    service_2fa: NotRequired[bool | None]
    terms: NotRequired[Terms | None]
    was_listed: NotRequired[bool | None]


#: A promise of the shop with a time limit.
Owed: TypeAlias = Literal[
    "review",
    "balance_credit",
    "refund_payment",
    "honour",
    "replacement",
    "access",
    "kyc",
    "payment_info",
    "alternative",
    "answer",
]


class Piece(TypedDict):
    """One piece of evidence, and where it can be looked at."""

    kind: Literal["screenshot", "screenshot_2fa", "photo", "video"]
    reference: NotRequired[str | None]
    words: NotRequired[str | None]


class Problem(TypedDict):
    """RFC 9457; branch on `type`."""

    activation: NotRequired[str | None]
    detail: NotRequired[str | None]
    errors: NotRequired[list[Fault] | None]
    request_id: NotRequired[str | None]
    status: int
    title: str
    type: str


class Provider(TypedDict):
    balance_at: str | None
    balance_minor: int | None
    circuit: Literal["closed", "open"]
    currency: str
    day: Figures
    dialect: str | None
    exposure_limit_minor: int
    exposure_minor: int
    family: str
    live: int
    name: str
    state: Literal["taking", "paused", "halted", "draining"]
    why: str | None


class ProviderList(TypedDict):
    items: list[Provider]
    next_cursor: None


class ProviderWhole(TypedDict):
    """With its services by country, of seven days."""

    balance_at: str | None
    balance_minor: int | None
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


class RentalList(TypedDict):
    items: list[Rental]
    next_cursor: str | None


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
    order_facts: NotRequired[OrderFactsTold | None]
    order_ref: NotRequired[str | None]
    phone: str
    policy: NotRequired[str | None]
    price_minor: int
    provider: str
    provider_ref: str
    rented_at: NotRequired[str | None]
    service: str
    window_seconds: NotRequired[int | None]


class Replayed(TypedDict):
    replayed: int


class Reply(TypedDict):
    """What came of the last attempt; without a status nobody answered in time."""

    at: str
    status: int | None


class Review(TypedDict):
    """What waits: the facts, the clauses, the sum proposed and by when."""

    account: str
    by_when: str
    case: str | None
    clauses: list[str]
    currency: str
    destination: str | None
    facts: dict[str, Any]
    id: str
    kind: Literal["claim", "rental_outage", "rental_cancel", "withdrawal", "account", "activation"]
    opened_at: str
    proposed_minor: int
    reason: str
    subject: str


class ReviewEnded(TypedDict):
    """What the verdict ended or moved on: a case or an activation."""

    activation: Activation | None
    case: Case | None


class ReviewList(TypedDict):
    items: list[Review]
    next_cursor: str | None


class Service(TypedDict):
    cancel_ratio: Any | None
    code_seconds_median: Any | None
    country: str
    delivered: int
    refunded: int
    rented: int
    service: str
    success_ratio: Any | None


class Settlement(TypedDict):
    amount_minor: int
    at: str
    outcome: Literal["delivered", "refunded", "closed"]
    reason: str


class Terms(TypedDict):
    """The version of the shop's terms that the customer accepted, and when."""

    accepted_at: str
    version: str


class Timeline(TypedDict):
    """One line of the timeline; further members depend on what happened."""

    at: str
    what: str


class Timer(TypedDict):
    due_at: str
    kind: str
