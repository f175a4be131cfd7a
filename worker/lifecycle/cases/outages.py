"""Outages of long rentals: measured from the customer's contact, credited when they end."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from worker.domain.policy import Decision, Destination, Op, OutageFacts, Outcome, Reason
from worker.domain.policy.deadlines import credit_by
from worker.domain.policy.outages import OutageCase
from worker.domain.transfer import Kind
from worker.lifecycle.cases.asking import (
    PAYING,
    STATES,
    Clauses,
    ask,
    by_human,
    instant,
    moment,
    unchanged,
)
from worker.lifecycle.cases.shape import (
    Verdict,
    made_if_new,
    rejected,
    told_of,
)
from worker.ports.store.case_view import (
    CaseFacts,
    CaseOrder,
    CaseStep,
    CaseView,
    DecisionMade,
    MoneyMove,
    Rejected,
    TimerKind,
)

_NOTHING_LEFT: Final = Decision(Outcome.DENY, Reason.ALREADY_REFUNDED)


@dataclass(frozen=True, slots=True)
class Outages:
    clauses: Clauses
    word: str = "rental"

    def judge(self, view: CaseView, facts: CaseFacts) -> CaseStep:
        return self._step(view, facts, self._ask(view, facts))

    def rule(self, view: CaseView, verdict: Verdict) -> CaseStep:
        facts = {**view.case.facts, **verdict.findings}
        if verdict.grant:
            facts["outage_verified"] = True
            made = self._ask(view, facts)
            if made.decision.outcome is not Outcome.NEEDS_REVIEW:
                if verdict.amount_minor not in {None, made.decision.amount_minor}:
                    return unchanged(view, Rejected.WRONG_SUM)
                return self._step(view, facts, made)
            return self._granted(view, facts, made, verdict.amount_minor or 0)
        made = by_human(self._ask(view, facts), rejected(), view, self.clauses)
        return self._step(view, facts, made)

    def started(self, view: CaseView, sla: TimerKind) -> datetime:
        facts = view.case.facts
        contacted_at = moment(facts, "contacted_at") or view.case.opened_at
        if sla is TimerKind.REVIEW_SLA or view.profile is None:
            return contacted_at
        return self._case(view, facts).end

    def _ask(self, view: CaseView, facts: CaseFacts) -> DecisionMade:
        order = view.order
        assert order is not None
        given = {
            **facts,
            "rental_start": instant(order.purchased_at),
            "rental_end": instant(order.ends_at),
            "price_minor": order.price_minor,
            **_until_blocked(order, facts),
        }
        return ask(view, Op.OUTAGE_TICK, given, self.clauses)

    def _step(self, view: CaseView, facts: CaseFacts, made: DecisionMade) -> CaseStep:
        order, decision = view.order, made.decision
        assert order is not None
        left = order.price_minor - order.credited_minor
        if decision.outcome in PAYING and decision.amount_minor > left:
            decision = replace(decision, amount_minor=left) if left else _NOTHING_LEFT
            made = replace(made, decision=decision)
        state = STATES[decision.outcome]
        paid = MoneyMove(Kind.CLAIM, decision.amount_minor)
        step = CaseStep(
            state=state,
            facts=facts,
            made=made_if_new(view, made),
            timers=self._timers(view, facts, decision),
            moves=(paid,) if decision.outcome in PAYING else (),
        )
        return told_of(self, view, step)

    def _timers(
        self, view: CaseView, facts: CaseFacts, decision: Decision
    ) -> dict[TimerKind, datetime]:
        profile, deadline = view.profile, decision.deadline
        if profile is None or deadline is None:
            return {}
        if decision.outcome is Outcome.NEEDS_REVIEW:
            return {TimerKind.REVIEW_SLA: deadline}
        if decision.outcome is not Outcome.WAIT:
            return {}
        outage = self._case(view, facts)
        # Money for an outage that runs to its end is owed from then on.
        owed_by = credit_by(profile, outage.last_end)
        owed = {} if owed_by is None else {TimerKind.BALANCE_CREDIT_SLA: owed_by}
        measuring = view.now - outage.start <= outage.threshold and deadline < outage.last_end
        kind = TimerKind.OUTAGE_THRESHOLD if measuring else TimerKind.OUTAGE_END
        return {kind: deadline, **owed}

    def _case(self, view: CaseView, facts: CaseFacts) -> OutageCase:
        order, profile = view.order, view.profile
        assert order is not None
        assert profile is not None
        known = OutageFacts(
            rental_start=order.purchased_at,
            rental_end=order.ends_at,
            price_minor=order.price_minor,
            contacted_at=moment(facts, "contacted_at"),
            unavailable_since=moment(facts, "unavailable_since"),
            restored_at=moment(facts, "restored_at"),
        )
        return OutageCase(profile, known, view.now)

    def _granted(
        self, view: CaseView, facts: CaseFacts, made: DecisionMade, amount: int
    ) -> CaseStep:
        """The policy names no sum: the human does."""
        order = view.order
        assert order is not None
        if not 0 < amount <= order.price_minor - order.credited_minor:
            return unchanged(view, Rejected.WRONG_SUM)
        to = Destination.BALANCE
        granted = Decision(Outcome.CREDIT, Reason.CLAIM_APPROVED, amount, 0, to)
        return self._step(view, facts, by_human(made, granted, view, self.clauses))


def _until_blocked(order: CaseOrder, facts: CaseFacts) -> dict[str, str]:
    """A block that was paid for all the days that were left ends what is an outage's."""
    if order.blocked_from is None:
        return {}
    restored_at = moment(facts, "restored_at") or order.blocked_from
    return {"restored_at": instant(min(restored_at, order.blocked_from))}
