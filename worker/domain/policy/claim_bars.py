"""Steps 1 to 3 of a claim: its version, what was given back before, and what bars it.

The order of the checks is part of the contract: the first one that answers decides.
"""

from datetime import datetime
from typing import assert_never

from worker.domain.policy import findings
from worker.domain.policy.claim_case import ClaimCase, ClaimCheck, never_leaves
from worker.domain.policy.claim_payments import ask_human
from worker.domain.policy.decision import Decision, deny, nothing, review
from worker.domain.policy.language.choices import (
    Bar,
    Decided,
    Fulfilment,
    LogTest,
    SmsSeen,
    Unlogged,
)
from worker.domain.policy.language.kinds import EARLY_DEACTIVATION
from worker.domain.policy.orders import older_than_policy, restrictions_bar
from worker.domain.policy.rentals import EarlyEnding, end_early
from worker.domain.policy.vocabulary import BALANCE, Reason
from worker.domain.transfer import Charge


def _version(case: ClaimCase) -> Decision | None:
    old = older_than_policy(case.profile, case.order.purchased_at)
    return review(Reason.POLICY_VERSION) if old else None


def _replaced(case: ClaimCase) -> Decision | None:
    linked = case.order.replacement_linked_at is not None
    return nothing(Reason.REPLACED) if linked else None


def _refunded(case: ClaimCase) -> Decision | None:
    """A credit is no refund to the client: of money that leaves, only what left counts."""
    order = case.order
    before = order.paid_out_minor if case.leaves else order.given_back_minor
    return deny(Reason.ALREADY_REFUNDED) if before >= order.price_minor else None


def _findings(case: ClaimCase) -> Decision | None:
    profile, flags, leaves = case.profile, case.order.account_flags, case.leaves
    if not flags:
        return None
    if (reason := findings.denied_by(profile, flags, leaves=leaves)) is not None:
        return deny(reason)
    freeze = findings.unseen_freeze(flags)
    if leaves and freeze is not None and not case.claim.freeze_seen:
        return ask_human(case, freeze)
    suspected = findings.is_suspected(profile, flags, leaves=leaves)
    return ask_human(case, Reason.SUSPECTED_MISUSE) if suspected else None


def _restrictions(case: ClaimCase) -> Decision | None:
    barred = restrictions_bar(case.profile, case.order)
    return deny(Reason.RESTRICTIONS_IGNORED) if barred else None


def _never_paid(case: ClaimCase) -> Decision | None:
    """What the page lists as compatible goes on, to a human."""
    if case.rule is None or not case.is_decided(Decided.DENY):
        return None
    listed = case.rule.unless_listed and case.claim.compat_listed
    return None if listed else deny(case.rule.reason)


def _documents(case: ClaimCase) -> Decision | None:
    """All three are needed: required, announced with the order, refused (R-DOCS)."""
    bar = case.profile.bars.documents
    if bar is None or case.claim.kind != "documents_refused":
        return None
    if not case.claim.documents_shown_at_order:
        return ask_human(case, Reason.DOCUMENTS_NOT_ANNOUNCED)
    if bar is Bar.ALL or case.leaves:
        return deny(Reason.DOCUMENTS_REFUSED)
    return ask_human(case, Reason.DOCUMENTS_REFUSED)


def _ended_early(case: ClaimCase) -> Decision | None:
    """A rental given back by letter, where the policy speaks of that: as by Cancel."""
    if case.profile.rental.early_end is None or case.claim.kind != EARLY_DEACTIVATION:
        return None
    return end_early(
        EarlyEnding(
            case.profile,
            case.order,
            stopped_at=case.stopped_at,
            review_by=case.review_by,
            credit_by=case.credit_by,
            first_refund_from=case.claim.first_refund_from,
        )
    )


def _sms_bars(case: ClaimCase) -> Decision | None:
    match case.profile.bars.sms:
        case None:
            return None
        case SmsSeen.DISPLAYED:
            shown = case.order.sms_displayed_at is not None
            return deny(Reason.CODE_DISPLAYED) if shown else None
        case SmsSeen.RECEIVED:
            arrived = case.order.arrived_at is not None
            return deny(Reason.SMS_RECEIVED) if arrived else None
        case _:
            assert_never(case.profile.bars.sms)


def _before_sms(case: ClaimCase) -> Decision | None:
    only_before = case.rule is not None and case.rule.before_sms
    barred = only_before and case.order.arrived_at is not None
    return deny(Reason.SMS_RECEIVED) if barred else None


def _fulfilled(case: ClaimCase) -> Decision | None:
    """R-FULFIL: a one-time number that had its code is paid for, unless a human judges the kind."""
    if case.order.is_rental:
        return None
    if case.says_no_sms:
        return _no_sms_is_untrue(case)
    fulfilment = case.profile.bars.fulfilment
    seen_at = _fulfilled_at(case, fulfilment)
    barred = (
        seen_at is not None and _nobody_judges(case) and not _cancel_failed_before(case, seen_at)
    )
    return deny(_FULFILLED[fulfilment]) if barred else None


