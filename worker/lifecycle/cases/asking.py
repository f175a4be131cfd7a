"""How a judge asks the policies: facts in, a decision with all it rests on out."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final, TypeAlias

from worker.domain.policy import (
    Decision,
    Op,
    Outcome,
    Profile,
    Reason,
    decide,
    question_from,
)
from worker.ports.store.case_view import (
    CaseFacts,
    CaseState,
    CaseStep,
    CaseView,
    DecisionMade,
    Rejected,
    TimerKind,
)

Clauses: TypeAlias = Callable[[str, Reason], tuple[str, ...]]  #: Of a policy, for a reason.

#: What the shop owes by a date: that it is late is told, and nothing else follows.
SLAS: Final = frozenset(
    {
        TimerKind.HONOUR,
        TimerKind.BALANCE_CREDIT_SLA,
        TimerKind.REVIEW_SLA,
        TimerKind.REFUND_PAYMENT,
    }
)
STATES: Final = {
    Outcome.WAIT: CaseState.WAITING,
    Outcome.RECTIFY: CaseState.WAITING,
    Outcome.NEEDS_EVIDENCE: CaseState.NEEDS_EVIDENCE,
    Outcome.NEEDS_REVIEW: CaseState.IN_REVIEW,
    Outcome.CREDIT: CaseState.GRANTED,
    Outcome.PRORATED_CREDIT: CaseState.GRANTED,
    Outcome.REFUND_FULL: CaseState.GRANTED,
    Outcome.PAYOUT: CaseState.GRANTED,
    Outcome.REPLACE: CaseState.REPLACED,
    Outcome.RESOLVED: CaseState.RESOLVED,
    Outcome.DENY: CaseState.DENIED,
    Outcome.NONE: CaseState.DONE,
}
PAYING: Final = frozenset(
    {Outcome.CREDIT, Outcome.PRORATED_CREDIT, Outcome.REFUND_FULL, Outcome.PAYOUT}
)


def instant(at: datetime) -> str:
    """As the facts have it."""
    return at.isoformat()


def moment(facts: CaseFacts, name: str) -> datetime | None:
    found = facts.get(name)
    return None if found is None else datetime.fromisoformat(found)


def known(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in facts.items() if value is not None}


def ask(
    view: CaseView, op: Op, given: CaseFacts, clauses: Clauses, *, profile: Profile | None = None
) -> DecisionMade:
    """What the policy of the purchase says now; one nobody kept is nobody's to guess."""
    profile = profile or view.profile
    if profile is None:
        decision = Decision(Outcome.NEEDS_REVIEW, Reason.POLICY_VERSION)
    else:
        question = question_from({**given, "op": op.value, "now": instant(view.now)})
        decision = decide(profile, op, question.facts, question.now)
    as_of = None if view.timer is None else view.timer.due_at
    return DecisionMade(
        op, decision, dict(given), clauses(view.case.policy, decision.reason), as_of
    )


def by_human(
    made: DecisionMade, decision: Decision, view: CaseView, clauses: Clauses
) -> DecisionMade:
    """What the policy left to a human, as the human decided it."""
    return replace(
        made,
        decision=decision,
        by_human=True,
        clauses=made.clauses or clauses(view.case.policy, made.decision.reason),
    )


def check_facts(op: Op, facts: CaseFacts, now: datetime) -> None:
    """Raise `FactError` for a fact that could not be decided from."""
    needed = {
        "purchased_at": instant(now),
        "price_minor": 0,
        "claim_kind": "other",
        "claim_at": instant(now),
        "rental_start": "2000-01-01T00:00:00Z",
        "rental_end": "2199-01-01T00:00:00Z",
        "balance_minor": 0,
        "event": "idle",
    }
    question_from({**needed, **facts, "op": op.value, "now": instant(now)})


def news(view: CaseView, made: DecisionMade) -> bool:
    """Whether this is anything else than what was decided last."""
    if not view.case.decisions:
        return True
    last, decision = view.case.decisions[-1], made.decision
    to = None if decision.destination is None else decision.destination.value
    by = "verdict" if made.by_human else "policy"
    said = (last.outcome, last.reason, last.amount_minor, last.destination, last.deadline, last.by)
    says = (decision.outcome.value, decision.reason.value, decision.amount_minor, to)
    return said != (*says, decision.deadline, by)


def pending(view: CaseView) -> dict[TimerKind, datetime]:
    """The timers the case has besides the one that rings now."""
    rings = None if view.timer is None else view.timer.kind
    return {one.kind: one.due_at for one in view.case.timers if one.kind is not rings}


def unchanged(view: CaseView, refused: Rejected | None = None) -> CaseStep:
    case = view.case
    return CaseStep(state=case.state, facts=case.facts, timers=pending(view), refused=refused)


def waits_for_customer(decision: Decision) -> bool:
    """For something the policy sets no date for: if it never comes, only a human can end that."""
    return decision.outcome is Outcome.NEEDS_EVIDENCE and decision.deadline is None


def must_act_first(view: CaseView) -> bool:
    """A date has passed that nobody acted on yet: that goes before anything that comes now."""
    return any(kind not in SLAS for kind in view.overdue)


__all__ = [
    "PAYING",
    "SLAS",
    "STATES",
    "Clauses",
    "ask",
    "by_human",
    "check_facts",
    "instant",
    "known",
    "moment",
    "must_act_first",
    "news",
    "pending",
    "unchanged",
    "waits_for_customer",
]
