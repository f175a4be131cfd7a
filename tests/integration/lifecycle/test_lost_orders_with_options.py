"""An order that asked for more than a service loses its reply: nobody gets what is another's."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from tests.integration.lifecycle.test_purchases_proven_unsold import (
    PAST,
    ROW,
    UNSOLD,
    asked_earlier,
    lost,
    read,
    tells,
)
from tests.integration.lifecycle.world import GRACE, SECOND, WINDOW, World, order
from worker.domain.activation import ProviderState, State
from worker.domain.families import Capabilities, RentOption
from worker.domain.ids import ProviderRef
from worker.domain.price_fate import PriceFate
from worker.ports.provider import Ended, PastNumber, Rented, RentOptions
from worker.ports.service import PurchaseOutcome
from worker.ports.store.activations import Activation

OURS, OTHER = "12025550123", "12025550199"
P = ROW._replace(ref=ProviderRef("90"), phone=OURS)
Q = ROW._replace(ref=ProviderRef("91"), phone=OTHER)
EVERYTHING = Capabilities(list_page_size=100, history=True, options=frozenset(RentOption))


async def asked(world: World, key: str, options: RentOptions) -> Activation:
    world.provider.capabilities = EVERYTHING
    return await lost(world, key, options=options)


async def lost_reuse(world: World) -> Activation:
    return await asked(world, "again", await earlier_phone(world))


async def earlier_phone(world: World) -> RentOptions:
    """The phone of an earlier number that has ended is wanted once more."""
    world.provider.capabilities = EVERYTHING
    world.provider._answers.pop(("rent", None), None)
    world.provider.will("rent", Rented(ProviderRef("8"), OURS, 20, "USD"))
    earlier = (await world.service.rent(order("earlier"))).activation
    assert earlier is not None
    await world.age(earlier, WINDOW + GRACE + timedelta(days=2))
    world.provider.will("cancel", Ended(PriceFate.GIVEN_BACK))
    await world.end_all()
    world.provider._answers.pop(("rent", None))
    return RentOptions(reuse=earlier.id)


@pytest.mark.parametrize("listed", [(Q, P), (P, Q)], ids=["other first", "reused first"])
async def test_the_phone_that_was_wanted_again_is_given_to_its_order_alone(
    world: World, listed: tuple[Any, ...]
) -> None:
    plain = await lost(world, "plain")
    reuse = await lost_reuse(world)
    tells(world, listed=listed)

    await read(world, 2)

    assert (await world.number(reuse)).phone == OURS
    assert (await world.number(plain)).phone == OTHER


async def test_a_phone_that_is_being_bought_again_is_given_to_nobody_else(world: World) -> None:
    plain = await lost(world, "plain")
    options = await earlier_phone(world)
    is_asked, answers = asyncio.Event(), asyncio.Event()

    async def sells(_: object) -> Rented:
        is_asked.set()
        await answers.wait()
        return Rented(P.ref, OURS, 20, "USD")

    object.__setattr__(world.provider, "rent", sells)
    buying = asyncio.ensure_future(world.service.rent(order("again", options=options)))
    await is_asked.wait()
    tells(world, listed=(P,))
    await read(world, 2)
    answers.set()
    result = await buying

    assert (await world.number(plain)).ref is None
    assert result.how is PurchaseOutcome.RENTED
    assert result.activation is not None
    assert result.activation.ref == P.ref


async def test_another_phone_is_not_what_was_wanted_again(world: World) -> None:
    reuse = await lost_reuse(world)
    tells(world, listed=(Q,))

    await read(world, 2)

    assert (await world.number(reuse)).ref is None


async def test_a_phone_in_the_history_stays_with_its_younger_order(world: World) -> None:
    plain = await lost(world, "plain")
    await asked_earlier(world)
    reuse = await lost_reuse(world)
    at = await world.one("SELECT max(asked_at) FROM purchase")
    tells(
        world,
        past=(
            PastNumber(ref=P.ref, fate=PriceFate.NOT_YET, phone=OURS, service="any", rented_at=at),
        ),
    )

    await read(world, 3)

    assert (await world.number(plain)).ref is None
    assert (await world.number(reuse)).ref in {None, P.ref}


async def test_another_phone_does_not_keep_a_reuse_from_being_proven_unsold(world: World) -> None:
    reuse = await lost_reuse(world)
    await asked_earlier(world)
    tells(world, listed=(Q,), past=(PAST,))

    await read(world, 2)

    assert await world.ended(reuse) == UNSOLD


@pytest.mark.parametrize(
    "options", [RentOptions(operator="mts"), RentOptions(area_code="201"), RentOptions(voice=True)]
)
async def test_a_number_that_may_lack_what_was_asked_of_it_is_only_cancelled(
    world: World, options: RentOptions
) -> None:
    number = await asked(world, "asked", options)
    tells(world, listed=(Q,))
    await read(world, 3)
    assert (await world.number(number)).ref is None, "its customer waits"
    await world.age(number, WINDOW + GRACE + SECOND)
    await world.sweep.tick()
    world.skew = timedelta(0)

    await read(world, 2)

    assert (await world.number(number)).ref == Q.ref
    assert await world.ended(number) == (State.REFUNDED, ProviderState.CANCELLING)
