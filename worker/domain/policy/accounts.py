"""What happens to a balance when its account rests, is blocked or is deleted."""

from typing import assert_never

from worker.domain.policy.decision import Decision, review
from worker.domain.policy.facts import AccountFacts
from worker.domain.policy.kinds import AccountEvent
from worker.domain.policy.outcomes import Outcome, Reason
from worker.domain.policy.profile import Profile


def account_event(profile: Profile, facts: AccountFacts) -> Decision:
    match facts.event:
        case AccountEvent.IDLE:
            return _kept(profile, facts)
        case AccountEvent.DELETE_REQUESTED:
            return _deletion(profile, facts)
        case AccountEvent.LAW_ENFORCEMENT_BLOCK:
            return _freeze(profile, facts)
        case AccountEvent.RULES_BLOCK:
            if profile.rules_block_bars_withdrawal:
                return _balance(Outcome.BALANCE_KEPT, Reason.WITHDRAWAL_BARRED, facts)
            return _kept(profile, facts)
        case _:
            assert_never(facts.event)


def _kept(profile: Profile, facts: AccountFacts) -> Decision:
    """A balance that never expires has no timer."""
    if profile.balance_expires is None:
        return review(Reason.POLICY_SILENT)
    return _balance(Outcome.BALANCE_KEPT, Reason.NEVER_EXPIRES, facts)


def _deletion(profile: Profile, facts: AccountFacts) -> Decision:
    if not profile.deletion_voids_balance:
        return review(Reason.POLICY_SILENT)
    if facts.withdrawal_open:
        # First the money that was asked for, then the account.
        return _balance(Outcome.WAIT, Reason.WITHDRAWAL_OPEN, facts)
    return Decision(Outcome.BALANCE_VOID, Reason.DELETED_BY_CUSTOMER)


def _freeze(profile: Profile, facts: AccountFacts) -> Decision:
    if not profile.law_enforcement_freezes:
        return review(Reason.POLICY_SILENT)
    return _balance(Outcome.BALANCE_FROZEN, Reason.BLOCKED_BY_LAW_ENFORCEMENT, facts)


def _balance(outcome: Outcome, reason: Reason, facts: AccountFacts) -> Decision:
    return Decision(outcome, reason, facts.balance_minor)
