"""The reader of each fact: checks its JSON value and gives the typed one."""

import enum
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, TypeAlias, TypeVar

from worker.domain.money import AMOUNT_MAX
from worker.domain.policy import vocabulary
from worker.domain.policy.facts import Topup

FactReader: TypeAlias = Callable[[Any], object]
E = TypeVar("E", bound=enum.Enum)

TEXT_MAX = 200
ITEMS_MAX = 10_000


class BadFact(ValueError):
    """What is wrong with one value."""


def instant(value: object) -> datetime:
    """RFC 3339, at most microseconds; in UTC."""
    if not isinstance(value, str):
        raise BadFact(_INSTANT)
    return _instant(value)


@lru_cache(maxsize=4096)  # Questions come in batches, and a batch has few different `now`.
def _instant(value: str) -> datetime:
    if _RFC_3339.fullmatch(value) is None:
        raise BadFact(_INSTANT)
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        raise BadFact(_INSTANT) from None
    return at if at.tzinfo is UTC else at.astimezone(UTC)


#: Years far from the ends of the calendar, so that no deadline can fall off it.
_RFC_3339 = re.compile(
    r"(19[7-9][0-9]|[2-8][0-9]{3})-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}"
    r"(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})"
)
_INSTANT = (
    "must be an instant in RFC 3339 with its offset, at most microseconds, of the years 1970"
    " to 8999, like 2026-03-02T10:20:00.000001Z"
)


def money(value: object) -> int:
    if type(value) is not int or not 0 <= value <= AMOUNT_MAX:
        raise BadFact(f"must be whole minor units from 0 to {AMOUNT_MAX}, no fraction")
    return value


def yes_or_no(value: object) -> bool:
    if not isinstance(value, bool):
        raise BadFact("must be true or false")
    return value


def text(value: object) -> str:
    if not isinstance(value, str) or len(value) > TEXT_MAX:
        raise BadFact(f"must be a text of at most {TEXT_MAX} characters")
    return value


def one_of(kind: type[E], other: E | None = None) -> Callable[[object], E]:
    """A member of *kind*; any other text is *other*, if that is given."""
    known = {member.value: member for member in kind}
    problem = "must be one of " + ", ".join(sorted(known))

    def read(value: object) -> E:
        member = known.get(value, other) if isinstance(value, str) else None
        if member is None:
            raise BadFact(problem)
        return member

    return read


def set_of(read: Callable[[object], E]) -> Callable[[object], frozenset[E]]:
    return lambda value: frozenset(map(read, items(value)))


def instants(value: object) -> tuple[datetime, ...]:
    return tuple(map(instant, items(value)))


def topups(value: object) -> tuple[Topup, ...]:
    return tuple(map(_topup, items(value)))


def _topup(value: object) -> Topup:
    if not isinstance(value, dict) or value.keys() != {"at", "amount_minor"}:
        raise BadFact("must be a list of {at, amount_minor}")
    return Topup(instant(value["at"]), money(value["amount_minor"]))


def items(value: object) -> list[object]:
    if not isinstance(value, list) or len(value) > ITEMS_MAX:
        raise BadFact(f"must be a list of at most {ITEMS_MAX}")
    return value


def table(value: object) -> object:
    """Left as it is: `override` checks the single values."""
    if not isinstance(value, dict):
        raise BadFact("must be an object of policy values")
    return value


#: The facts that are instants.
INSTANTS = frozenset(
    {
        "now",
        "purchased_at",
        "sms_received_at",
        "sms_displayed_at",
        "claim_at",
        "evidence_at",
        "last_deposit_at",
        "rectified_at",
        "access_requested_at",
        "access_granted_at",
        "access_refused_at",
        "cancel_attempt_at",
        "blocked_at",
        "rental_start",
        "rental_end",
        "contacted_at",
        "unavailable_since",
        "restored_at",
        "open_order_window_end",
        "payment_info_requested_at",
        "payment_info_provided_at",
        "approved_at",
        "start_at",
        "done_at",
        "extension_until",
    }
)
READERS: Mapping[str, FactReader] = {
    "op": one_of(vocabulary.Op),
    "profile_overrides": table,
    "product": one_of(vocabulary.Product),
    "claim_kind": one_of(vocabulary.ClaimKind, vocabulary.ClaimKind.OTHER),
    "claim_channel": one_of(vocabulary.Channel, vocabulary.Channel.ELSEWHERE),
    "evidence": set_of(one_of(vocabulary.Evidence)),
    "destination": one_of(vocabulary.Destination),
    "account_flags": set_of(one_of(vocabulary.AccountFlag)),
    "service": text,
    "buy_channel": one_of(vocabulary.BuyChannel),
    "payment_method": one_of(vocabulary.PaymentMethod),
    "kyc": one_of(vocabulary.Kyc),
    "customer_choice": one_of(vocabulary.CustomerChoice),
    "request_fields": set_of(one_of(vocabulary.RequestField)),
    "topups": topups,
    "activations": instants,
    "withdraw_reason": one_of(vocabulary.WithdrawReason),
    "event": one_of(vocabulary.AccountEventKind),
    "sla": one_of(vocabulary.Sla),
    "idle_days": money,
    **dict.fromkeys(INSTANTS, instant),
    **dict.fromkeys(
        (
            "price_minor",
            "credited_minor",
            "refund_fee_minor",
            "replacement_value_minor",
            "balance_minor",
            "amount_minor",
            "psp_commission_minor",
        ),
        money,
    ),
    **dict.fromkeys(
        (
            "restrictions_ignored",
            "due_to_problem",
            "claim_proper",
            "reasons_given",
            "contradicts_terms",
            "verified",
            "service_2fa",
            "compat_listed",
            "contacted_before",
            "approved",
            "sms_correct",
            "allocation_failed",
            "was_listed",
            "replacement_available",
            "cancel_failed",
            "client_caused",
            "documents_shown_at_order",
            "payment_method_refundable",
            "outage_verified",
            "email_matches",
            "freeze_seen",
            "withdrawal_open",
            "extension_beyond_control",
        ),
        yes_or_no,
    ),
}
