"""Withdrawals: money that leaves the platform on request, without a claim about an order."""

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple, TypeAlias, assert_never

from worker.domain.policy import decision
from worker.domain.policy.account_rules import bar_to_money_out
from worker.domain.policy.deadlines import days_after, pay_by, review_by
from worker.domain.policy.facts import Topup, WithdrawalFacts
from worker.domain.policy.money_out import deposit_age_fee, kyc_block
from worker.domain.policy.profile import Profile, WithdrawalMode
from worker.domain.policy.vocabulary import Destination, Outcome, Reason, WithdrawReason


class WithdrawalCase(NamedTuple):
    profile: Profile
    facts: WithdrawalFacts
    now: datetime

    @property
    def review_by(self) -> datetime | None:
        return review_by(self.profile, self.facts.claim_at)

    @property
    def amount_asked(self) -> int:
        amount, balance = self.facts.amount_minor, self.facts.balance_minor
        return balance if amount is None else amount

    @property
    def recent_topups(self) -> list[Topup]:
        """Not older than the limit at the contact, each judged by itself (R-WEEK)."""
        days, asked_at = self.profile.topup_max_age_days, self.facts.claim_at
        assert days is not None  # `contradictions` sees to it.
        return [t for t in self.facts.topups if asked_at <= days_after(self.profile, t.at, days)]

    @property
    def unused_topups(self) -> list[Topup]:
        """Recent, and later than the last purchase that was activated (R-MULTI)."""
        used_at = max(self.facts.activations, default=None)
        return [t for t in self.recent_topups if used_at is None or t.at > used_at]

    @property
    def refundable(self) -> int:
        unused = sum(topup.amount_minor for topup in self.unused_topups)
        return min(unused, self.facts.balance_minor, self.amount_asked)


WithdrawalCheck: TypeAlias = Callable[[WithdrawalCase], decision.Decision | None]


def withdrawal(profile: Profile, facts: WithdrawalFacts, now: datetime) -> decision.Decision:
    case = WithdrawalCase(profile, facts, now)
    match profile.withdrawal_mode:
        case WithdrawalMode.NONE:
            return decision.review(Reason.POLICY_SILENT)
        case WithdrawalMode.GROUNDS:
            return decision.first_answer(_GROUNDS_CHECKS, case)
        case WithdrawalMode.UNUSED_TOPUPS:
            return decision.first_answer(_TOPUP_CHECKS, case)
        case WithdrawalMode.FEE:
            return decision.first_answer(_FEE_CHECKS, case)
        case _:
            assert_never(profile.withdrawal_mode)


def _account_flags(case: WithdrawalCase) -> decision.Decision | None:
    return bar_to_money_out(case.profile, case.facts.account_flags, case.review_by)


def _deny_reason(case: WithdrawalCase) -> decision.Decision:
    """Unused money does not leave, whatever the reason; only listed claims are paid out."""
    return decision.deny(_REASONS[case.facts.withdraw_reason])


_REASONS = {
    WithdrawReason.UNUSED_FUNDS: Reason.UNUSED_FUNDS,
    WithdrawReason.CHANGED_MIND: Reason.CHANGED_MIND,
    WithdrawReason.ACCIDENTAL_TOPUP: Reason.ACCIDENTAL_TOPUP,
    WithdrawReason.MISUNDERSTANDING: Reason.MISUNDERSTANDING,
    WithdrawReason.CALLER_ID: Reason.CALLER_ID,
    WithdrawReason.SMS_PROBLEM: Reason.NOT_A_CLIENT_REFUND_GROUND,
    WithdrawReason.ACCOUNT_DELETION: Reason.UNUSED_FUNDS,
}


def _excluded_reason(case: WithdrawalCase) -> decision.Decision | None:
    """The stated reason decides, literally (R-ACC)."""
    barred = case.facts.withdraw_reason in case.profile.exclude_reasons
    return _deny_reason(case) if barred else None


def _channel(case: WithdrawalCase) -> decision.Decision | None:
    wanted, used = case.profile.request_channel, case.facts.channel
    right = wanted is None or used is None or used is wanted
    return None if right else decision.needs_evidence(Reason.WRONG_CHANNEL)


def _request_fields(case: WithdrawalCase) -> decision.Decision | None:
    complete = case.profile.required_fields <= case.facts.request_fields
    return None if complete else decision.needs_evidence(Reason.REQUEST_INCOMPLETE)


def _email(case: WithdrawalCase) -> decision.Decision | None:
    return None if case.facts.email_matches else decision.needs_evidence(Reason.EMAIL_MISMATCH)


def _evidence(case: WithdrawalCase) -> decision.Decision | None:
    needed = case.facts.withdraw_reason in case.profile.evidence_for
    return (
        decision.needs_evidence(Reason.EVIDENCE_MISSING)
        if needed and not case.facts.evidence
        else None
    )


