"""What is owed after a step of a case, by whom, and until when.

The date is the policy's where it names one, else the one here: nothing waits without a date.
"""

from datetime import datetime, timedelta
from typing import Final

from worker.domain.policy import Decision, Outcome, Reason
from worker.domain.policy.deadlines import business_days_after
from worker.domain.policy.vocabulary import Sla
from worker.ports.store import case_view as port
from worker.ports.store.obligations import Owed, OwedBy

ANSWER_DAYS: Final = timedelta(days=14)  #: For the customer, from the request.
PAY_DAYS: Final = timedelta(days=14)  #: For the shop, from the approval.
REVIEW_DAYS: Final = 2  #: Business days, from when it came into review.
REPLACEMENT_DAYS: Final = 3  #: Business days, from when it became owed.
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


def _owed(view: port.CaseView, step: port.CaseStep, decision: Decision) -> Owed | None:
    match step.state:
        case port.CaseState.NEEDS_EVIDENCE:
            what = _ASKED_FOR.get(decision.reason, Sla.ANSWER)
            return Owed(what, OwedBy.CUSTOMER, decision.deadline or view.now + ANSWER_DAYS)
        case port.CaseState.APPROVED:
            by_when = step.timers.get(port.TimerKind.REFUND_PAYMENT)
            return Owed(Sla.REFUND_PAYMENT, OwedBy.SHOP, by_when or view.now + PAY_DAYS)
        case port.CaseState.IN_REVIEW:
            by_when = decision.deadline or _business_days(view, REVIEW_DAYS)
            return Owed(Sla.REVIEW, OwedBy.SHOP, by_when)
        case _ if decision.reason is Reason.HOST_ACCESS_PENDING:
            return Owed(Sla.ACCESS, OwedBy.CUSTOMER, view.now + ANSWER_DAYS)
        case _ if decision.outcome is Outcome.REPLACE:
            by_when = _business_days(view, REPLACEMENT_DAYS)
            return Owed(Sla.REPLACEMENT, OwedBy.SHOP, by_when)
        case _:
            return None


def _business_days(view: port.CaseView, days: int) -> datetime:
    if view.profile is None:
        return view.now + timedelta(days=days)
    by_when = business_days_after(view.profile, view.now, days)
    assert by_when is not None
    return by_when
