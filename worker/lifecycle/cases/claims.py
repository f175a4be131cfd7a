"""Claims about one order: the customer's, decided by the policy of the purchase."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from worker.domain.policy import Decision, Destination, Op, Outcome, Profile, Reason
from worker.domain.policy.deadlines import credit_by, honour_by, pay_by, review_by
from worker.domain.transfer import Kind
from worker.lifecycle.cases import payouts
from worker.lifecycle.cases.asking import (
    PAYING,
    STATES,
    Clauses,
    ask,
    by_human,
    instant,
    known,
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
    CaseFacts,
    CaseOrder,
    CaseState,
    CaseStep,
    CaseView,
    DecisionMade,
    MoneyMove,
    Rejected,
    TimerKind,
)

_FROM_SMS_LOG: Final = frozenset({Reason.NO_SMS_ON_RECORD, Reason.SMS_NOT_DISPLAYED})
RECHECK: Final = timedelta(seconds=60)  #: Between two looks whether an order has ended.


@dataclass(frozen=True, slots=True)
class Claims:
    clauses: Clauses
    word: str = "claim"

    def judge(self, view: CaseView, facts: CaseFacts) -> CaseStep:
        if view.case.state is CaseState.APPROVED:
            return replace(unchanged(view), facts=facts)  # The money is promised.
        return self._step(view, facts, self._ask(view, facts))

    def rule(self, view: CaseView, verdict: Verdict) -> CaseStep:
        if view.case.state is CaseState.APPROVED:
            return unchanged(view, Rejected.NOT_ASKED_FOR)
        facts = {**view.case.facts, **verdict.findings, "verified": verdict.grant}
        if facts["claim_kind"] == "major_defect":
            facts["approved"] = verdict.grant
        made = self._ask(view, facts)
        if waits_for_customer(made.decision) and not verdict.grant:
            return self._word_of(view, facts, made, verdict)
        if made.decision.outcome is Outcome.NEEDS_REVIEW:
            return self._word_of(view, facts, made, verdict)
        if not _for_a_human(view, made.decision, verdict):
            return unchanged(view, Rejected.NOT_ASKED_FOR)
        if verdict.amount_minor not in {None, made.decision.amount_minor}:
            return unchanged(view, Rejected.WRONG_SUM)
        return self._step(view, facts, made)

    def started(self, view: CaseView, sla: TimerKind) -> datetime:
        assert view.order is not None
        if sla is TimerKind.HONOUR:
            return view.order.purchased_at
        if sla is TimerKind.REFUND_PAYMENT:
            return payouts.promised(view.case).at
        return moment(view.case.facts, "claim_at") or view.case.opened_at

    def _ask(self, view: CaseView, facts: CaseFacts) -> DecisionMade:
        order = view.order
        assert order is not None
        given = {"service": order.service, **facts, **_from_our_log(order)}
        given |= _days_left(order, facts) if order.rental else {}
        flags = sorted({*facts.get("account_flags", []), *view.holdings.flags})
        deposits = [at for at, _ in view.holdings.topups]
        given |= {"account_flags": flags} if flags else {}
        given |= {"last_deposit_at": instant(max(deposits))} if deposits else {}
        made = ask(view, Op.CLAIM, given, self.clauses, profile=_own_window(view, order))
        return _at_most_what_is_left(order, _about_rental(view, order, made))

    def _step(self, view: CaseView, facts: CaseFacts, made: DecisionMade) -> CaseStep:
        """Money waits until the order itself has ended: nobody is paid twice for one number."""
        order = view.order
        assert order is not None
        decision = made.decision
        if decision.outcome in PAYING and not order.settled:
            still = Decision(Outcome.WAIT, Reason.SMS_WINDOW_OPEN, deadline=order.ends_at)
            made = replace(made, decision=still)
            return self._as_decided(view, facts, made, owed=True)
        return self._as_decided(view, facts, made)

    def _as_decided(
        self, view: CaseView, facts: CaseFacts, made: DecisionMade, *, owed: bool = False
    ) -> CaseStep:
        state = CaseState.APPROVED if _leaves(made.decision) else STATES[made.decision.outcome]
        timers = self._timers(view, facts, made.decision, owed=owed)
        step = CaseStep(
            state=state,
            facts=facts,
            made=made_if_new(view, made),
            timers=timers,
            moves=_moves(made.decision),
            ends_rental=_ends_rental(view, facts, made.decision),
        )
        return told_of(self, view, step)

    def _timers(
        self, view: CaseView, facts: CaseFacts, decision: Decision, *, owed: bool
    ) -> dict[TimerKind, datetime]:
        order, profile = view.order, view.profile
        assert order is not None
        if profile is None:
            return {}
        asked_at, claimed_at = moment(facts, "access_requested_at"), moment(facts, "claim_at")
        answered = "access_granted_at" in facts or "access_refused_at" in facts
        due: dict[TimerKind, datetime | None] = {
            TimerKind.HONOUR: honour_by(profile, order.purchased_at),
            TimerKind.HOST_ACCESS_GRACE: None
            if asked_at is None or answered
            else asked_at + timedelta(seconds=profile.host_access_grace_s),
        }
        match decision.outcome, decision.reason:
            case Outcome.NEEDS_EVIDENCE, _:
                due[TimerKind.EVIDENCE_DUE] = decision.deadline
            case Outcome.RECTIFY, _:
                due[TimerKind.RECTIFICATION] = decision.deadline
            case Outcome.NEEDS_REVIEW, _ if profile.review_business_days is not None:
                due[TimerKind.REVIEW_SLA] = decision.deadline
            case Outcome.WAIT, Reason.SMS_WINDOW_OPEN:
                due[TimerKind.SMS_WINDOW] = _look_again(order, decision.deadline, view.now)
            case _ if _leaves(decision):
                due[TimerKind.REFUND_PAYMENT] = pay_by(profile, view.now)
            case _:
                pass
        if owed and claimed_at is not None:
            due[TimerKind.BALANCE_CREDIT_SLA] = credit_by(profile, claimed_at)
        return {kind: at for kind, at in due.items() if at is not None}

    def _word_of(
        self, view: CaseView, facts: CaseFacts, made: DecisionMade, verdict: Verdict
    ) -> CaseStep:
        """The policy leaves it to a human, and this is the human's word."""
        order, proposed = view.order, made.decision
        assert order is not None
        if not order.settled:
            return unchanged(view, Rejected.NOT_ASKED_FOR)
        if not verdict.grant:
            return self._as_decided(view, facts, by_human(made, rejected(), view, self.clauses))
        amount = proposed.amount_minor if verdict.amount_minor is None else verdict.amount_minor
        if not 0 < amount <= _left(order):
            return unchanged(view, Rejected.WRONG_SUM)
        to = proposed.destination or Destination.BALANCE
        outcome = Outcome.CREDIT if to is Destination.BALANCE else Outcome.PAYOUT
        granted = Decision(outcome, Reason.CLAIM_APPROVED, amount, 0, to)
        return self._as_decided(view, facts, by_human(made, granted, view, self.clauses))


