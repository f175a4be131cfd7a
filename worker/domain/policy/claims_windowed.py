"""Claims that are accepted for some days after the purchase, defects among them."""

from datetime import datetime, timedelta

from worker.domain.policy import claim_checks as checks
from worker.domain.policy import vocabulary
from worker.domain.policy.decision import Decision, deny, first_answer, propose, review, wait
from worker.domain.policy.facts import ClaimFacts
from worker.domain.policy.money_out import destination, pay, refund_full
from worker.domain.policy.profile import BASIS_POINTS, Bars


def windowed_claim(case: checks.ClaimCase) -> Decision:
    return first_answer(_CLAIM_CHECKS, case)


def _unlawful(case: checks.ClaimCase) -> Decision | None:
    if case.profile.unlawful_bars is not Bars.ALL:
        return None
    if vocabulary.AccountFlag.UNLAWFUL_USE_CONFIRMED in case.claim.account_flags:
        return deny(vocabulary.Reason.UNLAWFUL_USE)
    if vocabulary.AccountFlag.UNLAWFUL_USE_SUSPECTED in case.claim.account_flags:
        return review(vocabulary.Reason.SUSPECTED_MISUSE, case.decide_by)
    return None


def _window_closed(case: checks.ClaimCase) -> Decision | None:
    until = case.claims_until
    closed = until is not None and case.claim.claim_at > until
    return deny(vocabulary.Reason.CLAIM_WINDOW_CLOSED) if closed else None


def _channel(case: checks.ClaimCase) -> Decision | None:
    """For a defect any notification starts the clock, so any channel will do (R-CHAN)."""
    return (
        None if case.claim.kind is vocabulary.ClaimKind.MAJOR_DEFECT else checks.wrong_channel(case)
    )


def _by_kind(case: checks.ClaimCase) -> Decision:
    if case.claim.kind is vocabulary.ClaimKind.NON_RECEIVING:
        return first_answer(_NON_RECEIVING_CHECKS, case)
    if case.claim.kind is vocabulary.ClaimKind.INVALID_NUMBER:
        return first_answer(_INVALID_NUMBER_CHECKS, case)
    if case.claim.kind is vocabulary.ClaimKind.MAJOR_DEFECT and case.profile.rectify_s is not None:
        return defect(case)
    return checks.unlisted(case)


def _sms_received(case: checks.ClaimCase) -> Decision | None:
    return None if case.order.sms_displayed_at is None else deny(vocabulary.Reason.SMS_RECEIVED)


def _pay_without_sms(case: checks.ClaimCase) -> Decision:
    return pay(case, checks.no_sms_reason(case.order))


def _api_telegram(case: checks.ClaimCase) -> Decision | None:
    barred = (
        not case.profile.api_telegram_2fa_refundable
        and case.claim.buy_channel is vocabulary.BuyChannel.API
        and _telegram_2fa(case.claim)
    )
    return deny(vocabulary.Reason.API_TELEGRAM_2FA) if barred else None


def _telegram_video(case: checks.ClaimCase) -> Decision | None:
    wanted = case.profile.telegram_2fa_video and _telegram_2fa(case.claim)
    if not wanted or (
        vocabulary.Evidence.VIDEO in case.claim.evidence and checks.evidence_missing(case) is None
    ):
        return None
    return checks.missing(case, vocabulary.Reason.VIDEO_REQUIRED)


def _telegram_2fa(claim: ClaimFacts) -> bool:
    return claim.service_2fa and claim.service == "telegram"


def _verdict(case: checks.ClaimCase) -> Decision:
    if case.claim.verified is None:
        return propose(
            vocabulary.Reason.JUDGE_EVIDENCE, case.price, destination(case), case.decide_by
        )
    if case.claim.verified:
        return pay(case, vocabulary.Reason.CLAIM_APPROVED)
    return deny(vocabulary.Reason.CLAIM_REJECTED)


_CLAIM_CHECKS: tuple[checks.ClaimCheck, ...] = (
    checks.version,
    checks.already_refunded,
    _unlawful,
    checks.excluded,
    _window_closed,
    _channel,
    checks.reasons_missing,
    checks.contradicts_terms,
    _by_kind,
)
_NON_RECEIVING_CHECKS: tuple[checks.ClaimCheck, ...] = (
    _sms_received,
    checks.sms_window_open,
    _pay_without_sms,
)
_INVALID_NUMBER_CHECKS: tuple[checks.ClaimCheck, ...] = (
    _api_telegram,
    _telegram_video,
    checks.evidence_missing,
    _verdict,
)


