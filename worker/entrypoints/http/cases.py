"""What the calls about cases share: parts of their bodies, a case as JSON, why a call is refused.

Claims, rentals, withdrawals, account events and reviews are such calls.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from pydantic import (
    BaseModel,
    Field,
    StringConstraints,
    ValidationInfo,
    field_validator,
    model_validator,
)

from worker.domain.policy import FactError
from worker.domain.policy.fact_readers import INSTANTS
from worker.domain.policy.fact_readers import instant as read_instant
from worker.domain.policy.vocabulary import Sla
from worker.domain.transfer import Charge
from worker.entrypoints.http.problems import (
    ERRORS_MAX,
    DecidedBefore,
    FieldError,
    Problem,
    ProblemKind,
    pointer_to,
)
from worker.entrypoints.http.requests import Amount, Instant, NoteText, RequestBody, uuid_or_problem
from worker.entrypoints.http.responses import Moment, ResponseBody, SchemaName, instant
from worker.entrypoints.http.routing import Answer
from worker.lifecycle.cases.case_service import CaseService
from worker.lifecycle.cases.case_steps import Verdict
from worker.lifecycle.cases.fact_sources import FINDINGS, teller_of
from worker.lifecycle.cases.questions import instant_fact
from worker.ports.store.case_view import Case, CaseKind, EvidenceEntry, Rejected
from worker.ports.store.cases import CaseChange, CaseOpenOutcome, CaseOpenResult
from worker.ports.store.obligations import Obligation

EVIDENCE_MAX = 20
FACTS_MAX = 40

FreeText = Annotated[str, StringConstraints(min_length=1, max_length=2000, pattern=r"^[^\x00]*$")]
EvidenceName = Literal["screenshot", "screenshot_2fa", "photo", "video"]
#: What a human found, by the policies' names.
FactTable = Annotated[dict[str, Any], Field(max_length=FACTS_MAX)]
CaseStateName = Literal[
    "waiting", "needs_evidence", "in_review", "approved", "granted", "denied", "resolved",
    "replaced", "paid", "done", "cancelled",
]  # fmt: skip
CaseKindName = Literal[
    "claim", "rental_outage", "rental_cancel", "rental_end", "withdrawal", "account"
]

_INSTANTS: Final = INSTANTS | {"at"}  #: `at`: when an event of an account happened.
REFUSALS = (
    ProblemKind.NOT_FOUND,
    ProblemKind.FACT_NOT_YOURS,
    ProblemKind.ENDED,
    ProblemKind.DECIDED,
    ProblemKind.OTHER_CONTENT,
    ProblemKind.NOT_OFFERED,
    ProblemKind.ACCOUNT_BLOCKED,
    ProblemKind.ACCOUNT_FROZEN,
    ProblemKind.INVALID,
)


class Statement(RequestBody):
    """What the customer says. A fact that somebody else tells is not taken from here."""

    @model_validator(mode="before")
    @classmethod
    def _only_own_facts(cls, said: object) -> object:
        if isinstance(said, dict):
            others = {f"/{name}": name for name in said if name not in cls.model_fields}
            table = said.get("facts")  # Where they were stated before each had its source.
            inner = table if isinstance(table, dict) else {}
            refuse_facts_of_others(others | {f"/facts{pointer_to(name)}": name for name in inner})
        return said


class Piece(RequestBody):
    """One piece of evidence, and where it can be looked at."""

    kind: EvidenceName
    reference: FreeText | None = None
    words: FreeText | None = None


EvidenceList = Annotated[list[EvidenceName | Piece], Field(max_length=EVIDENCE_MAX)]


class VerdictGiven(RequestBody):
    """A human's word with its reason; `amount_minor` for less than proposed, or where no sum is."""

    grant: bool
    amount_minor: Amount | None = None
    note: NoteText
    findings: FactTable = Field(default_factory=dict)


class OutcomeVerdict(VerdictGiven):
    """Also names the ending of the order: granting is `refunded`; denying `closed` or `delivered`.

    An outcome that contradicts `grant` is refused: a slip of the pen moves no money.
    """

    outcome: Literal["refunded", "closed", "delivered"] | None = None

    @field_validator("outcome")
    @classmethod
    def _agrees_with_grant(cls, outcome: str | None, read: ValidationInfo) -> str | None:
        if outcome and read.data.get("grant") is (outcome != "refunded"):
            raise ValueError("granting refunds; denying closes or delivers")
        return outcome


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
    by: str | None  #: The actor that the call named, else its token.


class TimerShown(ResponseBody):
    kind: str
    due_at: Moment


class ObligationShown(ResponseBody):
    """What somebody owes in a case, until when, and how it ended."""

    id: str
    case: str
    what: Annotated[Sla, SchemaName("Owed")]
    owed_by: Literal["shop", "customer"]
    since: Moment
    by_when: Moment
    ended_at: Moment | None
    end: str | None


class CaseShown(ResponseBody):
    id: str
    kind: CaseKindName
    subject: str
    activation: str | None
    rental: str | None
    account: str
    order_ref: str | None
    charge: Charge | None  #: `external`: what it gives back is in the shop's books.
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
    obligations: list[ObligationShown]


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
        evidence=[evidence_json(entry) for entry in case.evidence],
        timers=[TimerShown.of(timer) for timer in case.timers],
        obligations=[obligation_json(owed) for owed in case.obligations],
    )


