"""Money that leaves the platform: promised by a decision, gone when somebody says it was paid."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from worker.domain.transfer import Kind
from worker.lifecycle.cases.asking import PAYING, unchanged
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

_PROMISES: Final = frozenset(outcome.value for outcome in PAYING)


def promised(case: Case) -> DecisionRow:
    """The decision that approved it; that the shop is late may have been decided since."""
    return next(one for one in reversed(case.decisions) if one.outcome in _PROMISES)


def paid(view: CaseView) -> CaseStep:
    """The money has left; said again, nothing more does."""
    case = view.case
    if case.state is CaseState.PAID:
        return unchanged(view)
    if case.state is not CaseState.APPROVED:
        return unchanged(view, Rejected.CLOSED if case.state in CLOSED else Rejected.NOT_ASKED_FOR)
    told = f"{case.kind.value}.{CaseState.PAID.value}"
    return CaseStep(state=CaseState.PAID, facts=case.facts, moves=_moves(case), told=told)


def extended(view: CaseView, facts: CaseFacts) -> CaseStep:
    """More time to pay, for a recorded reason; whether it counts, the policy says when it rings."""
    if view.case.state is not CaseState.APPROVED:
        return unchanged(view, Rejected.NOT_ASKED_FOR)
    step = replace(unchanged(view), facts={**view.case.facts, **facts})
    return replace(step, added=("extension", dict(facts)))


def _moves(case: Case) -> Sequence[MoneyMove]:
    """A claim is paid by the house; a withdrawal with what was set aside, and its fee is ours."""
    payout = promised(case)
    if case.kind is CaseKind.CLAIM:
        return (MoneyMove(Kind.CLAIM, payout.amount_minor, leaves=True),)
    assert case.kind is CaseKind.WITHDRAWAL
    fee = (MoneyMove(Kind.FEE, payout.fee_minor),) if payout.fee_minor else ()
    return (MoneyMove(Kind.WITHDRAW, payout.amount_minor), *fee)