def defect(case: checks.ClaimCase) -> Decision:
    return first_answer(_DEFECT_CHECKS, case)


def _access_refused(case: checks.ClaimCase) -> Decision | None:
    return (
        None
        if case.claim.access_refused_at is None
        else deny(vocabulary.Reason.HOST_ACCESS_REFUSED)
    )


def _not_approved(case: checks.ClaimCase) -> Decision | None:
    return deny(vocabulary.Reason.DEFECT_NOT_APPROVED) if case.claim.approved is False else None


def _access_pending(case: checks.ClaimCase) -> Decision | None:
    """The shop cannot repair a host it has no access to: its time stands still."""
    if case.claim.rectified_at is None and _access_outstanding(case):
        return wait(vocabulary.Reason.HOST_ACCESS_PENDING, None)
    return None


def _resolved(case: checks.ClaimCase) -> Decision | None:
    repaired_at = case.claim.rectified_at
    if repaired_at is None or (repaired_at > _deadline(case) and not _access_outstanding(case)):
        return None
    return Decision(vocabulary.Outcome.RESOLVED, vocabulary.Reason.RECTIFIED_IN_TIME)


def _running(case: checks.ClaimCase) -> Decision | None:
    deadline = _deadline(case)
    if case.now > deadline:
        return None
    return Decision(
        vocabulary.Outcome.RECTIFY, vocabulary.Reason.RECTIFICATION_RUNNING, deadline=deadline
    )


def _approval_overdue(case: checks.ClaimCase) -> Decision | None:
    """The shop cannot profit from its own silence: a human must act at once (R-APPR)."""
    if case.claim.approved is not None:
        return None
    return propose(
        vocabulary.Reason.APPROVAL_OVERDUE, case.price, destination(case), case.decide_by
    )


def _replacement(case: checks.ClaimCase) -> Decision | None:
    offered = case.claim.replacement_value_minor
    wished = case.claim.customer_choice is vocabulary.CustomerChoice.REPLACEMENT
    if not (case.profile.replacement_offered and wished) or offered is None:
        return None
    tolerance = case.price * case.profile.replacement_tolerance_bp
    if abs(offered - case.price) * BASIS_POINTS <= tolerance:
        return checks.replace_number(vocabulary.Reason.REPLACEMENT_CHOSEN)
    return propose(
        vocabulary.Reason.REPLACEMENT_VALUE_MISMATCH, case.price, destination(case), case.decide_by
    )


def _rectification_missed(case: checks.ClaimCase) -> Decision:
    return refund_full(case, vocabulary.Reason.RECTIFICATION_MISSED)


def _deadline(case: checks.ClaimCase) -> datetime:
    """The first notification plus the time to repair, plus what access came late (R-HOST)."""
    base = _deadline_without_delay(case)
    granted_at = case.claim.access_granted_at
    grace_end = _grace_end(case)
    if granted_at is None or grace_end is None or grace_end >= base:
        return base
    return base + max(granted_at - grace_end, timedelta(0))


def _access_outstanding(case: checks.ClaimCase) -> bool:
    """Access was asked for in time to matter, the grace is over, and it was not granted."""
    grace_end = _grace_end(case)
    if grace_end is None or case.claim.access_granted_at is not None:
        return False
    return grace_end < _deadline_without_delay(case) and case.now > grace_end


def _deadline_without_delay(case: checks.ClaimCase) -> datetime:
    seconds = case.profile.rectify_s
    assert seconds is not None  # Without a time to repair there are no defect claims.
    return case.claim.claim_at + timedelta(seconds=seconds)


def _grace_end(case: checks.ClaimCase) -> datetime | None:
    asked_at = case.claim.access_requested_at
    if asked_at is None:
        return None
    return asked_at + timedelta(seconds=case.profile.host_access_grace_s)


_DEFECT_CHECKS: tuple[checks.ClaimCheck, ...] = (
    _access_refused,
    _not_approved,
    _access_pending,
    _resolved,
    _running,
    _approval_overdue,
    _replacement,
    _rectification_missed,
)