def evidence_json(entry: EvidenceEntry) -> dict[str, Any]:
    return EvidenceShown.of(entry, content=facts_json(entry.content))


def obligation_json(owed: Obligation) -> dict[str, Any]:
    return ObligationShown.of(owed)


def facts_json(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The facts, with their instants written as in every other body.

    The store keeps them as the caller wrote them: a repeat of a call is recognised by that.
    """
    return {name: _fact_json(name, value) for name, value in facts.items()}


def _fact_json(name: str, value: object) -> object:
    match value:
        case dict() if name != "payment_details":  # Named by the customer: none is an instant.
            return facts_json(value)
        case str() if name in _INSTANTS:
            return instant(read_instant(value))
        case _:
            return value


def verdict_in(body: VerdictGiven) -> Verdict:
    return Verdict(
        grant=body.grant,
        amount_minor=body.amount_minor,
        findings=findings_in(body.findings),
        note=body.note,
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


def refuse_facts_of_others(facts: Mapping[str, str]) -> None:
    """Raise for facts of another source, by where they were stated."""
    errors = [
        FieldError(pointer, f"Told by {teller}")
        for pointer, name in facts.items()
        if (teller := teller_of(name)) is not None
    ]
    if errors:
        first = next(name for pointer, name in facts.items() if pointer == errors[0].pointer)
        detail = f"{first} is told by {teller_of(first)}"
        raise Problem(ProblemKind.FACT_NOT_YOURS, detail, errors=errors[:ERRORS_MAX])


def pieces(evidence: Sequence[EvidenceName | Piece]) -> tuple[list[str], dict[str, Any]]:
    """The kinds, which the policies ask about, and the pieces as a human looks at them."""
    kinds = sorted({piece.kind if isinstance(piece, Piece) else piece for piece in evidence})
    shown = [piece.model_dump(exclude_none=True) for piece in evidence if isinstance(piece, Piece)]
    return list(kinds), {"pieces": shown} if shown else {}


def findings_in(facts: Mapping[str, Any], place: str = "/findings") -> dict[str, Any]:
    """Only what a human finds; other facts have other sources."""
    others = {f"{place}{pointer_to(name)}": name for name in facts if name not in FINDINGS}
    refuse_facts_of_others(others)
    if others:
        errors = [FieldError(pointer, "No such finding") for pointer in sorted(others)]
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
        case CaseOpenOutcome.DECIDED:
            assert opening.case is not None
            raise DecidedBefore(str(opening.case.id))
        case CaseOpenOutcome.OTHER_CONTENT:
            raise Problem(ProblemKind.OTHER_CONTENT, "This case is open with other content")
        case CaseOpenOutcome.OTHER_POLICY:
            raise Problem(ProblemKind.POLICY_MISMATCH)
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


_FREEZE_UNSEEN: Final = "A verdict with the finding freeze_seen releases the payout"
_REFUSED: Final = {
    Rejected.CLOSED: (ProblemKind.ENDED, "The case is closed"),
    Rejected.OTHER_CONTENT: (ProblemKind.DECIDED, "Another verdict was given before"),
    Rejected.NOT_ASKED_FOR: (ProblemKind.NOT_OFFERED, "The case does not wait for this"),
    Rejected.PROLONGED: (
        ProblemKind.NOT_OFFERED,
        "The rental was prolonged since it was asked for: it can be denied",
    ),
    Rejected.SET_ASIDE: (
        ProblemKind.NOT_OFFERED,
        "Another open claim about this order has its credit: decide that one first",
    ),
    Rejected.ACCOUNT_BLOCKED: (ProblemKind.ACCOUNT_BLOCKED, _FREEZE_UNSEEN),
    Rejected.ACCOUNT_FROZEN: (ProblemKind.ACCOUNT_FROZEN, _FREEZE_UNSEEN),
    Rejected.ACCOUNT_DELETED: (ProblemKind.ENDED, f"The account is deleted. {_FREEZE_UNSEEN}"),
    Rejected.PAID_BACK: (ProblemKind.ENDED, "Money was given back for this order"),
    Rejected.REPLACED: (ProblemKind.OTHER_CONTENT, "This order or number is linked already"),
}
assert set(_REFUSED) == set(Rejected) - {Rejected.WRONG_SUM}


def changed_or_problem(change: CaseChange) -> Answer:
    match change.rejected:
        case None:
            return shown_or_problem(change.case)
        case Rejected.WRONG_SUM:
            detail = (
                "Needed where no sum is proposed, within the price; else at most the one proposed"
            )
            raise Problem(ProblemKind.INVALID, errors=[FieldError("/amount_minor", detail)])
        case _:
            raise Problem(*_REFUSED[change.rejected])


def shown_or_problem(case: Case | None) -> Answer:
    if case is None:
        raise Problem(ProblemKind.NOT_FOUND, "There is no such case")
    return Answer(200, case_json(case))


#: What is given back for an order is paid out by the calls for claims.
_OF_ORDERS: Final = frozenset(
    {CaseKind.CLAIM, CaseKind.OUTAGE, CaseKind.RENTAL_CANCEL, CaseKind.RENTAL_END}
)


async def kind_for_order(service: CaseService, id_: str) -> CaseKind:
    case = await service.cases.case(case_id_in(id_))
    return case.kind if case is not None and case.kind in _OF_ORDERS else CaseKind.CLAIM


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
