"""Withdrawals: money that leaves the platform on request, without a claim about an order.

The order of the checks is part of the contract: the first one that answers decides.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import NamedTuple, TypeAlias, assert_never

from worker.domain.policy import decision, findings, payouts
from worker.domain.policy.deadlines import days_after, pay_by, review_by
from worker.domain.policy.facts import DatedSum, PastEvent, WithdrawalFacts
from worker.domain.policy.language.choices import (
    OverLimit,
    SpentBars,
    Unable,
    WithdrawalDecided,
    WithdrawalMode,
)
from worker.domain.policy.language.profile import Profile
from worker.domain.policy.limits import exceeded
from worker.domain.policy.vocabulary import (
    Destination,
    Outcome,
    PastEventKind,
    Reason,
    WithdrawReason,
)


class WithdrawalCase(NamedTuple):
    profile: Profile
    facts: WithdrawalFacts
    now: datetime

    @property
    def review_by(self) -> datetime | None:
        return review_by(self.profile, self.facts.claim_at)

    @property
    def recent_topups(self) -> list[DatedSum]:
        """Not older than the limit at the contact, each judged by itself (R-WEEK)."""
        days, asked_at = self.profile.withdrawal.topup_max_age_days, self.facts.claim_at
        if days is None:
            return list(self.facts.topups)
        return [each for each in self.facts.topups if asked_at <= self._fresh_until(each.at, days)]

    @property
    def unused_topups(self) -> list[DatedSum]:
        """Recent, and later than the last purchase that was activated (R-MULTI)."""
        used_at = self.facts.last_activated_at
        return [each for each in self.recent_topups if used_at is None or each.at > used_at]

    @property
    def refundable_minor(self) -> int:
        most = min(self.facts.balance_minor, self.facts.amount_asked_minor)
        match self.profile.withdrawal.mode:
            case WithdrawalMode.BALANCE:
                return most
            case WithdrawalMode.UNUSED_TOPUPS:
                return max(0, min(most, self._left_of_topups()))
            case WithdrawalMode.NEVER | None:
                return 0
            case _:
                assert_never(self.profile.withdrawal.mode)

    @property
    def deposit_too_old(self) -> bool:
        """Mode `balance`: the last deposit lies further back than the policy allows."""
        days = self.profile.withdrawal.topup_max_age_days
        deposited_at = self.facts.last_deposit_at
        if days is None or deposited_at is None:
            return False
        return self.facts.claim_at > self._fresh_until(deposited_at, days)

    def _left_of_topups(self) -> int:
        """Less every payout and every purchase still paid for since the oldest of them."""
        unused = self.unused_topups
        oldest = min((each.at for each in unused), default=None)
        if oldest is None:
            return 0
        gone = [*self.facts.payouts, *self.facts.purchases]
        return _total(unused) - _total([each for each in gone if each.at >= oldest])

    def _fresh_until(self, at: datetime, days: int) -> datetime:
        return days_after(self.profile, at, days)


WithdrawalCheck: TypeAlias = Callable[[WithdrawalCase], decision.Decision | None]


def withdrawal(profile: Profile, facts: WithdrawalFacts, now: datetime) -> decision.Decision:
    return decision.first_answer(_CHECKS, WithdrawalCase(profile, facts, now))


def _total(sums: list[DatedSum]) -> int:
    return sum(each.amount_minor for each in sums)


def _fee(case: WithdrawalCase, minor: int) -> int:
    profile, facts = case.profile, case.facts
    by_age = payouts.deposit_age_fee(profile, minor, facts.last_deposit_at, facts.claim_at)
    common = payouts.common_fees(profile, minor, facts.payment_method)
    commission = facts.psp_commission_minor if profile.withdrawal.psp_commission else 0
    return min(by_age + common + commission, minor)


def _propose(case: WithdrawalCase, reason: Reason) -> decision.Decision:
    """A human is asked, and shown what a yes would pay now, net of fees."""
    minor = 0 if _refused_by_reason(case) else case.refundable_minor
    fee, to = _fee(case, minor), case.profile.withdrawal.destination
    return decision.propose(reason, minor - fee, to, case.review_by, fee)


def _taken_back(case: WithdrawalCase) -> decision.Decision | None:
    taken_back = case.facts.taken_back_at is not None
    return decision.nothing(Reason.TAKEN_BACK) if taken_back else None


def _findings(case: WithdrawalCase) -> decision.Decision | None:
    """Money leaves here, so every finding that bars anything bars it."""
    profile, flags = case.profile, case.facts.account_flags
    if (reason := findings.denied_by(profile, flags, leaves=True)) is not None:
        return decision.deny(reason)
    freeze = findings.unseen_freeze(flags)
    if freeze is not None and not case.facts.freeze_seen:
        return _propose(case, freeze)
    suspected = findings.is_suspected(profile, flags, leaves=True)
    return _propose(case, Reason.SUSPECTED_MISUSE) if suspected else None


def _silent(case: WithdrawalCase) -> decision.Decision | None:
    said = case.profile.withdrawal.mode is not None
    return None if said else decision.review(Reason.POLICY_SILENT)


def _refused(case: WithdrawalCase) -> decision.Decision | None:
    """Unused money that never leaves, or not for this reason: the stated one decides (R-ACC)."""
    refused = _refused_by_reason(case)
    return decision.deny(_REFUSALS[case.facts.withdraw_reason]) if refused else None


def _refused_by_reason(case: WithdrawalCase) -> bool:
    rules = case.profile.withdrawal
    excluded = case.facts.withdraw_reason in rules.exclude_reasons
    return rules.mode is WithdrawalMode.NEVER or excluded


_REFUSALS: Mapping[WithdrawReason, Reason] = {
    WithdrawReason.UNUSED_FUNDS: Reason.UNUSED_FUNDS,
    WithdrawReason.CHANGED_MIND: Reason.CHANGED_MIND,
    WithdrawReason.ACCIDENTAL_TOPUP: Reason.ACCIDENTAL_TOPUP,
    WithdrawReason.MISUNDERSTANDING: Reason.MISUNDERSTANDING,
    WithdrawReason.CALLER_ID: Reason.CALLER_ID,
    WithdrawReason.SMS_PROBLEM: Reason.NOT_A_CLIENT_REFUND_GROUND,
    WithdrawReason.ACCOUNT_DELETION: Reason.NOT_A_CLIENT_REFUND_GROUND,
}


def _missing(case: WithdrawalCase, reason: Reason) -> decision.Decision:
    """What is missing can be added until a date; afterwards it counts as silence."""
    until, days = case.facts.answer_due_at, case.profile.obligations.answer_days
    if days is not None:
        until = days_after(case.profile, case.facts.claim_at, days)
    late = until is not None and case.now > until
    return decision.deny(reason) if late else decision.needs_evidence(reason, until)


def _channel(case: WithdrawalCase) -> decision.Decision | None:
    wanted, used = case.profile.withdrawal.channels, case.facts.channel
    right = wanted is None or used is None or used in wanted
    return None if right else _missing(case, Reason.WRONG_CHANNEL)


def _request_fields(case: WithdrawalCase) -> decision.Decision | None:
    stated = case.facts.request_fields
    complete = stated is None or case.profile.withdrawal.required_fields <= stated
    return None if complete else _missing(case, Reason.REQUEST_INCOMPLETE)


def _reasons(case: WithdrawalCase) -> decision.Decision | None:
    lacking = case.profile.withdrawal.reasons_required and not case.facts.reasons_given
    return _missing(case, Reason.REASONS_MISSING) if lacking else None


def _email(case: WithdrawalCase) -> decision.Decision | None:
    wrong = case.profile.withdrawal.email_must_match and not case.facts.email_matches
    return _missing(case, Reason.EMAIL_MISMATCH) if wrong else None


def _evidence(case: WithdrawalCase) -> decision.Decision | None:
    needed = case.facts.withdraw_reason in case.profile.withdrawal.evidence_for
    lacking = needed and not case.facts.evidence
    return _missing(case, Reason.EVIDENCE_MISSING) if lacking else None


def _terms(case: WithdrawalCase) -> decision.Decision | None:
    contradicts = case.facts.contradicts_terms
    return _propose(case, Reason.CONTRADICTS_TERMS) if contradicts else None


def _kyc(case: WithdrawalCase) -> decision.Decision | None:
    if case.profile.withdrawal.destination is not Destination.WALLET:
        return None
    facts = case.facts
    check = payouts.KycCheck(facts.kyc, facts.kyc_requested_at, facts.answer_due_at)
    answer = payouts.kyc_answer(case.profile, check, case.now)
    overdue = answer is not None and answer.reason is Reason.KYC_OVERDUE
    return _propose(case, Reason.KYC_OVERDUE) if overdue else answer


def _payment_info(case: WithdrawalCase) -> decision.Decision | None:
    """Payment details we asked for have to come in time; the clock starts with our question."""
    asked_at, given_at = case.facts.payment_info_requested_at, case.facts.payment_info_provided_at
    if asked_at is None:
        return None
    days = case.profile.processing.payment_info_days
    if days is None:
        return None if given_at is not None else _payment_info_by_default(case)
    until = days_after(case.profile, asked_at, days)
    if (case.now if given_at is None else given_at) > until:
        return decision.deny(Reason.PAYMENT_INFO_TIMEOUT)
    if given_at is not None:
        return None
    return decision.needs_evidence(Reason.PAYMENT_INFO_REQUIRED, until)


def _payment_info_by_default(case: WithdrawalCase) -> decision.Decision:
    """The policy sets no date: after the worker's own a human decides."""
    until = case.facts.answer_due_at
    if until is not None and case.now > until:
        return _propose(case, Reason.PAYMENT_INFO_OVERDUE)
    return decision.needs_evidence(Reason.PAYMENT_INFO_REQUIRED, until)


