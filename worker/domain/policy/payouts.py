"""What claims and withdrawals share once money leaves: fees, and the check of a wallet's holder."""

from datetime import datetime
from typing import NamedTuple

from worker.domain.calendar import whole_years
from worker.domain.policy.deadlines import days_after
from worker.domain.policy.decision import Decision, deny, needs_evidence, review
from worker.domain.policy.language.profile import BASIS_POINTS, Profile
from worker.domain.policy.vocabulary import Kyc, Reason


def deposit_age_fee(
    profile: Profile, minor: int, last_deposit_at: datetime | None, asked_at: datetime
) -> int:
    """One rate on the whole sum, by the years since the last deposit; a fraction is not taken."""
    years = 0 if last_deposit_at is None else max(0, whole_years(last_deposit_at, asked_at))
    rate = max((step for step in profile.payout.fee_steps if step[0] <= years), default=(0, 0))[1]
    return _share(minor, rate)


def common_fees(profile: Profile, minor: int, method: str) -> int:
    """Of every payout, and of the payment method; each is rounded down by itself."""
    every, own = profile.payout, profile.payout.method(method)
    return _share(minor, every.fee_bp) + every.fee_minor + _share(minor, own.fee_bp) + own.fee_minor


def _share(minor: int, rate_bp: int) -> int:
    return minor * rate_bp // BASIS_POINTS


class KycCheck(NamedTuple):
    state: Kyc
    requested_at: datetime | None
    answer_due_at: datetime | None


def kyc_answer(profile: Profile, check: KycCheck, now: datetime) -> Decision | None:
    """No money goes to a wallet while its holder is checked, or after the check failed."""
    if not profile.payout.kyc or check.state not in {Kyc.REQUESTED, Kyc.FAILED}:
        return None
    if check.state is Kyc.FAILED:
        return deny(Reason.KYC_FAILED)
    until, days = check.answer_due_at, profile.obligations.kyc_days
    if days is not None and check.requested_at is not None:
        until = days_after(profile, check.requested_at, days)
    if until is not None and now > until:
        return review(Reason.KYC_OVERDUE)
    return needs_evidence(Reason.KYC_REQUIRED, until)


def wants_judge(profile: Profile, kyc: Kyc, *, wallet: bool) -> bool:
    """R-KYC: money for a wallet waits for a human, unless its holder was proved."""
    return profile.payout.kyc and wallet and kyc is not Kyc.PASSED
