"""Reviews: everything that waits for a human, and the verdicts on it."""

from collections.abc import Sequence
from typing import Any, Final, Literal

from worker.domain.transfer import Charge
from worker.entrypoints.http import cases
from worker.entrypoints.http.activations import ActivationShown, activation_json
from worker.entrypoints.http.auth import Scope
from worker.entrypoints.http.deps import ApiDeps
from worker.entrypoints.http.idempotency import IdempotentCalls
from worker.entrypoints.http.pagination import after_review, page, review_in
from worker.entrypoints.http.problems import Problem, ProblemKind
from worker.entrypoints.http.rentals import RentalShown, rental_json
from worker.entrypoints.http.requests import Cursor, Flag, Limit, UuidText, activation_id_in
from worker.entrypoints.http.responses import Moment, ResponseBody
from worker.entrypoints.http.routing import Answer, Route
from worker.lifecycle.cases import review_views
from worker.lifecycle.cases.activation_reviews import ReviewOutcome, ReviewResult
from worker.lifecycle.cases.review_views import ReviewView
from worker.ports.store.case_search import ReviewSearch
from worker.ports.store.cases import CaseChange
from worker.ports.store.rentals import OrderStanding

#: Of each all is read that is decided from, and both verdicts are tried.
WHOLE_MAX: Final = 20


class ClauseShown(ResponseBody):
    id: str
    says: str | None  #: None: the files of this process have no such clause.


class CaseBriefShown(ResponseBody):
    """Another case of the account."""

    id: str
    kind: cases.CaseKindName
    subject: str
    state: cases.CaseStateName
    opened_at: Moment
    moved_minor: int


class EffectShown(ResponseBody):
    """One answer, and what it will do: a verdict without findings, or the call that is owed."""

    answer: str
    says: str
    amount_minor: int
    destination: str | None
    refused: bool


class ReviewShown(ResponseBody):
    """What waits: the facts, the clauses, the sum proposed and by when.

    `said` is what the customer said and showed, and what staff noted. With `brief` it is empty, and
    so are the order, the other cases and the answers.
    """

    id: str
    case: str | None  #: None: it is about an activation or an order of a long rental.
    kind: Literal[
        "claim",
        "rental_outage",
        "rental_cancel",
        "rental_end",
        "withdrawal",
        "account",
        "activation",
        "rental_order",
    ]
    subject: str
    account: str
    order_ref: str | None
    charge: Charge | None  #: Of the order; `external`: the shop itself gives it back.
    opened_at: Moment
    reason: str
    clauses: list[str]
    sentences: list[ClauseShown]  #: What these clauses say.
    proposed_minor: int
    currency: str
    destination: str | None
    by_when: Moment
    late: bool
    facts: dict[str, Any]
    said: list[cases.EvidenceShown]
    activation: ActivationShown | None
    rental: RentalShown | None
    other_cases: list[CaseBriefShown]
    answers: list[EffectShown]


class ReviewList(ResponseBody):
    items: list[ReviewShown]
    next_cursor: str | None


class ReviewVerdict(cases.OutcomeVerdict):
    """`outcome` is for activations and claims: granting is `refunded`; denying is the others.

    Without it, denying closes an activation; one that contradicts `grant` is refused. An activation
    ends with its whole price. Granting an order of a long rental gives its hold back; denying says
    that it prolonged the rental. A number that was sold is booked instead: then denying is refused.
    """


class RentalOrderDecided(ResponseBody):
    """An order of a long rental as a human has decided it; `rental`: the one that it prolongs."""

    id: str
    kind: Literal["rent", "prolong"]
    state: Literal["done", "failed"]
    account: str
    provider: str
    order_ref: str | None
    rental: str | None
    price_minor: int
    currency: str
    ended_at: Moment
    note: str | None
    by: str | None


class ReviewEnded(ResponseBody):
    """What the verdict ended or moved on: a case, an activation or an order of a long rental."""

    case: cases.CaseShown | None
    activation: ActivationShown | None
    rental_order: RentalOrderDecided | None


