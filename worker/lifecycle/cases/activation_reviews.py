"""Activations in review: a human's verdict settles them, as every other ending is settled."""

import enum
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from worker.domain.activation import FINAL, State
from worker.domain.ids import ActivationId
from worker.domain.policy import FactError, Reason
from worker.lifecycle.cases.questions import ClauseLookup
from worker.lifecycle.settle import Settle
from worker.ports.store.activations import Activation, ActivationStore
from worker.ports.store.case_search import Review
from worker.ports.store.rentals import OrderStanding
from worker.ports.store.said import NOTHING_SAID, StaffNote
from worker.ports.store.settlements import Ending

REASON: Final = "verdict"
_REASONS: Final = {reason.value for reason in Reason}


class ReviewOutcome(enum.Enum):
    DONE = "done"
    UNKNOWN = "unknown"
    OTHER_CONTENT = "other_content"  #: It ended otherwise before.
    NOT_IN_REVIEW = "not_in_review"
    GIVEN_BACK = "given_back"  #: The rental that the order prolongs was, before its end.
    OF_ANOTHER_CALL = "of_another_call"  #: It is owed, and a call of its own carries it out.


@dataclass(frozen=True, slots=True)
class ReviewResult:
    how: ReviewOutcome
    activation: Activation | None = None
    call: str = ""
    order: OrderStanding | None = None  #: Of a long rental.


@dataclass(frozen=True, slots=True)
class ActivationReviews:
    activations: ActivationStore
    settle: Settle

    async def __call__(
        self,
        id_: ActivationId,
        outcome: str | None,
        *,
        grant: bool,
        amount_minor: int | None = None,
        said: StaffNote = NOTHING_SAID,
    ) -> ReviewResult:
        """Raises `FactError` for an ending that contradicts *grant*, and for a sum that is not the
        price: a hold has only one end.
        """
        final = State(outcome) if outcome else State.REFUNDED if grant else State.CLOSED
        assert final in FINAL
        if grant != (final is State.REFUNDED):
            raise FactError("given.outcome", "granting refunds; denying closes or delivers")
        activation = await self.activations.activation(id_)
        if activation is None:
            return ReviewResult(ReviewOutcome.UNKNOWN)
        if amount_minor not in {None, activation.price_minor}:
            raise FactError("given.amount_minor", "an activation ends with its whole price")
        if activation.state is State.IN_REVIEW:
            await self.settle([_ending(activation, final, said)])
            activation = await self.activations.activation(id_)
            assert activation is not None
        if activation.settlement is None:
            return ReviewResult(ReviewOutcome.NOT_IN_REVIEW, activation)
        same = activation.state is final and activation.settlement.reason == REASON
        how = ReviewOutcome.DONE if same else ReviewOutcome.OTHER_CONTENT
        return ReviewResult(how, activation)


def _ending(activation: Activation, final: State, said: StaffNote) -> Ending:
    """The provider state stays what it is then; unless it is final, the provider is pursued."""
    return Ending(
        id=activation.id,
        account=activation.account,
        source=State.IN_REVIEW,
        outcome=final,
        provider_state=None,
        reason=REASON,
        act_after=timedelta(0),
        exposure=final is State.REFUNDED,
        said=said,
    )


def with_clauses(review: Review, clauses: ClauseLookup) -> Review:
    """A review of an activation rests on the clauses of its reason, if a policy gives it."""
    if review.kind != "activation" or review.reason not in _REASONS:
        return review
    return replace(review, clauses=clauses(review.policy, Reason(review.reason)))
