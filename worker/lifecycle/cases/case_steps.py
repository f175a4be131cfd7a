"""The steps of a case of any kind: how it opens, takes facts, a verdict or a passed date, and ends.

Each function gives the `CaseStep` that follows from a `CaseView`. What is particular to a kind of
case is asked of its `KindJudge`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, Protocol

from worker.domain.policy import Decision, FactError, Op, Outcome, Reason
from worker.domain.policy.vocabulary import Sla
from worker.lifecycle.cases.carrying_out import (
    FREEZE_SEEN,
    barred,
    flag_change,
    flags_step,
    lifts_chargeback,
    seen_now,
    unless_set_aside,
    what_stands,
)
from worker.lifecycle.cases.owing import dated, owed_after
from worker.lifecycle.cases.questions import (
    ALTERNATIVE_OFFERED,
    ClauseLookup,
    FactsToAdd,
    ask_policy,
    instant_fact,
    payment_method,
    without_none,
)
from worker.ports.store import case_view as port
from worker.ports.store.obligations import Obligation

STATE_AFTER: Final = {
    Outcome.WAIT: port.CaseState.WAITING,
    Outcome.RECTIFY: port.CaseState.WAITING,
    Outcome.NEEDS_EVIDENCE: port.CaseState.NEEDS_EVIDENCE,
    Outcome.NEEDS_REVIEW: port.CaseState.IN_REVIEW,
    Outcome.CREDIT: port.CaseState.GRANTED,
    Outcome.AUTO_CREDIT: port.CaseState.GRANTED,
    Outcome.PRORATED_CREDIT: port.CaseState.GRANTED,
    Outcome.REFUND_FULL: port.CaseState.GRANTED,
    Outcome.PAYOUT: port.CaseState.GRANTED,
    Outcome.REPLACE: port.CaseState.WAITING,  #: Until the new number is linked.
    Outcome.RESOLVED: port.CaseState.RESOLVED,
    Outcome.DENY: port.CaseState.DENIED,
    Outcome.NONE: port.CaseState.DONE,
    Outcome.CANCEL_NO_CREDIT: port.CaseState.DONE,  #: A rental is closed, and nothing is given.
}
PAYING: Final = frozenset(
    {
        Outcome.CREDIT,
        Outcome.AUTO_CREDIT,
        Outcome.PRORATED_CREDIT,
        Outcome.REFUND_FULL,
        Outcome.PAYOUT,
    }
)
#: Time limits of the shop itself: when one is missed, an overdue event follows and nothing else.
SLAS: Final = {
    port.TimerKind.HONOUR: Sla.HONOUR,
    port.TimerKind.BALANCE_CREDIT_SLA: Sla.BALANCE_CREDIT,
    port.TimerKind.REVIEW_SLA: Sla.REVIEW,
    port.TimerKind.REFUND_PAYMENT: Sla.REFUND_PAYMENT,
}
#: Which call carries out what is owed.
CARRIED_OUT_BY: Final = {
    Sla.REVIEW: "verdict",
    Sla.BALANCE_CREDIT: "verdict",
    Sla.HONOUR: "verdict",
    Sla.REFUND_PAYMENT: "paid",
    Sla.REPLACEMENT: "replacement",
    Sla.ACCESS: "access",
    Sla.KYC: "kyc",
    Sla.PAYMENT_INFO: "payment-info",
    Sla.ALTERNATIVE: "alternative",
    Sla.ANSWER: "evidence",
}
assert set(CARRIED_OUT_BY) == set(Sla)
_EXTENSION: Final = ("extension_until", "extension_beyond_control")


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A human's decision: granted or not, a sum less than the one proposed, and findings."""

    grant: bool
    amount_minor: int | None = None
    findings: port.CaseFacts
    note: str | None = None  #: For later readers; verdicts that differ only in it are the same.

    def content(self) -> Mapping[str, Any]:
        return {
            "grant": self.grant,
            "amount_minor": self.amount_minor,
            "findings": dict(self.findings),
        }


class NothingFollows(Exception):
    """A date passed and nothing came of it; raised in its transaction, which it undoes."""


