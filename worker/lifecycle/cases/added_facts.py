"""Facts that customers and the shop add to a case; of each instant the first one stays."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, TypeAlias

from worker.lifecycle.cases.questions import instant_fact
from worker.ports.store.case_view import CLOSED, CaseFacts, CaseView

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


def payment_info(event: str, at: datetime | None, **facts: Any) -> FactsToAdd:
    """Our request for payment details, and the customer's answer to it."""

    def with_payment_info(view: CaseView) -> CaseFacts | None:
        if event == "added":
            return facts
        if event == "provided" and "payment_info_requested_at" not in view.case.facts:
            return None
        instants = first_instants(**{f"payment_info_{event}_at": at})(view)
        return None if instants is None else {**facts, **instants}

    return with_payment_info
