"""What stands in the answers of the API, typed. A newer daemon can add members.

Written by `python -m deploy.client`; a test compares it with the API.
"""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypeAlias, TypedDict


class AccountItem(TypedDict):
    """An account with the money that was paid in, each with its date."""

    account: str
    currency: str
    policy: NotRequired[str | None]
    topups: NotRequired[list[TopUp]]


class CaseBrief(TypedDict):
    """Another case of the account."""

    id: str
    kind: Literal["claim", "rental_outage", "rental_cancel", "rental_end", "withdrawal", "account"]
    moved_minor: int
    opened_at: str
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


#: Who holds the customer's money.
Charge: TypeAlias = Literal["hold", "external"]


class Clause(TypedDict):
    id: str
    says: str | None


class Code(TypedDict):
    code: str
    received_at: str
    text: str | None


class CodeShownElsewhere(TypedDict):
    """A code that another system has shown to the customer."""

    code: str
    received_at: str
    text: NotRequired[str | None]


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


class Effect(TypedDict):
    """One answer, and what it will do: a verdict without findings, or the call that is owed."""

    amount_minor: int
    answer: str
    destination: str | None
    refused: bool
    says: str


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
    "carried",
    "void",
]


class Message(TypedDict):
    code: str
    received_at: str | None
    seen_at: str
    text: str | None


class Noted(TypedDict):
    at: str
    by: str | None
    note: str


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


class Provider(TypedDict):
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
    state: Literal["taking", "paused", "halted", "draining"]
    why: str | None


class RentOptionsGiven(TypedDict):
    """What is asked of the number; refused where a provider of the order cannot be asked for it."""

    area_code: NotRequired[str | None]
    medium: NotRequired[Literal["sms", "voice"]]
    operator: NotRequired[str | None]
    reuse: NotRequired[str | None]


class RentalOrderDecided(TypedDict):
    """An order of a long rental as a human has decided it; `rental`: the one that it prolongs."""

    account: str
    by: str | None
    currency: str
    ended_at: str
    id: str
    kind: Literal["rent", "prolong"]
    note: str | None
    order_ref: str | None
    price_minor: int
    provider: str
    rental: str | None
    state: Literal["done", "failed"]


class RentedNumberItem(TypedDict):
    """The same with the names that otherwise stand in the path."""

    account: str
    charge: NotRequired[Literal["hold", "external"]]
    codes: NotRequired[list[CodeShownElsewhere]]
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


class Reply(TypedDict):
    """What came of the last attempt; without a status nobody answered in time."""

    at: str
    status: int | None


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


class TopUp(TypedDict):
    amount_minor: int
    at: NotRequired[str | None]
    reference: str


class Tried(TypedDict):
    """A provider that an order named, and in words what came of it."""

    provider: str
    why: str
