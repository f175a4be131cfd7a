"""`KindRule`: how claims of one kind are decided; what the worker knows of the kinds it names."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from worker.domain.calendar import Duration
from worker.domain.policy.language.choices import (
    ClientIf,
    Decided,
    LateClaim,
    LogTest,
    Remedy,
    Unlogged,
    WindowFrom,
)
from worker.domain.policy.vocabulary import Destination, Reason

KIND_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")  #: Of payment methods and labels, too.
OTHER = "other"  #: The row that a kind without one of its own follows.
NON_RECEIVING = "non_receiving"
EARLY_DEACTIVATION = "early_deactivation"  #: A rental given back by letter, as by Cancel.


class KnownKind(NamedTuple):
    """What the worker itself knows of a kind."""

    log: LogTest | None = None  #: The test of `decided = "log"`.
    denied: Reason = Reason.NOT_COVERED  #: The reason of `decided = "deny"`.


KNOWN_KINDS: Mapping[str, KnownKind] = {
    NON_RECEIVING: KnownKind(LogTest.NO_SMS),
    "cannot_provide": KnownKind(LogTest.NOT_PROVIDED),
    "no_numbers": KnownKind(LogTest.NOT_PROVIDED),
    "service_unavailable": KnownKind(LogTest.NOT_PROVIDED),
    "country_unavailable": KnownKind(LogTest.NOT_PROVIDED),
    "carrier_fault": KnownKind(LogTest.STOPPED),
    "operator_block": KnownKind(LogTest.BLOCKED, Reason.OPERATOR_BLOCK),
    "cancel_error": KnownKind(LogTest.CANCEL_FAILED, Reason.CANCEL_ERROR),
    "invalid_number": KnownKind(),
    "major_defect": KnownKind(),
    "incompatibility": KnownKind(None, Reason.THIRD_PARTY_INCOMPATIBILITY),
    "third_party_support": KnownKind(None, Reason.NO_THIRD_PARTY_SUPPORT),
    "api_misuse": KnownKind(None, Reason.API_MISUSE),
    "user_software_bug": KnownKind(None, Reason.USER_SOFTWARE_BUG),
    EARLY_DEACTIVATION: KnownKind(None, Reason.EARLY_DEACTIVATION),
    "documents_refused": KnownKind(None, Reason.DOCUMENTS_REFUSED),
    "unused_funds": KnownKind(None, Reason.UNUSED_FUNDS),
    "caller_id": KnownKind(None, Reason.CALLER_ID),
    "changed_mind": KnownKind(None, Reason.CHANGED_MIND),
    "accidental_topup": KnownKind(None, Reason.ACCIDENTAL_TOPUP),
    "misunderstanding": KnownKind(None, Reason.MISUNDERSTANDING),
    "account_maintenance": KnownKind(None, Reason.BEYOND_RESPONSIBILITY),
    "wrong_code": KnownKind(),
    "incomplete_text": KnownKind(),
    "number_given_out": KnownKind(),
}
_UNKNOWN = KnownKind()


@dataclass(frozen=True, slots=True, kw_only=True)
class KindRule:
    """One row of `[claims.kinds]` with every default in its place."""

    name: str  #: Of the kind that is claimed; its row may be `other`.
    decided: Decided = Decided.REVIEW
    log: LogTest | None = None
    unlogged: Unlogged = Unlogged.REVIEW
    to: Destination | None = None  #: Balance: this kind never leaves.
    client_if: ClientIf | None = None
    remedy: Remedy = Remedy.REFUND
    share_bp: int = 10_000
    evidence: frozenset[str] | None = None  #: None: any kind of evidence.
    before_sms: bool = False
    unless_listed: bool = False
    reason: Reason = Reason.NOT_COVERED
    any_channel: bool = False
    window: Duration | None = None  #: None: no limit.
    window_from: WindowFrom = WindowFrom.PURCHASE
    late: LateClaim = LateClaim.DENY


class ClaimWindow(NamedTuple):
    """What a kind without a window of its own has: the policy's."""

    window: Duration | None
    window_from: WindowFrom
    late: LateClaim


def kind_rule(name: str, row: Mapping[str, Any], policy: ClaimWindow) -> KindRule:
    """The rule of the kind *name*, of which a file says *row*."""
    known = KNOWN_KINDS.get(name, _UNKNOWN)
    inherited: dict[str, Any] = {
        **policy._asdict(),
        "log": known.log,
        "reason": known.denied,
        "any_channel": row.get("decided") is Decided.REPAIR,
    }
    return KindRule(name=name, **(inherited | dict(row)))
