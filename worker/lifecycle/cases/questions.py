"""How a judge asks the policy of a case: facts in, a decision out with all it rests on."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeAlias

from worker.domain.policy import (
    Decision,
    Op,
    Outcome,
    Profile,
    Reason,
    decide,
    question_from,
)
from worker.ports.store.case_view import CaseFacts, CaseView, DecisionRecord

#: The ids of the clauses of a policy that a reason rests on.
ClauseLookup: TypeAlias = Callable[[str, Reason], tuple[str, ...]]


def instant_fact(at: datetime) -> str:
    """An instant as the facts hold it."""
    return at.isoformat()


def instant_in(facts: CaseFacts, name: str) -> datetime | None:
    """The instant that the fact *name* holds, or None where there is no such fact."""
    value = facts.get(name)
    return None if value is None else datetime.fromisoformat(value)


def without_none(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in facts.items() if value is not None}


def ask_policy(
    view: CaseView,
    op: Op,
    given: CaseFacts,
    clauses: ClauseLookup,
    *,
    profile: Profile | None = None,
) -> DecisionRecord:
    """What the policy of the purchase decides now; without a kept version, a human decides."""
    profile = profile or view.profile
    if profile is None:
        decision = Decision(Outcome.NEEDS_REVIEW, Reason.POLICY_VERSION)
    else:
        question = question_from({**given, "op": op.value, "now": instant_fact(view.now)})
        decision = decide(profile, op, question.facts, question.now)
    as_of = None if view.timer is None else view.timer.due_at
    return DecisionRecord(
        op, decision, dict(given), clauses(view.case.policy, decision.reason), as_of
    )


def decided_by_human(
    proposed: DecisionRecord, decision: Decision, view: CaseView, clauses: ClauseLookup
) -> DecisionRecord:
    """The human's decision about what the policy left to a human, with what that rested on."""
    return replace(
        proposed,
        decision=decision,
        by_human=True,
        clauses=proposed.clauses or clauses(view.case.policy, proposed.decision.reason),
    )


def check_facts(op: Op, facts: CaseFacts, now: datetime) -> None:
    """Raise `FactError` for a fact that nothing could be decided from."""
    needed = {
        "purchased_at": instant_fact(now),
        "price_minor": 0,
        "claim_kind": "other",
        "claim_at": instant_fact(now),
        "rental_start": "2000-01-01T00:00:00Z",
        "rental_end": "2199-01-01T00:00:00Z",
        "balance_minor": 0,
        "event": "idle",
    }
    question_from({**needed, **facts, "op": op.value, "now": instant_fact(now)})
