"""Account events: what deletions, blocks and their lifting do to an account and its balance."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from worker.domain.account_state import ENDING, ENDS, STRENGTH, AccountState, LoggedEvent, state_of
from worker.domain.calendar import after_months
from worker.domain.policy import Decision, Op, Outcome, Reason
from worker.domain.policy.language.choices import Chargeback
from worker.domain.transfer import TransferKind
from worker.lifecycle.cases import record_facts
from worker.lifecycle.cases.case_steps import (
    NothingFollows,
    Verdict,
    record_if_new,
    unchanged,
    with_event,
)
from worker.lifecycle.cases.questions import (
    ClauseLookup,
    ask_policy,
    claim_rejected,
    decided_by_human,
    instant_fact,
    without_none,
)
from worker.ports.store import case_view as port

#: The end of a withdrawal rechecks a deletion that waits; this does so after an order or a crash.
RECHECK: Final = timedelta(minutes=10)
_KNOWN: Final = frozenset(state.value for state in AccountState)


class AccountEventReport(NamedTuple):
    """An event of an account as the shop reports it; without reference and date one per kind."""

    event: str
    reference: str | None = None
    at: datetime | None = None

    def identity(self) -> tuple[str, ...]:
        """What distinguishes it from other events of its kind."""
        if self.reference is not None:
            return ("reference", self.reference)
        return () if self.at is None else ("at", instant_fact(self.at))

    def words(self) -> Mapping[str, Any]:
        return without_none({"reference": self.reference, "at": self.at and instant_fact(self.at)})


@dataclass(frozen=True, slots=True)
class AccountEventJudge:
    clauses: ClauseLookup
    event_prefix: str = "account"

    def decide(self, view: port.CaseView, facts: port.CaseFacts) -> port.CaseStep:
        """By the policy, or by a verdict that had to wait for an order to end."""
        record, verdict = self._ask(view, facts), view.case.verdict
        if facts["event"] == "idle" and not view.case.decisions and _stays(view, record):
            raise NothingFollows
        if verdict is not None and record.decision.outcome is Outcome.NEEDS_REVIEW:
            record = self._decided_by_verdict(view, facts, record, grant=verdict["grant"])
        return self._step(view, facts, record)

    def apply_verdict(self, view: port.CaseView, verdict: Verdict) -> port.CaseStep:
        if view.case.state is port.CaseState.WAITING:
            return unchanged(view, port.Rejected.NOT_ASKED_FOR)
        if view.case.state is port.CaseState.DONE:
            return self._lifted(view)
        facts = {**view.case.facts, "deletion_confirmed": verdict.grant}
        proposed = self._ask(view, facts)
        if proposed.decision.outcome is not Outcome.NEEDS_REVIEW:
            return self._step(view, facts, proposed)
        record = self._decided_by_verdict(view, facts, proposed, grant=verdict.grant)
        return self._step(view, facts, record)

    def _lifted(self, view: port.CaseView) -> port.CaseStep:
        """What took effect does not stand: the account is as if it had been refused."""
        record = self._ask(view, view.case.facts)
        refused = decided_by_human(record, claim_rejected(), view, self.clauses)
        return self._step(view, view.case.facts, refused)

    def _decided_by_verdict(
        self,
        view: port.CaseView,
        facts: port.CaseFacts,
        record: port.DecisionRecord,
        *,
        grant: bool,
    ) -> port.DecisionRecord:
        """Where the policy is silent, a human decides whether the event takes effect."""
        if record.decision.reason is Reason.TAKEN_BACK:
            return record  # Nobody deletes what its customer keeps after all.
        if not grant:
            return decided_by_human(record, claim_rejected(), view, self.clauses)
        outcome = _GRANTED.get(facts["event"], Outcome.BALANCE_FROZEN)
        decision = Decision(outcome, Reason.CLAIM_APPROVED)
        return decided_by_human(record, decision, view, self.clauses)

    def sla_start(self, view: port.CaseView, sla: port.TimerKind) -> datetime:
        raise AssertionError(f"the shop owes nothing by a date here: no {sla} of {view.case.id}")

    def _ask(self, view: port.CaseView, facts: port.CaseFacts) -> port.DecisionRecord:
        if facts["event"] in _NEVER_CAME and _has_ended(facts["event"], view.holdings):
            clauses = self.clauses(view.case.policy, Reason.TAKEN_BACK)
            return port.DecisionRecord(Op.ACCOUNT_EVENT, _TAKEN_BACK, dict(facts), clauses)
        given = record_facts.of_account(view, facts, self._refundable(view, facts))
        record = ask_policy(view, Op.ACCOUNT_EVENT, given, self.clauses)
        first = facts["event"] == "idle" and not view.case.decisions
        return replace(record, as_of=_idle_until(view)) if first else record

    def _refundable(self, view: port.CaseView, facts: port.CaseFacts) -> int:
        """What a deletion offers first: what could leave now, its fee included."""
        if facts["event"] != "delete_requested":
            return 0
        return record_facts.refundable_minor(view, self.clauses)

    def _step(
        self, view: port.CaseView, facts: port.CaseFacts, record: port.DecisionRecord
    ) -> port.CaseStep:
        outcome, held = record.decision.outcome, view.holdings.held_minor
        if held and (outcome is Outcome.BALANCE_VOID or record.decision.reason in _OF_DELETION):
            # The money of a running order may come back to the balance: open orders end first.
            record = replace(record, decision=Decision(Outcome.WAIT, Reason.OPEN_ORDER_PENDING))
        elif outcome is Outcome.BALANCE_VOID and _is_asked_for(view, facts):
            # Nobody loses what he has asked for meanwhile, though a human said yes before.
            record = replace(record, decision=Decision(Outcome.WAIT, Reason.WITHDRAWAL_OPEN))
        elif outcome is Outcome.BALANCE_VOID:
            void_all = replace(record.decision, amount_minor=view.holdings.available_minor)
            record = replace(record, decision=void_all)
        state = _state(record.decision)
        hold = {port.TimerKind.DELETION_HOLD: _recheck_at(view, record.decision)}
        void = record.decision.outcome is Outcome.BALANCE_VOID
        step = port.CaseStep(
            state=state,
            facts=facts,
            record=record_if_new(view, record),
            timers=hold if state is port.CaseState.WAITING else {},
            moves=(port.MoneyMove(TransferKind.VOID, view.holdings.available_minor),)
            if void
            else (),
            account_state=_account_state(view, facts, state),
        )
        return with_event(self, view, step)


#: What a deletion says of the balance once no order runs.
_OF_DELETION: Final = frozenset({Reason.WITHDRAWAL_OFFERED, Reason.CONFIRM_DELETION})

#: What a human's yes does, by the event; a freeze otherwise.
_GRANTED: Final = {
    "delete_requested": Outcome.BALANCE_VOID,
    "idle": Outcome.BALANCE_VOID,
    "chargeback": Outcome.BALANCE_KEPT,
}


def _is_asked_for(view: port.CaseView, facts: port.CaseFacts) -> bool:
    """Whether an idle balance may be moved by a case that is open."""
    return facts["event"] == "idle" and view.account.case_open


def _stays(view: port.CaseView, record: port.DecisionRecord) -> bool:
    """Whether a balance is not idle after all: moved, out of its customer's reach, or asked for."""
    out_of_reach = view.holdings.state != AccountState.OPEN.value
    running = record.decision.reason is Reason.IDLE_RUNNING
    return running or out_of_reach or view.account.case_open