_FULFILLED = {
    Fulfilment.ACTIVATED: Reason.SMS_RECEIVED,
    Fulfilment.DISPLAYED: Reason.CODE_DISPLAYED,
    Fulfilment.RECEIVED: Reason.SMS_RECEIVED,
    Fulfilment.NOTHING: Reason.CODE_DISPLAYED,
}


def _no_sms_is_untrue(case: ClaimCase) -> Decision | None:
    """Our log is the record: who got a code cannot say that none came, whoever judges it."""
    order, fulfilment = case.order, case.profile.bars.fulfilment
    shown_at, end = order.sms_displayed_at, case.sms_window_end
    if shown_at is None:
        arrived_at = order.arrived_at
        in_time = arrived_at is not None and arrived_at <= end
        barred = fulfilment is Fulfilment.RECEIVED and in_time
        return deny(Reason.SMS_RECEIVED) if barred else None
    if shown_at <= end:
        return deny(_FULFILLED[fulfilment])
    match case.claim.verified:
        case None:
            return ask_human(case, Reason.LATE_SMS_DISPLAYED)
        case False:
            return deny(Reason.CLAIM_REJECTED)
        case True:
            return None


def _fulfilled_at(case: ClaimCase, fulfilment: Fulfilment) -> datetime | None:
    match fulfilment:
        case Fulfilment.NOTHING:
            return None
        case Fulfilment.RECEIVED:
            return case.order.arrived_at
        case Fulfilment.ACTIVATED | Fulfilment.DISPLAYED:
            return case.order.sms_displayed_at
        case _:
            assert_never(fulfilment)


def _nobody_judges(case: ClaimCase) -> bool:
    """A failed Cancel that our log does not know of is judged, where the policy says so."""
    if case.rule is None or not case.is_decided(Decided.LOG, Decided.GRANT):
        return False
    unlogged = case.log_test is LogTest.CANCEL_FAILED and not case.claim.cancel_failed
    judged = case.rule.unlogged in {Unlogged.REVIEW, Unlogged.EVIDENCE}
    return not (case.is_decided(Decided.LOG) and unlogged and judged)


def _cancel_failed_before(case: ClaimCase, seen_at: datetime) -> bool:
    """The attempt counts, not a code that came after it (R-VEST)."""
    tried_at = case.claim.cancel_attempt_at
    logged = case.log_test is LogTest.CANCEL_FAILED and case.claim.cancel_failed is True
    return case.is_decided(Decided.LOG) and logged and tried_at is not None and tried_at < seen_at


def _stays_on_balance(case: ClaimCase) -> Decision | None:
    """Money out of a kind that only the balance gets, or whose condition nobody told."""
    if case.rule is None or not case.leaves:
        return None
    if never_leaves(case.claim, case.rule):
        return deny(Reason.NOT_A_CLIENT_REFUND_GROUND)
    if case.rule.client_if is None or case.claim.was_listed is not None:
        return None
    match case.claim.verified:
        case None:
            return ask_human(case, Reason.ALLOCATION_UNKNOWN)
        case False:
            return deny(Reason.CLAIM_REJECTED)
        case True:
            return None


def _correct_sms(case: ClaimCase) -> Decision | None:
    """The shown code fulfils only if it is the right and whole one (R-WRONG)."""
    about_code = case.claim.kind in {"wrong_code", "incomplete_text"}
    return deny(Reason.CORRECT_SMS) if about_code and case.claim.sms_correct is True else None


def _first_only(case: ClaimCase) -> Decision | None:
    only = case.profile.claims.first_purchase_only and not case.claim.first_purchase
    return deny(Reason.FIRST_ONLY) if only else None


def _contradiction(case: ClaimCase) -> Decision | None:
    """Two sources say opposite things: no money moves by rule, a human sees both (R-SOURCE)."""
    allotted = case.claim.allocation_failed is True and case.order.arrived_at is not None
    from_balance = case.claim.charge is Charge.HOLD and case.order.payment_method != BALANCE
    return ask_human(case, Reason.FACTS_CONTRADICT) if allotted or from_balance else None


def _used_too_much(case: ClaimCase) -> Decision | None:
    most, used = case.profile.claims.usage_max_bp, case.claim.used_bp
    over = most is not None and used is not None and used > most
    return deny(Reason.USAGE_OVER) if over else None


BARS: tuple[ClaimCheck, ...] = (
    _version,
    _replaced,
    _refunded,
    _findings,
    _restrictions,
    _never_paid,
    _documents,
    _ended_early,
    _sms_bars,
    _before_sms,
    _fulfilled,
    _stays_on_balance,
    _correct_sms,
    _first_only,
    _contradiction,
    _used_too_much,
)