class ReviewHandlers:
    def __init__(self, deps: ApiDeps) -> None:
        self._deps = deps

    async def waiting(
        self,
        id: UuidText | None = None,
        case: UuidText | None = None,
        activation: UuidText | None = None,
        brief: Flag = "false",
        cursor: Cursor | None = None,
        limit: Limit = 50,
    ) -> Answer:
        """List what waits for a human, what has to be decided first first, what is late on top.

        With `brief` each is one short row, for a list of many; without it at most 20 are given at a
        time, whatever `limit` is.
        """
        most = limit if brief == "true" else min(limit, WHOLE_MAX)
        about = ReviewSearch(
            only=None if id is None else cases.case_id_in(id),
            of_case=None if case is None else cases.case_id_in(case),
            of_activation=None if activation is None else activation_id_in(activation),
        )
        service = self._deps.case_service
        rows = await service.reviews(most + 1, review_in(cursor), about)
        now = service.clock.now()
        views = [ReviewView.brief(row, now) for row in rows]
        if brief != "true":
            shown = rows[:most]
            views[:most] = await review_views.whole(service, self._deps.activations, shown)
        return Answer(200, page(views, most, self._json, _cursor_after))

    async def verdict(self, id: UuidText, body: ReviewVerdict) -> Answer:
        """Decide what waits, once."""
        verdict = cases.verdict_in(body)
        pointers = {"amount_minor": "/amount_minor", "outcome": "/outcome"}
        with cases.fact_problems(facts="/findings", **pointers):
            service = self._deps.case_service
            result = await service.review_verdict(cases.case_id_in(id), verdict, body.outcome)
        if isinstance(result, CaseChange):
            case = cases.changed_or_problem(result).content
            return Answer(200, _ended(case=case))
        return _answer(result)

    def _json(self, view: ReviewView) -> dict[str, Any]:
        review, number = view.review, view.activation
        says = self._deps.clauses.words(review.policy, review.clauses)
        said = [] if view.case is None else view.case.evidence
        return ReviewShown.of(
            review,
            facts=cases.facts_json(review.facts),
            sentences=[{"id": one, "says": says.get(one)} for one in review.clauses],
            late=view.late,
            said=[cases.evidence_json(entry) for entry in said],
            activation=None if number is None else activation_json(number),
            rental=None if view.rental is None else rental_json(view.rental, []),
            other_cases=[CaseBriefShown.of(one) for one in view.other_cases],
            answers=[EffectShown.of(one) for one in view.effects],
        )


def _answer(result: ReviewResult) -> Answer:
    match result.how:
        case ReviewOutcome.UNKNOWN:
            raise Problem(ProblemKind.NOT_FOUND, "Nothing waits under this id")
        case ReviewOutcome.OTHER_CONTENT:
            raise Problem(ProblemKind.DECIDED, "It has ended otherwise")
        case ReviewOutcome.OF_ANOTHER_CALL:
            raise Problem(ProblemKind.NOT_OFFERED, f"Carried out by the call {result.call}")
        case ReviewOutcome.NOT_IN_REVIEW:
            raise Problem(ProblemKind.NOT_OFFERED, "It does not wait for a verdict")
        case ReviewOutcome.GIVEN_BACK:
            raise Problem(ProblemKind.NOT_OFFERED, "The rental was given back: grant it")
        case ReviewOutcome.DONE:
            if result.order is not None:
                return Answer(200, _ended(rental_order=_order_json(result.order)))
            assert result.activation is not None
            return Answer(200, _ended(activation=activation_json(result.activation)))


def _ended(**what: Any) -> dict[str, Any]:
    return {"case": None, "activation": None, "rental_order": None, **what}


def _order_json(order: OrderStanding) -> dict[str, Any]:
    assert order.verdict is not None
    said = {name: order.verdict[name] for name in ("note", "by")}
    return RentalOrderDecided.of(order, kind=order.kind.value, **said)


def _cursor_after(view: ReviewView) -> str:
    return after_review(view.review.place)


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
            problems=(
                ProblemKind.NOT_FOUND,
                ProblemKind.UNKNOWN_ACTIVATION,
                ProblemKind.NOT_OFFERED,
            ),
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
