"""Account events: the effect of a deletion or a block on an account and its balance."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from worker.domain.policy import Decision, Op, Outcome, Reason
from worker.domain.transfer import TransferKind
from worker.lifecycle.cases.case_steps import Verdict, claim_rejected, record_if_new, with_event
from worker.lifecycle.cases.questions import ClauseLookup, ask_policy, decided_by_human
from worker.ports.store import case_view as port

#: The end of a withdrawal or order rechecks a deletion that waits; this does so after a crash.
RECHECK: Final = timedelta(minutes=10)
#: The state as long as nothing else is decided.
_STATE_BEGUN: Final = {
    "law_enforcement_block": "blocked",
    "rules_block": "blocked",
    "delete_requested": "closing",
}
_STATE_AFTER: Final = {
    Outcome.BALANCE_VOID: "deleted",
    Outcome.BALANCE_FROZEN: "frozen",
}
_STRENGTH: Final = ("open", "blocked", "closing", "frozen", "deleted")


@dataclass(frozen=True, slots=True)
class AccountEventJudge:
    clauses: ClauseLookup
    event_prefix: str = "account"

    def decide(self, view: port.CaseView, facts: port.CaseFacts) -> port.CaseStep:
        """By the policy, or by a verdict that had to wait for an order to end."""
        record, verdict = self._ask(view, facts), view.case.verdict
        if verdict is not None:
            record = self._decided_by_verdict(view, facts, record, grant=verdict["grant"])
        return self._step(view, facts, record)

    def apply_verdict(self, view: port.CaseView, verdict: Verdict) -> port.CaseStep:
        facts = view.case.facts
        proposed = self._ask(view, facts)
        record = self._decided_by_verdict(view, facts, proposed, grant=verdict.grant)
        return self._step(view, facts, record)

    def _decided_by_verdict(
        self,
        view: port.CaseView,
        facts: port.CaseFacts,
        record: port.DecisionRecord,
        *,
        grant: bool,
    ) -> port.DecisionRecord:
        """Where the policy is silent, a human decides whether the event takes effect."""
        if not grant:
            return decided_by_human(record, claim_rejected(), view, self.clauses)
        deleting = facts["event"] == "delete_requested"
        outcome = Outcome.BALANCE_VOID if deleting else Outcome.BALANCE_FROZEN
        return decided_by_human(
            record, Decision(outcome, Reason.CLAIM_APPROVED), view, self.clauses
        )

    def sla_start(self, view: port.CaseView, sla: port.TimerKind) -> datetime:
        raise AssertionError(f"the shop owes nothing by a date here: no {sla} of {view.case.id}")

    def _ask(self, view: port.CaseView, facts: port.CaseFacts) -> port.DecisionRecord:
        holdings = view.holdings
        given = {
            **facts,
            "balance_minor": holdings.available_minor,
            "withdrawal_open": holdings.withdrawal_open,
        }
        return ask_policy(view, Op.ACCOUNT_EVENT, given, self.clauses)

    def _step(
        self, view: port.CaseView, facts: port.CaseFacts, record: port.DecisionRecord
    ) -> port.CaseStep:
        outcome, held = record.decision.outcome, view.holdings.held_minor
        if outcome is Outcome.BALANCE_VOID and held:
            # The money of a running order may come back to the balance: void nothing before.
            record = replace(record, decision=Decision(Outcome.WAIT, Reason.OPEN_ORDER_PENDING))
        elif outcome is Outcome.BALANCE_VOID:
            void_all = replace(record.decision, amount_minor=view.holdings.available_minor)
            record = replace(record, decision=void_all)
        state = _state(record.decision)
        hold = {port.TimerKind.DELETION_HOLD: view.now + RECHECK}
        void = record.decision.outcome is Outcome.BALANCE_VOID
        step = port.CaseStep(
            state=state,
            facts=facts,
            record=record_if_new(view, record),
            timers=hold if state is port.CaseState.WAITING else {},
            moves=(port.MoneyMove(TransferKind.VOID, view.holdings.available_minor),)
            if void
            else (),
            account_state=_account_state(view, facts, record.decision),
        )
        return with_event(self, view, step)


def _state(decision: Decision) -> port.CaseState:
    match decision.outcome:
        case Outcome.WAIT:
            return port.CaseState.WAITING
        case Outcome.NEEDS_REVIEW:
            return port.CaseState.IN_REVIEW
        case Outcome.DENY:
            return port.CaseState.DENIED
        case _:
            return port.CaseState.DONE


def _account_state(view: port.CaseView, facts: port.CaseFacts, decision: Decision) -> str | None:
    """The new state, if it is stronger than the present one, or the end of a bar; else None."""
    present = view.holdings.state
    if present not in _STRENGTH:
        return None  # A word of newer code, which looks at the case again.
    begun = _STATE_BEGUN.get(facts["event"], present)
    if decision.outcome is Outcome.DENY:
        # Older code calls a deletion that waits a block.
        if present not in {begun, "blocked"}:
            return None
        left = "blocked" if view.holdings.flags else "open"
        return None if left == present else left
    new = _STATE_AFTER.get(decision.outcome, begun)
    return new if _STRENGTH.index(new) > _STRENGTH.index(present) else None
