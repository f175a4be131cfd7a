"""A verdict ends the customer's side, and keeps what is known of the provider by then."""

from dataclasses import dataclass
from typing import Any

import pytest

from tests.integration.cases.office import Office
from tests.integration.cases.test_case_reviews import in_review
from worker.domain.activation import ProviderState
from worker.domain.ids import ActivationId
from worker.lifecycle.cases.reviews import ActivationReviews, Ruled
from worker.lifecycle.settle import Settle
from worker.ports.store.activations import Activation

DISPUTED = "UPDATE activation SET provider_state = 'disputed', pursue_at = NULL"
PURSUED = "UPDATE activation SET provider_state = 'cancelling', pursue_at = now()"
CHARGED = "UPDATE activation SET provider_state = 'charged', pursue_at = NULL"
GIVEN_BACK = "UPDATE activation SET provider_state = 'cancelled', pursue_at = NULL"


@dataclass
class Meanwhile:
    """The activations, except that something happens to the number right after it is first read."""

    office: Office
    happens: str

    async def activation(self, id_: ActivationId) -> Activation | None:
        found = await self.office.store.activations.activation(id_)
        happens, self.happens = self.happens, "SELECT"
        await self.office.admin.execute(happens)
        return found


@pytest.mark.parametrize(
    ("before", "happens", "state", "pursued", "exposure"),
    [
        (ProviderState.CANCELLED, DISPUTED, "disputed", False, ["open"]),
        (ProviderState.CANCELLED, PURSUED, "cancelling", True, ["open"]),
        (ProviderState.CANCELLING, CHARGED, "charged", False, ["loss"]),
        (ProviderState.CANCELLING, GIVEN_BACK, "cancelled", False, []),
    ],
)
async def test_what_was_learnt_since_the_number_was_read_stays(
    office: Office,
    before: ProviderState,
    happens: str,
    state: str,
    pursued: bool,
    exposure: list[str],
) -> None:
    await office.open(amount_minor=1000)
    id_ = await in_review(office, "1", before)
    activations: Any = Meanwhile(office, happens)

    settle = Settle(settlements=office.store.settlements, reporter=office.reporter)
    done = await ActivationReviews(activations, settle)(id_, None, grant=True)

    assert done.how is Ruled.DONE
    number = "SELECT provider_state, pursue_at IS NOT NULL FROM activation"
    assert await office.rows(number) == [(state, pursued)]
    assert [row[0] for row in await office.rows("SELECT state FROM exposure")] == exposure
    assert await office.money() == (1000, 0)
