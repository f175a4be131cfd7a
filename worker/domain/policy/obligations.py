"""Whether something that is owed by a date is done, due or overdue (`sla_tick`)."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

from worker.domain.policy import findings
from worker.domain.policy.deadlines import (
    business_days_after,
    credit_by,
    days_after,
    honour_by,
    pay_by,
    review_by,
)
from worker.domain.policy.decision import Decision, deny, nothing, propose, review, wait
from worker.domain.policy.facts import SlaFacts
from worker.domain.policy.language.profile import Profile
from worker.domain.policy.vocabulary import Outcome, Reason, Sla

#: No policy names these dates, so the worker chose them.
DEFAULT_DAYS: Final = 14
DEFAULT_REPLACEMENT_BUSINESS_DAYS: Final = 3

#: What is asked of the account again in the moment it is carried out.
_CARRIED_OUT: Final = frozenset({Sla.REFUND_PAYMENT, Sla.REPLACEMENT})


def sla_tick(profile: Profile, facts: SlaFacts, now: datetime) -> Decision:
    due_at = due_by(profile, facts)
    if due_at is None:
        return review(Reason.POLICY_SILENT)
    if facts.done_at is not None:
        return nothing(Reason.DONE if facts.done_at <= due_at else Reason.DONE_LATE)
    if facts.sla in _CARRIED_OUT and not facts.freeze_seen:
        barred = findings.barred_since(profile, facts.account_flags)
        if barred is not None:
            return _to_human(facts, barred)
    return wait(_DUE[facts.sla], due_at) if now <= due_at else _overdue(profile, facts)


def due_by(profile: Profile, facts: SlaFacts) -> datetime | None:
    """The policy's date, else the worker's own; None where there is neither."""
    start, sla = facts.start_at, facts.sla
    if sla in _OWN_DAYS:
        return _days(profile, start, _OWN_DAYS[sla](profile))
    match sla:
        case Sla.REVIEW:
            return review_by(profile, start)
        case Sla.HONOUR:
            return honour_by(profile, start)
        case Sla.BALANCE_CREDIT:
            return credit_by(profile, start) or start
        case Sla.REFUND_PAYMENT:
            paid_by = pay_by(profile, start, facts.payment_method) or _days(profile, start, None)
            return _extended(profile, facts, paid_by)
        case _:
            days = profile.obligations.replacement_business_days
            return business_days_after(profile, start, days or DEFAULT_REPLACEMENT_BUSINESS_DAYS)


#: What is owed within days: what the policy says of each.
_OWN_DAYS: Mapping[Sla, Callable[[Profile], int | None]] = {
    Sla.ACCESS: lambda profile: profile.obligations.access_days,
    Sla.KYC: lambda profile: profile.obligations.kyc_days,
    Sla.PAYMENT_INFO: lambda profile: profile.processing.payment_info_days,
    Sla.ALTERNATIVE: lambda profile: profile.obligations.alternative_days,
    Sla.ANSWER: lambda profile: profile.obligations.answer_days,
}


def _days(profile: Profile, start: datetime, days: int | None) -> datetime:
    return days_after(profile, start, DEFAULT_DAYS if days is None else days)


def _extended(profile: Profile, facts: SlaFacts, due_at: datetime) -> datetime:
    """Only a recorded reason beyond the shop's control moves the date, and only to a later one."""
    if facts.extension_until is None:
        return due_at
    allowed = profile.processing.extendable and facts.extension_beyond_control
    return max(due_at, facts.extension_until) if allowed else due_at


def _overdue(profile: Profile, facts: SlaFacts) -> Decision:
    """The end of an obligation: the shop is late, or the customer let his date pass."""
    if facts.sla is Sla.ANSWER:
        return deny(facts.reason)
    if facts.sla is Sla.PAYMENT_INFO and profile.processing.payment_info_days is not None:
        return deny(Reason.PAYMENT_INFO_TIMEOUT)
    if facts.sla in _ENDS_WITH_HUMAN:
        return _to_human(facts, _ENDS_WITH_HUMAN[facts.sla])
    return Decision(Outcome.OVERDUE, _OVERDUE[facts.sla])


def _to_human(facts: SlaFacts, reason: Reason) -> Decision:
    return propose(reason, facts.amount_minor, facts.destination, None)


_DUE = {
    Sla.REVIEW: Reason.REVIEW_DUE,
    Sla.BALANCE_CREDIT: Reason.BALANCE_CREDIT_DUE,
    Sla.REFUND_PAYMENT: Reason.REFUND_PAYMENT_DUE,
    Sla.HONOUR: Reason.HONOUR_DUE,
    Sla.REPLACEMENT: Reason.REPLACEMENT_DUE,
    Sla.ACCESS: Reason.ACCESS_DUE,
    Sla.KYC: Reason.KYC_DUE,
    Sla.PAYMENT_INFO: Reason.PAYMENT_INFO_DUE,
    Sla.ALTERNATIVE: Reason.ALTERNATIVE_DUE,
    Sla.ANSWER: Reason.ANSWER_DUE,
}
_ENDS_WITH_HUMAN = {
    Sla.ACCESS: Reason.ACCESS_OVERDUE,
    Sla.KYC: Reason.KYC_OVERDUE,
    Sla.PAYMENT_INFO: Reason.PAYMENT_INFO_OVERDUE,
    Sla.ALTERNATIVE: Reason.ALTERNATIVE_OVERDUE,
}
_OVERDUE = {
    Sla.REVIEW: Reason.REVIEW_OVERDUE,
    Sla.BALANCE_CREDIT: Reason.BALANCE_CREDIT_OVERDUE,
    Sla.REFUND_PAYMENT: Reason.REFUND_PAYMENT_OVERDUE,
    Sla.HONOUR: Reason.HONOUR_OVERDUE,
    Sla.REPLACEMENT: Reason.REPLACEMENT_OVERDUE,
}
