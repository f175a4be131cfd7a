"""A rental that its customer gives back or ends before its time, and a renewal given back.

A press that the policy refuses leaves nothing behind: the rental goes on, and no case is opened.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from worker.domain.activation import CancelAnswer
from worker.domain.policy import (
    Decision,
    Op,
    OrderFacts,
    Outcome,
    Reason,
    question_from,
)
from worker.domain.policy.deadlines import review_by
from worker.domain.policy.facts import order_words
from worker.domain.policy.orders import case_of
from worker.domain.policy.rentals import renewal_is_meant
from worker.domain.policy.unused_part import RentalTime
from worker.lifecycle.cases import case_steps, deleted_accounts, questions, record_facts
from worker.lifecycle.cases.outages import given_since
from worker.lifecycle.cases.withdrawals import approving_decision
from worker.ports.store import case_view as port
from worker.ports.store import cases
from worker.ports.store.case_record import CaseRecord
from worker.ports.store.rentals import Rental

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


#: What a human is asked about the part of a rental that was not used.
_OF_UNUSED: Final = frozenset(
    {
        Reason.JUDGE_REQUEST,
        Reason.DEACTIVATION_DUE_TO_PROBLEM,
        Reason.CAUSE_UNKNOWN,
        Reason.POLICY_SILENT,
    }
)
#: A press this soon after a renewal was given back is the same one, sent again.
DOUBLE_PRESS: Final = timedelta(seconds=60)


def _sent_again(cancels: Sequence[port.Case], now: datetime) -> port.Case | None:
    """The press of which this one is a repetition: it must not end the rest of the rental."""
    if not cancels or cancels[-1].state not in port.ANSWERED:
        return None
    last = cancels[-1]
    renewal = last.decisions[-1].reason == Reason.RENEWAL_CANCELLED.value
    return last if renewal and now <= last.opened_at + DOUBLE_PRESS else None


def new_press(rental: Rental, facts: port.CaseFacts, now: datetime) -> cases.NewCase:
    ended = [cancel for cancel in rental.cancels if cancel.state in port.ANSWERED]
    same = _sent_again(rental.cancels, now)
    # Numbered, so that two presses at the same time are one case.
    numbered = cases.case_id(port.CaseKind.RENTAL_CANCEL, rental.id, len(ended))
    return cases.NewCase(
        id=numbered if same is None else same.id,
        kind=port.CaseKind.RENTAL_CANCEL,
        subject=f"{rental.provider}/{rental.ref}",
        facts=facts,
        content={},
        rental=rental.id,
    )


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
        if view.case.state is port.CaseState.APPROVED:
            return case_steps.unchanged(view)  # It is owed, whatever is told now.
        record = self._ask(view, facts)
        reason = record.decision.reason
        # Of a deleted account nobody would get what it gives: the rental goes on instead.
        refused = record.decision.outcome in _REFUSED or reason is Reason.ACCOUNT_DELETED
        if refused and not view.case.decisions:
            raise CancelRefused(reason)
        return self._step(view, facts, record)

    def apply_verdict(self, view: port.CaseView, verdict: case_steps.Verdict) -> port.CaseStep:
        facts = {**view.case.facts, **verdict.findings}
        proposed = self._ask(view, facts)
        outcome = proposed.decision.outcome
        if not verdict.grant:
            denied = questions.claim_rejected()
            by_human = questions.decided_by_human(proposed, denied, view, self.clauses)
            return self._step(view, facts, by_human)
        if _prolonged_since(view):
            return case_steps.unchanged(view, port.Rejected.PROLONGED)
        if outcome is Outcome.WAIT:
            return case_steps.unchanged(view, port.Rejected.NOT_ASKED_FOR)
        if outcome is not Outcome.NEEDS_REVIEW:
            decided = case_steps.with_named_sum(proposed, verdict)
            if decided is None:
                return case_steps.unchanged(view, port.Rejected.WRONG_SUM)
            return self._step(view, facts, decided)
        return self._granted(view, facts, proposed, verdict.amount_minor)

    def _granted(
        self,
        view: port.CaseView,
        facts: port.CaseFacts,
        proposed: port.DecisionRecord,
        named: int | None,
    ) -> port.CaseStep:
        """The sum that was proposed, or less of it; where none was, at most what is left."""
        assert view.order is not None
        sum_minor, left = proposed.decision.amount_minor, view.order.left_minor
        most = min(sum_minor or left, left)
        amount = min(sum_minor, left) if named is None else named
        if not 0 < amount <= most:
            return case_steps.unchanged(view, port.Rejected.WRONG_SUM)
        unused = proposed.decision.reason in _OF_UNUSED
        granted = Decision(
            Outcome.PRORATED_CREDIT if unused else Outcome.CREDIT,
            Reason.RENEWAL_CANCELLED if _is_renewal(view, proposed) else Reason.CLAIM_APPROVED,
            amount,
            0,
            deleted_accounts.credit_place(view),
        )
        by_human = questions.decided_by_human(proposed, granted, view, self.clauses)
        return self._step(view, facts, by_human)

    def sla_start(self, view: port.CaseView, sla: port.TimerKind) -> datetime:
        """All that is owed here counts from the press, save the payment."""
        paid = sla is port.TimerKind.REFUND_PAYMENT
        return approving_decision(view.case).at if paid else view.case.opened_at

    def _ask(self, view: port.CaseView, facts: port.CaseFacts) -> port.DecisionRecord:
        """As of the press: who pressed in time loses nothing by how long a human takes."""
        assert view.record is not None
        pressed_at = view.case.opened_at
        record = _as_of(view.record, pressed_at)
        given = record_facts.of_order(record, view.account, facts)
        given |= _beside_outages(view, record, given, pressed_at)
        asked = questions.ask_policy(replace(view, now=pressed_at), Op.CANCEL, given, self.clauses)
        return reaching_customer(view, asked)

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
        review = decision.outcome is Outcome.NEEDS_REVIEW
        step = deleted_accounts.credited_step(view, facts, record)
        if review and decision.deadline is not None:
            step = replace(step, timers={port.TimerKind.REVIEW_SLA: decision.deadline})
        step = replace(step, ends_rental=ends and not renewal, gives_renewal_back=renewal and pays)
        return case_steps.with_event(self, view, step)


def reaching_customer(view: port.CaseView, record: port.DecisionRecord) -> port.DecisionRecord:
    by = None if view.profile is None else review_by(view.profile, view.now)
    return replace(record, decision=deleted_accounts.asked_first(view, record.decision, by))


def _prolonged_since(view: port.CaseView) -> bool:
    """Whether a yes would give back another time, for another sum, than a human was asked about."""
    assert view.record is not None
    renewed_at = view.record.renewed_at
    return renewed_at is not None and renewed_at > view.case.opened_at


def _is_renewal(view: port.CaseView, proposed: port.DecisionRecord) -> bool:
    """Whether a human was asked about a renewal over a limit: the rest of the rental goes on."""
    if view.profile is None or proposed.decision.reason is not Reason.CANCEL_LIMIT:
        return False
    pressed_at = view.case.opened_at
    given = {**proposed.facts, "op": Op.CANCEL.value, "now": questions.instant_fact(pressed_at)}
    facts = question_from(given).facts
    assert isinstance(facts, OrderFacts)
    profile = view.profile.for_order(order_words(facts))
    return renewal_is_meant(case_of(profile, facts, pressed_at))


def _beside_outages(
    view: port.CaseView, record: CaseRecord, given: dict[str, Any], pressed_at: datetime
) -> dict[str, int]:
    """Days after the press that an outage was credited for meanwhile are not paid again."""
    order = view.order
    if order is None or view.profile is None or not order.outages:
        return {}
    asked = {**given, "op": Op.CANCEL.value, "now": questions.instant_fact(pressed_at)}
    facts = question_from(asked).facts
    assert isinstance(facts, OrderFacts)
    profile = view.profile.for_order(order_words(facts))
    # What its days are worth: a renewal that was given back is off the price on record.
    rental = RentalTime(record.price_minor, order.purchased_at, order.ends_at)
    later = given_since(order, profile, rental, pressed_at)
    return {"unused_returned_minor": record.unused_returned_minor + later} if later else {}


def _as_of(record: CaseRecord, pressed_at: datetime) -> CaseRecord:
    """Without the SMS that came later: whoever judges sees them."""
    received, displayed = record.sms_received_at, record.sms_displayed_at
    return replace(
        record,
        sms_received_at=None if received is None or received > pressed_at else received,
        sms_displayed_at=None if displayed is None or displayed > pressed_at else displayed,
    )
