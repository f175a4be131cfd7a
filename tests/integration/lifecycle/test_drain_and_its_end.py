"""Draining a provider: begun and stopped for every process, and never endless."""

from collections.abc import Sequence

import pytest

from tests.integration.lifecycle.world import SIM, World
from worker.domain.activation import ProviderState, State
from worker.ports.store.settlements import Ending, Settlements


async def test_a_provider_is_drained_until_somebody_stops_it(world: World) -> None:
    since = await world.drain.begin(SIM)

    assert await world.drain.begin(SIM) == since, "it has been drained since then"
    assert await world.store.purchases.drained() == {SIM: since}

    assert [await world.drain.stop(SIM), await world.drain.stop(SIM)] == [True, False]
    assert await world.store.purchases.drained() == {}


async def test_draining_now_ends_what_waits_as_if_its_grace_were_over(world: World) -> None:
    number = await world.take()

    (batch,) = [batch async for batch in world.drain.now(SIM)]

    assert [one.id for one in batch] == [number.id]
    assert await world.ended(number) == (State.REFUNDED, ProviderState.CANCELLING)


async def test_draining_now_ends_also_where_nothing_can_be_settled(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = await world.take()

    async def refuses(endings: Sequence[Ending], **_: object) -> Settlements:
        return Settlements([], [one.id for one in endings])

    monkeypatch.setattr(world.store.settlements, "settle", refuses)

    assert [batch async for batch in world.drain.now(SIM)] == []
    assert world.reporter.of("quarantined") == [(number.id, "settle.refused")]