def _idle_until(view: port.CaseView) -> datetime | None:
    """The date that its timer had, from which a decision about an idle balance counts."""
    months = None if view.profile is None else view.profile.balance.idle_months
    return None if months is None else after_months(view.account.idle_since, months)


_TAKEN_BACK: Final = Decision(Outcome.NONE, Reason.TAKEN_BACK)


#: Ended before they took effect, these never do: a deletion that was withdrawn, a block lifted.
_NEVER_CAME: Final = frozenset({"delete_requested", "rules_block"})


def _has_ended(event: str, holdings: port.AccountHoldings) -> bool:
    since = holdings.events[holdings.events_before :]
    return any(told.event == ENDS[event] and not told.refused for told in since)


def _recheck_at(view: port.CaseView, decision: Decision) -> datetime:
    """Soon, where only this sees that an order has ended; else less and less often."""
    if decision.reason is Reason.OPEN_ORDER_PENDING:
        return view.now + RECHECK
    return view.now + max(RECHECK, (view.now - view.case.opened_at) / 4)


def _state(decision: Decision) -> port.CaseState:
    match decision.outcome:
        case Outcome.WAIT:
            return port.CaseState.WAITING
        case Outcome.NEEDS_REVIEW:
            return port.CaseState.IN_REVIEW
        case Outcome.DENY:
            return port.CaseState.DENIED
        case Outcome.NONE if decision.reason is Reason.TAKEN_BACK:
            return port.CaseState.CANCELLED
        case _:
            return port.CaseState.DONE


def _account_state(view: port.CaseView, facts: port.CaseFacts, state: port.CaseState) -> str | None:
    """The account's new state, as this event leaves it; None: it stays.

    Only what ends an earlier event makes it weaker: whatever else put it there stays in place.
    """
    if view.holdings.state not in _KNOWN:
        return None  # A word of newer code, which looks at the case again.
    own = LoggedEvent(facts["event"], state is port.CaseState.DONE, state in port.REFUSED)
    present = AccountState(view.holdings.state)
    events, place = view.holdings.events, view.holdings.events_before
    freezes = view.profile is not None and view.profile.balance.chargeback is Chargeback.FREEZE
    new = state_of([*events[:place], own, *events[place:]], chargeback_freezes=freezes)
    weakens = own.refused or own.event in ENDING
    if STRENGTH[new] < STRENGTH[present] and not weakens:
        return None
    return None if new is present else new.value
