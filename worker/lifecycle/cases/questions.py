"""How a judge asks the policy of a case: facts in (also added ones), a grounded decision out."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final, TypeAlias

from worker.domain.policy import (
    Decision,
    Op,
    Outcome,
    Profile,
    Reason,
    decide,
    question_from,
)
from worker.domain.policy.at_intake import order_words
from worker.domain.policy.vocabulary import BALANCE
from worker.ports.store.case_view import CLOSED, CaseFacts, CaseView, DecisionRecord

#: The ids of the clauses of a policy that a reason rests on.
ClauseLookup: TypeAlias = Callable[[str, Reason], tuple[str, ...]]


def instant_fact(at: datetime) -> str:
    """An instant as the facts hold it."""
    return at.isoformat()


def instant_in(facts: CaseFacts, name: str) -> datetime | None:
    """The instant that the fact *name* holds, or None where there is no such fact."""
    value = facts.get(name)
    return None if value is None else datetime.fromisoformat(value)


def without_none(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in facts.items() if value is not None}


def profile_for(view: CaseView) -> Profile | None:
    """The policy of the case, as it holds for the order that the case is about."""
    profile, record = view.profile, view.record
    if profile is None or record is None or not profile.whens:
        return profile
    service, country, told = record.service, record.country, record.order_facts
    words = order_words(service, country, record.price_minor, told, rental=record.rental)
    return profile.for_order(words)


def payment_method(view: CaseView) -> str:
    """By which money of this case leaves: told with the order, or with a withdrawal."""
    told = view.case.facts if view.record is None else view.record.order_facts
    method: str = told.get("payment_method", BALANCE)
    return method


def ask_policy(
    view: CaseView,
    op: Op,
    given: CaseFacts,
    clauses: ClauseLookup,
    *,
    profile: Profile | None = None,
) -> DecisionRecord:
    """What the policy of the purchase decides now; without a kept version, a human decides."""
    # What is owed names no order, so an exception for this one is looked up here.
    profile = profile or (profile_for(view) if op is Op.SLA_TICK else view.profile)
    if profile is None:
        decision = Decision(Outcome.NEEDS_REVIEW, Reason.POLICY_VERSION)
    else:
        question = question_from({**given, "op": op.value, "now": instant_fact(view.now)})
        decision = decide(profile, op, question.facts, question.now)
    as_of = None if view.timer is None else view.timer.due_at
    return DecisionRecord(
        op, decision, dict(given), clauses(view.case.policy, decision.reason), as_of
    )


def claim_rejected() -> Decision:
    return Decision(Outcome.DENY, Reason.CLAIM_REJECTED)


def decided_by_human(
    proposed: DecisionRecord, decision: Decision, view: CaseView, clauses: ClauseLookup
) -> DecisionRecord:
    """The human's decision about what the policy left to a human, with what that rested on."""
    return replace(
        proposed,
        decision=decision,
        by_human=True,
        clauses=proposed.clauses or clauses(view.case.policy, proposed.decision.reason),
    )


def check_facts(op: Op, facts: CaseFacts, now: datetime) -> None:
    """Raise `FactError` for a fact that nothing could be decided from."""
    needed = {
        "purchased_at": instant_fact(now),
        "price_minor": 0,
        "claim_kind": "other",
        "claim_at": instant_fact(now),
        "rental_start": "2000-01-01T00:00:00Z",
        "rental_end": "2199-01-01T00:00:00Z",
        "balance_minor": 0,
        "event": "idle",
    }
    question_from({**needed, **facts, "op": op.value, "now": instant_fact(now)})


#: The facts to add, as the case stands; None: the case does not wait for them.
FactsToAdd: TypeAlias = Callable[[CaseView], CaseFacts | None]


def first_instants(**instants: datetime | None) -> FactsToAdd:
    """Instants, now where None is given; an instant that the case has already stays."""

    def facts(view: CaseView) -> CaseFacts:
        return {name: _first_instant(view, name, at) for name, at in instants.items()}

    return facts


def _first_instant(view: CaseView, name: str, at: datetime | None) -> str:
    """The instant that the case has; if it is closed the new one, so that the change is refused."""
    before: str | None = view.case.facts.get(name)
    if before is None or (view.case.state in CLOSED and at is not None):
        return instant_fact(at or view.now)
    return before


def plain_facts(**facts: Any) -> FactsToAdd:
    return lambda _view: facts


def evidence(items: Sequence[str], **facts: Any) -> FactsToAdd:
    """More evidence; all of it counts as given when the first of it was."""

    def with_evidence(view: CaseView) -> CaseFacts:
        before = view.case.facts.get("evidence", [])
        new: dict[str, Any] = {"evidence": sorted({*before, *items})} if items else {}
        if items and not before:
            new["evidence_at"] = instant_fact(view.now)
        return {**facts, **new}

    return with_evidence


def access(event: str, at: datetime | None) -> FactsToAdd:
    """Access to the customer's host; it can be granted or refused only once it was requested."""

    def facts(view: CaseView) -> CaseFacts | None:
        if event != "requested" and "access_requested_at" not in view.case.facts:
            return None
        return first_instants(**{f"access_{event}_at": at})(view)

    return facts


#: Of a case: since when another way of payment is offered, which the customer has to agree to.
ALTERNATIVE_OFFERED: Final = "alternative_offered_at"
#: What only the method that was agreed with the customer answers.
OTHER_METHOD: Final = {
    Reason.ALTERNATIVE_REFUND_METHOD.value,
    Reason.ALTERNATIVE_OVERDUE.value,
}


def alternative(event: str, method: str) -> FactsToAdd:
    """Another way of payment: offered, or agreed with the customer; where one is needed."""

    def facts(view: CaseView) -> CaseFacts | None:
        before, now = view.case.facts, instant_fact(view.now)
        if event == "agreed" and before.get("alternative_method") == method:
            return {"alternative_method": method}
        decided = view.case.decided
        if decided is None or decided.reason not in OTHER_METHOD:
            return None
        if event == "offered":
            return {ALTERNATIVE_OFFERED: before.get(ALTERNATIVE_OFFERED, now)}
        approved = {"approved_at": now} if before.get("verified") else {}
        return {"alternative_method": method, **approved}

    return facts


def _another_email(view: CaseView, added: CaseFacts) -> CaseFacts:
    """What was found of the e-mail that he named before says nothing of this one."""
    named = "email" in added.get("request_fields", ())
    return {"email_matches": True} if named and "email_matches" in view.case.facts else {}


def kyc(status: str) -> FactsToAdd:
    """Proof of the wallet's owner; his time counts from when it was first asked for."""

    def facts(view: CaseView) -> CaseFacts:
        asked = first_instants(kyc_requested_at=None)(view) if status == "requested" else {}
        return {"kyc": status, **(asked or {})}

    return facts


def payment_info(event: str, at: datetime | None, **facts: Any) -> FactsToAdd:
    """Our request for payment details, and the customer's answer to it."""

    def with_payment_info(view: CaseView) -> CaseFacts | None:
        if event == "added":
            return {**facts, **_another_email(view, facts)}
        if event == "provided" and "payment_info_requested_at" not in view.case.facts:
            return None
        instants = first_instants(**{f"payment_info_{event}_at": at})(view)
        return None if instants is None else {**facts, **instants}

    return with_payment_info
