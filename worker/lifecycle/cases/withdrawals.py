"""Withdrawals: what would leave is set aside, so that nothing else can spend it meanwhile."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from worker.domain.policy import Decision, Destination, Op, Outcome, Reason
from worker.domain.policy.deadlines import pay_by
from worker.domain.transfer import TransferKind
from worker.lifecycle.cases import case_steps, claim_payouts, questions, record_facts
from worker.lifecycle.cases.carrying_out import barred
from worker.ports.store import case_view as port

_PAYING_WORDS: Final = frozenset(outcome.value for outcome in case_steps.PAYING)


def approving_decision(case: port.Case) -> port.DecisionRow:
    """The decision that approved the payout; decisions that it is overdue may have followed."""
    return next(row for row in reversed(case.decisions) if row.outcome in _PAYING_WORDS)


def paid_step(view: port.CaseView, event_prefix: str) -> port.CaseStep:
    """The money has left the platform; a repetition moves no money."""
    case = view.case
    if case.state is port.CaseState.PAID:
        return case_steps.unchanged(view)
    if case.state is not port.CaseState.APPROVED:
        return case_steps.unchanged(
            view,
            port.Rejected.CLOSED if case.state in port.CLOSED else port.Rejected.NOT_ASKED_FOR,
        )
    stands_against = barred(view)
    if stands_against is not None:
        return case_steps.unchanged(view, stands_against)
    event = f"{event_prefix}.{port.CaseState.PAID.value}"
    return port.CaseStep(
        state=port.CaseState.PAID, facts=case.facts, moves=_paid_moves(case), event=event
    )


def extended_step(view: port.CaseView, facts: port.CaseFacts) -> port.CaseStep:
    """More time to pay, for a recorded reason; the policy decides later whether it counts."""
    if view.case.state is not port.CaseState.APPROVED:
        return case_steps.unchanged(view, port.Rejected.NOT_ASKED_FOR)
    step = replace(case_steps.unchanged(view), facts={**view.case.facts, **facts})
    return replace(step, evidence=("extension", dict(facts)))


def _paid_moves(case: port.Case) -> Sequence[port.MoneyMove]:
    """A withdrawal is paid, and its fee taken, from what was set aside."""
    payout = approving_decision(case)
    if case.kind is not port.CaseKind.WITHDRAWAL:
        return tuple(claim_payouts.paid_moves(case, payout))
    fee = (port.MoneyMove(TransferKind.FEE, payout.fee_minor),) if payout.fee_minor else ()
    return (port.MoneyMove(TransferKind.WITHDRAW, payout.amount_minor), *fee)


#: While the request itself lacks something; what the shop asks for beside it is something else.
_LACKING: Final = frozenset(
    {
        Reason.WRONG_CHANNEL,
        Reason.REQUEST_INCOMPLETE,
        Reason.REASONS_MISSING,
        Reason.EMAIL_MISMATCH,
        Reason.EVIDENCE_MISSING,
    }
)
_SET_ASIDE: Final = frozenset({port.CaseState.IN_REVIEW, port.CaseState.APPROVED})


@dataclass(frozen=True, slots=True)
class WithdrawalJudge:
    clauses: questions.ClauseLookup
    event_prefix: str = "withdrawal"

    def decide(self, view: port.CaseView, facts: port.CaseFacts) -> port.CaseStep:
        if view.case.state is port.CaseState.APPROVED:
            if "taken_back_at" not in facts:
                return replace(case_steps.unchanged(view), facts=facts)  # It stays approved.
        elif facts.get(record_facts.OFFERED) and "taken_back_at" not in facts:
            return self._step(view, facts, self._offered(view, facts))
        return self._step(view, facts, self._ask(view, facts))

    def apply_verdict(self, view: port.CaseView, verdict: case_steps.Verdict) -> port.CaseStep:
        facts = {**view.case.facts, **verdict.findings, "verified": verdict.grant}
        if verdict.grant:
            facts["approved_at"] = questions.instant_fact(view.now)
        record = self._ask(view, facts)
        outcome = record.decision.outcome
        waits = case_steps.waits_for_customer(view, record, self.clauses)
        offered = bool(facts.get(record_facts.OFFERED))
        # Where an order runs it waits before it is paid; a no needs not wait for that.
        asked = outcome is Outcome.NEEDS_REVIEW or (
            outcome is Outcome.WAIT and view.case.state is port.CaseState.IN_REVIEW
        )
        if not (verdict.grant or offered) and (waits or asked):
            return self._step(
                view,
                facts,
                questions.decided_by_human(record, questions.claim_rejected(), view, self.clauses),
            )
        if offered or outcome in {Outcome.NEEDS_EVIDENCE, Outcome.WAIT}:
            return self._found_lacking(view, verdict)
        if case_steps.asks_for_method(record.decision):
            return self._step(view, facts, record)
        if outcome is Outcome.NEEDS_REVIEW:
            return self._granted(view, facts, record, verdict.amount_minor)
        decided = case_steps.with_named_sum(record, verdict)
        if decided is None:
            return case_steps.unchanged(view, port.Rejected.WRONG_SUM)
        return self._step(view, facts, decided)

    def _found_lacking(self, view: port.CaseView, verdict: case_steps.Verdict) -> port.CaseStep:
        """A human found that something is missing after all: the customer adds it, he looks again.

        His yes would otherwise hold for what he has not seen.
        """
        found = {**view.case.facts, **verdict.findings}
        record = self._ask(view, found)
        asked = view.case.state is port.CaseState.IN_REVIEW and bool(verdict.findings)
        if not asked or record.decision.outcome is not Outcome.NEEDS_EVIDENCE:
            return case_steps.unchanged(view, port.Rejected.NOT_ASKED_FOR)
        return self._step(view, found, record)

    def sla_start(self, view: port.CaseView, sla: port.TimerKind) -> datetime:
        facts = view.case.facts
        if sla is port.TimerKind.REFUND_PAYMENT:
            return questions.instant_in(facts, "approved_at") or approving_decision(view.case).at
        return questions.instant_in(facts, "claim_at") or view.case.opened_at

    def _offered(self, view: port.CaseView, facts: port.CaseFacts) -> port.DecisionRecord:
        """The customer completes it, declines, or lets it pass: nothing is asked of the policy."""
        if view.now > view.case.opened_at + record_facts.OFFER:
            decision = Decision(Outcome.DENY, Reason.REQUEST_INCOMPLETE)
        else:
            minor = record_facts.refundable_minor(view, self.clauses)
            decision = Decision(Outcome.WAIT, Reason.WITHDRAWAL_OFFERED, minor)
        clauses = self.clauses(view.case.policy, decision.reason)
        as_of = None if view.timer is None else view.timer.due_at
        return port.DecisionRecord(Op.WITHDRAWAL, decision, dict(facts), clauses, as_of)

    def _ask(self, view: port.CaseView, facts: port.CaseFacts) -> port.DecisionRecord:
        return questions.ask_policy(
            view, Op.WITHDRAWAL, record_facts.of_withdrawal(view, facts), self.clauses
        )

    def _step(
        self, view: port.CaseView, facts: port.CaseFacts, record: port.DecisionRecord
    ) -> port.CaseStep:
        state = case_steps.STATE_AFTER[record.decision.outcome]
        if record.decision.outcome is Outcome.PAYOUT:
            state = port.CaseState.APPROVED
        if record.decision.reason is Reason.TAKEN_BACK:
            state = port.CaseState.CANCELLED
        moves = _moves(view, record.decision, state)
        if any(move.kind is TransferKind.WITHHOLD for move in moves):
            # Who asked for all asked for what was there before a part of it was set aside.
            facts = {"amount_minor": view.account.balance_minor, **facts}
        step = port.CaseStep(
            state=state,
            facts=facts,
            record=case_steps.record_if_new(view, record),
            timers=self._timers(view, record.decision),
            moves=moves,
        )
        return case_steps.with_event(self, view, step)

    def _timers(self, view: port.CaseView, decision: Decision) -> dict[port.TimerKind, datetime]:
        if view.profile is None or decision.deadline is None:
            return {}
        kind = {
            Outcome.NEEDS_REVIEW: port.TimerKind.REVIEW_SLA,
            Outcome.NEEDS_EVIDENCE: port.TimerKind.PAYMENT_INFO,
            Outcome.WAIT: port.TimerKind.OPEN_ORDER_HOLD,
        }.get(decision.outcome)
        return {} if kind is None else {kind: decision.deadline}

    def _granted(
        self,
        view: port.CaseView,
        facts: port.CaseFacts,
        record: port.DecisionRecord,
        amount: int | None,
    ) -> port.CaseStep:
        """A human approves what the policy left to him: the sum proposed with its fee, or less.

        Where nothing was proposed he names a sum that is there.
        """
        proposed = record.decision
        net = proposed.amount_minor if amount is None else amount
        if not 0 < net <= (proposed.amount_minor or _amount_available(view)):
            return case_steps.unchanged(view, port.Rejected.WRONG_SUM)
        fee = proposed.fee_minor if net == proposed.amount_minor else 0
        to = proposed.destination or Destination.CLIENT
        method = questions.payment_method(view)
        by = None if view.profile is None else pay_by(view.profile, view.now, method)
        payout = Decision(Outcome.PAYOUT, Reason.CLAIM_APPROVED, net, fee, to, by)
        return self._step(
            view, facts, questions.decided_by_human(record, payout, view, self.clauses)
        )


def _amount_available(view: port.CaseView) -> int:
    """What can leave: what was set aside, else the whole balance."""
    return view.case.withheld_minor or view.account.balance_minor


def _moves(
    view: port.CaseView, decision: Decision, state: port.CaseState
) -> tuple[port.MoneyMove, ...]:
    """What would leave is set aside, and nothing while the request lacks something."""
    withheld = view.case.withheld_minor
    if state in port.CLOSED or decision.reason in _LACKING:
        return (port.MoneyMove(TransferKind.GIVEBACK, withheld),) if withheld else ()
    moves: list[port.MoneyMove] = []
    leaving = decision.amount_minor + decision.fee_minor
    if not withheld and leaving and state in _SET_ASIDE:
        withheld = leaving
        moves.append(port.MoneyMove(TransferKind.WITHHOLD, withheld))
    if state is port.CaseState.APPROVED and withheld != leaving:
        assert withheld > leaving
        moves.append(port.MoneyMove(TransferKind.EXCESS, withheld - leaving))
    return tuple(moves)
