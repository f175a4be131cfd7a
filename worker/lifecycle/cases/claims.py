"""Claims about one order, decided by the policy under which it was bought."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from worker.domain.policy import Decision, Op, Outcome, Profile, Reason
from worker.domain.policy.deadlines import credit_by, honour_by, review_by
from worker.domain.policy.language.choices import Decided, LogTest
from worker.domain.policy.language.kinds import EARLY_DEACTIVATION, KindRule
from worker.lifecycle.cases import case_steps, claim_payouts, questions, record_facts, withdrawals
from worker.lifecycle.cases.claim_payouts import leaves_platform
from worker.lifecycle.cases.deleted_accounts import asked_first, credit_place
from worker.lifecycle.cases.rental_ends import PATIENCE
from worker.ports.store import case_view as port

#: What a rental is paid for that has stopped, or that the provider has blocked.
_OVER: Final = frozenset({LogTest.BLOCKED, LogTest.STOPPED})
RECHECK: Final = timedelta(seconds=60)  #: Shortest delay before the next check of an order.

#: Of a claim that is sent again: what it is about, and since when, stays.
_SAID_ONCE: Final = frozenset({"claim_kind", "destination", "claim_at", "evidence"})
#: Denials for something that the customer can still add: no human has judged the claim itself.
_CAN_BE_ADDED: Final = frozenset(
    reason.value
    for reason in (
        Reason.WRONG_CHANNEL,
        Reason.REQUEST_INCOMPLETE,
        Reason.REASONS_MISSING,
        Reason.EVIDENCE_MISSING,
        Reason.VIDEO_REQUIRED,
    )
) | {Reason.CLAIM_WINDOW_CLOSED.value}  # A date: a renewal, or another issue, has another one.


def claimed_as(facts: port.CaseFacts) -> tuple[str, str]:
    """What tells a claim from others about its order."""
    return (facts["claim_kind"], facts.get("destination", "balance"))


def added_by(facts: port.CaseFacts) -> port.CaseFacts:
    """What a claim that is sent again adds; reasons that it is silent about were given before."""
    silent = set() if facts.get("reasons_given", True) else {"reasons_given"}
    return {name: told for name, told in facts.items() if name not in _SAID_ONCE | silent}


def may_be_claimed_anew(case: port.Case | None) -> bool:
    """Whether it was denied for what was missing or for its date, by the policy."""
    if case is None or case.state is not port.CaseState.DENIED or case.verdict is not None:
        return False
    return case.decisions[-1].reason in _CAN_BE_ADDED


@dataclass(frozen=True, slots=True)
class ClaimJudge:
    clauses: questions.ClauseLookup
    event_prefix: str = "claim"

    def decide(self, view: port.CaseView, facts: port.CaseFacts) -> port.CaseStep:
        if view.case.state is port.CaseState.APPROVED:
            return replace(
                case_steps.unchanged(view), facts=facts
            )  # A payout that was approved stays.
        if view.timer is not None and _at_end_of_rental(view, view.timer.kind):
            facts = {**facts, "messages_missing": True}
        if "contested_at" in facts and "contested_at" not in view.case.facts:
            # What a human said of the defect is no answer to what is said of its repair.
            facts = {name: fact for name, fact in facts.items() if name != "verified"}
        return self._step(view, facts, self._beside_others(view, facts, self._ask(view, facts)))

    def apply_verdict(self, view: port.CaseView, verdict: case_steps.Verdict) -> port.CaseStep:
        if view.case.state is port.CaseState.APPROVED:
            return case_steps.unchanged(view, port.Rejected.NOT_ASKED_FOR)
        facts = {**view.case.facts, **verdict.findings, **self._judged(view, grant=verdict.grant)}
        if verdict.grant and _awaits_method(view):
            facts["approved_at"] = questions.instant_fact(view.now)
        elif verdict.grant:
            facts.setdefault("approved_at", questions.instant_fact(view.now))
        record = self._ask(view, facts)
        if not verdict.grant:
            record = self._beside_others(view, facts, record)
        waits = case_steps.waits_for_customer(view, record, self.clauses)
        denied = not verdict.grant and waits
        asks_again = verdict.grant and case_steps.asks_for_method(record.decision)
        if denied or (record.decision.outcome is Outcome.NEEDS_REVIEW and not asks_again):
            return self._decided_by_verdict(view, facts, record, verdict)
        if not _is_for_human(view, record.decision, verdict):
            return case_steps.unchanged(view, port.Rejected.NOT_ASKED_FOR)
        decided = case_steps.with_named_sum(record, verdict)
        if decided is None:
            return case_steps.unchanged(view, port.Rejected.WRONG_SUM)
        if decided.by_human and not (view.order and view.order.settled):
            # When its order ends the policy decides again, and does not know the sum.
            return case_steps.unchanged(view, port.Rejected.NOT_ASKED_FOR)
        return self._step(view, facts, decided)

    def _judged(self, view: port.CaseView, *, grant: bool) -> port.CaseFacts:
        """What a verdict says: of a contested repair nothing while the time to repair runs."""
        facts = view.case.facts
        if not _is_repaired(view, facts["claim_kind"]):
            return {"verified": grant}
        if "contested_at" not in facts:
            return {"verified": grant, "approved": grant}
        runs = self._ask(view, facts).decision.outcome is Outcome.RECTIFY
        return {"approved": grant} if runs else {"verified": grant}

    def sla_start(self, view: port.CaseView, sla: port.TimerKind) -> datetime:
        assert view.order is not None
        if sla is port.TimerKind.HONOUR:
            return view.order.purchased_at
        if sla is port.TimerKind.REFUND_PAYMENT:
            return withdrawals.approving_decision(view.case).at
        return questions.instant_in(view.case.facts, "claim_at") or view.case.opened_at

    def _ask(self, view: port.CaseView, facts: port.CaseFacts) -> port.DecisionRecord:
        order = view.order
        assert order is not None
        given = record_facts.of_claim(view, facts)
        record = questions.ask_policy(
            view, Op.CLAIM, given, self.clauses, profile=_with_own_window(view, order)
        )
        if view.record is not None and view.record.books_dropped and not _only_late(record):
            unknown = Decision(Outcome.NEEDS_REVIEW, Reason.CAUSE_UNKNOWN)
            record = replace(record, decision=unknown)
        # Checked before a human's verdict counts and not after it: he gives only one.
        decision = claim_payouts.at_most(order.left_minor, record.decision)
        by = _review_by(view, order, facts)
        return replace(record, decision=asked_first(view, decision, by))

    def _beside_others(
        self, view: port.CaseView, facts: port.CaseFacts, record: port.DecisionRecord
    ) -> port.DecisionRecord:
        """What another open claim about this order has set aside is not spent: a human decides.

        Whoever ends the other one lets this one be decided again, so nothing is final before.
        """
        order, decision = view.order, record.decision
        assert order is not None
        aside = 0 if view.record is None else view.record.credit_aside_minor
        ends = decision.outcome is Outcome.DENY or decision.outcome in case_steps.PAYING
        if not aside or not ends:
            return record
        if self._ask(_with_all_credit(view), facts).decision == decision:
            return record
        by = _review_by(view, order, facts)
        asked = Decision(Outcome.NEEDS_REVIEW, Reason.JUDGE_REQUEST, deadline=by)
        return replace(record, decision=asked)

    def _step(
        self, view: port.CaseView, facts: port.CaseFacts, record: port.DecisionRecord
    ) -> port.CaseStep:
        """Money waits until the order has ended, so that no number is refunded twice.

        So does a replacement: the end of the order may give its price back.
        """
        order = view.order
        assert order is not None
        outcome = record.decision.outcome
        pays = outcome in case_steps.PAYING
        if (pays or outcome is Outcome.REPLACE) and not order.settled:
            wait = Decision(Outcome.WAIT, Reason.SMS_WINDOW_OPEN, deadline=order.ends_at)
            return self._step_for(view, facts, replace(record, decision=wait), owed=pays)
        return self._step_for(view, facts, record)

    def _step_for(
        self,
        view: port.CaseView,
        facts: port.CaseFacts,
        record: port.DecisionRecord,
        *,
        owed: bool = False,
    ) -> port.CaseStep:
        state = (
            port.CaseState.APPROVED
            if leaves_platform(record.decision)
            else case_steps.STATE_AFTER[record.decision.outcome]
        )
        timers = self._timers(view, facts, record.decision, owed=owed)
        step = port.CaseStep(
            state=state,
            facts=facts,
            record=case_steps.record_if_new(view, record),
            timers=timers,
            moves=claim_payouts.moves(view, record.decision, state),
            ends_rental=_ends_rental(view, facts, record.decision),
        )
        return case_steps.with_event(self, view, step)

    def _timers(
        self,
        view: port.CaseView,
        facts: port.CaseFacts,
        decision: Decision,
        *,
        owed: bool,
    ) -> dict[port.TimerKind, datetime]:
        order, profile = view.order, questions.profile_for(view)
        assert order is not None
        if profile is None:
            return {}
        asked_at, claimed_at = (
            questions.instant_in(facts, "access_requested_at"),
            questions.instant_in(facts, "claim_at"),
        )
        answered = "access_granted_at" in facts or "access_refused_at" in facts
        due: dict[port.TimerKind, datetime | None] = {
            port.TimerKind.HONOUR: honour_by(profile, order.purchased_at),
            port.TimerKind.HOST_ACCESS_GRACE: None
            if asked_at is None or answered
            else asked_at + timedelta(seconds=profile.rectify.host_access_grace_s),
        }
        match decision.outcome, decision.reason:
            case Outcome.NEEDS_EVIDENCE, _:
                due[port.TimerKind.EVIDENCE_DUE] = decision.deadline
            case Outcome.RECTIFY, _:
                due[port.TimerKind.RECTIFICATION] = decision.deadline
            case Outcome.NEEDS_REVIEW, _ if profile.processing.review is not None:
                due[port.TimerKind.REVIEW_SLA] = decision.deadline
            case Outcome.WAIT, Reason.RENTAL_RUNNING if decision.deadline is not None:
                # Its end decides, when its provider was read; this is in case nothing else does.
                due[port.TimerKind.SMS_WINDOW] = decision.deadline + 2 * PATIENCE
            case Outcome.WAIT, Reason.SMS_WINDOW_OPEN:
                due[port.TimerKind.SMS_WINDOW] = _recheck_at(order, decision.deadline, view.now)
            case _:
                pass
        if owed and claimed_at is not None:
            due[port.TimerKind.BALANCE_CREDIT_SLA] = credit_by(profile, claimed_at)
        return {kind: at for kind, at in due.items() if at is not None}

    def _decided_by_verdict(
        self,
        view: port.CaseView,
        facts: port.CaseFacts,
        record: port.DecisionRecord,
        verdict: case_steps.Verdict,
    ) -> port.CaseStep:
        """What the policy leaves to a human, as the verdict decides it."""
        order = view.order
        assert order is not None
        if not order.settled:
            return case_steps.unchanged(view, port.Rejected.NOT_ASKED_FOR)
        if not verdict.grant:
            return self._step_for(
                view,
                facts,
                questions.decided_by_human(record, questions.claim_rejected(), view, self.clauses),
            )
        granted = claim_payouts.granted(
            order, record.decision, verdict.amount_minor, credit_place(view)
        )
        if granted is None:
            return case_steps.unchanged(view, port.Rejected.WRONG_SUM)
        return self._step_for(
            view, facts, questions.decided_by_human(record, granted, view, self.clauses)
        )


def _at_end_of_rental(view: port.CaseView, kind: port.TimerKind) -> bool:
    """Whether its end should have decided this, and did not: then nobody read its provider."""
    return kind is port.TimerKind.SMS_WINDOW and view.order is not None and view.order.rental


def _only_late(record: port.DecisionRecord) -> bool:
    """Decided by the dates of the order and the claim alone, which no drop takes."""
    return record.decision.reason is Reason.CLAIM_WINDOW_CLOSED


def _awaits_method(view: port.CaseView) -> bool:
    """A yes was given before, and could not take effect by the method asked for."""
    decided = view.case.decided
    return decided is not None and decided.reason in questions.OTHER_METHOD


def _is_for_human(view: port.CaseView, decision: Decision, verdict: case_steps.Verdict) -> bool:
    """Whether a verdict counts: not where the policy waits for something else or pays anyway.

    Proof of the wallet's owner is all that a granted payout may still wait for.
    """
    if decision.reason is Reason.SMS_WINDOW_OPEN:
        return False
    if decision.outcome is Outcome.NEEDS_EVIDENCE:
        in_review = view.case.state is port.CaseState.IN_REVIEW
        return in_review and decision.reason is Reason.KYC_REQUIRED
    return verdict.grant or decision.outcome not in case_steps.PAYING


def _is_repaired(view: port.CaseView, kind: str) -> bool:
    rule = _rule_of(view, kind)
    return rule is not None and rule.decided is Decided.REPAIR


def _rule_of(view: port.CaseView, kind: str) -> KindRule | None:
    """What the policy says of claims of this kind, as it holds for this order."""
    profile = questions.profile_for(view)
    return None if profile is None else profile.kind(kind)


def _with_own_window(view: port.CaseView, order: port.CaseOrder) -> Profile | None:
    """The policy, with the window of this very number as its "set time"."""
    if view.profile is None or order.rental:
        return view.profile
    seconds = (order.ends_at - order.purchased_at) // timedelta(seconds=1)
    return view.profile.with_window(seconds)


def _review_by(
    view: port.CaseView, order: port.CaseOrder, facts: port.CaseFacts
) -> datetime | None:
    profile = questions.profile_for(view)
    if profile is None:
        return None
    asked_at = questions.instant_in(facts, "claim_at") or view.case.opened_at
    return honour_by(profile, order.purchased_at) or review_by(profile, asked_at)


def _ends_rental(view: port.CaseView, facts: port.CaseFacts, decision: Decision) -> bool:
    """One whose unused days are paid for has been given back; so has one that was wholly paid."""
    order = view.order
    assert order is not None
    if not order.rental or decision.outcome not in case_steps.PAYING:
        return False
    kind = facts["claim_kind"]
    rule = _rule_of(view, kind)
    over = kind == EARLY_DEACTIVATION or (rule is not None and rule.log in _OVER)
    return over or claim_payouts.of_house(decision) >= order.left_minor


def _with_all_credit(view: port.CaseView) -> port.CaseView:
    """As if no other claim had any of the credit."""
    record = view.record
    assert record is not None
    free = (record.credit_available_minor or 0) + record.credit_aside_minor
    return replace(view, record=replace(record, credit_available_minor=free, credit_aside_minor=0))


def _recheck_at(order: port.CaseOrder, deadline: datetime | None, now: datetime) -> datetime:
    """At the end of the window; after it, less and less often until the order has ended."""
    end = deadline or order.ends_at
    return end if now <= end else now + max(RECHECK, (now - end) / 4)
