"""The pool: how many act at once, when more is leased, and what one item may cost the others."""

import asyncio
from collections import Counter, deque
from collections.abc import Sequence
from typing import Any

import pytest

from tests.fakes.turns import at_rest, give_way, until
from worker.lifecycle.lanes import (
    AHEAD,
    HANGS,
    LaneFeed,
    Lanes,
    Pace,
    Places,
    lease_safely,
    until_all_leased,
)
from worker.ports.errors import RowLocked, StoreUnavailable


class Run:
    """A run over numbers; what an act does to a number the test says."""

    def __init__(
        self, items: Sequence[int], width: int = 3, places: Places | None = None, **other: Any
    ) -> None:
        self.acted: list[int] = []
        self.back: list[int] = []
        self.quarantined: list[tuple[int, Exception]] = []
        self.finished = 0
        self.in_flight = 0
        self.most_in_flight = 0
        self.let_go = asyncio.Event()
        self.let_go.set()
        self.errors: dict[int, BaseException] = {}
        self.lanes: Lanes[int] = Lanes(
            queue=deque(items),
            places=places or Places(width),
            act=self.act,
            hand_back=self.back.append,
            quarantine=lambda item, error: self.quarantined.append((item, error)),
            finish=self.finish,
            **other,
        )

    async def act(self, item: int) -> None:
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            await give_way()
            await self.let_go.wait()
            if item in self.errors:
                raise self.errors[item]
            self.acted.append(item)
        finally:
            self.in_flight -= 1

    async def finish(self) -> None:
        self.finished += 1


class Supply:
    """A lease that brings so many at once, until nothing is left."""

    def __init__(self, many: int, size: int) -> None:
        self.left = list(range(1000, 1000 + many))
        self.size = size
        self.leased = 0
        self.at_once = 0
        self.low_at: list[int] = []
        self.queue: deque[int] | None = None

    async def lease(self) -> Sequence[int]:
        self.leased += 1
        self.at_once += 1
        assert self.at_once == 1, "two leases at once"
        if self.queue is not None:
            self.low_at.append(len(self.queue))
        await give_way()
        self.at_once -= 1
        batch, self.left = self.left[: self.size], self.left[self.size :]
        return batch

    def feed(self) -> LaneFeed[int]:
        return until_all_leased(self.lease, self.size)


async def test_every_item_is_acted_on_once_and_at_most_so_many_at_a_time() -> None:
    run = Run(range(20), width=3)

    await run.lanes.run()

    assert sorted(run.acted) == list(range(20))
    assert run.most_in_flight == 3
    assert run.back == []
    assert run.finished == 1


async def test_a_run_over_fewer_items_than_lanes_opens_one_lane_per_item() -> None:
    run = Run(range(2), width=100)

    await run.lanes.run()

    assert run.most_in_flight == 2


async def test_an_item_that_fails_is_quarantined_and_the_others_go_on() -> None:
    run = Run(range(6), width=1)
    run.errors[2] = KeyError("a bug")

    await run.lanes.run()

    assert run.acted == [0, 1, 3, 4, 5]
    assert run.quarantined == [(2, run.errors[2])]
    assert run.back == []


async def test_a_store_that_fails_ends_the_run_and_hands_back_all_that_is_left() -> None:
    run = Run(range(6), width=2)
    run.errors[1] = StoreUnavailable("away")

    with pytest.raises(ExceptionGroup):
        await run.lanes.run()

    assert sorted(run.acted + run.back) == list(range(6))
    assert 1 in run.back
    assert run.quarantined == []
    assert run.finished == 1


async def test_an_item_whose_row_stays_locked_is_quarantined_and_the_others_go_on() -> None:
    run = Run(range(6), width=2)
    run.errors[1] = RowLocked("a row stays locked")

    await run.lanes.run()

    assert sorted(run.acted) == [0, 2, 3, 4, 5]
    assert run.quarantined == [(1, run.errors[1])]


