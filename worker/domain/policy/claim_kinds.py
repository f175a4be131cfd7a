"""Step 6 of a claim: the rule of its kind, from our log, by evidence, by a human or on request."""

from typing import assert_never

from worker.domain.policy.claim_case import ClaimCase, missing
from worker.domain.policy.claim_payments import judge, pay
from worker.domain.policy.deadlines import business_days_after
from worker.domain.policy.decision import Decision, deny, review, wait
from worker.domain.policy.language.choices import (
    Decided,
    EmptyAtEnd,
    LogTest,
    Remedy,
    Undisplayed,
    Unlogged,
)
from worker.domain.policy.language.kinds import KindRule
from worker.domain.policy.orders import undisplayed_in_time
from worker.domain.policy.repairs import repair
from worker.domain.policy.vocabulary import Outcome, Reason

VIDEO_ALONE = frozenset({"video"})


def by_kind(case: ClaimCase) -> Decision:
    """What the policy says of this kind; a late claim that it still hears goes to a human."""
    if case.is_late:
        return judge(case, Reason.CLAIM_WINDOW_CLOSED)
    if not case.profile.has_kinds:
        return review(Reason.POLICY_SILENT)
    return judge(case, Reason.UNLISTED_REASON) if case.rule is None else _by_rule(case, case.rule)


def _by_rule(case: ClaimCase, rule: KindRule) -> Decision:
    match rule.decided:
        case Decided.LOG:
            return _by_log(case, rule)
        case Decided.EVIDENCE:
            return _by_evidence(case, rule)
        case Decided.REVIEW:
            return judge(case, Reason.JUDGE_REQUEST)
        case Decided.GRANT:
            return pay(case, Reason.GRANTED_ON_REQUEST)
        case Decided.REPAIR:
            return repair(case)
        case _:  # `_never_paid` has denied the others, save for what is listed as compatible.
            return judge(case, Reason.COMPAT_LISTED)


def _by_log(case: ClaimCase, rule: KindRule) -> Decision:
    match rule.log:
        case LogTest.NO_SMS:
            return _empty_rental(case) if case.order.is_rental else _no_sms(case)
        case LogTest.NOT_PROVIDED:
            return _not_provided(case, rule)
        case LogTest.CANCEL_FAILED:
            return _cancel_failed(case, rule)
        case LogTest.BLOCKED:
            return _blocked(case)
        case LogTest.STOPPED:
            return _stopped(case, rule)
        case None:  # No file says this: without a test our log can answer nothing.
            return judge(case, Reason.JUDGE_REQUEST)
        case _:
            assert_never(rule.log)


def _by_evidence(case: ClaimCase, rule: KindRule) -> Decision:
    """At least one piece of it, in time; a human judges what it proves."""
    given_at, until = case.claim.evidence_at, case.answer_by
    late = given_at is not None and until is not None and given_at > until
    wanted = case.claim.evidence if rule.evidence is None else case.claim.evidence & rule.evidence
    if wanted and not late:
        return judge(case, Reason.JUDGE_EVIDENCE)
    only_video = rule.evidence == VIDEO_ALONE
    return missing(case, Reason.VIDEO_REQUIRED if only_video else Reason.EVIDENCE_MISSING)


def _no_sms(case: ClaimCase) -> Decision:
    if not case.sms_window_over:
        return wait(Reason.SMS_WINDOW_OPEN, case.sms_window_end)
    undisplayed = undisplayed_in_time(case.order, case.sms_window_end)
    if undisplayed and case.profile.sms.undisplayed_in_time is Undisplayed.REVIEW:
        return judge(case, Reason.SMS_NOT_DISPLAYED)
    if case.order.sms_displayed_at is not None:
        return pay(case, Reason.CLAIM_APPROVED)  # It was shown too late, and a human said yes.
    return pay(case, Reason.SMS_NOT_DISPLAYED if undisplayed else Reason.NO_SMS_ON_RECORD)


