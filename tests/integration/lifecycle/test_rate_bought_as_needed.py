"""A provider's rate is for all of its numbers: who works on one of them does not buy for fifty."""

from dataclasses import replace

import pytest

from tests.integration.lifecycle.world import World, turns
from worker.domain.ids import ProviderName
from worker.domain.price_fate import PriceFate
from worker.ports.provider import ActivePage, Ended
from worker.ports.schedule import Need


@pytest.fixture
def bought(world: World, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many requests were bought at each purchase; the rate is a thousand a second."""
    counts: list[int] = []
    spend = world.schedule.spend

    async def counted(provider: ProviderName, wanted: int, need: Need = Need.DUE) -> int:
        counts.append(await spend(provider, wanted, need))
        return counts[-1]

    monkeypatch.setattr(world.schedule, "spend", counted)
    return counts


async def test_a_pressed_cancel_buys_one_request(world: World, bought: list[int]) -> None:
    number = await world.take()
    world.provider.will("cancel", Ended(PriceFate.GIVEN_BACK))

    await world.service.cancel(number.id)

    assert bought == [1]


async def test_the_few_that_are_due_buy_no_more_than_they_are(
    world: World, bought: list[int]
) -> None:
    for ref in "123":
        await world.take_expired(ref)
    world.provider.will("cancel", Ended(PriceFate.GIVEN_BACK))

    assert await world.expire.tick(world.provider, turns(1)) == 3

    assert sum(bought) == 3


async def test_one_finish_buys_one_request(world: World, bought: list[int]) -> None:
    number = await world.take()
    await world.record("1", "1234")
    await world.service.finish(number.id)
    world.provider.will("finish", Ended(PriceFate.KEPT))

    assert await world.pursue.tick(world.provider) == 1

    assert bought == [1]


async def test_a_list_of_one_page_buys_one_request(world: World, bought: list[int]) -> None:
    world.provider.capabilities = replace(world.provider.capabilities, list_page_size=100)
    world.provider.will("list", ActivePage((), last=True))

    await world.read_list()

    assert bought == [1]