def _for_a_human(view: CaseView, decision: Decision, verdict: Verdict) -> bool:
    """Where the policy waits for something else, or pays all the same, no word would count.

    Proof of the wallet's owner is all that a granted payout may still wait for.
    """
    if decision.reason is Reason.SMS_WINDOW_OPEN:
        return False
    if decision.outcome is Outcome.NEEDS_EVIDENCE:
        asked = view.case.state is CaseState.IN_REVIEW
        return asked and decision.reason is Reason.KYC_REQUIRED
    return verdict.grant or decision.outcome not in PAYING


def _from_our_log(order: CaseOrder) -> dict[str, Any]:
    sms = {"sms_received_at": order.sms_received_at, "sms_displayed_at": order.sms_displayed_at}
    rental = {"rental_start": order.purchased_at, "rental_end": order.ends_at}
    instants = known({**sms, **(rental if order.rental else {})})
    return {
        "purchased_at": instant(order.purchased_at),
        "price_minor": order.price_minor,
        "credited_minor": _given_back(order),
        "product": "rental" if order.rental else "one_time",
        **{name: instant(at) for name, at in instants.items()},
    }


def _days_left(order: CaseOrder, facts: CaseFacts) -> dict[str, Any]:
    """A block is paid from its day on, and never for days an outage has been credited for."""
    if order.covered_until is None:
        return {}
    blocked_at = moment(facts, "blocked_at") or moment(facts, "claim_at")
    last = order.covered_until if blocked_at is None else max(blocked_at, order.covered_until)
    return {"blocked_at": instant(last)}


