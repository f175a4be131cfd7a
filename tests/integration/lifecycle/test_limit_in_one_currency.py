"""A price limit is a sum of one currency: whoever counts in another is not asked with it."""

import pytest

from tests.integration.lifecycle.world import PRICE, World, order
from tests.unit.lifecycle.scripted import ScriptedProvider, terms
from worker.domain.ids import ProviderName, ProviderRef
from worker.lifecycle.rent import Rent
from worker.ports.provider import NoRent, Rented
from worker.ports.service import PurchaseOutcome

OTHER = ProviderName("other")


def both(world: World, currency: str) -> tuple[Rent, ScriptedProvider]:
    """Renting at the one that has no numbers in dollars, and at one that sells in *currency*."""
    world.provider.will("rent", NoRent.NO_NUMBERS)
    other = ScriptedProvider(OTHER).will("rent", Rented(ProviderRef("77"), "15550077"))
    world.others[OTHER] = other
    world.terms[OTHER] = terms(name=OTHER, currency=currency)
    return world.rent, other


@pytest.mark.parametrize(
    ("currency", "limit", "how"),
    [
        ("USD", 5000, PurchaseOutcome.RENTED),
        ("RUB", None, PurchaseOutcome.RENTED),
        ("RUB", 5000, PurchaseOutcome.NO_NUMBERS),
    ],
)
async def test_a_limit_goes_to_no_provider_of_another_currency(
    world: World, currency: str, limit: int | None, how: PurchaseOutcome
) -> None:
    rent, other = both(world, currency)
    wanted = order(otherwise=(OTHER,), max_cost_minor=limit)

    first, again = await rent(wanted), await rent(wanted)

    assert first.how is how
    assert again.how is (PurchaseOutcome.SAME if how is PurchaseOutcome.RENTED else how)
    assert len(other.asked("rent")) == (how is PurchaseOutcome.RENTED)


async def test_what_the_first_provider_sells_is_bought_at_no_other(world: World) -> None:
    rent, other = both(world, "USD")
    world.provider._answers["rent", None].clear()
    world.provider.will("rent", Rented(ProviderRef("1"), "15550001"))

    result = await rent(order(otherwise=(OTHER,)))

    assert (result.how, other.calls) == (PurchaseOutcome.RENTED, [])
    assert (await world.money())[1] == PRICE, "one hold for one number"


async def test_an_order_that_nobody_sells_is_one_order_of_the_last_that_was_asked(
    world: World,
) -> None:
    rent, other = both(world, "USD")
    other._answers["rent", None].clear()
    other.will("rent", NoRent.PRICE_ABOVE_MAX)
    wanted = order(otherwise=(OTHER,))

    failed, again = await rent(wanted), await rent(wanted)

    assert failed.how is again.how is PurchaseOutcome.PRICE_ABOVE_MAX
    assert failed.activation is not None
    assert failed.activation == again.activation
    assert failed.activation.provider == OTHER
    assert await world.admin.fetchval("SELECT count(*) FROM activation") == 1
    assert world.reporter.of("purchase_refused") == [
        (world.provider.name, "no_numbers"),
        (OTHER, "price_above_max"),
    ]


async def test_what_another_provider_sells_leaves_no_failed_order(world: World) -> None:
    rent, _ = both(world, "USD")

    bought = await rent(order(otherwise=(OTHER,)))

    assert bought.how is PurchaseOutcome.RENTED
    assert await world.admin.fetchval("SELECT count(*) FROM activation") == 1


async def test_a_mistake_of_the_order_ends_it_at_the_first_provider(world: World) -> None:
    rent, other = both(world, "USD")
    world.provider._answers["rent", None].clear()
    world.provider.will("rent", NoRent.BAD_REQUEST)

    failed = await rent(order(otherwise=(OTHER,)))

    assert (failed.how, other.calls) == (PurchaseOutcome.BAD_SERVICE, [])
    assert failed.activation is not None
    assert failed.activation.provider == world.provider.name
