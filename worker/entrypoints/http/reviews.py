"""Reviews: everything that waits for a human, and the verdicts on it."""

from collections.abc import Sequence
from typing import Any, Literal

from worker.entrypoints.http import claims, render, rentals, withdrawals
from worker.entrypoints.http.auth import Scope
from worker.entrypoints.http.case_answers import CaseShown, facts_json, maybe
from worker.entrypoints.http.case_calls import (
    REFUSALS,
    CaseId,
    Faults,
    VerdictGiven,
    allowed,
    case_in,
    changed_or_problem,
    verdict_in,
)
from worker.entrypoints.http.cursor import after_review, review_in
from worker.entrypoints.http.deps import ApiDeps
from worker.entrypoints.http.idempotency import Once
from worker.entrypoints.http.problems import Kind, Problem
from worker.entrypoints.http.requests import Cursor, Limit
from worker.entrypoints.http.responses import ActivationShown, Moment, Shown
from worker.entrypoints.http.routing import Answer, Route
from worker.lifecycle.cases.activation_reviews import ReviewOutcome, ReviewResult
from worker.ports.store.cases import CaseChange, Review

_FINDINGS = claims.CLAIM_FACTS | rentals.FACTS | withdrawals.FACTS


class ReviewShown(Shown):
    """What waits: the facts, the clauses, the sum proposed and by when."""

    id: str
    kind: Literal["claim", "rental_outage", "withdrawal", "account", "activation"]
    subject: str
    account: str
    opened_at: Moment
    reason: str
    clauses: list[str]
    proposed_minor: int
    currency: str
    destination: str | None
    by_when: Moment | None
    facts: dict[str, Any]


class ReviewList(Shown):
    items: list[ReviewShown]
    next_cursor: str | None


class ReviewVerdict(VerdictGiven):
    """`outcome` is for activations: without it, granting refunds and denying closes.

    An activation ends with its whole price.
    """

    outcome: Literal["refunded", "closed", "delivered"] | None = None


class Ended(Shown):
    """What the verdict ended or moved on: a case or an activation."""

    case: CaseShown | None
    activation: ActivationShown | None


class Reviews:
    def __init__(self, deps: ApiDeps) -> None:
        self._deps = deps

    async def waiting(self, cursor: Cursor | None = None, limit: Limit = 50) -> Answer:
        """List what waits for a human, what has to be decided first first."""
        found = await self._deps.cases.reviews(limit + 1, review_in(cursor))
        shown = found[:limit]
        more = after_review(shown[-1].place) if len(found) > limit else None
        return Answer(200, {"items": [_review(one) for one in shown], "next_cursor": more})

    async def verdict(self, id: CaseId, body: ReviewVerdict) -> Answer:
        """Decide what waits, once."""
        findings = allowed(body.findings, _FINDINGS, "/findings")
        verdict = verdict_in(body, findings)
        with Faults(facts="/findings", amount_minor="/amount_minor", outcome="/outcome"):
            done = await self._deps.cases.review_verdict(case_in(id), verdict, body.outcome)
        if isinstance(done, CaseChange):
            case = changed_or_problem(done).content
            return Answer(200, {"case": case, "activation": None})
        return _reviewed(done)


def _reviewed(done: ReviewResult) -> Answer:
    match done.how:
        case ReviewOutcome.UNKNOWN:
            raise Problem(Kind.NOT_FOUND, "Nothing waits under this id")
        case ReviewOutcome.OTHER_CONTENT:
            raise Problem(Kind.OTHER_CONTENT, "It has ended otherwise")
        case ReviewOutcome.NOT_IN_REVIEW:
            raise Problem(Kind.NOT_OFFERED, "The activation is not in review")
        case ReviewOutcome.DONE:
            assert done.activation is not None
            shown = render.activation(done.activation)
            return Answer(200, {"case": None, "activation": shown})


def _review(one: Review) -> dict[str, Any]:
    return {
        "id": str(one.id),
        "kind": one.kind,
        "subject": one.subject,
        "account": one.account,
        "opened_at": render.instant(one.opened_at),
        "reason": one.reason,
        "clauses": list(one.clauses),
        "proposed_minor": one.proposed_minor,
        "currency": one.currency,
        "destination": one.destination,
        "by_when": maybe(one.by_when),
        "facts": facts_json(one.facts),
    }


def routes(deps: ApiDeps) -> Sequence[Route]:
    once = Once(deps)
    reviews = Reviews(deps)
    return (
        Route(
            method="GET",
            path="/v1/reviews",
            handler=reviews.waiting,
            scope=Scope.READ,
            answers={200: ReviewList},
            problems=(Kind.NOT_OFFERED,),
        ),
        Route(
            method="POST",
            path="/v1/reviews/{id}/verdict",
            handler=reviews.verdict,
            scope=Scope.OPERATE,
            once=once,
            answers={200: Ended},
            problems=REFUSALS,
        ),
    )
