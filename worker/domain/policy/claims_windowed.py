"""Claims that are accepted for some days after the purchase, defects among them."""

from worker.domain.policy.claim_checks import (
    ClaimCase,
    ClaimCheck,
    already_refunded,
    contradicts_terms,
    evidence_missing,
    excluded,
    missing,
    no_sms_reason,
    reasons_missing,
    sms_window_open,
    unlisted,
    version,
    wrong_channel,
)
from worker.domain.policy.decision import Decision, deny, first_answer, propose, review
from worker.domain.policy.defects import defect
from worker.domain.policy.facts import ClaimFacts
from worker.domain.policy.kinds import AccountFlag, BuyChannel, ClaimKind, Evidence
from worker.domain.policy.money_out import destination, pay
from worker.domain.policy.outcomes import Reason
from worker.domain.policy.profile import Bars


def windowed_claim(case: ClaimCase) -> Decision:
    return first_answer(_CLAIM_CHECKS, case)


def _unlawful(case: ClaimCase) -> Decision | None:
    if case.profile.unlawful_bars is not Bars.ALL:
        return None
    if AccountFlag.UNLAWFUL_USE_CONFIRMED in case.claim.account_flags:
        return deny(Reason.UNLAWFUL_USE)
    if AccountFlag.UNLAWFUL_USE_SUSPECTED in case.claim.account_flags:
        return review(Reason.SUSPECTED_MISUSE, case.decide_by)
    return None


def _window_closed(case: ClaimCase) -> Decision | None:
    until = case.claims_until
    closed = until is not None and case.claim.claim_at > until
    return deny(Reason.CLAIM_WINDOW_CLOSED) if closed else None


def _channel(case: ClaimCase) -> Decision | None:
    """For a defect any notification starts the clock, so any channel will do (R-CHAN)."""
    return None if case.claim.kind is ClaimKind.MAJOR_DEFECT else wrong_channel(case)


def _by_kind(case: ClaimCase) -> Decision:
    if case.claim.kind is ClaimKind.NON_RECEIVING:
        return first_answer(_NON_RECEIVING_CHECKS, case)
    if case.claim.kind is ClaimKind.INVALID_NUMBER:
        return first_answer(_INVALID_NUMBER_CHECKS, case)
    if case.claim.kind is ClaimKind.MAJOR_DEFECT and case.profile.rectify_s is not None:
        return defect(case)
    return unlisted(case)


def _sms_received(case: ClaimCase) -> Decision | None:
    return None if case.order.sms_displayed_at is None else deny(Reason.SMS_RECEIVED)


def _pay_without_sms(case: ClaimCase) -> Decision:
    return pay(case, no_sms_reason(case.order))


def _api_telegram(case: ClaimCase) -> Decision | None:
    barred = (
        not case.profile.api_telegram_2fa_refundable
        and case.claim.buy_channel is BuyChannel.API
        and _telegram_2fa(case.claim)
    )
    return deny(Reason.API_TELEGRAM_2FA) if barred else None


def _telegram_video(case: ClaimCase) -> Decision | None:
    wanted = case.profile.telegram_2fa_video and _telegram_2fa(case.claim)
    if not wanted or (Evidence.VIDEO in case.claim.evidence and evidence_missing(case) is None):
        return None
    return missing(case, Reason.VIDEO_REQUIRED)


def _telegram_2fa(claim: ClaimFacts) -> bool:
    return claim.service_2fa and claim.service == "telegram"


def _verdict(case: ClaimCase) -> Decision:
    if case.claim.verified is None:
        return propose(Reason.JUDGE_EVIDENCE, case.price, destination(case), case.decide_by)
    if case.claim.verified:
        return pay(case, Reason.CLAIM_APPROVED)
    return deny(Reason.CLAIM_REJECTED)


_CLAIM_CHECKS: tuple[ClaimCheck, ...] = (
    version,
    already_refunded,
    _unlawful,
    excluded,
    _window_closed,
    _channel,
    reasons_missing,
    contradicts_terms,
    _by_kind,
)
_NON_RECEIVING_CHECKS: tuple[ClaimCheck, ...] = (_sms_received, sms_window_open, _pay_without_sms)
_INVALID_NUMBER_CHECKS: tuple[ClaimCheck, ...] = (
    _api_telegram,
    _telegram_video,
    evidence_missing,
    _verdict,
)
