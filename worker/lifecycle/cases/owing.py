"""What is owed after a step of a case, by whom, and until when.

The date is the policy's where it names one, else the one here: nothing waits without a date.
"""

from datetime import datetime, timedelta
from typing import Final

from worker.domain.policy import Decision, Outcome, Reason
from worker.domain.policy.deadlines import business_days_after, days_after, pay_by
from worker.domain.policy.facts import SlaFacts
from worker.domain.policy.obligations import due_by
from worker.domain.policy.vocabulary import Sla
from worker.lifecycle.cases.questions import (
    ALTERNATIVE_OFFERED,
    instant_in,
    payment_method,
    profile_for,
)
from worker.ports.store import case_view as port
from worker.ports.store.obligations import Owed, OwedBy

ANSWER_DAYS: Final = timedelta(days=14)  #: For the customer, from the request.
PAY_DAYS: Final = timedelta(days=14)  #: For the shop, from the approval.
REVIEW_DAYS: Final = 2  #: Business days, from when it came into review.
REPLACEMENT_DAYS: Final = 3  #: Business days, from when it became owed.
#: What ends at its date; of the rest it is told then that the shop is late.
_ENDING: Final = frozenset(
    {Sla.REPLACEMENT, Sla.ACCESS, Sla.KYC, Sla.PAYMENT_INFO, Sla.ALTERNATIVE, Sla.ANSWER}
)
_ASKED_FOR: Final = {
    Reason.KYC_REQUIRED: Sla.KYC,
    Reason.PAYMENT_INFO_REQUIRED: Sla.PAYMENT_INFO,
}


def owed_after(view: port.CaseView, step: port.CaseStep) -> tuple[Owed, ...] | None:
    """All that is owed from now on; None: nothing was decided, so it stays as it is."""
    if step.state in port.CLOSED:
        return ()
    if step.record is None:
        return None
    owed = _owed(view, step, step.record.decision)
    return () if owed is None else (owed,)


def dated(view: port.CaseView, step: port.CaseStep) -> dict[port.TimerKind, datetime]:
    """The timer of what is owed next, where none of the step's own rings at that date."""
    if step.owed is None:
        standing = view.case.obligations
        ends = [one.by_when for one in standing if one.ended_at is None and one.what in _ENDING]
    else:
        ends = [one.by_when for one in step.owed if one.what in _ENDING]
    own = {at for kind, at in step.timers.items() if kind is not port.TimerKind.HONOUR}
    missing = [at for at in ends if at not in own]
    ending = {port.TimerKind.OBLIGATION: min(missing)} if missing else {}
    return ending | _late_payment(view, step)


def _late_payment(view: port.CaseView, step: port.CaseStep) -> dict[port.TimerKind, datetime]:
    """When the shop is told that it is late, unless its time to settle tells that."""
    profile = profile_for(view)
    owed = [one.by_when for one in step.owed or () if one.what is Sla.REFUND_PAYMENT]
    if profile is None or not owed:
        return {}
    names_time = pay_by(profile, view.now, payment_method(view)) is not None
    settles_by = step.timers.get(port.TimerKind.HONOUR)
    told_anyway = settles_by is not None and view.now <= settles_by
    return {} if told_anyway and not names_time else {port.TimerKind.REFUND_PAYMENT: owed[0]}


def _owed(view: port.CaseView, step: port.CaseStep, decision: Decision) -> Owed | None:
    match step.state:
        case port.CaseState.NEEDS_EVIDENCE:
            what = _ASKED_FOR.get(decision.reason, Sla.ANSWER)
            return Owed(what, OwedBy.CUSTOMER, decision.deadline or view.now + ANSWER_DAYS)
        case port.CaseState.APPROVED:
            return Owed(Sla.REFUND_PAYMENT, OwedBy.SHOP, _paid_by(view, step))
        case port.CaseState.IN_REVIEW if (
            decision.reason is Reason.ALTERNATIVE_REFUND_METHOD
            and ALTERNATIVE_OFFERED in step.facts
        ):
            return Owed(Sla.ALTERNATIVE, OwedBy.CUSTOMER, _agreed_by(view, step))
        case port.CaseState.IN_REVIEW:
            by_when = decision.deadline or _reviewed_by(view, decision)
            return Owed(Sla.REVIEW, OwedBy.SHOP, by_when)
        case _:
            return _awaited(view, step, decision)


def _awaited(view: port.CaseView, step: port.CaseStep, decision: Decision) -> Owed | None:
    """What a case that only waits is waiting for, where that is not the policy's own clock."""
    if decision.outcome is Outcome.REPLACE:
        since = _owed_since(view, step)
        by_when = decision.deadline or _business_days(view, REPLACEMENT_DAYS, since)
        return Owed(Sla.REPLACEMENT, OwedBy.SHOP, by_when)
    if decision.reason is Reason.HOST_ACCESS_PENDING:
        asked_at = instant_in(step.facts, "access_requested_at") or view.now
        by_when = decision.deadline or asked_at + ANSWER_DAYS
        return Owed(Sla.ACCESS, OwedBy.CUSTOMER, by_when)
    offered = decision.reason is Reason.WITHDRAWAL_OFFERED
    if offered and view.case.kind is port.CaseKind.WITHDRAWAL:
        return Owed(Sla.ANSWER, OwedBy.CUSTOMER, view.case.opened_at + ANSWER_DAYS)
    return None


def _reviewed_by(view: port.CaseView, decision: Decision) -> datetime:
    """Counted from when the review opened: what is added to it moves its date no more."""
    last = view.case.decided
    asked = (decision.reason.value, decision.amount_minor, None)
    if last is not None and (last.reason, last.amount_minor, last.deadline) == asked:
        for owed in view.case.obligations:
            if owed.what is Sla.REVIEW and owed.ended_at is None:
                return owed.by_when
    return _business_days(view, REVIEW_DAYS, view.now)


def _paid_by(view: port.CaseView, step: port.CaseStep) -> datetime:
    """Until when an approved payout is on its way, of whatever case and by whomever approved."""
    profile = profile_for(view)
    if profile is None:
        return view.now + PAY_DAYS
    told = view.case.kind is port.CaseKind.WITHDRAWAL
    # The yes to a claim may have been to its defect, long before its money was due.
    approved_at = instant_in(step.facts, "approved_at") if told else None
    method = payment_method(view)
    owed = SlaFacts(Sla.REFUND_PAYMENT, approved_at or view.now, payment_method=method)
    by_when = due_by(profile, owed)
    assert by_when is not None  # Every payout has a date.
    return by_when


def _agreed_by(view: port.CaseView, step: port.CaseStep) -> datetime:
    offered_at = instant_in(step.facts, ALTERNATIVE_OFFERED)
    assert offered_at is not None
    profile = profile_for(view)
    days = None if profile is None else profile.obligations.alternative_days
    if profile is None or days is None:
        return offered_at + ANSWER_DAYS
    return days_after(profile, offered_at, days)


def _owed_since(view: port.CaseView, step: port.CaseStep) -> datetime:
    """Since the missed repair or its approval, however late the timer rings; else the finding."""
    if view.timer is None:
        return view.now
    approved_at = instant_in(step.facts, "approved_at") or view.timer.due_at
    return max(view.timer.due_at, approved_at)


def _business_days(view: port.CaseView, days: int, since: datetime) -> datetime:
    if view.profile is None:
        return since + timedelta(days=days)
    by_when = business_days_after(view.profile, since, days)
    assert by_when is not None
    return by_when
