"""Long polling: many callers wait, one query asks for all of them."""

import asyncio
from collections.abc import Sequence
from uuid import UUID

import pytest

from tests.fakes.turns import at_rest
from worker.domain.ids import ActivationId
from worker.entrypoints.http import long_poll as module
from worker.entrypoints.http.long_poll import LongPoll, TooManyWaiters
from worker.ports.errors import StoreUnavailable

ONE, TWO = ActivationId(UUID(int=1)), ActivationId(UUID(int=2))


class Ticks:
    """A `sleep` that lasts until the test says so."""

    def __init__(self) -> None:
        self._tokens = asyncio.Semaphore(0)
        self.waiting = asyncio.Event()

    async def sleep(self, _seconds: float) -> None:
        self.waiting.set()
        await self._tokens.acquire()
        self.waiting.clear()

    async def tick(self) -> None:
        """One round of the poller, from where it sleeps to where it sleeps again, or ends."""
        await self.waiting.wait()
        self._tokens.release()
        await at_rest()


class Store:
    def __init__(self) -> None:
        self.now = {ONE: 1, TWO: 1}
        self.asked: list[list[ActivationId]] = []
        self.down = False

    async def versions(self, ids: Sequence[ActivationId]) -> dict[ActivationId, int]:
        self.asked.append(sorted(ids))
        if self.down:
            raise StoreUnavailable
        return {id_: self.now[id_] for id_ in ids}


@pytest.fixture
def ticks() -> Ticks:
    return Ticks()


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def long_poll(ticks: Ticks, store: Store) -> LongPoll[ActivationId]:
    return LongPoll(store.versions, sleep=ticks.sleep)


def waiter(
    long_poll: LongPoll[ActivationId],
    id_: ActivationId,
    known: int = 1,
    *,
    hung_up: Sequence[bool] = (),
) -> "asyncio.Task[bool]":
    return asyncio.create_task(
        long_poll.wait(id_, known, seconds=60, disconnected=lambda: any(hung_up)), name=str(id_)
    )


async def ended(task: "asyncio.Task[bool]") -> bool:
    await at_rest()
    return task.done()


async def test_all_who_wait_are_asked_for_in_one_question(
    long_poll: LongPoll[ActivationId], ticks: Ticks, store: Store
) -> None:
    tasks = [waiter(long_poll, id_) for id_ in (ONE, ONE, TWO)]
    await ticks.tick()
    await ticks.tick()
    assert store.asked == [[ONE, TWO], [ONE, TWO]]
    store.now = {ONE: 2, TWO: 2}
    await ticks.tick()
    await asyncio.gather(*tasks)


async def test_what_this_process_changed_is_asked_about_at_once_and_alone(
    long_poll: LongPoll[ActivationId], store: Store
) -> None:
    one, two = waiter(long_poll, ONE), waiter(long_poll, TWO)
    await at_rest()
    store.now = {ONE: 2, TWO: 1}

    long_poll.changed([ONE])

    assert (await ended(one), await ended(two)) == (True, False)
    assert store.asked == [[ONE]]
    long_poll.close()
    await two


async def test_a_change_that_nobody_waits_for_costs_no_query(
    long_poll: LongPoll[ActivationId], store: Store
) -> None:
    long_poll.changed([ONE])
    await at_rest()

    assert store.asked == []


async def test_only_those_whose_number_changed_are_woken(
    long_poll: LongPoll[ActivationId], ticks: Ticks, store: Store
) -> None:
    one, two = waiter(long_poll, ONE), waiter(long_poll, TWO)
    store.now[TWO] = 2
    await ticks.tick()
    assert (await ended(one), await ended(two)) == (False, True)
    long_poll.close()
    await one


async def test_nobody_is_woken_by_less_than_they_know(
    long_poll: LongPoll[ActivationId], ticks: Ticks, store: Store
) -> None:
    one = waiter(long_poll, ONE, known=5)
    store.now[ONE] = 4
    await ticks.tick()
    assert not await ended(one)
    long_poll.close()
    await one


async def test_nothing_is_asked_while_nobody_waits(
    long_poll: LongPoll[ActivationId], ticks: Ticks, store: Store
) -> None:
    one = waiter(long_poll, ONE)
    store.now[ONE] = 2
    await ticks.tick()
    await one
    asked = len(store.asked)
    await ticks.tick()
    assert len(store.asked) == asked
    assert not ticks.waiting.is_set(), "it still sleeps and asks again"
    late = waiter(long_poll, ONE, known=2)
    store.now[ONE] = 3
    await ticks.tick()
    await late


async def test_one_who_hung_up_is_let_go(long_poll: LongPoll[ActivationId], ticks: Ticks) -> None:
    hung_up = [False]
    one = waiter(long_poll, ONE, hung_up=hung_up)
    await ticks.tick()
    assert not await ended(one)
    hung_up[0] = True
    await ticks.tick()
    assert await ended(one)


async def test_a_store_that_is_down_for_a_while_ends_no_wait(
    long_poll: LongPoll[ActivationId], ticks: Ticks, store: Store
) -> None:
    one = waiter(long_poll, ONE)
    store.down, store.now[ONE] = True, 2
    await ticks.tick()
    assert not await ended(one)
    store.down = False
    await ticks.tick()
    assert await ended(one)


async def test_closing_lets_everybody_go_and_nobody_wait_again(
    long_poll: LongPoll[ActivationId], store: Store
) -> None:
    one = waiter(long_poll, ONE)
    await at_rest()
    long_poll.close()
    await one
    await long_poll.wait(ONE, 1, seconds=60, disconnected=lambda: False)
    assert not store.asked


async def test_a_wait_ends_with_its_time(long_poll: LongPoll[ActivationId]) -> None:
    async with asyncio.timeout(10):
        assert not await long_poll.wait(ONE, 1, seconds=0.01, disconnected=lambda: False)
    long_poll.close()


async def test_one_who_is_cancelled_leaves_nothing_behind(
    long_poll: LongPoll[ActivationId], ticks: Ticks, store: Store
) -> None:
    one = waiter(long_poll, ONE)
    await ticks.waiting.wait()
    one.cancel()
    with pytest.raises(asyncio.CancelledError):
        await one
    await ticks.tick()
    assert not store.asked


async def test_the_number_of_those_who_wait_is_bounded(
    long_poll: LongPoll[ActivationId], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WAITERS_MAX", 1)
    one = waiter(long_poll, ONE)
    await at_rest()
    with pytest.raises(TooManyWaiters):
        await long_poll.wait(ONE, 1, seconds=60, disconnected=lambda: False)
    long_poll.close()
    await one
