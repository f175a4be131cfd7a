"""Claims that our own log decides where it can; a human judges the evidence for the rest."""

from worker.domain.policy import claim_checks as checks
from worker.domain.policy.decision import Decision, credit, deny, first_answer, propose
from worker.domain.policy.orders import undisplayed_in_time
from worker.domain.policy.profile import Undisplayed
from worker.domain.policy.vocabulary import ClaimKind, Destination, Reason


def record_claim(case: checks.ClaimCase) -> Decision:
    return first_answer(_CLAIM_CHECKS, case)


def _from_log(case: checks.ClaimCase) -> Decision | None:
    kind = case.claim.kind
    if kind not in case.profile.from_log:
        return None
    if kind is ClaimKind.NON_RECEIVING:
        return first_answer(_NON_RECEIVING_CHECKS, case)
    if kind is ClaimKind.CANCEL_ERROR:
        return _cancel_error(case)
    return _allocation(case)


def _code_displayed(case: checks.ClaimCase) -> Decision | None:
    return None if case.order.sms_displayed_at is None else deny(Reason.CODE_DISPLAYED)


def _undisplayed(case: checks.ClaimCase) -> Decision | None:
    """The text knows both "not received" and "sent to the number": a human decides (R-SHOWN)."""
    if case.profile.undisplayed_in_time is not Undisplayed.REVIEW:
        return None
    if not undisplayed_in_time(case.order, case.sms_window_end):
        return None
    return _propose_price(case, Reason.SMS_NOT_DISPLAYED)


def _no_sms(case: checks.ClaimCase) -> Decision:
    return _credit(case, Reason.NO_SMS_ON_RECORD)


def _cancel_error(case: checks.ClaimCase) -> Decision | None:
    """The attempt counts, not a code shown after it; an attempt not in the log needs evidence."""
    if not case.claim.cancel_failed:
        return None
    shown_at, tried_at = case.order.sms_displayed_at, case.claim.cancel_attempt_at
    if shown_at is not None and (tried_at is None or shown_at <= tried_at):
        return deny(Reason.CODE_DISPLAYED)
    return _credit(case, Reason.CANCEL_ERROR)


def _allocation(case: checks.ClaimCase) -> Decision:
    if case.claim.allocation_failed is None:
        return _propose_price(case, Reason.ALLOCATION_UNKNOWN)
    if case.claim.allocation_failed:
        return _credit(case, Reason.NEVER_PROVIDED)
    return deny(Reason.NUMBER_WAS_PROVIDED)


def _correct_sms(case: checks.ClaimCase) -> Decision | None:
    return deny(Reason.CORRECT_SMS) if case.claim.sms_correct is True else None


def _verdict(case: checks.ClaimCase) -> Decision:
    if case.claim.verified is None:
        return _propose_price(case, Reason.JUDGE_EVIDENCE)
    if case.claim.verified:
        return _credit(case, Reason.CLAIM_APPROVED)
    return deny(Reason.CLAIM_REJECTED)


def _credit(case: checks.ClaimCase, reason: Reason) -> Decision:
    return credit(reason, case.price, None)


def _propose_price(case: checks.ClaimCase, reason: Reason) -> Decision:
    return propose(reason, case.price, Destination.BALANCE, case.decide_by)


_CLAIM_CHECKS: tuple[checks.ClaimCheck, ...] = (
    checks.version,
    checks.already_refunded,
    checks.excluded,
    _from_log,
    _correct_sms,
    checks.wrong_channel,
    checks.evidence_missing,
    _verdict,
)
_NON_RECEIVING_CHECKS: tuple[checks.ClaimCheck, ...] = (
    _code_displayed,
    checks.sms_window_open,
    _undisplayed,
    _no_sms,
)
