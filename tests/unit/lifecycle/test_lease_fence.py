"""A lease counts for a second, then the database is asked about all that are left, at once."""

import asyncio
from collections.abc import Sequence

from tests.fakes.turns import until
from tests.unit.lifecycle.scripted import OwnTime, StubStore, due
from worker.domain.ids import ActivationId
from worker.lifecycle.lease_fence import CONFIRMED_FOR, LeaseFence
from worker.ports.store.settlements import DueNumber


def fence(time: OwnTime, store: StubStore, *leased: int) -> LeaseFence:
    made = LeaseFence(
        settlements=store,  # type: ignore[arg-type] # of all its calls this one is asked
        clock=time.clock(),
    )
    made.add([due(number) for number in leased], time.elapsed)
    return made


def holding(*numbers: int) -> StubStore:
    kept = {due(number).id for number in numbers}

    def still_leased(asked: Sequence[DueNumber]) -> set[ActivationId]:
        return {number.id for number in asked} & kept

    return StubStore(still_leased=still_leased)


async def test_a_fresh_lease_holds_without_a_question() -> None:
    time = OwnTime()
    made = fence(time, StubStore(), 1, 2)
    time.pass_by(CONFIRMED_FOR)

    assert await made.holds(due(1))
    assert await made.holds(due(2))


async def test_after_a_while_one_question_is_asked_about_all_that_are_left() -> None:
    time, store = OwnTime(), holding(2)
    made = fence(time, store, 1, 2, 3)
    assert await made.holds(due(1))
    time.pass_by(2 * CONFIRMED_FOR)

    held = await asyncio.gather(*(made.holds(due(number)) for number in (2, 3)))

    assert held == [True, False]
    assert store.asked("still_leased") == [([due(2), due(3)],)]


async def test_what_is_leased_while_the_question_is_under_way_holds() -> None:
    time, store = OwnTime(), holding()
    made = fence(time, store, 1)
    time.pass_by(2 * CONFIRMED_FOR)

    asking = asyncio.ensure_future(made.holds(due(1)))
    await until(lambda: store.calls != [])
    made.add([due(2)], time.elapsed)

    assert not await asking
    assert await made.holds(due(2))


async def test_a_lease_counts_from_its_own_reading_however_long_the_run_goes_on() -> None:
    time = OwnTime()
    made = fence(time, StubStore(), 1)
    assert await made.holds(due(1))
    time.pass_by(2 * CONFIRMED_FOR)
    made.add([due(2)], time.elapsed)
    time.pass_by(CONFIRMED_FOR)

    assert await made.holds(due(2))


async def test_an_answer_to_a_question_asked_before_a_lease_says_nothing_about_it() -> None:
    time, store = OwnTime(), holding(1)
    made = fence(time, store, 1)
    time.pass_by(2 * CONFIRMED_FOR)

    asking = asyncio.ensure_future(made.holds(due(1)))
    await until(lambda: store.calls != [])
    made.add([due(2)], time.elapsed)
    time.pass_by(2 * CONFIRMED_FOR)

    assert not await made.holds(due(2))
    assert await asking
    assert [[number.id for number in asked] for (asked,) in store.asked("still_leased")] == [
        [due(1).id],
        [due(2).id],
    ]
