"""What an order asks of its number is asked for at the provider, or refused before it is sent."""

from dataclasses import replace
from uuid import UUID

import pytest

from tests.integration.lifecycle.world import SIM, World, order
from worker.domain.families import Capabilities, RentOption
from worker.domain.ids import AccountId, ActivationId, ProviderName, ProviderRef
from worker.lifecycle.rent import Rent
from worker.ports.provider import Rented, RentOptions, ReusedNumber
from worker.ports.service import PurchaseOutcome

OTHER = ProviderName("other")
SOLD = Rented(ProviderRef("77"), "15550077", 20, "USD")
MTS = RentOptions(operator="mts", area_code="201")
EVERYTHING = Capabilities(options=frozenset(RentOption))


@pytest.fixture
def knows_all(world: World) -> World:
    world.provider.capabilities = EVERYTHING
    world.provider.will("rent", SOLD, replace(SOLD, ref=ProviderRef("78")))
    return world


def rent(world: World) -> Rent:
    return world.rent


async def test_what_is_asked_of_the_number_is_what_the_provider_is_asked(knows_all: World) -> None:
    result = await rent(knows_all)(order(options=MTS))

    (request,) = knows_all.provider.asked("rent")
    assert result.how is PurchaseOutcome.RENTED
    assert request.options == MTS


async def test_an_order_without_options_asks_as_before(knows_all: World) -> None:
    knows_all.provider.capabilities = Capabilities()

    assert (await rent(knows_all)(order())).how is PurchaseOutcome.RENTED


async def test_an_option_that_the_provider_does_not_know_asks_nobody(world: World) -> None:
    world.provider.capabilities = Capabilities(options=frozenset({RentOption.OPERATOR}))
    before = await world.money()

    result = await rent(world)(order(options=MTS))

    assert result.how is PurchaseOutcome.BAD_OPTION
    assert result.refused is not None
    assert result.refused.option is RentOption.AREA_CODE
    assert world.provider.asked("rent") == []
    assert await world.money() == before


async def test_the_same_key_with_another_option_is_another_order(knows_all: World) -> None:
    first = await rent(knows_all)(order(options=MTS))
    again = await rent(knows_all)(order(options=MTS))
    other = await rent(knows_all)(order(options=RentOptions(voice=True)))

    assert again.activation == first.activation
    assert other.how is PurchaseOutcome.OTHER_CONTENT


async def test_the_phone_of_an_earlier_number_is_asked_for_by_what_its_provider_knows(
    knows_all: World,
) -> None:
    earlier = (await rent(knows_all)(order("first"))).activation
    assert earlier is not None

    result = await rent(knows_all)(order("second", options=RentOptions(reuse=earlier.id)))

    assert result.how is PurchaseOutcome.RENTED
    request = knows_all.provider.asked("rent")[-1]
    assert request.options.reused == ReusedNumber(ProviderRef("77"), "15550077")
    again = await rent(knows_all)(order("second", options=RentOptions(reuse=earlier.id)))
    assert again.how is PurchaseOutcome.SAME


async def test_a_phone_of_somebody_else_is_nobodys_to_ask_for(knows_all: World) -> None:
    earlier = (await rent(knows_all)(order("first"))).activation
    assert earlier is not None
    await knows_all.store.books.open_account(AccountId("bob"), "USD")
    await knows_all.store.books.top_up(AccountId("bob"), "first", 1000)
    wishes = (
        order("his", account=AccountId("bob"), options=RentOptions(reuse=earlier.id)),
        order("none", options=RentOptions(reuse=ActivationId(UUID(int=1)))),
    )

    for wish in wishes:
        result = await rent(knows_all)(wish)

        assert result.how is PurchaseOutcome.BAD_OPTION
        assert result.refused is not None
        assert result.refused.option is RentOption.REUSE
    assert len(knows_all.provider.asked("rent")) == 1
    assert SIM in knows_all.terms
