"""Batcher: who comes together is asked for together, and one bad key costs only itself."""

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from tests.fakes.turns import at_rest
from worker.lifecycle.batcher import MOST, Batcher
from worker.ports.errors import StoreUnavailable


class Store:
    """Squares numbers. `ready` holds up questions; *gather* ends the time for gathering."""

    def __init__(self) -> None:
        self.asked: list[list[int]] = []
        self.asked_alone: list[int] = []
        self.locked: set[int] = set()
        self.error: Exception | None = None
        self.ready = asyncio.Event()
        self.ready.set()
        self.unlocked = asyncio.Event()
        self.gathered = asyncio.Event()
        self.gathered.set()
        self.batcher = Batcher(together=self.together, alone=self.alone, sleep=self.sleep)

    async def sleep(self, _: float) -> None:
        await self.gathered.wait()

    async def together(self, keys: Sequence[int]) -> Mapping[int, int]:
        self.asked.append(list(keys))
        await self.ready.wait()
        if self.error is not None:
            raise self.error
        return {key: key * key for key in keys if key not in self.locked}

    async def alone(self, key: int) -> int | None:
        self.asked_alone.append(key)
        if key in self.locked:
            await self.unlocked.wait()
        if key < 0:
            raise ValueError(key)
        return key * key


async def test_callers_that_come_together_are_one_question() -> None:
    store = Store()

    answers = await asyncio.gather(*(store.batcher(key) for key in range(10)))

    assert answers == [key * key for key in range(10)]
    assert store.asked == [list(range(10))]


async def test_callers_that_come_during_a_question_are_the_next_one() -> None:
    store = Store()
    store.ready.clear()
    first = asyncio.ensure_future(store.batcher(1))
    await at_rest()
    others = [asyncio.ensure_future(store.batcher(key)) for key in (2, 3)]
    await at_rest()
    assert store.asked == [[1]]

    store.ready.set()

    assert await asyncio.gather(first, *others) == [1, 4, 9]
    assert store.asked == [[1], [2, 3]]


async def test_the_same_key_is_asked_for_once() -> None:
    store = Store()

    assert await asyncio.gather(*(store.batcher(3) for _ in range(5))) == [9] * 5

    assert store.asked == [[3]]


async def test_no_question_is_larger_than_the_limit() -> None:
    store = Store()

    await asyncio.gather(*(store.batcher(key) for key in range(MOST + 7)))

    assert [len(keys) for keys in store.asked] == [MOST, 7]


async def test_a_key_that_is_left_out_is_asked_for_alone_and_holds_up_nobody() -> None:
    store = Store()
    store.locked = {2}
    locked = asyncio.ensure_future(store.batcher(2))

    assert await asyncio.gather(*map(store.batcher, (1, 3))) == [1, 9]
    assert await store.batcher(4) == 16

    assert store.asked_alone == [2]
    assert not locked.done()
    store.unlocked.set()
    assert await locked == 4


async def test_one_bad_key_costs_only_itself() -> None:
    store = Store()
    store.error = TypeError("a bug about one of them")

    answers = await asyncio.gather(
        *(store.batcher(key) for key in (1, -2, 3)), return_exceptions=True
    )

    assert [answers[0], answers[2]] == [1, 9]
    assert isinstance(answers[1], ValueError)


async def test_a_store_that_is_away_is_told_to_everybody_and_asked_again_later() -> None:
    store = Store()
    store.error = StoreUnavailable("away")
    answers = await asyncio.gather(store.batcher(1), store.batcher(2), return_exceptions=True)
    assert {type(answer) for answer in answers} == {StoreUnavailable}
    assert store.asked_alone == []

    store.error = None

    assert await store.batcher(1) == 1


async def test_a_caller_who_hangs_up_does_not_cut_off_another_with_the_same_key() -> None:
    store = Store()
    store.gathered.clear()
    gone, stays = (asyncio.ensure_future(store.batcher(5)) for _ in range(2))
    await at_rest()

    gone.cancel()
    store.gathered.set()

    assert await stays == 25
    with pytest.raises(asyncio.CancelledError):
        await gone
