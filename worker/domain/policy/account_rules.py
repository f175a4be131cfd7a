"""What a policy makes of an account: its flags bar money out, its events keep or void a balance.

Flags are a human's findings. They bar money out and never stop a credit to the balance (R-HEAD).
"""

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import assert_never

from worker.domain.policy.decision import Decision, deny, review
from worker.domain.policy.facts import AccountFacts
from worker.domain.policy.profile import Profile
from worker.domain.policy.vocabulary import AccountEventKind, AccountFlag, Outcome, Reason

_BARS_TO_MONEY_OUT: tuple[tuple[AccountFlag, Callable[[Profile], bool], Reason], ...] = (
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
    for flag, bars, reason in _BARS_TO_MONEY_OUT:
        if flag in flags and bars(profile):
            return deny(reason)
    suspected = (AccountFlag.UNLAWFUL_USE_SUSPECTED in flags and profile.unlawful_bars) or (
        AccountFlag.FRAUD_SUSPECTED in flags and profile.fraud_bars
    )
    return review(Reason.SUSPECTED_MISUSE, review_by) if suspected else None


def account_event(profile: Profile, facts: AccountFacts) -> Decision:
    match facts.event:
        case AccountEventKind.IDLE:
            return _balance_kept(profile, facts)
        case AccountEventKind.DELETE_REQUESTED:
            return _deletion(profile, facts)
        case AccountEventKind.LAW_ENFORCEMENT_BLOCK:
            return _freeze(profile, facts)
        case AccountEventKind.RULES_BLOCK:
            if profile.rules_block_bars_withdrawal:
                return _balance_decision(Outcome.BALANCE_KEPT, Reason.WITHDRAWAL_BARRED, facts)
            return _balance_kept(profile, facts)
        case _:
            assert_never(facts.event)


def _balance_kept(profile: Profile, facts: AccountFacts) -> Decision:
    """A balance that never expires has no timer."""
    if profile.balance_expires is None:
        return review(Reason.POLICY_SILENT)
    return _balance_decision(Outcome.BALANCE_KEPT, Reason.NEVER_EXPIRES, facts)


def _deletion(profile: Profile, facts: AccountFacts) -> Decision:
    if not profile.deletion_voids_balance:
        return review(Reason.POLICY_SILENT)
    if facts.withdrawal_open:
        # First the money that was asked for, then the account.
        return _balance_decision(Outcome.WAIT, Reason.WITHDRAWAL_OPEN, facts)
    return Decision(Outcome.BALANCE_VOID, Reason.DELETED_BY_CUSTOMER)


def _freeze(profile: Profile, facts: AccountFacts) -> Decision:
    if not profile.law_enforcement_freezes:
        return review(Reason.POLICY_SILENT)
    return _balance_decision(Outcome.BALANCE_FROZEN, Reason.BLOCKED_BY_LAW_ENFORCEMENT, facts)


def _balance_decision(outcome: Outcome, reason: Reason, facts: AccountFacts) -> Decision:
    return Decision(outcome, reason, facts.balance_minor)