async def test_where_no_more_is_useful_the_rest_is_handed_back_untouched() -> None:
    run = Run(range(6), width=1)
    run.lanes.useful = lambda: len(run.acted) < 2

    await run.lanes.run()

    assert (run.acted, run.back) == ([0, 1], [2, 3, 4, 5])


async def test_what_a_failed_finish_says_is_raised() -> None:
    run = Run(range(2))

    async def fails() -> None:
        raise StoreUnavailable("away")

    run.lanes.finish = fails
    with pytest.raises(StoreUnavailable):
        await run.lanes.run()


@pytest.mark.parametrize("times", [1, 2, 5])
async def test_a_cancelled_run_hands_back_each_item_once_however_often_it_is_cancelled(
    times: int,
) -> None:
    run = Run(range(9), width=2)
    run.let_go.clear()
    running = asyncio.ensure_future(run.lanes.run())
    await until(lambda: run.in_flight == 2)

    for _ in range(times):
        running.cancel()
        await give_way()
    with pytest.raises(asyncio.CancelledError):
        await running
    await at_rest()

    assert Counter(run.back) == Counter(range(9))
    assert (run.acted, run.finished) == ([], 1)


async def test_an_act_that_was_cancelled_by_itself_cuts_off_the_run() -> None:
    run = Run(range(3), width=1)
    run.errors[0] = asyncio.CancelledError()

    with pytest.raises(asyncio.CancelledError):
        await run.lanes.run()

    assert run.back == [0, 1, 2]


async def test_the_last_act_that_was_cancelled_by_itself_cuts_off_the_run() -> None:
    run = Run([0], width=1)
    run.errors[0] = asyncio.CancelledError()

    with pytest.raises(asyncio.CancelledError):
        await run.lanes.run()

    assert run.back == [0]


async def test_more_is_leased_while_the_queue_is_low_and_not_twice_at_once() -> None:
    supply = Supply(many=47, size=10)
    run = Run(range(20), width=4, feed=supply.feed())
    supply.queue = run.lanes.queue

    await run.lanes.run()

    assert sorted(run.acted) == [*range(20), *range(1000, 1047)]
    assert supply.leased == 5, "the fifth brought fewer than asked for: nothing more is due"
    assert supply.low_at[0] <= 5, "none before the queue was down to half a lease"
    assert run.most_in_flight == 4


async def test_what_is_leased_opens_the_lanes_that_a_short_queue_did_not_need() -> None:
    supply = Supply(many=30, size=20)
    run = Run([1, 2], width=8, feed=supply.feed())

    await run.lanes.run()

    assert run.most_in_flight == 8


async def test_nothing_is_acted_on_when_it_became_useless_while_it_was_leased() -> None:
    run = Run([])
    useful = [True]

    async def lease() -> Sequence[int]:
        useful.clear()
        return [1, 2, 3]

    run.lanes.useful = lambda: bool(useful)
    run.lanes.feed = until_all_leased(lease, 10)
    await run.lanes.run()

    assert (run.acted, sorted(run.back)) == ([], [1, 2, 3])


async def test_a_lease_that_fails_ends_the_run() -> None:
    async def fails() -> Sequence[int]:
        raise StoreUnavailable("away")

    run = Run(range(4), width=2, feed=until_all_leased(fails, 10))

    with pytest.raises(ExceptionGroup):
        await run.lanes.run()

    assert sorted(run.acted + run.back) == list(range(4))


async def test_what_is_leased_after_the_cancellation_is_handed_back() -> None:
    come = asyncio.Event()

    async def slow() -> Sequence[int]:
        await come.wait()
        return [7, 8]

    async def hand_back(items: Sequence[int]) -> None:
        run.back.extend(items)

    run = Run([1], width=1)
    run.lanes.feed = until_all_leased(lambda: lease_safely(slow, hand_back), 10)
    run.let_go.clear()
    running = asyncio.ensure_future(run.lanes.run())
    await at_rest()
    running.cancel()
    await at_rest()
    come.set()

    with pytest.raises(asyncio.CancelledError):
        await running
    assert sorted(run.back) == [1, 7, 8]


