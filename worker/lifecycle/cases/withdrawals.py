"""Withdrawals: the sum asked for is set aside at once, so that nothing else can spend it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

from worker.domain.policy import Decision, Destination, Op, Outcome, Profile, Reason
from worker.domain.policy.deadlines import days_after, pay_by
from worker.domain.transfer import TransferKind
from worker.lifecycle.cases import case_steps, questions
from worker.ports.store import case_view as port

#: What was approved before a block is paid only if a human says that he has seen the block.
_BARRED: Final = {
    "blocked": port.Rejected.ACCOUNT_BLOCKED,
    "frozen": port.Rejected.ACCOUNT_FROZEN,
    "deleted": port.Rejected.CLOSED,
}
_PAYING_WORDS: Final = frozenset(outcome.value for outcome in case_steps.PAYING)


def approving_decision(case: port.Case) -> port.DecisionRow:
    """The decision that approved the payout; decisions that it is overdue may have followed."""
    return next(row for row in reversed(case.decisions) if row.outcome in _PAYING_WORDS)


def paid_step(view: port.CaseView) -> port.CaseStep:
    """The money has left the platform; a repetition moves no money."""
    case = view.case
    if case.state is port.CaseState.PAID:
        return case_steps.unchanged(view)
    if case.state is not port.CaseState.APPROVED:
        return case_steps.unchanged(
            view,
            port.Rejected.CLOSED if case.state in port.CLOSED else port.Rejected.NOT_ASKED_FOR,
        )
    barred = _BARRED.get(view.holdings.state)
    if barred is not None and not case.facts.get(case_steps.FREEZE_SEEN):
        return case_steps.unchanged(view, barred)
    event = f"{case.kind.value}.{port.CaseState.PAID.value}"
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
    """The house pays a claim; a withdrawal is paid, and its fee taken, from what was set aside."""
    payout = approving_decision(case)
    if case.kind is port.CaseKind.CLAIM:
        return (port.MoneyMove(TransferKind.CLAIM, payout.amount_minor, leaves_platform=True),)
    assert case.kind is port.CaseKind.WITHDRAWAL
    fee = (port.MoneyMove(TransferKind.FEE, payout.fee_minor),) if payout.fee_minor else ()
    return (port.MoneyMove(TransferKind.WITHDRAW, payout.amount_minor), *fee)


_LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class WithdrawalJudge:
    clauses: questions.ClauseLookup
    event_prefix: str = "withdrawal"

    def decide(self, view: port.CaseView, facts: port.CaseFacts) -> port.CaseStep:
        if view.case.state is port.CaseState.APPROVED:
            return replace(case_steps.unchanged(view), facts=facts)  # An approved payout stays.
        return self._step(view, facts, self._ask(view, facts))

    def apply_verdict(self, view: port.CaseView, verdict: case_steps.Verdict) -> port.CaseStep:
        facts = {**view.case.facts, **verdict.findings, "verified": verdict.grant}
        if verdict.grant:
            facts["approved_at"] = questions.instant_fact(view.now)
        record = self._ask(view, facts)
        outcome = record.decision.outcome
        if case_steps.waits_for_customer(record.decision) and not verdict.grant:
            return self._step(
                view,
                facts,
                questions.decided_by_human(record, case_steps.claim_rejected(), view, self.clauses),
            )
        if outcome in {Outcome.NEEDS_EVIDENCE, Outcome.WAIT}:
            return case_steps.unchanged(view, port.Rejected.NOT_ASKED_FOR)
        if outcome is not Outcome.NEEDS_REVIEW:
            if verdict.amount_minor not in {None, record.decision.amount_minor}:
                return case_steps.unchanged(view, port.Rejected.WRONG_SUM)
            return self._step(view, facts, record)
        if not verdict.grant:
            return self._step(
                view,
                facts,
                questions.decided_by_human(record, case_steps.claim_rejected(), view, self.clauses),
            )
        return self._granted(view, facts, record, verdict.amount_minor)

    def sla_start(self, view: port.CaseView, sla: port.TimerKind) -> datetime:
        name = "approved_at" if sla is port.TimerKind.REFUND_PAYMENT else "claim_at"
        return questions.instant_in(view.case.facts, name) or view.case.opened_at

    def _ask(self, view: port.CaseView, facts: port.CaseFacts) -> port.DecisionRecord:
        return questions.ask_policy(
            view, Op.WITHDRAWAL, {**facts, **_facts_from_books(view, facts)}, self.clauses
        )

    def _step(
        self, view: port.CaseView, facts: port.CaseFacts, record: port.DecisionRecord
    ) -> port.CaseStep:
        state = case_steps.STATE_AFTER[record.decision.outcome]
        if record.decision.outcome is Outcome.PAYOUT:
            state = port.CaseState.APPROVED
        step = port.CaseStep(
            state=state,
            facts=facts,
            record=case_steps.record_if_new(view, record),
            timers=self._timers(view, facts, record.decision),
            moves=_moves(view, facts, record.decision, state),
        )
        return case_steps.with_event(self, view, step)

    def _timers(
        self, view: port.CaseView, facts: port.CaseFacts, decision: Decision
    ) -> dict[port.TimerKind, datetime]:
        profile, deadline = view.profile, decision.deadline
        if profile is None:
            return {}
        kind = {
            Outcome.NEEDS_REVIEW: port.TimerKind.REVIEW_SLA,
            Outcome.NEEDS_EVIDENCE: port.TimerKind.PAYMENT_INFO,
            Outcome.WAIT: port.TimerKind.OPEN_ORDER_HOLD,
            Outcome.PAYOUT: port.TimerKind.REFUND_PAYMENT,
        }.get(decision.outcome)
        approved_at = questions.instant_in(facts, "approved_at")
        if decision.outcome is Outcome.PAYOUT and deadline is None and approved_at is not None:
            deadline = pay_by(profile, approved_at)
        return {} if kind is None or deadline is None else {kind: deadline}

    def _granted(
        self,
        view: port.CaseView,
        facts: port.CaseFacts,
        record: port.DecisionRecord,
        amount: int | None,
    ) -> port.CaseStep:
        """A human approves what the policy left to him: his sum, or the one proposed."""
        gross = record.decision.amount_minor if amount is None else amount
        if not 0 < gross <= _amount_available(view):
            return case_steps.unchanged(view, port.Rejected.WRONG_SUM)
        to = record.decision.destination or Destination.CLIENT
        by = None if view.profile is None else pay_by(view.profile, view.now)
        payout = Decision(Outcome.PAYOUT, Reason.CLAIM_APPROVED, gross, 0, to, by)
        return self._step(
            view, facts, questions.decided_by_human(record, payout, view, self.clauses)
        )


def _facts_from_books(view: port.CaseView, facts: port.CaseFacts) -> dict[str, Any]:
    holdings = view.holdings
    flags = sorted({*facts.get("account_flags", []), *holdings.flags})
    deposits = [at for at, _ in holdings.topups]
    given: dict[str, Any] = {
        "balance_minor": _amount_available(view),
        "topups": [
            {"at": questions.instant_fact(at), "amount_minor": minor}
            for at, minor in _topups_left(view)
        ],
        "activations": [questions.instant_fact(at) for at in holdings.activated],
        "account_flags": flags,
    }
    given |= {"last_deposit_at": questions.instant_fact(max(deposits))} if deposits else {}
    end = holdings.open_order_end
    return given | ({} if end is None else {"open_order_window_end": questions.instant_fact(end)})


def _topups_left(view: port.CaseView) -> list[tuple[datetime, int]]:
    """The top-ups less what earlier withdrawals took of them: each leaves the platform once.

    A withdrawal took the oldest that were refundable then: the rest stays refundable longest.
    """
    used_at = max(view.holdings.activated, default=_LONG_AGO)
    left = dict(enumerate(view.holdings.topups))
    for payout in view.holdings.paid_out:
        untaken = payout.amount_minor
        for index, (at, minor) in left.items():
            recent = _is_recent(view.profile, at, payout.asked_at)
            if used_at < at <= payout.granted_at and recent:
                part = min(untaken, minor)
                left[index] = (at, minor - part)
                untaken -= part
    return list(left.values())


def _is_recent(profile: Profile | None, at: datetime, asked_at: datetime) -> bool:
    if profile is None or profile.topup_max_age_days is None:
        return True
    return asked_at <= days_after(profile, at, profile.topup_max_age_days)


def _amount_available(view: port.CaseView) -> int:
    """What can leave: at the request the whole balance, afterwards what was set aside."""
    opening = not view.case.decisions
    return view.holdings.available_minor if opening else view.case.withheld_minor


def _moves(
    view: port.CaseView,
    facts: port.CaseFacts,
    decision: Decision,
    state: port.CaseState,
) -> tuple[port.MoneyMove, ...]:
    withheld = view.case.withheld_minor
    if state in port.CLOSED:
        return (port.MoneyMove(TransferKind.GIVEBACK, withheld),) if withheld else ()
    moves: list[port.MoneyMove] = []
    if not withheld and not view.case.decisions:
        asked = facts.get("amount_minor")
        available = view.holdings.available_minor
        withheld = available if asked is None else min(asked, available)
        moves += [port.MoneyMove(TransferKind.WITHHOLD, withheld)] if withheld else []
    if state is port.CaseState.APPROVED:
        excess = withheld - decision.amount_minor - decision.fee_minor
        assert excess >= 0
        moves += [port.MoneyMove(TransferKind.EXCESS, excess)] if excess else []
    return tuple(moves)
