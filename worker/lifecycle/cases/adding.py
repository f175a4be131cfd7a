"""What can be added to a case, as facts: said once, it stays as it was first said."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from worker.lifecycle.cases.asking import instant, moment
from worker.lifecycle.cases.shape import Adding
from worker.ports.store.case_view import CLOSED, Case, CaseFacts, CaseView


def once(**said: datetime | None) -> Adding:
    """Instants: now where none is given; the first one counts."""

    def facts(view: CaseView) -> CaseFacts:
        return {name: _first(view, name, at) for name, at in said.items()}

    return facts


def _first(view: CaseView, name: str, at: datetime | None) -> str:
    """A closed case takes no other instant, so there it must show that it is another."""
    had: str | None = view.case.facts.get(name)
    if had is None or (view.case.state in CLOSED and at is not None):
        return instant(at or view.now)
    return had


def plain(**said: Any) -> Adding:
    return lambda _view: said


def evidence(items: Sequence[str], **said: Any) -> Adding:
    """More evidence; it came when the first of it came."""

    def facts(view: CaseView) -> CaseFacts:
        had = view.case.facts.get("evidence", [])
        new: dict[str, Any] = {"evidence": sorted({*had, *items})} if items else {}
        if items and not had:
            new["evidence_at"] = instant(view.now)
        return {**said, **new}

    return facts


def access(event: str, at: datetime | None) -> Adding:
    """Access to the customer's host; there is nothing to grant before it was asked for."""

    def facts(view: CaseView) -> CaseFacts | None:
        if event != "requested" and "access_requested_at" not in view.case.facts:
            return None
        return once(**{f"access_{event}_at": at})(view)

    return facts


def payment_info(event: str, at: datetime | None, **said: Any) -> Adding:
    """Our question for payment details, and the answer to it."""

    def facts(view: CaseView) -> CaseFacts | None:
        if event == "added":
            return said
        if event == "provided" and "payment_info_requested_at" not in view.case.facts:
            return None
        when = once(**{f"payment_info_{event}_at": at})(view)
        return None if when is None else {**said, **when}

    return facts


def number_of(ended: Sequence[Case], facts: CaseFacts) -> int:
    """Which outage a report is about: that of its contact, however late it comes, or a new one."""
    contacts = [moment(one.facts, "contacted_at") for one in ended]
    contacted_at = moment(facts, "contacted_at")
    known = contacted_at is not None and contacted_at in contacts
    return contacts.index(contacted_at) if known else len(ended)


def outage_until(outages: Sequence[Case], at: datetime | None) -> Case:
    """The outage that ended then, however late that is told again, or else the last one."""
    known = [one for one in outages if at is not None and moment(one.facts, "restored_at") == at]
    return (known or outages)[-1]


def after_earlier(facts: CaseFacts, ended: Sequence[Case]) -> CaseFacts:
    """An outage never covers days that an earlier one has covered."""
    ends = [moment(one.facts, "restored_at") or one.closed_at for one in ended]
    last = max((end for end in ends if end is not None), default=None)
    if last is None:
        return facts
    since = moment(facts, "unavailable_since")
    return {**facts, "unavailable_since": instant(last if since is None else max(since, last))}
