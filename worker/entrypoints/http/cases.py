"""What the calls about cases share: parts of their bodies, a case as JSON, why a call is refused.

Claims, rentals, withdrawals, account events and reviews are such calls.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from pydantic import BaseModel, Field, StringConstraints

from worker.domain.policy import FactError
from worker.domain.policy.fact_readers import INSTANTS
from worker.domain.policy.fact_readers import instant as read_instant
from worker.entrypoints.http.auth import Scope
from worker.entrypoints.http.deps import ApiDeps
from worker.entrypoints.http.idempotency import IdempotentCalls
from worker.entrypoints.http.problems import (
    ERRORS_MAX,
    FieldError,
    Problem,
    ProblemKind,
    pointer_to,
)
from worker.entrypoints.http.requests import Amount, Instant, RequestBody, uuid_or_problem
from worker.entrypoints.http.responses import Moment, ResponseBody, instant
from worker.entrypoints.http.routing import Answer, Handler, Route
from worker.lifecycle.cases.case_service import CaseService
from worker.lifecycle.cases.case_steps import FREEZE_SEEN, Verdict
from worker.lifecycle.cases.questions import instant_fact
from worker.ports.store.case_view import Case, CaseKind, Rejected
from worker.ports.store.cases import CaseChange, CaseOpenOutcome, CaseOpenResult

EVIDENCE_MAX = 20
FACTS_MAX = 40

FreeText = Annotated[str, StringConstraints(min_length=1, max_length=2000, pattern=r"^[^\x00]*$")]
EvidenceName = Literal["screenshot", "screenshot_2fa", "photo", "video"]
EvidenceList = Annotated[list[EvidenceName], Field(max_length=EVIDENCE_MAX)]
#: Further facts that the policies ask about, by the policies' names.
FactTable = Annotated[dict[str, Any], Field(max_length=FACTS_MAX)]
CaseStateName = Literal[
    "waiting", "needs_evidence", "in_review", "approved", "granted", "denied", "resolved",
    "replaced", "paid", "done",
]  # fmt: skip
CaseKindName = Literal["claim", "rental_outage", "withdrawal", "account"]

_INSTANTS: Final = INSTANTS | {"at"}  #: `at`: when an event of an account happened.
REFUSALS = (
    ProblemKind.NOT_FOUND,
    ProblemKind.ENDED,
    ProblemKind.OTHER_CONTENT,
    ProblemKind.NOT_OFFERED,
    ProblemKind.ACCOUNT_BLOCKED,
    ProblemKind.ACCOUNT_FROZEN,
    ProblemKind.INVALID,
)


class VerdictGiven(RequestBody):
    """A human's word; `amount_minor` only where the policy sets no sum."""

    grant: bool
    amount_minor: Amount | None = None
    note: FreeText | None = None
    findings: FactTable = Field(default_factory=dict)


class Paid(RequestBody):
    """It was paid out; or, with a reason beyond our control, it will be by a later date."""

    extension_until: Instant | None = None
    extension_beyond_control: bool = False


class DecisionShown(ResponseBody):
    at: Moment
    outcome: str
    reason: str
    amount_minor: int
    fee_minor: int
    destination: str | None
    deadline: Moment | None
    as_of: Moment
    clauses: list[str]
    policy_version: str
    by: Literal["policy", "verdict"]


class EvidenceShown(ResponseBody):
    at: Moment
    what: str
    content: dict[str, Any]


class TimerShown(ResponseBody):
    kind: str
    due_at: Moment


class CaseShown(ResponseBody):
    id: str
    kind: CaseKindName
    subject: str
    activation: str | None
    rental: str | None
    account: str
    currency: str
    state: CaseStateName
    policy: str
    policy_version: str
    opened_at: Moment
    closed_at: Moment | None
    withheld_minor: int
    moved_minor: int
    facts: dict[str, Any]
    verdict: dict[str, Any] | None
    decision: DecisionShown | None
    decisions: list[DecisionShown]
    evidence: list[EvidenceShown]
    timers: list[TimerShown]