async def test_items_are_added_and_acted_on_while_one_hangs() -> None:
    run = Run([])
    hanging = asyncio.Event()

    async def act(item: int) -> None:
        if item == 0:
            await hanging.wait()
        run.acted.append(item)

    async def feed(lanes: Lanes[int]) -> None:
        for item in range(20):
            lanes.add([item])
            await lanes.low(0)
        await at_rest()
        assert run.acted == list(range(1, 20))
        hanging.set()

    run.lanes.act, run.lanes.feed = act, feed
    await run.lanes.run()

    assert run.acted == [*range(1, 20), 0]


async def test_an_act_that_was_cancelled_by_itself_cuts_off_a_run_that_is_fed() -> None:
    async def feed(lanes: Lanes[int]) -> None:
        while True:
            await lanes.low(0)
            await give_way()

    run = Run(range(3), width=1, feed=feed)
    run.errors[0] = asyncio.CancelledError()

    with pytest.raises(asyncio.CancelledError):
        await run.lanes.run()

    assert run.back == [0, 1, 2]


async def test_what_is_of_no_use_is_handed_back_at_once_while_one_item_hangs() -> None:
    """It may be of use again later, and then the lane that hangs is not the only one for it."""
    run, hanging, useful = Run(range(10), width=3), asyncio.Event(), [True]

    async def act(item: int) -> None:
        if item == 0:
            await hanging.wait()
        if item == 4:
            useful.clear()
        run.acted.append(item)

    run.lanes.act, run.lanes.useful = act, lambda: bool(useful)
    running = asyncio.ensure_future(run.lanes.run())
    await at_rest()
    assert (run.acted, run.back) == ([1, 2, 3, 4], [5, 6, 7, 8, 9])

    useful.append(True)
    hanging.set()
    await running
    assert (run.acted[4:], run.back) == ([0], [5, 6, 7, 8, 9])


async def test_runs_that_share_their_places_take_those_that_become_free() -> None:
    places = Places(2)
    first, second = Run(range(2), places=places), Run(range(10, 13), places=places)
    first.let_go.clear()
    running = [asyncio.ensure_future(run.lanes.run()) for run in (first, second)]
    await at_rest()
    assert (first.in_flight, second.in_flight) == (2, 0)

    first.let_go.set()
    await asyncio.gather(*running)

    assert sorted(second.acted) == [10, 11, 12]
    assert (second.most_in_flight, places.taken, places.sharers) == (2, 0, [])


async def test_a_run_that_is_cut_off_leaves_its_places_to_others() -> None:
    places = Places(2)
    first, second = Run(range(4), places=places), Run([10], places=places)
    first.let_go.clear()
    running = [asyncio.ensure_future(run.lanes.run()) for run in (first, second)]
    await at_rest()

    running[0].cancel()
    await asyncio.gather(*running, return_exceptions=True)

    assert (sorted(first.back), second.acted, places.taken) == ([0, 1, 2, 3], [10], 0)


def test_as_many_are_leased_ahead_as_are_begun_soon() -> None:
    pace = Pace()
    assert pace.room(free=10, now=0.0, most=500) == 500, "nothing is known yet"

    for at in range(100):
        pace.end(pace.begin(at), at + 0.0625)

    assert pace.room(free=10, now=100.0, most=500) == 10 * AHEAD.total_seconds() / 0.0625
    assert pace.room(free=10, now=100.0, most=20) == 20


def test_a_slow_provider_has_one_leased_for_each_free_lane() -> None:
    pace = Pace()
    for at in range(100):
        pace.end(pace.begin(at), at + 5.0)

    assert pace.room(free=10, now=1000.0, most=500) == 10


def test_lanes_that_hang_have_nothing_leased_for_them() -> None:
    pace = Pace()
    for _ in range(10):
        pace.begin(0.0)
    hang = HANGS.total_seconds() + 0.1

    assert pace.room(free=0, now=hang, most=500) == 0
    assert pace.room(free=1, now=hang, most=500) > 0
    pace.begin(hang)
    assert pace.room(free=0, now=hang, most=500) > 0, "this one is quick, as far as is known"
