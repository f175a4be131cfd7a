"""Account events: what a deletion or a block does to an account and its balance."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from worker.domain.policy import Decision, Op, Outcome, Reason
from worker.domain.transfer import Kind
from worker.lifecycle.cases.asking import Clauses, ask, by_human
from worker.lifecycle.cases.shape import Verdict, made_if_new, rejected, told_of
from worker.ports.store.case_view import (
    CaseFacts,
    CaseState,
    CaseStep,
    CaseView,
    DecisionMade,
    MoneyMove,
    TimerKind,
)

#: An open withdrawal or order ends by an event; this finds what such an event forgot to tell.
LOOK_AGAIN: Final = timedelta(minutes=10)
_BLOCKS: Final = frozenset({"law_enforcement_block", "rules_block", "delete_requested"})
_DONE: Final = {
    Outcome.BALANCE_VOID: "deleted",
    Outcome.BALANCE_FROZEN: "frozen",
}


@dataclass(frozen=True, slots=True)
class AccountEvents:
    clauses: Clauses
    word: str = "account"

    def judge(self, view: CaseView, facts: CaseFacts) -> CaseStep:
        """By the policy, or by the word of a human that had to wait for an order to end."""
        made, word = self._ask(view, facts), view.case.verdict
        if word is not None:
            made = self._said(view, facts, made, grant=word["grant"])
        return self._step(view, facts, made)

    def rule(self, view: CaseView, verdict: Verdict) -> CaseStep:
        facts = view.case.facts
        made = self._said(view, facts, self._ask(view, facts), grant=verdict.grant)
        return self._step(view, facts, made)

    def _said(
        self, view: CaseView, facts: CaseFacts, made: DecisionMade, *, grant: bool
    ) -> DecisionMade:
        """The policy is silent: a human says whether the account's end or freeze takes effect."""
        if not grant:
            return by_human(made, rejected(), view, self.clauses)
        deleting = facts["event"] == "delete_requested"
        outcome = Outcome.BALANCE_VOID if deleting else Outcome.BALANCE_FROZEN
        return by_human(made, Decision(outcome, Reason.CLAIM_APPROVED), view, self.clauses)

    def started(self, view: CaseView, sla: TimerKind) -> datetime:
        raise AssertionError(f"the shop owes nothing by a date here: no {sla} of {view.case.id}")

    def _ask(self, view: CaseView, facts: CaseFacts) -> DecisionMade:
        holdings = view.holdings
        given = {
            **facts,
            "balance_minor": holdings.available_minor,
            "withdrawal_open": holdings.withdrawal_open,
        }
        return ask(view, Op.ACCOUNT_EVENT, given, self.clauses)

    def _step(self, view: CaseView, facts: CaseFacts, made: DecisionMade) -> CaseStep:
        outcome, held = made.decision.outcome, view.holdings.held_minor
        if outcome is Outcome.BALANCE_VOID and held:
            # Money of an order that runs may come back yet: nothing is void before it has.
            made = replace(made, decision=Decision(Outcome.WAIT, Reason.OPEN_ORDER_PENDING))
        elif outcome is Outcome.BALANCE_VOID:
            gone = replace(made.decision, amount_minor=view.holdings.available_minor)
            made = replace(made, decision=gone)
        state = _state(made.decision)
        waits = {TimerKind.DELETION_HOLD: view.now + LOOK_AGAIN}
        void = made.decision.outcome is Outcome.BALANCE_VOID
        step = CaseStep(
            state=state,
            facts=facts,
            made=made_if_new(view, made),
            timers=waits if state is CaseState.WAITING else {},
            moves=(MoneyMove(Kind.VOID, view.holdings.available_minor),) if void else (),
            account_state=_account_state(view, facts, made.decision),
        )
        return told_of(self, view, step)


def _state(decision: Decision) -> CaseState:
    match decision.outcome:
        case Outcome.WAIT:
            return CaseState.WAITING
        case Outcome.NEEDS_REVIEW:
            return CaseState.IN_REVIEW
        case Outcome.DENY:
            return CaseState.DENIED
        case _:
            return CaseState.DONE


def _account_state(view: CaseView, facts: CaseFacts, decision: Decision) -> str | None:
    """A stronger state is never taken back by a weaker event."""
    was = view.holdings.state
    if decision.outcome is Outcome.DENY:
        return "open" if was == "blocked" and not view.holdings.flags else None
    wanted = _DONE.get(decision.outcome, "blocked" if facts["event"] in _BLOCKS else was)
    order = ("open", "blocked", "frozen", "deleted")
    return wanted if order.index(wanted) > order.index(was) else None