def _reasons(case: WithdrawalCase) -> decision.Decision | None:
    lacking = case.profile.reasons_required and not case.facts.reasons_given
    return decision.needs_evidence(Reason.REASONS_MISSING) if lacking else None


def _terms(case: WithdrawalCase) -> decision.Decision | None:
    if not case.facts.contradicts_terms:
        return None
    return decision.review(Reason.CONTRADICTS_TERMS, case.review_by)


def _payment_info(case: WithdrawalCase) -> decision.Decision | None:
    """Payment details we asked for have to come in time; the clock starts with our question."""
    asked_at, given_at = case.facts.payment_info_requested_at, case.facts.payment_info_provided_at
    if asked_at is None or case.profile.payment_info_days is None:
        return None
    until = days_after(case.profile, asked_at, case.profile.payment_info_days)
    if (case.now if given_at is None else given_at) > until:
        return decision.deny(Reason.PAYMENT_INFO_TIMEOUT)
    return (
        decision.needs_evidence(Reason.PAYMENT_INFO_REQUIRED, until) if given_at is None else None
    )


def _open_order(case: WithdrawalCase) -> decision.Decision | None:
    """An order whose window still runs may yet be activated (R-OPEN)."""
    end = case.facts.open_order_window_end
    running = end is not None and case.now <= end
    return decision.wait(Reason.OPEN_ORDER_PENDING, end) if running else None


def _topup_age(case: WithdrawalCase) -> decision.Decision | None:
    too_old = case.facts.topups and not case.recent_topups
    return decision.deny(Reason.TOPUP_TOO_OLD) if too_old else None


def _topup_used(case: WithdrawalCase) -> decision.Decision | None:
    used = case.recent_topups and not case.unused_topups
    return decision.deny(Reason.TOPUP_USED) if used else None


def _nothing_refundable(case: WithdrawalCase) -> decision.Decision | None:
    return decision.deny(Reason.NOTHING_REFUNDABLE) if case.refundable <= 0 else None


def _payment_method(case: WithdrawalCase) -> decision.Decision | None:
    if case.facts.payment_method_refundable:
        return None
    return _propose(case, Reason.ALTERNATIVE_REFUND_METHOD)


def _verdict_on_topups(case: WithdrawalCase) -> decision.Decision:
    if case.facts.verified is None:
        return _propose(case, Reason.JUDGE_REQUEST)
    return _pay_topups(case) if case.facts.verified else decision.deny(Reason.CLAIM_REJECTED)


def _propose(case: WithdrawalCase, reason: Reason) -> decision.Decision:
    return decision.propose(reason, case.refundable, Destination.CLIENT, case.review_by)


def _pay_topups(case: WithdrawalCase) -> decision.Decision:
    amount = case.refundable
    fee = min(case.facts.psp_commission_minor, amount) if case.profile.psp_commission else 0
    whole = amount >= case.amount_asked
    return decision.Decision(
        Outcome.PAYOUT,
        Reason.REFUNDABLE_TOPUPS if whole else Reason.PARTIAL_REFUNDABLE,
        amount - fee,
        fee,
        Destination.CLIENT,
        # Without a recorded instant of approval the verdict, which is now, counts as it.
        pay_by(case.profile, case.facts.approved_at or case.now),
    )


def _kyc(case: WithdrawalCase) -> decision.Decision | None:
    return kyc_block(case.profile, case.facts.kyc)


def _balance_empty(case: WithdrawalCase) -> decision.Decision | None:
    empty = min(case.amount_asked, case.facts.balance_minor) <= 0
    return decision.deny(Reason.NOTHING_REFUNDABLE) if empty else None


def _verdict_with_fee(case: WithdrawalCase) -> decision.Decision:
    facts = case.facts
    if facts.verified is False:
        return decision.deny(Reason.CLAIM_REJECTED)
    gross = min(case.amount_asked, facts.balance_minor)
    fee = deposit_age_fee(case.profile, gross, facts.last_deposit_at, facts.claim_at)
    outcome, reason = (
        (Outcome.PAYOUT, Reason.BALANCE_WITHDRAWAL)
        if facts.verified
        else (Outcome.NEEDS_REVIEW, Reason.JUDGE_REQUEST)
    )
    deadline = None if facts.verified else case.review_by
    return decision.Decision(outcome, reason, gross - fee, fee, Destination.WALLET, deadline)


_GROUNDS_CHECKS: tuple[WithdrawalCheck, ...] = (_account_flags, _deny_reason)
_TOPUP_CHECKS: tuple[WithdrawalCheck, ...] = (
    _account_flags,
    _excluded_reason,
    _channel,
    _request_fields,
    _email,
    _evidence,
    _terms,
    _payment_info,
    _open_order,
    _topup_age,
    _topup_used,
    _nothing_refundable,
    _payment_method,
    _verdict_on_topups,
)
_FEE_CHECKS: tuple[WithdrawalCheck, ...] = (
    _channel,
    _reasons,
    _terms,
    _kyc,
    _balance_empty,
    _verdict_with_fee,
)