#: The answers of a call that opens a case, and of one that changes or shows a case.
OPENED: Mapping[int, type[BaseModel] | None] = {201: CaseShown, 200: CaseShown}
SHOWN: Mapping[int, type[BaseModel] | None] = {200: CaseShown}


def case_json(case: Case) -> dict[str, Any]:
    decisions = [DecisionShown.of(decision) for decision in case.decisions]
    return CaseShown.of(
        case,
        facts=facts_json(case.facts),
        verdict=None if case.verdict is None else facts_json(case.verdict),
        decision=decisions[-1] if decisions else None,
        decisions=decisions,
        evidence=[
            EvidenceShown.of(item, content=facts_json(item.content)) for item in case.evidence
        ],
        timers=[TimerShown.of(timer) for timer in case.timers],
    )


def facts_json(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The facts, with their instants written as in every other body.

    The store keeps them as the caller wrote them: a repeat of a call is recognised by that.
    """
    return {name: _fact_json(name, value) for name, value in facts.items()}


def _fact_json(name: str, value: object) -> object:
    match value:
        case dict():
            return facts_json(value)
        case str() if name in _INSTANTS:
            return instant(read_instant(value))
        case _:
            return value


def verdict_in(body: VerdictGiven, findings: Mapping[str, Any]) -> Verdict:
    return Verdict(
        grant=body.grant, amount_minor=body.amount_minor, findings=findings, note=body.note
    )


@contextmanager
def fact_problems(**pointers: str) -> Iterator[None]:
    """Turn a `FactError` into the problem that points to where the caller gave the fact.

    *pointers*: by the fact's name; `facts` is where the names without a pointer are given.
    """
    try:
        yield
    except FactError as error:
        name = error.field.removeprefix("given.")
        pointer = pointers.get(name) or f"{pointers.get('facts', '')}{pointer_to(name)}"
        error_in_field = FieldError(pointer, error.problem)
        raise Problem(ProblemKind.INVALID, errors=[error_in_field]) from None


def allowed(
    facts: Mapping[str, Any], names: frozenset[str], place: str = "/facts"
) -> dict[str, Any]:
    """Only the facts that callers may give; our own log or a call of its own gives the others."""
    refused = sorted(name for name in facts if name not in names)
    if refused:
        errors = [
            FieldError(f"{place}{pointer_to(name)}", "Not to be said here") for name in refused
        ]
        raise Problem(ProblemKind.INVALID, errors=errors[:ERRORS_MAX])
    nullable = "outage_verified"  # Null is a fact of its own: the probes got no answer.
    return {name: value for name, value in facts.items() if value is not None or name == nullable}


def instant_facts(**instants: datetime | None) -> dict[str, str]:
    return {name: instant_fact(at) for name, at in instants.items() if at is not None}


def case_id_in(text: str) -> UUID:
    return uuid_or_problem(text, ProblemKind.NOT_FOUND, "There is no such case")


def opened_or_problem(
    opening: CaseOpenResult, unknown: ProblemKind, *, path: str | None = None
) -> Answer:
    """*path*: under which the case can be read by its id, if it can."""
    match opening.how:
        case CaseOpenOutcome.UNKNOWN_SUBJECT:
            raise Problem(unknown)
        case CaseOpenOutcome.OTHER_CONTENT:
            raise Problem(ProblemKind.OTHER_CONTENT, "This case is open with other content")
        case CaseOpenOutcome.BALANCE_TOO_LOW:
            raise Problem(ProblemKind.BALANCE_TOO_LOW)
        case CaseOpenOutcome.ACCOUNT_BLOCKED:
            raise Problem(ProblemKind.ACCOUNT_BLOCKED)
        case CaseOpenOutcome.ACCOUNT_CLOSING:
            raise Problem(ProblemKind.ACCOUNT_CLOSING)
        case CaseOpenOutcome.ACCOUNT_FROZEN:
            raise Problem(ProblemKind.ACCOUNT_FROZEN)
        case CaseOpenOutcome.NEW | CaseOpenOutcome.SAME:
            assert opening.case is not None
            new = opening.how is CaseOpenOutcome.NEW
            headers = {"Location": f"{path}/{opening.case.id}"} if new and path else {}
            return Answer(201 if new else 200, case_json(opening.case), headers)


#: What only a human says, in a verdict.
HUMAN_FINDINGS: Final = frozenset({FREEZE_SEEN})
_FREEZE_UNSEEN: Final = "A verdict with the finding freeze_seen releases the payout"


def changed_or_problem(change: CaseChange) -> Answer:
    match change.rejected:
        case Rejected.CLOSED:
            raise Problem(ProblemKind.ENDED, "The case is closed")
        case Rejected.OTHER_CONTENT:
            raise Problem(ProblemKind.OTHER_CONTENT, "Another verdict was given before")
        case Rejected.NOT_ASKED_FOR:
            raise Problem(ProblemKind.NOT_OFFERED, "The case does not wait for this")
        case Rejected.ACCOUNT_BLOCKED:
            raise Problem(ProblemKind.ACCOUNT_BLOCKED, _FREEZE_UNSEEN)
        case Rejected.ACCOUNT_FROZEN:
            raise Problem(ProblemKind.ACCOUNT_FROZEN, _FREEZE_UNSEEN)
        case Rejected.WRONG_SUM:
            detail = "Needed where the policy sets no sum, within the price; else the policy's"
            raise Problem(ProblemKind.INVALID, errors=[FieldError("/amount_minor", detail)])
        case None:
            return shown_or_problem(change.case)


def shown_or_problem(case: Case | None) -> Answer:
    if case is None:
        raise Problem(ProblemKind.NOT_FOUND, "There is no such case")
    return Answer(200, case_json(case))


async def record_payout(service: CaseService, id_: str, kind: CaseKind, body: Paid) -> Answer:
    """Record that the case was paid out, or the later date by which it will be."""
    until = body.extension_until
    if until is None:
        return changed_or_problem(await service.paid(case_id_in(id_), kind))
    facts = {
        "extension_until": instant_fact(until),
        "extension_beyond_control": body.extension_beyond_control,
    }
    return changed_or_problem(await service.extend(case_id_in(id_), kind, facts))


#: Names of the calls that do more than tell what happened.
_STEP_NAMES: Final = {"evidence": "add_{case}_evidence", "verdict": "decide_{case}"}


def case_routes(
    deps: ApiDeps,
    noun: str,
    *,
    opens: Handler,
    unknown: Sequence[ProblemKind],
    shows: Handler,
    steps: Mapping[str, Handler],
) -> Sequence[Route]:
    """The calls about one kind of case: it is opened, shown, and changed by *steps*.

    *unknown* are the problems of one that cannot be opened, besides those of every case.
    """
    path, case, idempotent = f"/v1/{noun}", noun.removesuffix("s"), IdempotentCalls(deps)
    return (
        Route(
            name=f"open_{case}",
            method="POST",
            path=path,
            handler=opens,
            scope=Scope.OPERATE,
            run_once=idempotent,
            answers=OPENED,
            problems=(*unknown, ProblemKind.OTHER_CONTENT, ProblemKind.NOT_OFFERED),
        ),
        Route(
            name=f"get_{case}",
            method="GET",
            path=f"{path}/{{id}}",
            handler=shows,
            scope=Scope.READ,
            answers=SHOWN,
            problems=(ProblemKind.NOT_FOUND, ProblemKind.NOT_OFFERED),
        ),
        *(
            Route(
                name=_STEP_NAMES.get(step, "tell_{case}_{step}").format(
                    case=case, step=step.replace("-", "_")
                ),
                method="POST",
                path=f"{path}/{{id}}/{step}",
                handler=handler,
                scope=Scope.OPERATE,
                run_once=idempotent,
                answers=SHOWN,
                problems=REFUSALS,
            )
            for step, handler in steps.items()
        ),
    )
