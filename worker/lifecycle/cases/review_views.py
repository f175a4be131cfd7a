"""What waits for a human, with all that he decides from: nothing has to be looked up beside it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from worker.domain.ids import AccountId, ActivationId
from worker.lifecycle.cases.case_service import CaseService
from worker.lifecycle.cases.review_answers import (
    Effect,
    carrying_out,
    of_activation,
    of_cases,
    of_rental_order,
)
from worker.ports.store.activations import Activation, ActivationStore
from worker.ports.store.books import IN_DOUBT, IN_REVIEW
from worker.ports.store.case_search import CaseBrief, Review
from worker.ports.store.case_view import Case
from worker.ports.store.rentals import Rental

OTHERS_MAX: Final = 10  #: Other cases of an account that are shown, the newest ones.


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewView:
    review: Review
    late: bool
    case: Case | None = None
    activation: Activation | None = None
    rental: Rental | None = None
    other_cases: tuple[CaseBrief, ...] = ()  #: Of the account, the newest first.
    effects: tuple[Effect, ...] = ()

    @classmethod
    def brief(cls, review: Review, now: datetime) -> "ReviewView":
        return cls(review=review, late=review.by_when < now)


async def whole(
    service: CaseService, activations: ActivationStore, reviews: Sequence[Review]
) -> list[ReviewView]:
    """Each kind of thing is read once for all of them; what answers will do, for each."""
    now = service.clock.now()
    cases = await service.cases.cases_of({one.case for one in reviews if one.case is not None})
    numbers = await activations.activations_of(_numbers(reviews, cases))
    rentals = await _rentals(service, cases.values(), reviews)
    verdicts = await of_cases(service, [one for one in cases.values() if _asks(one, reviews)])
    others = await service.cases.newest_cases({one.account for one in reviews}, OTHERS_MAX + 1)
    return [
        ReviewView(
            review=review,
            late=review.by_when < now,
            case=None if review.case is None else cases.get(review.case),
            activation=None if review.order is None else numbers.get(ActivationId(review.order)),
            rental=None if review.order is None else rentals.get(review.order),
            other_cases=_others(others, review.account, review.case),
            effects=_effects(review, numbers, rentals, verdicts),
        )
        for review in reviews
    ]


def _asks(case: Case, reviews: Sequence[Review]) -> bool:
    """Whether a verdict on the case itself is waited for."""
    return any(review.id == case.id == review.case for review in reviews)


def _effects(
    review: Review,
    numbers: Mapping[ActivationId, Activation],
    rentals: Mapping[UUID, Rental],
    verdicts: Mapping[UUID, tuple[Effect, ...]],
) -> tuple[Effect, ...]:
    if review.kind == IN_DOUBT:
        return of_rental_order(review, None if review.order is None else rentals.get(review.order))
    if review.case is None:
        number = numbers.get(ActivationId(review.id))
        return () if number is None else of_activation(number)
    if review.id != review.case:
        return (carrying_out(review),)
    return verdicts.get(review.case, ())


def _numbers(reviews: Sequence[Review], cases: Mapping[UUID, Case]) -> list[ActivationId]:
    about = [case.activation for case in cases.values() if case.activation is not None]
    own = [ActivationId(one.id) for one in reviews if one.kind == IN_REVIEW]
    return [*dict.fromkeys([*about, *own])]


async def _rentals(
    service: CaseService, cases: Collection[Case], reviews: Sequence[Review]
) -> dict[UUID, Rental]:
    """Those that cases are about, and those that an order in doubt prolongs."""
    ids = {case.rental for case in cases if case.rental is not None}
    ids |= {one.order for one in reviews if one.kind == IN_DOUBT and one.order is not None}
    found = [await service.cases.rental_of(id_) for id_ in ids]
    return {rental.id: rental for rental in found if rental is not None}


def _others(
    found: Sequence[CaseBrief], account: AccountId, case: UUID | None
) -> tuple[CaseBrief, ...]:
    others = [one for one in found if one.account == account and one.id != case]
    return tuple(others[:OTHERS_MAX])
