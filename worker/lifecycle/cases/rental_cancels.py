"""A rental that its customer gives back or ends before its time, and a renewal given back.

A press that the policy refuses leaves nothing behind: the rental goes on, and no case is opened.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from worker.domain.activation import CancelAnswer
from worker.domain.policy import Decision, Destination, Op, Outcome, Reason
from worker.domain.transfer import TransferKind
from worker.lifecycle.cases import case_steps, questions, record_facts
from worker.ports.store import case_view as port

_REFUSED: Final = frozenset({Outcome.WAIT, Outcome.DENY, Outcome.NONE})
_ANSWERS: Final = {
    Reason.CODE_DISPLAYED: CancelAnswer.CODE_RECEIVED,
    Reason.SMS_RECEIVED: CancelAnswer.CODE_RECEIVED,
    Reason.SMS_WINDOW_OPEN: CancelAnswer.NOT_YET,
    Reason.CANCEL_WINDOW_OVER: CancelAnswer.OVER,
    Reason.CANCEL_LIMIT: CancelAnswer.LIMIT,
    Reason.RENTAL_RUNNING: CancelAnswer.LIMIT,  # Over a limit its end decides.
    Reason.RESTRICTIONS_IGNORED: CancelAnswer.RESTRICTIONS_IGNORED,
}


class CancelRefused(Exception):
    """The policy refuses this press; raised in its transaction, which it undoes."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.value)
        self.reason = reason
        self.answer = _ANSWERS.get(reason, CancelAnswer.NO_CANCEL)


@dataclass(frozen=True, slots=True)
class RentalCancelJudge:
    clauses: questions.ClauseLookup
    event_prefix: str = "rental"

    def decide(self, view: port.CaseView, facts: port.CaseFacts) -> port.CaseStep:
        record = self._ask(view, facts)
        if record.decision.outcome in _REFUSED and not view.case.decisions:
            raise CancelRefused(record.decision.reason)
        return self._step(view, facts, record)

    def apply_verdict(self, view: port.CaseView, verdict: case_steps.Verdict) -> port.CaseStep:
        facts = {**view.case.facts, **verdict.findings}
        proposed = self._ask(view, facts)
        if not verdict.grant:
            denied = case_steps.claim_rejected()
            by_human = questions.decided_by_human(proposed, denied, view, self.clauses)
            return self._step(view, facts, by_human)
        if proposed.decision.outcome is not Outcome.NEEDS_REVIEW:
            return self._step(view, facts, proposed)
        amount = verdict.amount_minor or proposed.decision.amount_minor
        assert view.order is not None
        if not 0 < amount <= view.order.left_minor:
            return case_steps.unchanged(view, port.Rejected.WRONG_SUM)
        to = Destination.BALANCE
        granted = Decision(Outcome.CREDIT, Reason.CLAIM_APPROVED, amount, 0, to)
        by_human = questions.decided_by_human(proposed, granted, view, self.clauses)
        return self._step(view, facts, by_human)

    def sla_start(self, view: port.CaseView, sla: port.TimerKind) -> datetime:
        del sla  # All that is owed here counts from the press.
        return view.case.opened_at

    def _ask(self, view: port.CaseView, facts: port.CaseFacts) -> port.DecisionRecord:
        assert view.record is not None
        given = record_facts.of_order(view.record, view.account, facts)
        return questions.ask_policy(view, Op.CANCEL, given, self.clauses)

    def _step(
        self, view: port.CaseView, facts: port.CaseFacts, record: port.DecisionRecord
    ) -> port.CaseStep:
        decision, order = record.decision, view.order
        assert order is not None
        pays = decision.outcome in case_steps.PAYING
        if pays and decision.amount_minor > order.left_minor:
            decision = replace(decision, amount_minor=order.left_minor)
            record = replace(record, decision=decision)
        ends = pays or decision.outcome is Outcome.CANCEL_NO_CREDIT
        renewal = decision.reason is Reason.RENEWAL_CANCELLED
        review = decision.outcome is Outcome.NEEDS_REVIEW and decision.deadline is not None
        step = port.CaseStep(
            state=case_steps.STATE_AFTER[decision.outcome],
            facts=facts,
            record=case_steps.record_if_new(view, record),
            timers={port.TimerKind.REVIEW_SLA: decision.deadline}
            if review and decision.deadline
            else {},
            moves=(port.MoneyMove(TransferKind.CLAIM, decision.amount_minor),) if pays else (),
            ends_rental=ends and not renewal,
            gives_renewal_back=renewal and pays,
        )
        return case_steps.with_event(self, view, step)
