"""Numbers that are bought for an order which the shop charges itself: no balance is touched."""

from collections.abc import Mapping
from typing import Any

import pytest

from tests.integration.lifecycle.world import ALICE, World, order
from worker.domain.activation import State
from worker.domain.ids import ProviderRef
from worker.domain.transfer import Charge
from worker.ports.errors import ProviderUnavailable
from worker.ports.provider import NoRent, Rented
from worker.ports.service import PurchaseOutcome

#: Twice of what Alice has.
OUTSIDE: Mapping[str, Any] = {"charge": Charge.EXTERNAL, "price_minor": 200_000}
RENTED = Rented(ProviderRef("77"), "15550077", cost_minor=20, currency="USD")


async def moves(world: World) -> list[tuple[str, str]]:
    entries = await world.store.books.entries(ALICE, before=None, limit=9)
    return [(entry.source, entry.destination) for entry in entries[::-1]][1:]


async def audited(world: World) -> Mapping[str, int]:
    return {f.invariant: f.violations for f in await world.store.books.audit() if f.violations}


HELD = ("house:outside", "held:alice")
BACK = ("held:alice", "house:outside")


async def test_it_is_bought_whatever_the_balance_and_is_another_order_than_a_held_one(
    world: World,
) -> None:
    world.provider.will("rent", RENTED)
    before = await world.money()

    bought = await world.service.rent(order(**OUTSIDE))
    again = await world.service.rent(order(**OUTSIDE))
    held = await world.service.rent(order(price_minor=200_000))

    assert bought.activation is not None
    assert bought.activation.charge is Charge.EXTERNAL
    assert [bought.how, again.how, held.how] == [
        PurchaseOutcome.RENTED,
        PurchaseOutcome.SAME,
        PurchaseOutcome.OTHER_CONTENT,
    ]
    assert await world.money() == (before[0], 200_000)
    assert (await moves(world), await audited(world)) == ([HELD], {})


@pytest.mark.parametrize("reply", [NoRent.NO_NUMBERS, ProviderUnavailable("sim", "timeout")])
async def test_what_was_not_bought_goes_back_outside(
    world: World, reply: NoRent | ProviderUnavailable
) -> None:
    world.provider.will("rent", reply)
    before = await world.money()

    result = await world.service.rent(order(**OUTSIDE))

    if result.how is PurchaseOutcome.PENDING:
        assert await audited(world) == {}
        assert result.activation is not None
        await world.service.cancel(result.activation.id)
        return
    assert result.activation is not None
    assert (result.activation.state, result.activation.charge) == (
        State.REFUNDED,
        Charge.EXTERNAL,
    )
    assert await world.money() == before
    assert (await moves(world), await audited(world)) == ([HELD, BACK], {})
    assert await world.one("SELECT count(*) FROM event") == 0, "the call has the answer"