class KindJudge(Protocol):
    """Decides cases of one kind."""

    @property
    def event_prefix(self) -> str:
        """Events of these cases are PREFIX.something."""
        ...

    @property
    def clauses(self) -> ClauseLookup: ...

    def decide(self, view: port.CaseView, facts: port.CaseFacts) -> port.CaseStep:
        """What follows from these facts now."""
        ...

    def apply_verdict(self, view: port.CaseView, verdict: Verdict) -> port.CaseStep:
        """What follows from a human's verdict."""
        ...

    def sla_start(self, view: port.CaseView, sla: port.TimerKind) -> datetime:
        """From when the shop's time for *sla* counts."""
        ...


def open_step(
    judge: KindJudge, view: port.CaseView, date_fact: str | None, words: Mapping[str, Any]
) -> port.CaseStep:
    """The first decision. *date_fact* is now unless the facts say otherwise."""
    default = {} if date_fact is None else {date_fact: instant_fact(view.now)}
    step = judge.decide(view, {**default, **view.case.facts})
    return replace(step, evidence=("opened", words))


def add_step(
    judge: KindJudge,
    view: port.CaseView,
    to_add: FactsToAdd,
    what: str,
    words: Mapping[str, Any],
) -> port.CaseStep:
    """The customer or the shop adds facts; they do not undo what a passed date has decided."""
    case, facts = view.case, to_add(view)
    if facts is not None and _added_before(case, what, facts, words):
        return unchanged(view)
    if case.state in port.CLOSED:
        return unchanged(view, port.Rejected.CLOSED)
    if _has_overdue_date(view):
        due = judge.decide(view, case.facts)
        if due.state in port.CLOSED:
            return replace(due, rejected=port.Rejected.CLOSED)
    if facts is None:
        return unchanged(view, port.Rejected.NOT_ASKED_FOR)
    step = judge.decide(view, {**case.facts, **facts})
    return replace(step, evidence=(what, {**facts, **words}))


def _added_before(
    case: port.Case, what: str, facts: port.CaseFacts, words: Mapping[str, Any]
) -> bool:
    """A repeated call whose facts still stand: it gets its first answer again.

    So does one that tells nothing.
    """
    content = {**facts, **words}
    repeats = not content or any(
        entry.what == what and content.items() <= entry.content.items() for entry in case.evidence
    )
    return repeats and facts.items() <= case.facts.items()


def verdict_step(judge: KindJudge, view: port.CaseView, verdict: Verdict) -> port.CaseStep:
    """A verdict is given once: the same again changes nothing, another one is refused.

    A case that has come into review since then asks something else, and takes one more. What a
    closed one holds against the account is taken back by another one.
    """
    case = view.case
    seen = seen_now(view, verdict.findings)
    entry = ("verdict", {**verdict.content(), "note": verdict.note, **seen})
    if (lifted := _lifted(judge, view, verdict)) is not None:
        return replace(lifted, evidence=entry)
    if _releases(view, verdict):
        facts = {**case.facts, FREEZE_SEEN: True}
        released = replace(unchanged(view), facts=facts, evidence=entry)
        return unchanged(view) if barred(view) is None else released
    if case.verdict is not None and case.state is not port.CaseState.IN_REVIEW:
        same = case.verdict == verdict.content()
        return unchanged(view, None if same else port.Rejected.OTHER_CONTENT)
    if case.state in port.CLOSED:
        return unchanged(view, port.Rejected.CLOSED)
    if verdict.findings.get(FREEZE_SEEN) and not what_stands(view):
        raise FactError(f"given.{FREEZE_SEEN}", "nothing stands against the account")
    step = judge.apply_verdict(view, verdict)
    step = unless_set_aside(view, step, unchanged(view)) if verdict.grant else step
    if step.rejected is not None:
        return step
    found = tuple(verdict.findings.get("account_flags", ()))
    return replace(step, verdict=verdict.content(), evidence=entry, account_flags=found)


def _lifted(judge: KindJudge, view: port.CaseView, verdict: Verdict) -> port.CaseStep | None:
    """What this verdict takes back of a closed case, or puts back; None: nothing."""
    if lifts_chargeback(view.case, verdict):
        step = judge.apply_verdict(view, verdict)
        return replace(step, verdict=verdict.content(), reopens=True)
    change = flag_change(view.case, verdict)
    return None if change is None else flags_step(view.case, verdict, change)


