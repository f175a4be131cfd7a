"""How a case looks as JSON, and the models that describe it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, Literal

from pydantic import BaseModel

from worker.domain.policy.fact_readers import INSTANTS, instant
from worker.entrypoints.http import render
from worker.entrypoints.http.responses import Moment, Shown
from worker.ports.store.case_view import Case, DecisionRow

StateWord = Literal[
    "waiting", "needs_evidence", "in_review", "approved", "granted", "denied", "resolved",
    "replaced", "paid", "done",
]  # fmt: skip
_INSTANTS: Final = INSTANTS | {"at"}  #: When an event of an account was.
KindWord = Literal["claim", "rental_outage", "withdrawal", "account"]


class DecisionShown(Shown):
    at: Moment
    outcome: str
    reason: str
    amount_minor: int
    fee_minor: int
    destination: str | None
    deadline: Moment | None
    as_of: Moment
    clauses: list[str]
    policy_version: str
    by: Literal["policy", "verdict"]


class EvidenceShown(Shown):
    at: Moment
    what: str
    content: dict[str, Any]


class TimerShown(Shown):
    kind: str
    due_at: Moment


class CaseShown(Shown):
    id: str
    kind: KindWord
    subject: str
    activation: str | None
    rental: str | None
    account: str
    currency: str
    state: StateWord
    policy: str
    policy_version: str
    opened_at: Moment
    closed_at: Moment | None
    withheld_minor: int
    moved_minor: int
    facts: dict[str, Any]
    verdict: dict[str, Any] | None
    decision: DecisionShown | None
    decisions: list[DecisionShown]
    evidence: list[EvidenceShown]
    timers: list[TimerShown]


def case_json(case: Case) -> dict[str, Any]:
    decisions = [_decision(one) for one in case.decisions]
    return {
        "id": str(case.id),
        "kind": case.kind.value,
        "subject": case.subject,
        "activation": None if case.activation is None else str(case.activation),
        "rental": None if case.rental is None else str(case.rental),
        "account": case.account,
        "currency": case.currency,
        "state": case.state.value,
        "policy": case.policy,
        "policy_version": case.policy_version,
        "opened_at": render.instant(case.opened_at),
        "closed_at": maybe(case.closed_at),
        "withheld_minor": case.withheld_minor,
        "moved_minor": case.moved_minor,
        "facts": facts_json(case.facts),
        "verdict": None if case.verdict is None else facts_json(case.verdict),
        "decision": decisions[-1] if decisions else None,
        "decisions": decisions,
        "evidence": [
            {"at": render.instant(one.at), "what": one.what, "content": facts_json(one.content)}
            for one in case.evidence
        ],
        "timers": [
            {"kind": one.kind.value, "due_at": render.instant(one.due_at)} for one in case.timers
        ],
    }


def _decision(row: DecisionRow) -> dict[str, Any]:
    return {
        "at": render.instant(row.at),
        "outcome": row.outcome,
        "reason": row.reason,
        "amount_minor": row.amount_minor,
        "fee_minor": row.fee_minor,
        "destination": row.destination,
        "deadline": maybe(row.deadline),
        "as_of": render.instant(row.as_of),
        "clauses": list(row.clauses),
        "policy_version": row.policy_version,
        "by": row.by,
    }


def facts_json(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Facts with their instants as everywhere else.

    They are kept as they were said: whether a call is the same again is told from that.
    """
    return {name: _fact(name, value) for name, value in facts.items()}


def _fact(name: str, value: object) -> object:
    match value:
        case dict():
            return facts_json(value)
        case str() if name in _INSTANTS:
            return render.instant(instant(value))
        case _:
            return value


def maybe(at: datetime | None) -> str | None:
    return None if at is None else render.instant(at)


OPENED: Mapping[int, type[BaseModel] | None] = {201: CaseShown, 200: CaseShown}
SHOWN: Mapping[int, type[BaseModel] | None] = {200: CaseShown}
