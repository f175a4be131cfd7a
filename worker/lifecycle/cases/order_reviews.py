"""Orders of long rentals in doubt: a human looks at the provider, and says what became of one.

Granting says that nothing was bought, and gives the hold back. Denying says that it was: a
prolongation is carried out then. A number that was sold has to be booked, which ends the review by
itself, so denying it is refused: the money would stay for nothing. So is denying a prolongation of
a rental that was given back: it must not run again.
"""

from typing import Final
from uuid import UUID

from worker.domain.policy import FactError
from worker.lifecycle.cases.activation_reviews import ReviewOutcome, ReviewResult
from worker.lifecycle.cases.case_steps import Verdict
from worker.ports.store.cases import CaseStore
from worker.ports.store.rentals import OrderStanding, OrderVerdict, RentalOrderKind
from worker.ports.store.said import StaffNote

#: As where the provider was certainly not reached: whoever repeats the order is told so.
FAILURE: Final = "provider_unavailable"


async def decide(
    cases: CaseStore, id_: UUID, verdict: Verdict, outcome: str | None, said: StaffNote
) -> ReviewResult | None:
    """None: there is no such order. Raises `FactError` for an ending or a part of its price."""
    order = await cases.rental_order(id_)
    if order is None:
        return None
    if outcome is not None:
        raise FactError("given.outcome", "only an activation or a claim ends by it")
    if verdict.amount_minor not in {None, order.price_minor}:
        raise FactError("given.amount_minor", "an order is given back with its whole price")
    if order.waits and not verdict.grant and order.kind is RentalOrderKind.RENT:
        return ReviewResult(ReviewOutcome.OF_ANOTHER_CALL, call=booking_call(order.provider))
    if order.waits:
        asked = OrderVerdict(verdict.grant, FAILURE, said)
        order = await cases.decide_rental_order(id_, asked)
    return ReviewResult(_outcome(order, verdict), order=order)


def booking_call(provider: str) -> str:
    return f"PUT /v1/rentals/{provider}/{{provider_ref}}"


def _outcome(order: OrderStanding, verdict: Verdict) -> ReviewOutcome:
    if order.ended_at is None:
        return ReviewOutcome.GIVEN_BACK if order.waits else ReviewOutcome.NOT_IN_REVIEW
    same = order.verdict is not None and order.verdict["grant"] == verdict.grant
    return ReviewOutcome.DONE if same else ReviewOutcome.OTHER_CONTENT
