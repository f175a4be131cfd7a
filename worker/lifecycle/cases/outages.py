"""Outages of long rentals: measured from the customer's report on, credited when they end."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from worker.domain.policy import (
    Decision,
    Op,
    OutageFacts,
    Outcome,
    Profile,
    Reason,
    question_from,
)
from worker.domain.policy.deadlines import credit_by, review_by
from worker.domain.policy.facts import order_words
from worker.domain.policy.outages import OutageCase
from worker.domain.policy.unused_part import RentalTime, outage_worth, unused_since
from worker.lifecycle.cases import case_steps, deleted_accounts, questions, record_facts
from worker.lifecycle.cases.withdrawals import approving_decision
from worker.ports.long_rental import Availability
from worker.ports.store import case_view as port
from worker.ports.store import cases
from worker.ports.store.rentals import Rental, RentalMessage


def probed_step(view: port.CaseView, said: Availability) -> port.CaseStep:
    """Shown to whoever judges; a case that is closed is judged by nobody any more."""
    evidence = ("probe", {"availability": said.value})
    return replace(case_steps.unchanged(view), evidence=evidence)


#: From the latest of these on it counts.
_BEGINS: Final = ("contacted_at", "unavailable_since")
_NOTHING_LEFT: Final = Decision(Outcome.DENY, Reason.ALREADY_REFUNDED)


@dataclass(frozen=True, slots=True)
class OutageJudge:
    clauses: questions.ClauseLookup
    event_prefix: str = "rental"

    def decide(self, view: port.CaseView, facts: port.CaseFacts) -> port.CaseStep:
        if view.case.state is port.CaseState.APPROVED:
            # It is owed, whatever is told now.
            return replace(case_steps.unchanged(view), facts=facts)
        return self._step(view, facts, self._ask(view, facts))

    def apply_verdict(self, view: port.CaseView, verdict: case_steps.Verdict) -> port.CaseStep:
        facts = {**view.case.facts, **verdict.findings}
        if verdict.grant:
            facts["outage_verified"] = True
            record = self._ask(view, facts)
            if record.decision.outcome is not Outcome.NEEDS_REVIEW:
                decided = case_steps.with_named_sum(record, verdict)
                if decided is None:
                    return case_steps.unchanged(view, port.Rejected.WRONG_SUM)
                return self._step(view, facts, decided)
            return self._granted(view, facts, record, verdict.amount_minor)
        record = questions.decided_by_human(
            self._ask(view, facts), questions.claim_rejected(), view, self.clauses
        )
        return self._step(view, facts, record)

    def sla_start(self, view: port.CaseView, sla: port.TimerKind) -> datetime:
        if sla is port.TimerKind.REFUND_PAYMENT:
            return approving_decision(view.case).at
        facts = view.case.facts
        contacted_at = questions.instant_in(facts, "contacted_at") or view.case.opened_at
        if sla is port.TimerKind.REVIEW_SLA or view.profile is None:
            return contacted_at
        return self._outage(view, facts).end

    def _ask(self, view: port.CaseView, facts: port.CaseFacts) -> port.DecisionRecord:
        order = view.order
        assert order is not None
        given = {
            **record_facts.of_outage(view, facts),
            **_until_stopped(order, facts),
            **_unknown_end(facts),
        }
        record = questions.ask_policy(view, Op.OUTAGE_TICK, given, self.clauses)
        record = _at_most(view, order, record)
        profile = questions.profile_for(view)
        by = None if profile is None else review_by(profile, view.now)
        decision = deleted_accounts.asked_first(view, record.decision, by)
        return replace(record, decision=decision)

    def _step(
        self, view: port.CaseView, facts: port.CaseFacts, record: port.DecisionRecord
    ) -> port.CaseStep:
        step = deleted_accounts.credited_step(view, facts, record)
        timers = {**step.timers, **self._timers(view, facts, record.decision)}
        return case_steps.with_event(self, view, replace(step, timers=timers))

    def _timers(
        self, view: port.CaseView, facts: port.CaseFacts, decision: Decision
    ) -> dict[port.TimerKind, datetime]:
        profile, deadline = questions.profile_for(view), decision.deadline
        if profile is None or deadline is None:
            return {}
        if decision.outcome is Outcome.NEEDS_REVIEW:
            return {port.TimerKind.REVIEW_SLA: deadline}
        if decision.outcome is not Outcome.WAIT:
            return {}
        outage = self._outage(view, facts)
        # The credit for an outage that nothing ends is owed from its latest end on.
        owed_by = credit_by(profile, outage.last_end)
        credit_sla = {} if owed_by is None else {port.TimerKind.BALANCE_CREDIT_SLA: owed_by}
        measuring = view.now - outage.start <= outage.threshold and deadline < outage.last_end
        kind = port.TimerKind.OUTAGE_THRESHOLD if measuring else port.TimerKind.OUTAGE_END
        return {kind: deadline, **credit_sla}

    def _outage(self, view: port.CaseView, facts: port.CaseFacts) -> OutageCase:
        order, profile = view.order, questions.profile_for(view)
        assert order is not None
        assert profile is not None
        outage_facts = OutageFacts(
            rental_start=order.purchased_at,
            rental_end=order.ends_at,
            price_minor=order.price_minor,
            contacted_at=questions.instant_in(facts, "contacted_at"),
            unavailable_since=questions.instant_in(facts, "unavailable_since"),
            restored_at=questions.instant_in(facts, "restored_at"),
        )
        return OutageCase(profile, outage_facts, view.now)

    def _granted(
        self,
        view: port.CaseView,
        facts: port.CaseFacts,
        record: port.DecisionRecord,
        named: int | None,
    ) -> port.CaseStep:
        """The sum proposed, or less of it; where none is, the one that the human names."""
        order, proposed = view.order, record.decision.amount_minor
        assert order is not None
        amount = proposed if named is None else named
        if not 0 < amount <= min(proposed or order.left_minor, order.left_minor):
            return case_steps.unchanged(view, port.Rejected.WRONG_SUM)
        to = deleted_accounts.credit_place(view)
        granted = Decision(Outcome.PRORATED_CREDIT, Reason.CLAIM_APPROVED, amount, 0, to)
        return self._step(
            view, facts, questions.decided_by_human(record, granted, view, self.clauses)
        )


def _until_stopped(order: port.CaseOrder, facts: port.CaseFacts) -> dict[str, str]:
    """An outage ends where all days left were credited, or its rental was given back."""
    if order.blocked_from is None:
        return {}
    restored_at = questions.instant_in(facts, "restored_at") or order.blocked_from
    return {"restored_at": questions.instant_fact(min(restored_at, order.blocked_from))}


def _unknown_end(facts: port.CaseFacts) -> dict[str, None]:
    """Where its provider could not be read nobody knows of an SMS that ended it; a human says."""
    unknown = facts.get("messages_missing") and "outage_verified" not in facts
    return {"outage_verified": None} if unknown else {}


def _at_most(
    view: port.CaseView, order: port.CaseOrder, record: port.DecisionRecord
) -> port.DecisionRecord:
    """Without the days that an unused part gave back, and at most what is left of the price."""
    decision = record.decision
    pays = decision.outcome in case_steps.PAYING
    if not (pays or decision.amount_minor):
        return record
    left = min(order.left_minor, _not_given_for_unused(view, order, record, decision.amount_minor))
    if left >= decision.amount_minor:
        return record
    less = replace(decision, amount_minor=max(0, left))
    return replace(record, decision=_NOTHING_LEFT if pays and left <= 0 else less)


def _not_given_for_unused(
    view: port.CaseView, order: port.CaseOrder, record: port.DecisionRecord, most: int
) -> int:
    """At most so much, for what an unused part has not paid of this outage already."""
    if order.unused_from is None or view.profile is None:
        return most
    given = {**record.facts, "op": Op.OUTAGE_TICK.value, "now": questions.instant_fact(view.now)}
    facts = question_from(given).facts
    assert isinstance(facts, OutageFacts)
    outage = OutageCase(view.profile.for_order(order_words(facts)), facts, view.now)
    since = unused_since(outage.profile, outage.rental, order.unused_from)
    length = max(outage.end - outage.start, timedelta(0))
    worth = outage_worth(outage.profile, outage.rental, length)
    again = _worth_since(outage.profile, outage.rental, outage, since)
    return min(most, worth - min(order.unused_minor, again))


def given_since(
    order: port.CaseOrder, profile: Profile, rental: RentalTime, stopped_at: datetime
) -> int:
    """What outages gave for days that were not used, if it stopped then."""
    since = unused_since(profile, rental, stopped_at)
    return sum(
        min(outage.amount_minor, _worth_since(profile, rental, outage, since))
        for outage in order.outages
    )


def _worth_since(
    profile: Profile, rental: RentalTime, outage: OutageCase | port.PaidOutage, since: datetime
) -> int:
    """What an outage is worth beyond its days that ended by then."""
    before, whole = (
        outage_worth(profile, rental, max(end - outage.start, timedelta(0)))
        for end in (min(outage.end, since), outage.end)
    )
    return whole - before


def first_sms(outage: port.Case, log: Sequence[RentalMessage]) -> datetime | None:
    """The SMS that ended it: the first since it began, and since it was told."""
    told = [questions.instant_in(outage.facts, name) for name in _BEGINS]
    since = max([outage.opened_at, *(at for at in told if at is not None)])
    return min((at for sms in log if (at := sms.received_at or sms.seen_at) >= since), default=None)


def new_outage(
    rental: Rental, facts: port.CaseFacts, log: Sequence[RentalMessage] = ()
) -> cases.NewCase:
    """The one that runs, or the next one of this rental."""
    ended = [
        outage
        for outage in rental.outages
        if outage.state in port.ANSWERED or first_sms(outage, log) is not None
    ]
    return cases.NewCase(
        # Numbered, so that two reports of one outage at the same time are one case.
        id=cases.case_id(port.CaseKind.OUTAGE, rental.id, _outage_number(ended, facts)),
        kind=port.CaseKind.OUTAGE,
        subject=f"{rental.provider}/{rental.ref}",
        facts=_after_earlier_outages(facts, ended, log),
        content=facts,
        rental=rental.id,
    )


def _outage_number(ended: Sequence[port.Case], facts: port.CaseFacts) -> int:
    """The place of the outage that a report is about: the one with its contact, else a new one."""
    contacts = [questions.instant_in(outage.facts, "contacted_at") for outage in ended]
    contacted_at = questions.instant_in(facts, "contacted_at")
    reported_before = contacted_at is not None and contacted_at in contacts
    return contacts.index(contacted_at) if reported_before else len(ended)


def outage_restored_at(outages: Sequence[port.Case], at: datetime | None) -> port.Case:
    """The outage that ended at this instant, also in a late repetition; else the last one."""
    restored = [
        outage
        for outage in outages
        if at is not None and questions.instant_in(outage.facts, "restored_at") == at
    ]
    return (restored or outages)[-1]


def restored_step(
    judge: case_steps.KindJudge, view: port.CaseView, at: datetime | None
) -> port.CaseStep:
    """It works again. Told of one that an SMS had ended by then, that is nothing new."""
    case, record = view.case, view.record
    assert record is not None
    sms_at = record.sms_received_at  # The first since it began.
    if case.state in port.CLOSED and sms_at is not None and "restored_at" not in case.facts:
        assert case.closed_at is not None
        if sms_at <= min(at or view.now, case.closed_at):
            return case_steps.unchanged(view)
    facts = questions.first_instants(restored_at=at)
    return case_steps.add_step(judge, view, facts, "restored", {})


def _after_earlier_outages(
    facts: port.CaseFacts, ended: Sequence[port.Case], log: Sequence[RentalMessage]
) -> port.CaseFacts:
    """The facts of an outage that covers no day which an earlier one has covered."""
    ends = [end for outage in ended if (end := _end_of(outage, log)) is not None]
    last = max(ends, default=None)
    if last is None:
        return facts
    since = questions.instant_in(facts, "unavailable_since")
    start = last if since is None else max(since, last)
    return {**facts, "unavailable_since": questions.instant_fact(start)}


def _end_of(outage: port.Case, log: Sequence[RentalMessage]) -> datetime | None:
    """When it worked again; nobody may have decided that before the rental was over."""
    restored_at = questions.instant_in(outage.facts, "restored_at")
    ends = [restored_at or outage.closed_at, first_sms(outage, log)]
    return min((end for end in ends if end is not None), default=None)
