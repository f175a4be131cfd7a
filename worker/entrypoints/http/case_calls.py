"""What calls about cases share: the parts of their bodies, and why a change was refused."""

import re
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Annotated, Any, Literal, TypeAlias
from uuid import UUID

from pydantic import Field, StringConstraints

from worker.domain.policy import FactError
from worker.entrypoints.http.case_answers import case_json
from worker.entrypoints.http.problems import Fault, Kind, Problem, pointer_to
from worker.entrypoints.http.requests import Amount, Body, Instant
from worker.entrypoints.http.routing import Answer
from worker.lifecycle.cases.case_service import CaseService
from worker.lifecycle.cases.case_steps import Verdict
from worker.lifecycle.cases.questions import instant_fact
from worker.ports.store.case_view import Case, CaseKind, Rejected
from worker.ports.store.cases import CaseChange, CaseOpenOutcome, CaseOpenResult

EVIDENCE_MAX = 20
FACTS_MAX = 40
_UUID = re.compile(r"[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")

Handler: TypeAlias = Callable[..., Awaitable[Answer]]
CaseId = Annotated[str, Field(json_schema_extra={"format": "uuid"})]
Said = Annotated[str, StringConstraints(min_length=1, max_length=2000, pattern=r"^[^\x00]*$")]
EvidenceName = Literal["screenshot", "screenshot_2fa", "photo", "video"]
EvidenceList = Annotated[list[EvidenceName], Field(max_length=EVIDENCE_MAX)]
#: More of what the policies ask about, by the names they have for it.
FactTable = Annotated[dict[str, Any], Field(max_length=FACTS_MAX)]
REFUSALS = (Kind.NOT_FOUND, Kind.ENDED, Kind.OTHER_CONTENT, Kind.NOT_OFFERED, Kind.INVALID)


class VerdictGiven(Body):
    """A human's word; `amount_minor` only where the policy sets no sum."""

    grant: bool
    amount_minor: Amount | None = None
    note: Said | None = None
    findings: FactTable = Field(default_factory=dict)


class Paid(Body):
    """It was paid out; or, with a reason beyond our control, it will be by a later date."""

    extension_until: Instant | None = None
    extension_beyond_control: bool = False


def verdict_in(body: VerdictGiven, findings: Mapping[str, Any]) -> Verdict:
    return Verdict(
        grant=body.grant, amount_minor=body.amount_minor, findings=findings, note=body.note
    )


class Faults:
    """Turns a fact that cannot be used into the problem that names where it was given."""

    def __init__(self, **places: str) -> None:
        self._places = places

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, FactError):
            name = error.field.removeprefix("given.")
            place = self._places.get(name)
            inside = self._places.get("facts", "")
            pointer = place or f"{inside}{pointer_to(name)}"
            raise Problem(Kind.INVALID, errors=[Fault(pointer, error.problem)]) from None


def allowed(
    facts: Mapping[str, Any], names: frozenset[str], place: str = "/facts"
) -> dict[str, Any]:
    """Only what callers may say; the rest our own log knows, or a step of its own says."""
    strange = sorted(name for name in facts if name not in names)
    if strange:
        faults = [Fault(f"{place}{pointer_to(name)}", "Not to be said here") for name in strange]
        raise Problem(Kind.INVALID, errors=faults[:20])
    silent = "outage_verified"  # Null is a fact of its own: the probes are silent.
    return {k: v for k, v in facts.items() if v is not None or k == silent}


def when(name: str, at: datetime | None) -> dict[str, str]:
    return {} if at is None else {name: instant_fact(at)}


def case_in(text: str) -> UUID:
    """What has not the form of an id is the id of nothing."""
    if _UUID.fullmatch(text) is None:
        raise Problem(Kind.NOT_FOUND, "There is no such case")
    return UUID(text)


def opened_or_problem(opened: CaseOpenResult, unknown: Kind, *, path: str | None = None) -> Answer:
    """*path*: under which it can be read by its id, if at all."""
    match opened.how:
        case CaseOpenOutcome.UNKNOWN_SUBJECT:
            raise Problem(unknown)
        case CaseOpenOutcome.OTHER_CONTENT:
            raise Problem(Kind.OTHER_CONTENT, "This case is open with other content")
        case CaseOpenOutcome.BALANCE_TOO_LOW:
            raise Problem(Kind.BALANCE_TOO_LOW)
        case CaseOpenOutcome.NEW | CaseOpenOutcome.SAME:
            assert opened.case is not None
            new = opened.how is CaseOpenOutcome.NEW
            headers = {"Location": f"{path}/{opened.case.id}"} if new and path else {}
            return Answer(201 if new else 200, case_json(opened.case), headers)


def changed_or_problem(changed: CaseChange) -> Answer:
    match changed.rejected:
        case Rejected.CLOSED:
            raise Problem(Kind.ENDED, "The case is closed")
        case Rejected.OTHER_CONTENT:
            raise Problem(Kind.OTHER_CONTENT, "Another verdict was given before")
        case Rejected.NOT_ASKED_FOR:
            raise Problem(Kind.NOT_OFFERED, "The case does not wait for this")
        case Rejected.WRONG_SUM:
            told = "Needed where the policy sets no sum, within the price; else the policy's"
            raise Problem(Kind.INVALID, errors=[Fault("/amount_minor", told)])
        case None:
            return shown_or_problem(changed.case)


def shown_or_problem(case: Case | None) -> Answer:
    if case is None:
        raise Problem(Kind.NOT_FOUND, "There is no such case")
    return Answer(200, case_json(case))


async def paid_or_later(cases: CaseService, id_: str, kind: CaseKind, body: Paid) -> Answer:
    until = body.extension_until
    if until is None:
        return changed_or_problem(await cases.paid(case_in(id_), kind))
    facts = {
        "extension_until": instant_fact(until),
        "extension_beyond_control": body.extension_beyond_control,
    }
    return changed_or_problem(await cases.extend(case_in(id_), kind, facts))
