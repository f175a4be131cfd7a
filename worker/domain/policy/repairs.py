"""Claims of a defect that the shop may repair first, and what follows where it does not."""

from datetime import datetime, timedelta

from worker.domain.policy.claim_case import ClaimCase, ClaimCheck
from worker.domain.policy.claim_payments import ask_human, judge, pay
from worker.domain.policy.deadlines import business_days_after, days_after
from worker.domain.policy.decision import Decision, deny, first_answer, wait
from worker.domain.policy.language.profile import BASIS_POINTS
from worker.domain.policy.vocabulary import CustomerChoice, Outcome, Reason

_RESOLVED = Decision(Outcome.RESOLVED, Reason.RECTIFIED_IN_TIME)


def repair(case: ClaimCase) -> Decision:
    return first_answer(_CHECKS, case)


def _no_time_said(case: ClaimCase) -> Decision | None:
    """No file says this: without a time to repair a human decides."""
    said = case.profile.rectify.seconds is not None
    return None if said else judge(case, Reason.JUDGE_REQUEST)


def _access_refused(case: ClaimCase) -> Decision | None:
    refused = case.claim.access_refused_at is not None
    return deny(Reason.HOST_ACCESS_REFUSED) if refused else None


def _not_approved(case: ClaimCase) -> Decision | None:
    return deny(Reason.DEFECT_NOT_APPROVED) if case.claim.approved is False else None


def _access_pending(case: ClaimCase) -> Decision | None:
    """The shop cannot repair a host it has no access to: its time stands still."""
    asked_at = case.claim.access_requested_at
    if asked_at is None or case.claim.rectified_at is not None or not _access_outstanding(case):
        return None
    until, days = case.claim.answer_due_at, case.profile.obligations.access_days
    if days is not None:
        until = days_after(case.profile, asked_at, days)
    if until is not None and case.now > until:
        return ask_human(case, Reason.ACCESS_OVERDUE, in_full=True)
    return wait(Reason.HOST_ACCESS_PENDING, until)


def _repaired(case: ClaimCase) -> Decision | None:
    """A repair in time ends the matter, unless the customer says that it does not hold."""
    repaired_at = case.claim.rectified_at
    if repaired_at is None or (repaired_at > _deadline(case) and not _access_outstanding(case)):
        return None
    if not _contested(case):
        return _RESOLVED
    if case.now <= _deadline(case):
        return None  # The first time to repair goes on.
    match case.claim.verified:
        case None:
            return ask_human(case, Reason.REPAIR_CONTESTED, whole=True, in_full=True)
        case False:
            return _RESOLVED
        case True:
            return None


def _contested(case: ClaimCase) -> bool:
    """Once, after the repair was told, and at most the time to repair later (R-CONTEST)."""
    contested_at, repaired_at = case.claim.contested_at, case.claim.rectified_at
    if contested_at is None or repaired_at is None:
        return False
    return repaired_at < contested_at <= repaired_at + _time_to_repair(case)


def _running(case: ClaimCase) -> Decision | None:
    deadline = _deadline(case)
    if case.now > deadline:
        return None
    return Decision(Outcome.RECTIFY, Reason.RECTIFICATION_RUNNING, deadline=deadline)


def _approval_overdue(case: ClaimCase) -> Decision | None:
    """The shop cannot profit from its own silence: a human must act at once (R-APPR)."""
    if case.claim.approved is not None or (_contested(case) and case.claim.verified):
        return None
    return ask_human(case, Reason.APPROVAL_OVERDUE, whole=True, in_full=True)


def _replacement(case: ClaimCase) -> Decision | None:
    """The customer's choice, of around the same value; what did not come in time is paid."""
    rules, value = case.profile.rectify, case.claim.replacement_value_minor
    wished = case.claim.customer_choice is CustomerChoice.REPLACEMENT
    if not (rules.replacement_offered and wished) or value is None:
        return None
    price = case.order.price_minor
    if abs(value - price) * BASIS_POINTS > price * rules.replacement_tolerance_bp:
        return ask_human(case, Reason.REPLACEMENT_VALUE_MISMATCH, whole=True, in_full=True)
    due_at = _replacement_due_at(case)
    if due_at is not None and case.now > due_at:
        return None
    return Decision(Outcome.REPLACE, Reason.REPLACEMENT_CHOSEN, deadline=due_at)


def _replacement_due_at(case: ClaimCase) -> datetime | None:
    due_at, days = case.claim.replacement_due_at, case.profile.obligations.replacement_business_days
    if due_at is not None or days is None:
        return due_at
    return business_days_after(case.profile, _deadline(case), days)


def _missed(case: ClaimCase) -> Decision:
    return pay(case, Reason.RECTIFICATION_MISSED, whole=True, in_full=True)


def _deadline(case: ClaimCase) -> datetime:
    """The first notification plus the time to repair, plus what access came late (R-HOST)."""
    base = _deadline_without_delay(case)
    granted_at, grace_end = case.claim.access_granted_at, _grace_end(case)
    if granted_at is None or grace_end is None or grace_end >= base:
        return base
    return base + max(granted_at - grace_end, timedelta(0))


def _access_outstanding(case: ClaimCase) -> bool:
    """Access was asked for in time to matter, the grace is over, and it was not granted."""
    grace_end = _grace_end(case)
    if grace_end is None or case.claim.access_granted_at is not None:
        return False
    return grace_end < _deadline_without_delay(case) and case.now > grace_end


def _deadline_without_delay(case: ClaimCase) -> datetime:
    return case.contact + _time_to_repair(case)


def _time_to_repair(case: ClaimCase) -> timedelta:
    return timedelta(seconds=case.profile.rectify.seconds or 0)


def _grace_end(case: ClaimCase) -> datetime | None:
    asked_at = case.claim.access_requested_at
    if asked_at is None:
        return None
    return asked_at + timedelta(seconds=case.profile.rectify.host_access_grace_s)


_CHECKS: tuple[ClaimCheck, ...] = (
    _no_time_said,
    _access_refused,
    _not_approved,
    _access_pending,
    _repaired,
    _running,
    _approval_overdue,
    _replacement,
    _missed,
)
