"""Reviews: everything that waits for a human, and the verdicts on it."""

from collections.abc import Sequence
from typing import Any, Literal

from worker.entrypoints.http import cases
from worker.entrypoints.http.activations import ActivationShown, activation_json
from worker.entrypoints.http.auth import Scope
from worker.entrypoints.http.deps import ApiDeps
from worker.entrypoints.http.idempotency import IdempotentCalls
from worker.entrypoints.http.pagination import after_review, page, review_in
from worker.entrypoints.http.problems import Problem, ProblemKind
from worker.entrypoints.http.requests import Cursor, Limit, UuidText
from worker.entrypoints.http.responses import Moment, ResponseBody
from worker.entrypoints.http.routing import Answer, Route
from worker.lifecycle.cases.activation_reviews import ReviewOutcome, ReviewResult
from worker.ports.store.cases import CaseChange, Review


class ReviewShown(ResponseBody):
    """What waits: the facts, the clauses, the sum proposed and by when."""

    id: str
    case: str | None  #: None: it is about an activation.
    kind: Literal[
        "claim",
        "rental_outage",
        "rental_cancel",
        "rental_end",
        "withdrawal",
        "account",
        "activation",
    ]
    subject: str
    account: str
    opened_at: Moment
    reason: str
    clauses: list[str]
    proposed_minor: int
    currency: str
    destination: str | None
    by_when: Moment
    facts: dict[str, Any]


class ReviewList(ResponseBody):
    items: list[ReviewShown]
    next_cursor: str | None


class ReviewVerdict(cases.VerdictGiven):
    """`outcome` is for activations: without it, granting refunds and denying closes.

    An activation ends with its whole price.
    """

    outcome: Literal["refunded", "closed", "delivered"] | None = None


class ReviewEnded(ResponseBody):
    """What the verdict ended or moved on: a case or an activation."""

    case: cases.CaseShown | None
    activation: ActivationShown | None


class ReviewHandlers:
    def __init__(self, deps: ApiDeps) -> None:
        self._deps = deps

    async def waiting(self, cursor: Cursor | None = None, limit: Limit = 50) -> Answer:
        """List what waits for a human, what has to be decided first first."""
        rows = await self._deps.case_service.reviews(limit + 1, review_in(cursor))
        return Answer(200, page(rows, limit, _review_json, _cursor_after))

    async def verdict(self, id: UuidText, body: ReviewVerdict) -> Answer:
        """Decide what waits, once."""
        verdict = cases.verdict_in(body)
        pointers = {"amount_minor": "/amount_minor", "outcome": "/outcome"}
        with cases.fact_problems(facts="/findings", **pointers):
            service = self._deps.case_service
            result = await service.review_verdict(cases.case_id_in(id), verdict, body.outcome)
        if isinstance(result, CaseChange):
            case = cases.changed_or_problem(result).content
            return Answer(200, {"case": case, "activation": None})
        return _answer(result)


def _answer(result: ReviewResult) -> Answer:
    match result.how:
        case ReviewOutcome.UNKNOWN:
            raise Problem(ProblemKind.NOT_FOUND, "Nothing waits under this id")
        case ReviewOutcome.OTHER_CONTENT:
            raise Problem(ProblemKind.OTHER_CONTENT, "It has ended otherwise")
        case ReviewOutcome.OF_ANOTHER_CALL:
            raise Problem(ProblemKind.NOT_OFFERED, f"Carried out by the call {result.call}")
        case ReviewOutcome.NOT_IN_REVIEW:
            raise Problem(ProblemKind.NOT_OFFERED, "The activation is not in review")
        case ReviewOutcome.DONE:
            assert result.activation is not None
            activation = activation_json(result.activation)
            return Answer(200, {"case": None, "activation": activation})


def _cursor_after(review: Review) -> str:
    return after_review(review.place)


def _review_json(review: Review) -> dict[str, Any]:
    return ReviewShown.of(review, facts=cases.facts_json(review.facts))


def routes(deps: ApiDeps) -> Sequence[Route]:
    reviews = ReviewHandlers(deps)
    return (
        Route(
            name="list_reviews",
            method="GET",
            path="/v1/reviews",
            handler=reviews.waiting,
            scope=Scope.READ,
            answers={200: ReviewList},
            problems=(ProblemKind.NOT_OFFERED,),
        ),
        Route(
            name="decide_review",
            method="POST",
            path="/v1/reviews/{id}/verdict",
            handler=reviews.verdict,
            scope=Scope.DECIDE,
            run_once=IdempotentCalls(deps),
            answers={200: ReviewEnded},
            problems=cases.REFUSALS,
        ),
    )
