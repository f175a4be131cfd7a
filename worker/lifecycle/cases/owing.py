"""What is owed after a step of a case, by whom, and until when.

The date is the policy's where it names one, else the one here: nothing waits without a date.
"""

from datetime import datetime, timedelta
from typing import Final

from worker.domain.policy import Decision, Outcome, Reason
from worker.domain.policy.deadlines import business_days_after, days_after
from worker.domain.policy.vocabulary import Sla
from worker.lifecycle.cases.questions import ALTERNATIVE_OFFERED, instant_in
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
    return {port.TimerKind.OBLIGATION: min(missing)} if missing else {}


def _owed(view: port.CaseView, step: port.CaseStep, decision: Decision) -> Owed | None:
    match step.state:
        case port.CaseState.NEEDS_EVIDENCE:
            what = _ASKED_FOR.get(decision.reason, Sla.ANSWER)
            return Owed(what, OwedBy.CUSTOMER, decision.deadline or view.now + ANSWER_DAYS)
        case port.CaseState.APPROVED:
            by_when = step.timers.get(port.TimerKind.REFUND_PAYMENT)
            return Owed(Sla.REFUND_PAYMENT, OwedBy.SHOP, by_when or view.now + PAY_DAYS)
        case port.CaseState.IN_REVIEW if (
            decision.reason is Reason.ALTERNATIVE_REFUND_METHOD
            and ALTERNATIVE_OFFERED in step.facts
        ):
            return Owed(Sla.ALTERNATIVE, OwedBy.CUSTOMER, _agreed_by(view, step))
        case port.CaseState.IN_REVIEW:
            by_when = decision.deadline or _business_days(view, REVIEW_DAYS)
            return Owed(Sla.REVIEW, OwedBy.SHOP, by_when)
        case _:
            return _awaited(view, step, decision)


def _awaited(view: port.CaseView, step: port.CaseStep, decision: Decision) -> Owed | None:
    """What a case that only waits is waiting for, where that is not the policy's own clock."""
    if decision.outcome is Outcome.REPLACE:
        by_when = decision.deadline or _business_days(view, REPLACEMENT_DAYS)
        return Owed(Sla.REPLACEMENT, OwedBy.SHOP, by_when)
    if decision.reason is Reason.HOST_ACCESS_PENDING:
        asked_at = instant_in(step.facts, "access_requested_at") or view.now
        by_when = decision.deadline or asked_at + ANSWER_DAYS
        return Owed(Sla.ACCESS, OwedBy.CUSTOMER, by_when)
    offered = decision.reason is Reason.WITHDRAWAL_OFFERED
    if offered and view.case.kind is port.CaseKind.WITHDRAWAL:
        return Owed(Sla.ANSWER, OwedBy.CUSTOMER, view.case.opened_at + ANSWER_DAYS)
    return None


def _agreed_by(view: port.CaseView, step: port.CaseStep) -> datetime:
    offered_at = instant_in(step.facts, ALTERNATIVE_OFFERED)
    assert offered_at is not None
    days = None if view.profile is None else view.profile.obligations.alternative_days
    if view.profile is None or days is None:
        return offered_at + ANSWER_DAYS
    return days_after(view.profile, offered_at, days)


def _business_days(view: port.CaseView, days: int) -> datetime:
    if view.profile is None:
        return view.now + timedelta(days=days)
    by_when = business_days_after(view.profile, view.now, days)
    assert by_when is not None
    return by_when
