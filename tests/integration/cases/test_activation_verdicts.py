"""A verdict on an activation settles the customer's side and leaves the provider state."""

from dataclasses import dataclass
from typing import Any

import pytest

from tests.integration.cases.case_shop import CaseShop
from tests.integration.cases.test_case_reviews import in_review
from worker.domain.activation import ProviderState
from worker.domain.ids import ActivationId
from worker.lifecycle.cases.activation_reviews import ActivationReviews, ReviewOutcome
from worker.lifecycle.settle import Settle
from worker.ports.store.activations import Activation

DISPUTED = "UPDATE activation SET provider_state = 'disputed', pursue_at = NULL"
PURSUED = "UPDATE activation SET provider_state = 'cancelling', pursue_at = now()"
CHARGED = "UPDATE activation SET provider_state = 'charged', pursue_at = NULL"
GIVEN_BACK = "UPDATE activation SET provider_state = 'cancelled', pursue_at = NULL"


@dataclass
class ActivationsWithUpdate:
    """The repository of activations; after its first read of a number it runs an UPDATE."""

    shop: CaseShop
    update: str

    async def activation(self, id_: ActivationId) -> Activation | None:
        activation = await self.shop.store.activations.activation(id_)
        update, self.update = self.update, "SELECT"
        await self.shop.admin.execute(update)
        return activation


@pytest.mark.parametrize(
    ("before", "update", "state", "pursued", "exposure"),
    [
        (ProviderState.CANCELLED, DISPUTED, "disputed", False, ["open"]),
        (ProviderState.CANCELLED, PURSUED, "cancelling", True, ["open"]),
        (ProviderState.CANCELLING, CHARGED, "charged", False, ["loss"]),
        (ProviderState.CANCELLING, GIVEN_BACK, "cancelled", False, []),
    ],
)
async def test_a_provider_state_written_since_the_number_was_read_stays(
    shop: CaseShop,
    before: ProviderState,
    update: str,
    state: str,
    pursued: bool,
    exposure: list[str],
) -> None:
    await shop.open_account(amount_minor=1000)
    id_ = await in_review(shop, "1", before)
    activations: Any = ActivationsWithUpdate(shop, update)

    settle = Settle(settlements=shop.store.settlements, reporter=shop.reporter)
    done = await ActivationReviews(activations, settle)(id_, None, grant=True)

    assert done.how is ReviewOutcome.DONE
    number = "SELECT provider_state, pursue_at IS NOT NULL FROM activation"
    assert await shop.fetch_rows(number) == [(state, pursued)]
    assert [row[0] for row in await shop.fetch_rows("SELECT state FROM exposure")] == exposure
    assert await shop.balances() == (1000, 0)