def _open_order(case: WithdrawalCase) -> decision.Decision | None:
    """An order whose window still runs may yet be activated (R-OPEN)."""
    end = case.facts.open_order_window_end
    running = end is not None and case.now <= end
    return decision.wait(Reason.OPEN_ORDER_PENDING, end) if running else None


def _too_old(case: WithdrawalCase) -> decision.Decision | None:
    if case.profile.withdrawal.mode is WithdrawalMode.BALANCE:
        too_old = case.deposit_too_old
    else:
        too_old = bool(case.facts.topups) and not case.recent_topups
    return decision.deny(Reason.TOPUP_TOO_OLD) if too_old else None


def _used(case: WithdrawalCase) -> decision.Decision | None:
    if case.profile.withdrawal.mode is WithdrawalMode.BALANCE:
        return None
    used = bool(case.recent_topups) and not case.unused_topups
    return decision.deny(Reason.TOPUP_USED) if used else None


def _spent(case: WithdrawalCase) -> decision.Decision | None:
    if case.profile.withdrawal.mode is not WithdrawalMode.BALANCE:
        return None
    activated = case.facts.last_activated_at is not None
    match case.profile.withdrawal.spent_bars:
        case SpentBars.ANY:
            spent = activated or case.facts.spent_minor > 0
        case SpentBars.ACTIVATED:
            spent = activated
        case SpentBars.NOTHING:
            spent = False
        case _:
            assert_never(case.profile.withdrawal.spent_bars)
    return decision.deny(Reason.TOPUP_USED) if spent else None


