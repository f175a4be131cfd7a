"""Many customers press Cancel at once: few transactions, each answered, each number ended once."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import pytest

from tests.integration.lifecycle.world import World
from tests.unit.lifecycle.scripted import terms
from worker.domain.activation import State
from worker.domain.ids import ActivationId
from worker.domain.price_fate import PriceFate
from worker.ports.provider import Ended
from worker.ports.service import ActionOutcome
from worker.ports.store.activations import CancelPress

CUSTOMERS = 300
TRANSACTIONS_MAX = 5
ALL = 100_000


async def test_many_presses_share_transactions_and_each_number_ends_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = [await world.take(str(number)) for number in range(CUSTOMERS)]
    world.provider.will("cancel", Ended(PriceFate.GIVEN_BACK))
    batches: list[int] = []
    press_cancels = world.store.activations.press_cancels

    async def counted(ids: Sequence[ActivationId]) -> dict[ActivationId, CancelPress]:
        batches.append(len(ids))
        return await press_cancels(ids)

    monkeypatch.setattr(world.store.activations, "press_cancels", counted)
    results = await asyncio.gather(*(world.service.cancel(number.id) for number in numbers))

    assert sum(batches) == CUSTOMERS
    assert len(batches) <= TRANSACTIONS_MAX
    assert {result.how for result in results} <= {ActionOutcome.DONE, ActionOutcome.PENDING}
    await world.end_all()
    assert len(world.provider.asked("cancel")) == CUSTOMERS
    assert {(await world.number(number)).state for number in numbers} == {State.REFUNDED}
    assert await world.money() == (ALL, 0)


async def test_who_presses_beyond_the_rate_is_answered_at_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.lifecycle.press_cancel.PATIENCE", timedelta(hours=1))
    world.their_terms = terms(requests_per_second=1 / 3600)
    first, second = await world.take("1"), await world.take("2")
    asked, answer = asyncio.Event(), asyncio.Event()

    async def slow(_: object) -> Ended:
        asked.set()
        await answer.wait()
        return Ended(PriceFate.GIVEN_BACK)

    world.provider.will("cancel", slow)
    waits = asyncio.ensure_future(world.service.cancel(first.id))
    await asyncio.wait_for(asked.wait(), 10)

    assert (await world.service.cancel(second.id)).how is ActionOutcome.PENDING

    assert world.provider.asked("cancel") == ["1"]
    answer.set()
    assert (await waits).how is ActionOutcome.DONE


async def test_a_locked_number_holds_up_no_other_press(world: World) -> None:
    locked, free = await world.take("1"), await world.take("2")
    world.provider.will("cancel", Ended(PriceFate.GIVEN_BACK))
    async with world.admin.transaction():
        await world.admin.execute("SELECT FROM activation WHERE id = $1 FOR UPDATE", locked.id)
        waits = asyncio.ensure_future(world.service.cancel(locked.id))

        assert (await world.service.cancel(free.id)).how is ActionOutcome.DONE

        assert not waits.done()
    assert (await waits).how is ActionOutcome.DONE