def taken_back_step(judge: KindJudge, view: port.CaseView) -> port.CaseStep:
    """The customer takes it back while nobody paid; what was set aside is free at once."""
    case = view.case
    if case.state in port.CLOSED:
        same = case.state is port.CaseState.CANCELLED
        return unchanged(view, None if same else port.Rejected.CLOSED)
    facts = {**case.facts, "taken_back_at": instant_fact(view.now)}
    return replace(judge.decide(view, facts), evidence=("cancel", {}))


def contested_step(
    judge: KindJudge, view: port.CaseView, words: Mapping[str, Any]
) -> port.CaseStep:
    """The customer says, once, that a repair does not hold: the case goes on where that counts."""
    case, contested = view.case, view.case.facts.get("contested_at") is not None
    if case.state is not port.CaseState.RESOLVED or contested:
        refused = port.Rejected.CLOSED if case.state in port.CLOSED else port.Rejected.NOT_ASKED_FOR
        return unchanged(view, None if contested and case.state not in port.CLOSED else refused)
    step = judge.decide(view, {**case.facts, "contested_at": instant_fact(view.now)})
    if step.state in port.CLOSED:
        return unchanged(view, port.Rejected.CLOSED)  # The time to contest it is over.
    return replace(step, reopens=True, evidence=("contested", words))


def waits_for_replacement(case: port.Case) -> bool:
    decided = case.decided
    return decided is not None and decided.outcome == Outcome.REPLACE.value


def _releases(view: port.CaseView, verdict: Verdict) -> bool:
    """Whether it lets go what was approved before, whatever stands against the account now."""
    case, seen = view.case, bool(verdict.findings.get(FREEZE_SEEN))
    if case.state in port.CLOSED or not (verdict.grant and seen):
        return False
    owed = case.state is port.CaseState.APPROVED or waits_for_replacement(case)
    return owed and bool(what_stands(view))


def recheck_step(judge: KindJudge, view: port.CaseView) -> port.CaseStep:
    """What the case waited for may have ended; if it has not, nothing changes."""
    step = judge.decide(view, view.case.facts)
    return step if step.record is not None and _is_new(view, step.record) else unchanged(view)


def timer_step(judge: KindJudge, view: port.CaseView) -> port.CaseStep:
    """A date has passed; a case that is closed has none."""
    assert view.timer is not None
    if view.timer.kind in SLAS:
        return _sla_step(judge, view, view.timer.kind)
    if any(_is_overdue(view, owed) for owed in view.case.obligations):
        return _not_agreed_step(judge, view)
    return judge.decide(view, view.case.facts)


def _is_overdue(view: port.CaseView, owed: Obligation) -> bool:
    """Whether the customer let the date pass by which he agrees to another way of payment."""
    return owed.what is Sla.ALTERNATIVE and owed.ended_at is None and owed.by_when < view.now


def _not_agreed_step(judge: KindJudge, view: port.CaseView) -> port.CaseStep:
    last = view.case.decided
    assert last is not None  # It asked for another way of payment.
    given = {
        "sla": Sla.ALTERNATIVE.value,
        "start_at": view.case.facts[ALTERNATIVE_OFFERED],
        "amount_minor": last.amount_minor,
        **without_none({"destination": last.destination}),
    }
    record = ask_policy(view, Op.SLA_TICK, given, judge.clauses)
    return with_event(judge, view, replace(unchanged(view), record=record))


def _sla_step(judge: KindJudge, view: port.CaseView, sla: port.TimerKind) -> port.CaseStep:
    """The shop is late, or has got more time: the case itself stays what it is."""
    facts = view.case.facts
    given = {
        "sla": SLAS[sla].value,
        "start_at": instant_fact(judge.sla_start(view, sla)),
        **{name: facts[name] for name in _EXTENSION if name in facts},
        **(_asked_again(view) if _asks_again(view, sla) else {}),
    }
    record = ask_policy(view, Op.SLA_TICK, given, judge.clauses)
    step = unchanged(view)
    if record.decision.outcome is Outcome.WAIT and record.decision.deadline is not None:
        return replace(step, timers={**step.timers, sla: record.decision.deadline})
    frozen = _asks_again(view, sla) and record.decision.outcome is Outcome.NEEDS_REVIEW
    if frozen or record.decision.outcome is Outcome.OVERDUE:
        return replace(step, record=record, event=f"{judge.event_prefix}.overdue")
    return step


