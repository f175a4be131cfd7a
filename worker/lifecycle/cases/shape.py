"""What the judges of all kinds share: how a case moves on, and how a human's word ends it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, Protocol, TypeAlias

from worker.domain.policy import Decision, Op, Outcome, Reason
from worker.lifecycle.cases.asking import (
    SLAS,
    Clauses,
    ask,
    instant,
    must_act_first,
    news,
    unchanged,
)
from worker.ports.store.case_view import (
    CLOSED,
    Case,
    CaseFacts,
    CaseState,
    CaseStep,
    CaseView,
    DecisionMade,
    Rejected,
    TimerKind,
)

_SLA: Final = {
    TimerKind.HONOUR: "honour",
    TimerKind.BALANCE_CREDIT_SLA: "balance_credit",
    TimerKind.REVIEW_SLA: "review",
    TimerKind.REFUND_PAYMENT: "refund_payment",
}
_EXTENSION: Final = ("extension_until", "extension_beyond_control")

assert set(_SLA) == SLAS


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A human's word: granted or not, the sum where the policy sets none, and what was found."""

    grant: bool
    amount_minor: int | None = None
    findings: CaseFacts
    note: str | None = None  #: For those who read it later; it makes no verdict another one.

    def record(self) -> Mapping[str, Any]:
        said = {"grant": self.grant, "amount_minor": self.amount_minor}
        return {**said, "findings": dict(self.findings)}


#: The facts that are added, seen from the case; None: it does not wait for them.
Adding: TypeAlias = Callable[[CaseView], CaseFacts | None]


class Judging(Protocol):
    """The judge of one kind of case."""

    @property
    def word(self) -> str:
        """Events are WORD.something."""
        ...

    @property
    def clauses(self) -> Clauses: ...

    def judge(self, view: CaseView, facts: CaseFacts) -> CaseStep:
        """What follows from these facts now."""
        ...

    def rule(self, view: CaseView, verdict: Verdict) -> CaseStep:
        """What follows from a human's word."""
        ...

    def started(self, view: CaseView, sla: TimerKind) -> datetime:
        """From when the shop's time to do its part counts."""
        ...


def opened(judging: Judging, view: CaseView, at: str | None, said: Mapping[str, Any]) -> CaseStep:
    """The first judgement; what came without its date came now."""
    now = {} if at is None else {at: instant(view.now)}
    step = judging.judge(view, {**now, **view.case.facts})
    return replace(step, added=("opened", said)) if said else step


def added(
    judging: Judging, view: CaseView, adding: Adding, what: str, said: Mapping[str, Any]
) -> CaseStep:
    """What the customer or the shop adds; what a passed date has decided, it does not undo."""
    case, facts = view.case, adding(view)
    if facts is not None and _told_before(case, what, facts, said):
        return unchanged(view)
    if case.state in CLOSED:
        return unchanged(view, Rejected.CLOSED)
    if must_act_first(view):
        due = judging.judge(view, case.facts)
        if due.state in CLOSED:
            return replace(due, refused=Rejected.CLOSED)
    if facts is None:
        return unchanged(view, Rejected.NOT_ASKED_FOR)
    step = judging.judge(view, {**case.facts, **facts})
    return replace(step, added=(what, {**facts, **said}))


def _told_before(case: Case, what: str, facts: CaseFacts, said: Mapping[str, Any]) -> bool:
    """The same again, and nothing has changed it since: one who repeats a call wants its answer."""
    told = {**facts, **said}
    repeats = any(one.what == what and told.items() <= one.content.items() for one in case.evidence)
    return repeats and facts.items() <= case.facts.items()


def ruled(judging: Judging, view: CaseView, verdict: Verdict) -> CaseStep:
    """A verdict is given once: the same again changes nothing, another one is refused.

    A case that has come into review since then asks something else, and takes one more.
    """
    case = view.case
    if case.verdict is not None and case.state is not CaseState.IN_REVIEW:
        same = case.verdict == verdict.record()
        return unchanged(view, None if same else Rejected.OTHER_CONTENT)
    if case.state in CLOSED:
        return unchanged(view, Rejected.CLOSED)
    step = judging.rule(view, verdict)
    if step.refused is not None:
        return step
    said = ("verdict", {**verdict.record(), "note": verdict.note})
    return replace(step, verdict=verdict.record(), added=said)


def asked_again(judging: Judging, view: CaseView) -> CaseStep:
    """What it waited for may have ended; if it has not, nothing has happened."""
    step = judging.judge(view, view.case.facts)
    return step if step.made is not None and news(view, step.made) else unchanged(view)


def rang(judging: Judging, view: CaseView) -> CaseStep:
    """A date has passed; a case that is closed has none."""
    assert view.timer is not None
    if view.timer.kind in SLAS:
        return _late(judging, view, view.timer.kind)
    return judging.judge(view, view.case.facts)


def _late(judging: Judging, view: CaseView, sla: TimerKind) -> CaseStep:
    """The shop is late, or has got more time: the case itself stays what it is."""
    facts = view.case.facts
    given = {
        "sla": _SLA[sla],
        "start_at": instant(judging.started(view, sla)),
        **{name: facts[name] for name in _EXTENSION if name in facts},
    }
    made = ask(view, Op.SLA_TICK, given, judging.clauses)
    step = unchanged(view)
    if made.decision.outcome is Outcome.WAIT and made.decision.deadline is not None:
        return replace(step, timers={**step.timers, sla: made.decision.deadline})
    if made.decision.outcome is Outcome.OVERDUE:
        return replace(step, made=made, told=f"{judging.word}.overdue")
    return step


def rejected() -> Decision:
    return Decision(Outcome.DENY, Reason.CLAIM_REJECTED)


def told_of(judging: Judging, view: CaseView, step: CaseStep) -> CaseStep:
    """An event for every new state, and for every decision that says something new."""
    same = view.case.decisions and step.state is view.case.state
    return step if same else replace(step, told=f"{judging.word}.{step.state.value}")


def made_if_new(view: CaseView, made: DecisionMade) -> DecisionMade | None:
    return made if news(view, made) or view.timer is None else None
