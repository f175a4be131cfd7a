"""Somebody keeps one account locked: whatever its numbers need, all other accounts are on time."""

import asyncio
from collections.abc import Coroutine, Iterable, Sequence
from typing import Any

import asyncpg
import pytest

from tests.integration.lifecycle.test_the_policy_answers_a_press import shop
from tests.integration.lifecycle.world import ALICE, SIM, World, live
from tests.integration.store.locked_accounts import WAITING, balances_locked
from worker.domain.activation import CodeFate, ProviderState, State
from worker.domain.ids import AccountId, ProviderRef
from worker.domain.price_fate import PriceFate
from worker.ports.errors import RowLocked
from worker.ports.provider import Ended
from worker.ports.service import ActionOutcome, ActionResult
from worker.ports.store.activations import Activation, SeenSms

FIXTURES = (shop,)
BOB = AccountId("bob")
GIVEN_BACK = Ended(PriceFate.GIVEN_BACK)
NUMBERS = 15  #: More than the pool has connections.
ON_TIME = 2.0  #: Seconds.


async def take(world: World, **other: Any) -> list[Activation]:
    numbers = [await world.take(str(at), **other) for at in range(NUMBERS)]
    await world.store.books.open_account(BOB, "USD")
    await world.store.books.top_up(BOB, "first", 100_000)
    await world.take("bob", account=BOB)
    return numbers


async def others_are_on_time(world: World, waiting: Iterable[asyncio.Task[Any]]) -> None:
    """Codes of BOB, from when one of them waits for the locked account, or none does any more."""
    while not (await world.one(WAITING) or all(task.done() for task in waiting)):
        pass
    loop = asyncio.get_running_loop()
    began = loop.time()
    for at in range(10):
        seen = SeenSms(SIM, ProviderRef("bob"), str(at), None)
        (recorded,) = await world.store.activations.record_codes([seen])
        assert recorded.fate in {CodeFate.SHOWN, CodeFate.MORE}
    assert loop.time() - began < ON_TIME


async def meanwhile(
    world: World, url: str, calls: Sequence[Coroutine[Any, Any, Any]], *, nobody_waits: bool = False
) -> list[Any]:
    """What became of calls that all need an account which somebody has locked when they begin.

    *nobody_waits*: they are over while it is still locked.
    """
    tasks = [asyncio.ensure_future(call) for call in calls]
    try:
        async with balances_locked(url, ALICE):
            await others_are_on_time(world, tasks)
            if nobody_waits:
                return await asyncio.wait_for(asyncio.gather(*tasks), ON_TIME)
        return await asyncio.gather(*tasks, return_exceptions=True)
    finally:
        for task in tasks:
            task.cancel()


async def states(world: World, numbers: Sequence[Activation]) -> set[State]:
    return {(await world.number(number)).state for number in numbers}


async def test_numbers_that_their_provider_ended_leave_room_for_all_others(
    world: World, database_url: str
) -> None:
    numbers = await take(world)
    world.provider.will("look", *[GIVEN_BACK] * NUMBERS)
    looks = [world.look.once(world.provider, live(each), world.their_terms) for each in numbers]

    ends = await meanwhile(world, database_url, looks, nobody_waits=True)

    assert ends == [None] * NUMBERS, "none of them is looked at again"
    assert await states(world, numbers) == {State.EXPIRING}
    world.provider.will("cancel", *[GIVEN_BACK] * NUMBERS)
    await world.end_all()
    ended = {await world.ended(number) for number in numbers}
    assert ended == {(State.REFUNDED, ProviderState.CANCELLED)}
    settled = [(await world.number(number)).settlement for number in numbers]
    assert {None if each is None else each.reason for each in settled} == {"provider"}


async def test_numbers_of_one_account_that_end_at_once_are_settled_at_once(world: World) -> None:
    """Each settlement locks the account: they hold up each other no longer than one does."""
    numbers = await take(world)
    world.provider.will("look", *[GIVEN_BACK] * NUMBERS)

    await asyncio.gather(
        *(world.look.once(world.provider, live(each), world.their_terms) for each in numbers)
    )

    assert await states(world, numbers) == {State.REFUNDED}


async def test_a_number_whose_row_is_locked_is_looked_at_again(
    world: World, database_url: str
) -> None:
    """It is not ended, so that its look has failed: of this number alone."""
    number = await world.take()
    world.provider.will("look", GIVEN_BACK, GIVEN_BACK)
    other = await asyncpg.connect(database_url)

    async with other.transaction(), asyncio.timeout(ON_TIME):
        await other.execute("SELECT FROM activation WHERE id = $1 FOR UPDATE", number.id)
        with pytest.raises(RowLocked):
            await world.look.once(world.provider, live(number), world.their_terms)
    await other.close()
    await world.look.once(world.provider, live(number), world.their_terms)

    assert await states(world, [number]) == {State.REFUNDED}


def are_done(ends: Sequence[ActionResult | BaseException]) -> set[ActionOutcome | None]:
    """None: the caller is told to come again."""
    assert {type(end) for end in ends} <= {ActionResult, RowLocked}
    return {end.how if isinstance(end, ActionResult) else None for end in ends}


async def test_numbers_that_their_customers_finish_leave_room_for_all_others(
    world: World, database_url: str
) -> None:
    numbers = await take(world)
    for at in range(NUMBERS):
        await world.record(str(at), "1234")

    ends = await meanwhile(
        world, database_url, [world.service.finish(number.id) for number in numbers]
    )

    assert are_done(ends) <= {ActionOutcome.DONE, None}
    await world.sweep.tick()
    assert await states(world, numbers) == {State.DELIVERED}
    assert (await world.service.finish(numbers[0].id)).how is ActionOutcome.DONE


async def test_cancels_that_are_judged_leave_room_for_all_others(
    shop: World, database_url: str
) -> None:
    numbers = await take(shop, policy="twice")
    shop.provider.will("cancel", GIVEN_BACK, GIVEN_BACK)

    ends = await meanwhile(
        shop, database_url, [shop.service.cancel(number.id) for number in numbers]
    )

    done = {ActionOutcome.DONE, ActionOutcome.PENDING}
    assert are_done(ends) <= {*done, ActionOutcome.CANCEL_LIMIT, None}
    again = [(await shop.service.cancel(number.id)).how for number in numbers]
    assert len([how for how in again if how in done]) == 2, "as many as the policy takes in a day"


@pytest.mark.parametrize(
    "row", ["activation WHERE account = 'alice'", "balance WHERE account = 'alice'"]
)
async def test_a_cancel_that_is_judged_is_answered_in_time_though_its_row_is_locked(
    shop: World, database_url: str, row: str
) -> None:
    number = await shop.take(policy="twice")
    other = await asyncpg.connect(database_url)

    async with other.transaction(), asyncio.timeout(ON_TIME):
        await other.execute(f"SELECT FROM {row} FOR UPDATE")
        with pytest.raises(RowLocked):
            await shop.service.cancel(number.id)
    await other.close()

    assert (await shop.service.cancel(number.id)).how is ActionOutcome.PENDING