def _nothing(case: WithdrawalCase) -> decision.Decision | None:
    return None if case.refundable_minor else decision.deny(Reason.NOTHING_REFUNDABLE)


def _below_least(case: WithdrawalCase) -> decision.Decision | None:
    method = case.profile.payout.method(case.facts.payment_method)
    least = max(case.profile.withdrawal.least_minor, method.least_minor)
    return decision.deny(Reason.BELOW_LEAST_SUM) if case.refundable_minor < least else None


def _never_refunded(case: WithdrawalCase) -> decision.Decision | None:
    method = case.profile.payout.method(case.facts.payment_method)
    return None if method.refundable else decision.deny(Reason.METHOD_NOT_REFUNDABLE)


def _unable(case: WithdrawalCase) -> decision.Decision | None:
    """The money comes from the balance, so going there is no way out."""
    if case.facts.payment_method_refundable or case.facts.alternative_method is not None:
        return None
    if case.profile.payout.unable is Unable.REVIEW:
        return _propose(case, Reason.ALTERNATIVE_REFUND_METHOD)
    return decision.deny(Reason.METHOD_NOT_REFUNDABLE)


def _limited(case: WithdrawalCase) -> decision.Decision | None:
    """A human's verdict is not limited."""
    if not case.profile.limits or case.facts.verified is not None:
        return None
    deed = PastEvent(PastEventKind.PAYOUT, case.now, case.refundable_minor)
    match exceeded(case.profile, case.facts.history, deed):
        case None:
            return None
        case OverLimit.DENY:
            return decision.deny(Reason.LIMIT_REACHED)
        case OverLimit.REVIEW | OverLimit.CLOSE | OverLimit.WAIT:
            return _propose(case, Reason.LIMIT_REACHED)


def _human(case: WithdrawalCase) -> decision.Decision | None:
    match case.facts.verified:
        case False:
            return decision.deny(Reason.CLAIM_REJECTED)
        case None if case.profile.withdrawal.decided is WithdrawalDecided.REVIEW:
            return _propose(case, Reason.JUDGE_REQUEST)
        case _:
            return None


def _payout(case: WithdrawalCase) -> decision.Decision:
    minor, facts = case.refundable_minor, case.facts
    fee = _fee(case, minor)
    by = pay_by(case.profile, facts.approved_at or case.now, facts.payment_method)
    to = case.profile.withdrawal.destination
    return decision.Decision(Outcome.PAYOUT, _paid_for(case), minor - fee, fee, to, by)


def _paid_for(case: WithdrawalCase) -> Reason:
    if case.profile.withdrawal.mode is WithdrawalMode.BALANCE:
        return Reason.BALANCE_WITHDRAWAL
    partial = case.refundable_minor < case.facts.amount_asked_minor
    return Reason.PARTIAL_REFUNDABLE if partial else Reason.REFUNDABLE_TOPUPS


_CHECKS: tuple[WithdrawalCheck, ...] = (
    _taken_back,
    _findings,
    _silent,
    _refused,
    _channel,
    _request_fields,
    _reasons,
    _email,
    _evidence,
    _terms,
    _kyc,
    _payment_info,
    _open_order,
    _too_old,
    _used,
    _spent,
    _nothing,
    _below_least,
    _never_refunded,
    _unable,
    _limited,
    _human,
    _payout,
)
