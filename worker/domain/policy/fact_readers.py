"""The reader of each fact: checks its JSON value and gives the typed one."""

import enum
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, TypeAlias, TypeVar

from worker.domain.money import AMOUNT_MAX
from worker.domain.policy import vocabulary
from worker.domain.policy.facts import ActivatedOrder, DatedSum, PastEvent
from worker.domain.policy.language.matching import folded
from worker.domain.transfer import Charge

FactReader: TypeAlias = Callable[[Any], object]
E = TypeVar("E", bound=enum.Enum)
T = TypeVar("T")

TEXT_MAX = 200
ITEMS_MAX = 10_000
COUNT_MAX = 10**9


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
    """Without NUL, which no database keeps in a text."""
    if not isinstance(value, str) or len(value) > TEXT_MAX or "\x00" in value:
        raise BadFact(f"must be a text of at most {TEXT_MAX} characters, none of them NUL")
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


def set_of(read: Callable[[object], T]) -> Callable[[object], frozenset[T]]:
    return lambda value: frozenset(map(read, items(value)))


def list_of(read: Callable[[object], T]) -> Callable[[object], tuple[T, ...]]:
    return lambda value: tuple(map(read, items(value)))


def count(value: object) -> int:
    if type(value) is not int or not 0 <= value <= COUNT_MAX:
        raise BadFact(f"must be a whole number from 0 to {COUNT_MAX}")
    return value


def name(value: object) -> str:
    """Of a channel, a field, a label: compared as it is, and never empty."""
    word = text(value)
    if not word:
        raise BadFact("must not be empty")
    return word


def payment_method(value: object) -> str:
    """Told with the order as the shop writes it, and compared as policies name it."""
    return name(folded(text(value)))


def evidence(value: object) -> str:
    """A kind of evidence, alone or with a reference to the piece itself."""
    if not isinstance(value, dict):
        return _evidence_kind(value).value
    if not {"kind"} <= value.keys() <= {"kind", "reference"}:
        raise BadFact("must be a list of kinds or of {kind, reference}")
    text(value.get("reference", ""))
    return _evidence_kind(value["kind"]).value


_evidence_kind = one_of(vocabulary.Evidence)


def dated_sum(value: object) -> DatedSum:
    if not isinstance(value, dict) or value.keys() != {"at", "amount_minor"}:
        raise BadFact("must be a list of {at, amount_minor}")
    return DatedSum(instant(value["at"]), money(value["amount_minor"]))


def activation(value: object) -> ActivatedOrder:
    if not isinstance(value, dict):
        return ActivatedOrder(instant(value))
    if not {"at"} <= value.keys() <= {"at", "refunded"}:
        raise BadFact("must be a list of instants or of {at, refunded}")
    return ActivatedOrder(instant(value["at"]), yes_or_no(value.get("refunded", False)))


def past_event(value: object) -> PastEvent:
    optional = {"kind", "amount_minor", "times"}
    if (
        not isinstance(value, dict)
        or not {"what", "at"} <= value.keys() <= {"what", "at"} | optional
    ):
        raise BadFact("must be a list of {what, at, kind?, amount_minor?, times?}")
    kind = value.get("kind")
    return PastEvent(
        _past_event_kind(value["what"]),
        instant(value["at"]),
        money(value.get("amount_minor", 0)),
        None if kind is None else name(kind),
        count(value.get("times", 1)),
    )


_past_event_kind = one_of(vocabulary.PastEventKind)


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
        "sms_after_arrival_at",
        "claim_at",
        "arrived_at",
        "evidence_at",
        "issue_at",
        "last_deposit_at",
        "rectified_at",
        "contested_at",
        "access_requested_at",
        "access_granted_at",
        "access_refused_at",
        "cancel_attempt_at",
        "blocked_at",
        "stopped_at",
        "stopped_found_at",
        "rental_start",
        "rental_end",
        "renewed_at",
        "replacement_linked_at",
        "replacement_due_at",
        "answer_due_at",
        "first_refund_from",
        "contacted_at",
        "unavailable_since",
        "restored_at",
        "open_order_window_end",
        "kyc_requested_at",
        "payment_info_requested_at",
        "payment_info_provided_at",
        "approved_at",
        "taken_back_at",
        "idle_since",
        "start_at",
        "done_at",
        "extension_until",
    }
)
_MONEY = (
    "price_minor",
    "credited_minor",
    "paid_out_minor",
    "unused_returned_minor",
    "renewal_price_minor",
    "renewal_credited_minor",
    "credit_available_minor",
    "refund_fee_minor",
    "replacement_value_minor",
    "balance_minor",
    "refundable_minor",
    "amount_minor",
    "spent_minor",
    "psp_commission_minor",
)
_YES_OR_NO = (
    "restrictions_shown",
    "restrictions_ignored",
    "messages_missing",
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
    "first_purchase",
    "freeze_seen",
    "withdrawal_open",
    "deletion_confirmed",
    "extension_beyond_control",
)
READERS: Mapping[str, FactReader] = {
    "op": one_of(vocabulary.Op),
    "profile_overrides": table,
    "product": one_of(vocabulary.Product),
    "claim_kind": name,
    "claim_channel": name,
    "evidence": set_of(evidence),
    "destination": one_of(vocabulary.Destination),
    "account_flags": set_of(one_of(vocabulary.AccountFlag)),
    "service": text,
    "country": text,
    "operator": text,
    "labels": set_of(name),
    "label": name,
    "buy_channel": one_of(vocabulary.BuyChannel),
    "payment_method": payment_method,
    "charge": one_of(Charge),
    "alternative_method": name,
    "kyc": one_of(vocabulary.Kyc),
    "customer_choice": one_of(vocabulary.CustomerChoice),
    "request_fields": set_of(name),
    "topups": list_of(dated_sum),
    "payouts": list_of(dated_sum),
    "purchases": list_of(dated_sum),
    "activations": list_of(activation),
    "history": list_of(past_event),
    "recent_orders": count,
    "recent_cancels": count,
    "used_bp": count,
    "withdraw_reason": one_of(vocabulary.WithdrawReason),
    "withdrawal_offer": one_of(vocabulary.WithdrawalOffer),
    "event": one_of(vocabulary.AccountEventKind),
    "sla": one_of(vocabulary.Sla),
    "reason": one_of(vocabulary.Reason),
    "idle_days": count,
    **dict.fromkeys(INSTANTS, instant),
    **dict.fromkeys(_MONEY, money),
    **dict.fromkeys(_YES_OR_NO, yes_or_no),
}
