"""What an event does to the balance of an account: it is kept, frozen or void, or judged."""

from datetime import datetime
from typing import assert_never

from worker.domain import calendar
from worker.domain.policy.decision import Decision, deny, nothing, propose, review
from worker.domain.policy.facts import AccountFacts
from worker.domain.policy.language.choices import Chargeback, IdleThen, RulesBlock, WithdrawalMode
from worker.domain.policy.language.profile import Profile
from worker.domain.policy.vocabulary import AccountEventKind, Outcome, Reason, WithdrawalOffer


def account_event(profile: Profile, facts: AccountFacts, now: datetime) -> Decision:
    if facts.event is AccountEventKind.IDLE:
        return _idle(profile, facts, now)
    return _told(profile, facts)


def _told(profile: Profile, facts: AccountFacts) -> Decision:
    """An event that somebody told; only `idle` comes by its timer."""
    match facts.event:
        case AccountEventKind.DELETE_REQUESTED:
            return _deletion(profile, facts)
        case AccountEventKind.DELETE_WITHDRAWN:
            return nothing(Reason.TAKEN_BACK)
        case AccountEventKind.LAW_ENFORCEMENT_BLOCK:
            return _freeze(profile, facts)
        case AccountEventKind.RULES_BLOCK:
            return _rules_block(profile, facts)
        case AccountEventKind.LAW_ENFORCEMENT_UNBLOCK | AccountEventKind.RULES_UNBLOCK:
            return _balance(Outcome.BALANCE_KEPT, Reason.UNBLOCKED, facts)
        case _:
            return _chargeback(profile, facts)


def _idle(profile: Profile, facts: AccountFacts, now: datetime) -> Decision:
    months, since = profile.balance.idle_months, facts.idle_since
    if months is None:
        return _kept_for_ever(profile, facts)
    end = None if since is None else calendar.after_months(since, months)
    if end is None or now <= end:
        return _balance(Outcome.BALANCE_KEPT, Reason.IDLE_RUNNING, facts, end)
    match profile.balance.idle_then:
        case IdleThen.VOID:
            return Decision(Outcome.BALANCE_VOID, Reason.IDLE)
        case IdleThen.REVIEW:
            return propose(Reason.IDLE, facts.balance_minor, None, None)
        case _:
            assert_never(profile.balance.idle_then)


def _kept_for_ever(profile: Profile, facts: AccountFacts) -> Decision:
    """A balance that never expires has no timer."""
    if profile.balance.expires is None:
        return review(Reason.POLICY_SILENT)
    return _balance(Outcome.BALANCE_KEPT, Reason.NEVER_EXPIRES, facts)


def _deletion(profile: Profile, facts: AccountFacts) -> Decision:
    """First the money that can leave, then a human's word, then the rest is void (R-DEL)."""
    if facts.withdrawal_open or facts.withdrawal_offer is WithdrawalOffer.OPEN:
        return _balance(Outcome.WAIT, Reason.WITHDRAWAL_OPEN, facts)
    if offered := _to_offer(profile, facts):
        return Decision(Outcome.WAIT, Reason.WITHDRAWAL_OFFERED, offered)
    if not profile.balance.deletion_voids:
        return review(Reason.POLICY_SILENT)
    match facts.deletion_confirmed:
        case None:
            return propose(Reason.CONFIRM_DELETION, facts.balance_minor, None, None)
        case True:
            return Decision(Outcome.BALANCE_VOID, Reason.DELETED_BY_CUSTOMER)
        case False:
            return deny(Reason.CLAIM_REJECTED)


def _to_offer(profile: Profile, facts: AccountFacts) -> int:
    """What can be withdrawn and was not offered yet."""
    pays = profile.withdrawal.mode in {WithdrawalMode.BALANCE, WithdrawalMode.UNUSED_TOPUPS}
    if not pays or facts.withdrawal_offer is not None:
        return 0
    return facts.balance_minor if facts.refundable_minor is None else facts.refundable_minor


def _freeze(profile: Profile, facts: AccountFacts) -> Decision:
    if profile.bars.law_enforcement is None:
        return review(Reason.POLICY_SILENT)
    return _balance(Outcome.BALANCE_FROZEN, Reason.BLOCKED_BY_LAW_ENFORCEMENT, facts)


def _rules_block(profile: Profile, facts: AccountFacts) -> Decision:
    if profile.balance.rules_block is RulesBlock.VOID:
        return Decision(Outcome.BALANCE_VOID, Reason.FORFEITED)
    if profile.bars.rules_block is not None:
        return _balance(Outcome.BALANCE_KEPT, Reason.WITHDRAWAL_BARRED, facts)
    return _kept_for_ever(profile, facts)


def _chargeback(profile: Profile, facts: AccountFacts) -> Decision:
    match profile.balance.chargeback:
        case Chargeback.FREEZE:
            return _balance(Outcome.BALANCE_FROZEN, Reason.CHARGEBACK, facts)
        case Chargeback.VOID:
            return Decision(Outcome.BALANCE_VOID, Reason.CHARGEBACK)
        case Chargeback.REVIEW:
            return propose(Reason.CHARGEBACK, facts.balance_minor, None, None)
        case None:
            return review(Reason.POLICY_SILENT)
        case _:
            assert_never(profile.balance.chargeback)


def _balance(
    outcome: Outcome, reason: Reason, facts: AccountFacts, deadline: datetime | None = None
) -> Decision:
    return Decision(outcome, reason, facts.balance_minor, deadline=deadline)