def _asks_again(view: port.CaseView, sla: port.TimerKind) -> bool:
    approved = view.case.state is port.CaseState.APPROVED
    return approved and sla is port.TimerKind.REFUND_PAYMENT


def _asked_again(view: port.CaseView) -> Mapping[str, Any]:
    """Of an approved payout: what stands against the account, and the sum a human lets go."""
    paying = {outcome.value for outcome in PAYING}
    approved = next(row for row in reversed(view.case.decisions) if row.outcome in paying)
    return {
        "account_flags": sorted(view.account.account_flags),
        FREEZE_SEEN: barred(view) is None,
        "amount_minor": approved.amount_minor,
        "destination": approved.destination,
        "payment_method": payment_method(view),
    }


def unchanged(view: port.CaseView, rejected: port.Rejected | None = None) -> port.CaseStep:
    """The case as it is, with the timers it has besides the one that fires now."""
    case, firing = view.case, None if view.timer is None else view.timer.kind
    timers = {timer.kind: timer.due_at for timer in case.timers if timer.kind is not firing}
    return port.CaseStep(state=case.state, facts=case.facts, timers=timers, rejected=rejected)


def with_named_sum(record: port.DecisionRecord, verdict: Verdict) -> port.DecisionRecord | None:
    """What a verdict decides, with the sum that the human named; None: more than was proposed."""
    named, decision = verdict.amount_minor, record.decision
    if named in {None, decision.amount_minor}:
        return record
    if decision.outcome not in PAYING or not 0 < named < decision.amount_minor:
        return None
    taken = min(decision.from_balance_minor, named)
    less = replace(decision, amount_minor=named, fee_minor=0, from_balance_minor=taken)
    return replace(record, decision=less, by_human=True)


def with_event(judge: KindJudge, view: port.CaseView, step: port.CaseStep) -> port.CaseStep:
    """*step* with what is owed then, and an event if it is the first one or changes the state."""
    step = replace(step, owed=owed_after(view, step))
    step = replace(step, timers={**step.timers, **dated(view, step)})
    same = view.case.decisions and step.state is view.case.state
    return step if same else replace(step, event=f"{judge.event_prefix}.{step.state.value}")


def record_if_new(view: port.CaseView, record: port.DecisionRecord) -> port.DecisionRecord | None:
    """A timer that decides what was decided before leaves no second record of it."""
    return record if _is_new(view, record) or view.timer is None else None


def _is_new(view: port.CaseView, record: port.DecisionRecord) -> bool:
    """Whether this differs from the last decision about the case."""
    if not view.case.decisions:
        return True
    last, decision = view.case.decisions[-1], record.decision
    destination = None if decision.destination is None else decision.destination.value
    return (
        last.outcome,
        last.reason,
        last.amount_minor,
        last.destination,
        last.deadline,
        last.by,
    ) != (
        decision.outcome.value,
        decision.reason.value,
        decision.amount_minor,
        destination,
        decision.deadline,
        "verdict" if record.by_human else "policy",
    )


def asks_for_method(decision: Decision) -> bool:
    """Only the method that was agreed with the customer answers this, no yes does."""
    asks = decision.reason is Reason.ALTERNATIVE_REFUND_METHOD
    return asks and decision.outcome is Outcome.NEEDS_REVIEW


def waits_for_customer(
    view: port.CaseView, record: port.DecisionRecord, clauses: ClauseLookup
) -> bool:
    """Whether it waits without a date of the policy: a human may end it before the worker's own."""
    if record.decision.outcome is not Outcome.NEEDS_EVIDENCE:
        return False
    given = {name: told for name, told in record.facts.items() if name != "answer_due_at"}
    return ask_policy(view, record.op, given, clauses).decision.deadline is None


def _has_overdue_date(view: port.CaseView) -> bool:
    """A date has passed and its timer has not fired yet: it acts before anything that comes now."""
    return any(kind not in SLAS for kind in view.overdue)
