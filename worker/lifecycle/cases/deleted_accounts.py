"""What is still due to a customer whose account is deleted: its balance reaches nobody any more.

No policy says where a credit goes then (R-DEL), so a human is asked first, and a yes pays it out.
"""

from dataclasses import replace
from datetime import datetime

from worker.domain.account_state import AccountState
from worker.domain.policy import Decision, Destination, Outcome, Reason
from worker.domain.transfer import Charge, TransferKind
from worker.lifecycle.cases import case_steps
from worker.ports.store import case_view as port


def has_no_balance(view: port.CaseView) -> bool:
    """Whether a credit would be lost; what was charged outside goes back outside (R-OUTSIDE)."""
    outside = view.order is not None and view.order.charge is Charge.EXTERNAL
    return view.holdings.state == AccountState.DELETED.value and not outside


def credit_place(view: port.CaseView) -> Destination:
    """Where a human's yes to a credit pays it."""
    return Destination.CLIENT if has_no_balance(view) else Destination.BALANCE


def asked_first(view: port.CaseView, decision: Decision, by: datetime | None) -> Decision:
    """A credit by rule becomes a question to a human; a question names where its yes pays."""
    if decision.destination is not Destination.BALANCE or not has_no_balance(view):
        return decision
    asked = replace(decision, destination=Destination.CLIENT)
    if decision.outcome not in case_steps.PAYING:
        return asked
    return replace(asked, outcome=Outcome.NEEDS_REVIEW, reason=Reason.ACCOUNT_DELETED, deadline=by)


def credited_step(
    view: port.CaseView, facts: port.CaseFacts, record: port.DecisionRecord
) -> port.CaseStep:
    """What a rental gives back: to the balance at once; else it is owed until it is paid out."""
    decision = record.decision
    pays = decision.outcome in case_steps.PAYING
    leaves = pays and decision.destination is not Destination.BALANCE
    move = port.MoneyMove(TransferKind.CLAIM, decision.amount_minor)
    return port.CaseStep(
        state=port.CaseState.APPROVED if leaves else case_steps.STATE_AFTER[decision.outcome],
        facts=facts,
        record=case_steps.record_if_new(view, record),
        moves=(move,) if pays and not leaves else (),
    )
