"""Defects: the shop's time to repair one, and the refund or replacement when it is missed."""

from datetime import datetime, timedelta

from worker.domain.policy.claim_checks import ClaimCase, ClaimCheck, replace_number
from worker.domain.policy.decision import Decision, deny, first_answer, propose, wait
from worker.domain.policy.kinds import CustomerChoice
from worker.domain.policy.money_out import destination, refund_full
from worker.domain.policy.outcomes import Outcome, Reason
from worker.domain.policy.profile import BASIS_POINTS


def defect(case: ClaimCase) -> Decision:
    return first_answer(_DEFECT_CHECKS, case)


def _access_refused(case: ClaimCase) -> Decision | None:
    return None if case.claim.access_refused_at is None else deny(Reason.HOST_ACCESS_REFUSED)


def _not_approved(case: ClaimCase) -> Decision | None:
    return deny(Reason.DEFECT_NOT_APPROVED) if case.claim.approved is False else None


def _access_pending(case: ClaimCase) -> Decision | None:
    """The shop cannot repair a host it has no access to: its time stands still."""
    if case.claim.rectified_at is None and _access_outstanding(case):
        return wait(Reason.HOST_ACCESS_PENDING, None)
    return None


def _resolved(case: ClaimCase) -> Decision | None:
    repaired_at = case.claim.rectified_at
    if repaired_at is None or (repaired_at > _deadline(case) and not _access_outstanding(case)):
        return None
    return Decision(Outcome.RESOLVED, Reason.RECTIFIED_IN_TIME)


def _running(case: ClaimCase) -> Decision | None:
    deadline = _deadline(case)
    if case.now > deadline:
        return None
    return Decision(Outcome.RECTIFY, Reason.RECTIFICATION_RUNNING, deadline=deadline)


def _approval_overdue(case: ClaimCase) -> Decision | None:
    """The shop cannot profit from its own silence: a human must act at once (R-APPR)."""
    if case.claim.approved is not None:
        return None
    return propose(Reason.APPROVAL_OVERDUE, case.price, destination(case), case.decide_by)


def _replacement(case: ClaimCase) -> Decision | None:
    offered = case.claim.replacement_value_minor
    wished = case.claim.customer_choice is CustomerChoice.REPLACEMENT
    if not (case.profile.replacement_offered and wished) or offered is None:
        return None
    tolerance = case.price * case.profile.replacement_tolerance_bp
    if abs(offered - case.price) * BASIS_POINTS <= tolerance:
        return replace_number(Reason.REPLACEMENT_CHOSEN)
    return propose(Reason.REPLACEMENT_VALUE_MISMATCH, case.price, destination(case), case.decide_by)


def _rectification_missed(case: ClaimCase) -> Decision:
    return refund_full(case, Reason.RECTIFICATION_MISSED)


def _deadline(case: ClaimCase) -> datetime:
    """The first notification plus the time to repair, plus what access came late (R-HOST)."""
    base = _deadline_without_delay(case)
    granted_at = case.claim.access_granted_at
    grace_end = _grace_end(case)
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
    seconds = case.profile.rectify_s
    assert seconds is not None  # Without a time to repair there are no defect claims.
    return case.claim.claim_at + timedelta(seconds=seconds)


def _grace_end(case: ClaimCase) -> datetime | None:
    asked_at = case.claim.access_requested_at
    if asked_at is None:
        return None
    return asked_at + timedelta(seconds=case.profile.host_access_grace_s)


_DEFECT_CHECKS: tuple[ClaimCheck, ...] = (
    _access_refused,
    _not_approved,
    _access_pending,
    _resolved,
    _running,
    _approval_overdue,
    _replacement,
    _rectification_missed,
)
