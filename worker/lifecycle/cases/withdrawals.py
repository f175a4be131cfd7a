"""Withdrawals: what is asked for is set aside at once, so that nothing else can take it."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

from worker.domain.policy import Decision, Destination, Op, Outcome, Profile, Reason
from worker.domain.policy.deadlines import days_after, pay_by
from worker.domain.transfer import Kind
from worker.lifecycle.cases.asking import (
    STATES,
    Clauses,
    ask,
    by_human,
    instant,
    moment,
    unchanged,
    waits_for_customer,
)
from worker.lifecycle.cases.shape import (
    Verdict,
    made_if_new,
    rejected,
    told_of,
)
from worker.ports.store.case_view import (
    CLOSED,
    CaseFacts,
    CaseState,
    CaseStep,
    CaseView,
    DecisionMade,
    MoneyMove,
    Rejected,
    TimerKind,
)

_EVER: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Withdrawals:
    clauses: Clauses
    word: str = "withdrawal"

    def judge(self, view: CaseView, facts: CaseFacts) -> CaseStep:
        if view.case.state is CaseState.APPROVED:
            return replace(unchanged(view), facts=facts)  # The verdict stands.
        return self._step(view, facts, self._ask(view, facts))

    def rule(self, view: CaseView, verdict: Verdict) -> CaseStep:
        facts = {**view.case.facts, **verdict.findings, "verified": verdict.grant}
        if verdict.grant:
            facts["approved_at"] = instant(view.now)
        made = self._ask(view, facts)
        outcome = made.decision.outcome
        if waits_for_customer(made.decision) and not verdict.grant:
            return self._step(view, facts, by_human(made, rejected(), view, self.clauses))
        if outcome in {Outcome.NEEDS_EVIDENCE, Outcome.WAIT}:
            return unchanged(view, Rejected.NOT_ASKED_FOR)
        if outcome is not Outcome.NEEDS_REVIEW:
            if verdict.amount_minor not in {None, made.decision.amount_minor}:
                return unchanged(view, Rejected.WRONG_SUM)
            return self._step(view, facts, made)
        if not verdict.grant:
            return self._step(view, facts, by_human(made, rejected(), view, self.clauses))
        return self._granted(view, facts, made, verdict.amount_minor)

    def started(self, view: CaseView, sla: TimerKind) -> datetime:
        name = "approved_at" if sla is TimerKind.REFUND_PAYMENT else "claim_at"
        return moment(view.case.facts, name) or view.case.opened_at

    def _ask(self, view: CaseView, facts: CaseFacts) -> DecisionMade:
        return ask(view, Op.WITHDRAWAL, {**facts, **_from_our_books(view, facts)}, self.clauses)

    def _step(self, view: CaseView, facts: CaseFacts, made: DecisionMade) -> CaseStep:
        state = STATES[made.decision.outcome]
        if made.decision.outcome is Outcome.PAYOUT:
            state = CaseState.APPROVED
        step = CaseStep(
            state=state,
            facts=facts,
            made=made_if_new(view, made),
            timers=self._timers(view, facts, made.decision),
            moves=_moves(view, facts, made.decision, state),
        )
        return told_of(self, view, step)

    def _timers(
        self, view: CaseView, facts: CaseFacts, decision: Decision
    ) -> dict[TimerKind, datetime]:
        profile, deadline = view.profile, decision.deadline
        if profile is None:
            return {}
        kind = {
            Outcome.NEEDS_REVIEW: TimerKind.REVIEW_SLA,
            Outcome.NEEDS_EVIDENCE: TimerKind.PAYMENT_INFO,
            Outcome.WAIT: TimerKind.OPEN_ORDER_HOLD,
            Outcome.PAYOUT: TimerKind.REFUND_PAYMENT,
        }.get(decision.outcome)
        approved_at = moment(facts, "approved_at")
        if decision.outcome is Outcome.PAYOUT and deadline is None and approved_at is not None:
            deadline = pay_by(profile, approved_at)
        return {} if kind is None or deadline is None else {kind: deadline}

    def _granted(
        self, view: CaseView, facts: CaseFacts, made: DecisionMade, amount: int | None
    ) -> CaseStep:
        """The policy leaves it to a human: his sum, or the one proposed."""
        gross = made.decision.amount_minor if amount is None else amount
        if not 0 < gross <= _at_hand(view):
            return unchanged(view, Rejected.WRONG_SUM)
        to = made.decision.destination or Destination.CLIENT
        by = None if view.profile is None else pay_by(view.profile, view.now)
        payout = Decision(Outcome.PAYOUT, Reason.CLAIM_APPROVED, gross, 0, to, by)
        return self._step(view, facts, by_human(made, payout, view, self.clauses))


def _from_our_books(view: CaseView, facts: CaseFacts) -> dict[str, Any]:
    holdings = view.holdings
    flags = sorted({*facts.get("account_flags", []), *holdings.flags})
    deposits = [at for at, _ in holdings.topups]
    books: dict[str, Any] = {
        "balance_minor": _at_hand(view),
        "topups": [{"at": instant(at), "amount_minor": minor} for at, minor in _unpaid(view)],
        "activations": [instant(at) for at in holdings.activated],
        "account_flags": flags,
    }
    books |= {"last_deposit_at": instant(max(deposits))} if deposits else {}
    end = holdings.open_order_end
    return books | ({} if end is None else {"open_order_window_end": instant(end)})


def _unpaid(view: CaseView) -> list[tuple[datetime, int]]:
    """The top-ups less what earlier withdrawals took of them: each leaves the platform once.

    Oldest first of those that could leave then, which keeps the rest refundable for longest.
    """
    used_at = max(view.holdings.activated, default=_EVER)
    left = dict(enumerate(view.holdings.topups))
    for asked_at, granted_at, taken in view.holdings.paid_out:
        owed = taken
        for place, (at, minor) in left.items():
            if used_at < at <= granted_at and _young(view.profile, at, asked_at):
                part = min(owed, minor)
                left[place] = (at, minor - part)
                owed -= part
    return list(left.values())


def _young(profile: Profile | None, at: datetime, asked_at: datetime) -> bool:
    if profile is None or profile.topup_max_age_days is None:
        return True
    return asked_at <= days_after(profile, at, profile.topup_max_age_days)


def _at_hand(view: CaseView) -> int:
    """What can leave: all there is when it is asked for, and then what was set aside, if any."""
    opening = not view.case.decisions
    return view.holdings.available_minor if opening else view.case.withheld_minor


def _moves(
    view: CaseView, facts: CaseFacts, decision: Decision, state: CaseState
) -> tuple[MoneyMove, ...]:
    withheld = view.case.withheld_minor
    if state in CLOSED:
        return (MoneyMove(Kind.GIVEBACK, withheld),) if withheld else ()
    moves: list[MoneyMove] = []
    if not withheld and not view.case.decisions:
        asked = facts.get("amount_minor")
        there = view.holdings.available_minor
        withheld = there if asked is None else min(asked, there)
        moves += [MoneyMove(Kind.WITHHOLD, withheld)] if withheld else []
    if state is CaseState.APPROVED:
        excess = withheld - decision.amount_minor - decision.fee_minor
        assert excess >= 0
        moves += [MoneyMove(Kind.EXCESS, excess)] if excess else []
    return tuple(moves)
