"""What a human found out about an account, and whether money may still leave it.

These findings bar money out. They never stop a credit to the balance (R-HEAD).
"""

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from datetime import datetime

from worker.domain.policy.decision import Decision, deny, review
from worker.domain.policy.kinds import AccountFlag
from worker.domain.policy.outcomes import Reason
from worker.domain.policy.profile import Profile

_BARRED: tuple[tuple[AccountFlag, Callable[[Profile], bool], Reason], ...] = (
    (
        AccountFlag.DELETED_BY_CUSTOMER,
        lambda profile: profile.deletion_voids_balance,
        Reason.ACCOUNT_DELETED,
    ),
    (
        AccountFlag.BLOCKED_LAW_ENFORCEMENT,
        lambda profile: profile.law_enforcement_freezes,
        Reason.ACCOUNT_FROZEN,
    ),
    (
        AccountFlag.BLOCKED_RULES,
        lambda profile: profile.rules_block_bars_withdrawal,
        Reason.ACCOUNT_BLOCKED_RULES,
    ),
    (
        AccountFlag.UNLAWFUL_USE_CONFIRMED,
        lambda profile: profile.unlawful_bars is not None,
        Reason.UNLAWFUL_USE,
    ),
    (
        AccountFlag.FRAUD_CONFIRMED,
        lambda profile: profile.fraud_bars is not None,
        Reason.FRAUD,
    ),
    (
        AccountFlag.COMPLAINT_PROVIDER,
        lambda profile: profile.complaint_bars is not None,
        Reason.COMPLAINT_RECEIVED,
    ),
    (
        AccountFlag.COMPLAINT_LAW_ENFORCEMENT,
        lambda profile: profile.complaint_bars is not None,
        Reason.COMPLAINT_RECEIVED,
    ),
)


def bar_to_money_out(
    profile: Profile, flags: AbstractSet[AccountFlag], review_by: datetime | None
) -> Decision | None:
    """A finding denies, a suspicion goes to a human."""
    for flag, bars, reason in _BARRED:
        if flag in flags and bars(profile):
            return deny(reason)
    suspected = (AccountFlag.UNLAWFUL_USE_SUSPECTED in flags and profile.unlawful_bars) or (
        AccountFlag.FRAUD_SUSPECTED in flags and profile.fraud_bars
    )
    return review(Reason.SUSPECTED_MISUSE, review_by) if suspected else None
