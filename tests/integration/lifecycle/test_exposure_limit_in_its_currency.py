"""The limit of a provider counts what is open in its currency, and nothing else."""

import pytest

from tests.integration.lifecycle.world import PRICE, World, order
from tests.unit.lifecycle.scripted import terms
from worker.domain.ids import ProviderRef
from worker.ports.provider import Rented
from worker.ports.service import PurchaseOutcome


@pytest.mark.parametrize(
    ("currency", "limit", "how"),
    [
        ("USD", 2 * PRICE, PurchaseOutcome.EXPOSURE_LIMIT),
        ("USD", 2 * PRICE + 1, PurchaseOutcome.RENTED),
        ("EUR", 2 * PRICE, PurchaseOutcome.RENTED),
    ],
)
async def test_only_what_is_open_in_the_currency_of_the_limit_halts_rentals(
    world: World, currency: str, limit: int, how: PurchaseOutcome
) -> None:
    world.their_terms = terms(exposure_limit_minor=limit, currency="USD")
    world.provider.will("rent", Rented(ProviderRef("77"), "15550077"))
    for ref in ("1", "2"):
        await world.take_forgotten(ref)
    await world.sweep.tick()
    await world.admin.execute("UPDATE exposure SET currency = $1", currency)
    assert await world.exposure() == [(PRICE, "open")] * 2

    assert (await world.service.rent(order())).how is how