def _empty_rental(case: ClaimCase) -> Decision:
    order = case.order
    match case.profile.rental.empty_at_end:
        case None:
            return judge(case, Reason.UNLISTED_REASON)
        case EmptyAtEnd.NOTHING:
            return deny(Reason.NOT_COVERED)
        case EmptyAtEnd.AUTOMATIC | EmptyAtEnd.ON_CLAIM:
            pass
        case _:
            assert_never(case.profile.rental.empty_at_end)
    if order.arrived_at is not None:
        shown = order.sms_displayed_at is not None
        return deny(Reason.CODE_DISPLAYED if shown else Reason.SMS_RECEIVED)
    if order.rental_end is None:
        return review(Reason.CAUSE_UNKNOWN, case.review_by)
    if case.now <= order.rental_end:
        return wait(Reason.RENTAL_RUNNING, order.rental_end)
    # Where not all SMS are on record, only a human can say that none came.
    unsure = order.messages_missing and not case.claim.verified
    answer = judge if unsure else pay
    return answer(case, Reason.NO_SMS_ON_RECORD, whole=True)


def _not_provided(case: ClaimCase, rule: KindRule) -> Decision:
    match case.claim.allocation_failed:
        case True:
            return pay(case, Reason.NEVER_PROVIDED, whole=True)
        case False:
            return deny(Reason.NUMBER_WAS_PROVIDED)
        case None if case.rental_ended:
            return deny(Reason.NUMBER_WAS_PROVIDED)
        case None if case.order.is_rental:
            return judge(case, Reason.ALLOCATION_UNKNOWN)
        case None:
            return _unlogged(case, rule, Reason.ALLOCATION_UNKNOWN, Reason.NEVER_PROVIDED)


def _cancel_failed(case: ClaimCase, rule: KindRule) -> Decision:
    if case.claim.cancel_failed:
        return pay(case, Reason.CANCEL_ERROR)
    return _unlogged(case, rule, Reason.JUDGE_REQUEST, Reason.CANCEL_ERROR)


def _unlogged(case: ClaimCase, rule: KindRule, asked: Reason, paid: Reason) -> Decision:
    """Our log knows nothing of what the customer says."""
    match rule.unlogged:
        case Unlogged.GRANT if not case.order.is_rental:
            if not case.sms_window_over:
                return wait(Reason.SMS_WINDOW_OPEN, case.sms_window_end)
            return pay(case, paid)
        case Unlogged.REVIEW | Unlogged.GRANT:
            return judge(case, asked)
        case Unlogged.EVIDENCE:
            return _by_evidence(case, rule)
        case Unlogged.DENY:
            return deny(Reason.CLAIM_REJECTED)
        case _:
            assert_never(rule.unlogged)


def _blocked(case: ClaimCase) -> Decision:
    match case.claim.client_caused:
        case True:
            return deny(Reason.CLIENT_CAUSED)
        case None:
            return judge(case, Reason.CAUSE_UNKNOWN)
        case False:
            return pay(case, Reason.OPERATOR_BLOCK)


def _stopped(case: ClaimCase, rule: KindRule) -> Decision:
    """A replacement of the same place comes first, where the policy says so; else money."""
    if case.rental_ended:
        return deny(Reason.NUMBER_WAS_PROVIDED)
    if rule.remedy is Remedy.REFUND:
        return pay(case, Reason.NO_REPLACEMENT)
    available = case.claim.replacement_available
    if available is None:
        asked_as = Reason.JUDGE_REQUEST if case.leaves else None
        return judge(case, Reason.CAUSE_UNKNOWN, asked_as=asked_as)
    if available and (owed := _replacement_owed(case)) is not None:
        return owed
    if case.claim.verified is False:
        return deny(Reason.CLAIM_REJECTED)
    return pay(case, Reason.NO_REPLACEMENT)


def _replacement_owed(case: ClaimCase) -> Decision | None:
    """The replacement, until its date; what did not come by then cannot be had."""
    due_at, days = case.claim.replacement_due_at, case.profile.obligations.replacement_business_days
    if due_at is None and days is not None:
        due_at = business_days_after(case.profile, case.now, days)
    if due_at is not None and case.now > due_at:
        return None
    return Decision(Outcome.REPLACE, Reason.REPLACEMENT_SAME_LOCATION, deadline=due_at)