def _own_window(view: CaseView, order: CaseOrder) -> Profile | None:
    """A number's own window is the policy's "set time" for it."""
    if view.profile is None or order.rental:
        return view.profile
    seconds = (order.ends_at - order.purchased_at) // timedelta(seconds=1)
    return replace(view.profile, sms_window_s=seconds)


def _given_back(order: CaseOrder) -> int:
    """Days that were credited do not make a rental refunded while there is something left of it."""
    return order.credited_minor - order.outages_minor if _left(order) else order.credited_minor


def _about_rental(view: CaseView, order: CaseOrder, made: DecisionMade) -> DecisionMade:
    """Never more than a rental still has; and of its SMS we keep no log that could decide."""
    decision = made.decision
    if not order.rental:
        return made
    if decision.outcome in PAYING and decision.reason in _FROM_SMS_LOG:
        by = None if view.profile is None else _decide_by(view, order, view.profile)
        outcome, reason = Outcome.NEEDS_REVIEW, Reason.JUDGE_REQUEST
        decision = replace(decision, outcome=outcome, reason=reason, deadline=by)
    if not decision.fee_minor:
        within = min(decision.amount_minor, _left(order))
        decision = replace(decision, amount_minor=within)
    return replace(made, decision=decision)


def _at_most_what_is_left(order: CaseOrder, made: DecisionMade) -> DecisionMade:
    """More than that, with a fee reckoned on it: what is paid, a human says.

    Seen before his verdict counts and not after it: he has only one.
    """
    decision = made.decision
    if decision.outcome not in PAYING or _gross(decision) <= _left(order):
        return made
    over = replace(decision, outcome=Outcome.NEEDS_REVIEW, amount_minor=_left(order), fee_minor=0)
    return replace(made, decision=over)


def _decide_by(view: CaseView, order: CaseOrder, profile: Profile) -> datetime | None:
    claimed_at = moment(view.case.facts, "claim_at") or view.case.opened_at
    return honour_by(profile, order.purchased_at) or review_by(profile, claimed_at)


def _leaves(decision: Decision) -> bool:
    return decision.outcome in PAYING and decision.destination is not Destination.BALANCE


def _ends_rental(view: CaseView, facts: CaseFacts, decision: Decision) -> bool:
    """A rental whose days were all given back has been given back itself."""
    order = view.order
    assert order is not None
    if not order.rental or decision.outcome not in PAYING:
        return False
    return facts["claim_kind"] == "operator_block" or _gross(decision) >= _left(order)


def _gross(decision: Decision) -> int:
    return decision.amount_minor + decision.fee_minor


def _left(order: CaseOrder) -> int:
    return order.price_minor - order.credited_minor


def _moves(decision: Decision) -> tuple[MoneyMove, ...]:
    """Money that leaves the platform moves when it is paid out, not when it is promised."""
    if decision.outcome not in PAYING or _leaves(decision):
        return ()
    return (MoneyMove(Kind.CLAIM, decision.amount_minor),)


def _look_again(order: CaseOrder, deadline: datetime | None, now: datetime) -> datetime:
    """After its window, an order ends soon, or when a human has looked at it."""
    end = deadline or order.ends_at
    return end if now <= end else now + max(RECHECK, (now - end) / 4)
