"""A replacement: the number given for an order instead of its money, or that there is none."""

from dataclasses import replace
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from worker.domain.policy import FactError
from worker.domain.policy.vocabulary import Sla
from worker.lifecycle.cases.carrying_out import barred
from worker.lifecycle.cases.case_steps import KindJudge, unchanged, waits_for_replacement
from worker.lifecycle.cases.claim_payouts import unset_aside
from worker.ports.store import case_view as port


class NewNumber(NamedTuple):
    """What is to be linked in the place of an order."""

    id: UUID
    taken_at: datetime
    value_minor: int | None


def replaced_step(view: port.CaseView, new: NewNumber) -> port.CaseStep:
    """The new number is linked: final, for every kind of claim about the old order."""
    by = new.id
    case = view.case
    if case.state in port.CLOSED or not waits_for_replacement(case):
        same = case.state is port.CaseState.REPLACED and case.facts.get("replaced_by") == str(by)
        refused = port.Rejected.CLOSED if case.state in port.CLOSED else port.Rejected.NOT_ASKED_FOR
        return unchanged(view, None if same else refused)
    assert view.order is not None
    if not view.order.settled:  # Its end may give its price back, as well.
        return unchanged(view, port.Rejected.NOT_ASKED_FOR)
    stands_against = barred(view)
    if stands_against is not None:
        return unchanged(view, stands_against)
    if view.record is not None and view.record.replacement_linked_at is not None:
        return unchanged(view, port.Rejected.REPLACED)
    if _was_paid_back(view):
        return unchanged(view, port.Rejected.PAID_BACK)
    if new.taken_at < _owed_since(view):
        raise FactError("given.replacement", "taken before a replacement was owed")
    told = {"replaced_by": str(by), "value_minor": new.value_minor}
    return port.CaseStep(
        state=port.CaseState.REPLACED,
        facts={**case.facts, "replaced_by": str(by)},
        moves=unset_aside(case.withheld_minor),
        event=f"{case.kind.value}.{port.CaseState.REPLACED.value}",
        evidence=("replacement", told),
        replaced_by=by,
    )


def _was_paid_back(view: port.CaseView) -> bool:
    """Whether money was given for the order, save for days of it on which it did not work."""
    assert view.record is not None
    assert view.order is not None
    given = view.record.credited_minor + view.record.paid_out_minor
    return given > view.order.outages_minor


def _owed_since(view: port.CaseView) -> datetime:
    """What was taken before is the customer's own, and no replacement."""
    replacements = [one.since for one in view.case.obligations if one.what is Sla.REPLACEMENT]
    return replacements[-1] if replacements else view.case.decisions[-1].at


def no_replacement_step(judge: KindJudge, view: port.CaseView) -> port.CaseStep:
    case = view.case
    if case.state in port.CLOSED or not waits_for_replacement(case):
        refused = port.Rejected.CLOSED if case.state in port.CLOSED else port.Rejected.NOT_ASKED_FOR
        return unchanged(view, refused)
    none = {"replacement_available": False, "customer_choice": "refund"}
    facts = {k: v for k, v in case.facts.items() if k != "replacement_value_minor"} | none
    return replace(judge.decide(view, facts), evidence=("replacement", {"available": False}))
