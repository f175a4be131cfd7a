"""Activations in review: a human's verdict ends them, through the one place that settles."""

import enum
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from worker.domain.activation import FINAL, State
from worker.domain.ids import ActivationId
from worker.domain.policy import FactError
from worker.lifecycle.settle import Settle
from worker.ports.store.activations import Activation, ActivationStore
from worker.ports.store.settlements import Ending

REASON: Final = "verdict"


class Ruled(enum.Enum):
    DONE = "done"
    UNKNOWN = "unknown"
    OTHER_CONTENT = "other_content"  #: It ended otherwise before.
    NOT_IN_REVIEW = "not_in_review"


@dataclass(frozen=True, slots=True)
class Reviewed:
    how: Ruled
    activation: Activation | None = None


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
    ) -> Reviewed:
        """Raises `FactError` for a sum that is not the price: a hold has only one end."""
        wanted = State(outcome) if outcome else State.REFUNDED if grant else State.CLOSED
        assert wanted in FINAL
        found = await self.activations.activation(id_)
        if found is None:
            return Reviewed(Ruled.UNKNOWN)
        if amount_minor not in {None, found.price_minor}:
            raise FactError("given.amount_minor", "an activation ends with its whole price")
        if found.state is State.IN_REVIEW:
            await self.settle([_ending(found, wanted)])
            found = await self.activations.activation(id_)
            assert found is not None
        if found.settlement is None:
            return Reviewed(Ruled.NOT_IN_REVIEW, found)
        same = found.state is wanted and found.settlement.reason == REASON
        return Reviewed(Ruled.DONE if same else Ruled.OTHER_CONTENT, found)


def _ending(found: Activation, wanted: State) -> Ending:
    """The provider's axis stays what it is by then; if that is no end, it is pursued on."""
    return Ending(
        id=found.id,
        account=found.account,
        source=State.IN_REVIEW,
        outcome=wanted,
        provider_state=None,
        reason=REASON,
        act_after=timedelta(0),
        exposure=wanted is State.REFUNDED,
    )
