"""Payouts: money that a decision approved leaves the platform when a human says it was paid."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from worker.domain.transfer import TransferKind
from worker.lifecycle.cases.case_steps import PAYING, unchanged
from worker.ports.store.case_view import (
    CLOSED,
    Case,
    CaseFacts,
    CaseKind,
    CaseState,
    CaseStep,
    CaseView,
    DecisionRow,
    MoneyMove,
    Rejected,
)

_PAYING_WORDS: Final = frozenset(outcome.value for outcome in PAYING)


def approving_decision(case: Case) -> DecisionRow:
    """The decision that approved the payout; decisions that it is overdue may have followed."""
    return next(row for row in reversed(case.decisions) if row.outcome in _PAYING_WORDS)


def paid_step(view: CaseView) -> CaseStep:
    """The money has left the platform; a repetition moves no money."""
    case = view.case
    if case.state is CaseState.PAID:
        return unchanged(view)
    if case.state is not CaseState.APPROVED:
        return unchanged(view, Rejected.CLOSED if case.state in CLOSED else Rejected.NOT_ASKED_FOR)
    event = f"{case.kind.value}.{CaseState.PAID.value}"
    return CaseStep(state=CaseState.PAID, facts=case.facts, moves=_moves(case), event=event)


def extended_step(view: CaseView, facts: CaseFacts) -> CaseStep:
    """More time to pay, for a recorded reason; the policy decides later whether it counts."""
    if view.case.state is not CaseState.APPROVED:
        return unchanged(view, Rejected.NOT_ASKED_FOR)
    step = replace(unchanged(view), facts={**view.case.facts, **facts})
    return replace(step, evidence=("extension", dict(facts)))


def _moves(case: Case) -> Sequence[MoneyMove]:
    """The house pays a claim; a withdrawal is paid, and its fee taken, from what was set aside."""
    payout = approving_decision(case)
    if case.kind is CaseKind.CLAIM:
        return (MoneyMove(TransferKind.CLAIM, payout.amount_minor, leaves_platform=True),)
    assert case.kind is CaseKind.WITHDRAWAL
    fee = (MoneyMove(TransferKind.FEE, payout.fee_minor),) if payout.fee_minor else ()
    return (MoneyMove(TransferKind.WITHDRAW, payout.amount_minor), *fee)
