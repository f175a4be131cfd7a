"""A look that hangs to its timeout keeps no other number from its look: not from the last one."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final, cast
from uuid import UUID

import pytest

from tests.fakes.reporter import RecordingReporter
from tests.fakes.schedules import mark_rebuilt
from tests.fakes.turns import give_way
from tests.simulation.timed.simulated_time import SimulatedTime
from tests.unit.lifecycle.scripted import SECOND, SIM, Refunds, ScriptedProvider, Stub, terms
from worker.adapters.redis.local import LocalSchedule
from worker.domain.cadence import LAST_LOOK
from worker.domain.families import Capabilities
from worker.domain.ids import ActivationId, ProviderRef
from worker.lifecycle.clock import Clock
from worker.lifecycle.listing import Listing
from worker.lifecycle.look import Look
from worker.lifecycle.settle import Settle
from worker.lifecycle.ticks import STRETCH, Ticks, TickSteps
from worker.lifecycle.watch import LEASE_SIZE, Watch
from worker.ports.errors import ProviderUnavailable, ScheduleUnavailable
from worker.ports.provider import Waiting
from worker.ports.schedule import LeaseBatch, NextLook
from worker.ports.store.activations import LiveNumber

TIMEOUT: Final = 10.0  #: Seconds, until a call that hangs is given up.
HANGING: Final = ProviderRef("hanging")
TOO_LATE: Final = 1.0  #: Seconds after it is due: then a last look would come after the deadline.
FAR: Final = timedelta(minutes=20)
QUICK: Final = 0.1
RATE: Final = 1000.0


class CountingSchedule(LocalSchedule):
    """Remembers its round trips."""

    def __init__(self, *made: Any, **named: Any) -> None:
        super().__init__(*made, **named)
        self.leases: list[int] = []
        self.releases: list[int] = []

    async def lease(self, *asked: Any) -> LeaseBatch:
        batch = await super().lease(*asked)
        self.leases.append(len(batch.numbers))
        return batch

    async def release(self, provider: Any, nexts: Sequence[NextLook]) -> int:
        self.releases.append(len(nexts))
        return await super().release(provider, nexts)


class Town:
    """A provider without a list, in simulated time; some numbers there hang, others are quick."""

    def __init__(self, max_in_flight: int, took: float = QUICK, rate: float = RATE) -> None:
        self.time = SimulatedTime(told, nobody_is_blocked)
        self.took = took
        self.numbers = 0
        self.looked: dict[ProviderRef, list[float]] = {}
        self.in_flight = self.most_in_flight = 0
        self.provider = ScriptedProvider()
        self.provider.look = self.look  # type: ignore[method-assign] # it waits, as none else
        self.schedule = CountingSchedule({SIM: 10 * rate}, clock=self.time.now)
        clock = Clock(
            now=self.time.now,
            monotonic=self.time.monotonic,
            sleep=self.time.sleep,
            chance=lambda: 0.0,
        )
        reporter = RecordingReporter()
        store = cast("Any", Stub())
        self.watch = Watch(
            schedule=self.schedule,
            reporter=reporter,
            look=Look(
                activations=store,
                settlements=store,
                reporter=reporter,
                settle=Settle(settlements=store, reporter=reporter),
                rules=Refunds(),
                clock=clock,
            ),
            listing=cast("Listing", None),
            clock=clock,
            terms={SIM: terms(max_in_flight=max_in_flight, requests_per_second=rate)},
        )
        repair = Stub()
        repair.__dict__["schedule"] = Stub(intact=True)
        others = dict.fromkeys(
            ("expire", "pursue", "reconcile", "sweep", "timers", "deliver", "audit", "canary")
        )
        steps = cast("Any", {**others, "watch": self.watch, "repair": repair})
        self.ticks = Ticks(steps=TickSteps(clock=clock, **steps), providers={SIM: self.provider})

    async def look(self, ref: ProviderRef) -> Waiting:
        self.looked.setdefault(ref, []).append(self.time.elapsed)
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            if ref.startswith(HANGING):
                await self.time.sleep(TIMEOUT)
                raise ProviderUnavailable("sim", "no answer in time")
            await self.time.sleep(self.took)
            return Waiting()
        finally:
            self.in_flight -= 1

    async def due(self, ref: str, at: float, *, is_last: bool = True) -> ProviderRef:
        """A number that is to be looked at then; for the last time, where not said otherwise."""
        now = self.time.now()
        due_at = now + timedelta(seconds=at - self.time.elapsed)
        deadline_at = due_at + (LAST_LOOK if is_last else FAR)
        self.numbers += 1
        id_ = ActivationId(UUID(int=self.numbers))
        number = LiveNumber(id_, ProviderRef(ref), due_at - SECOND, deadline_at)
        await self.schedule.add(SIM, [(number, due_at)])
        return ProviderRef(ref)

    def late(self, refs: Sequence[ProviderRef], dues: Sequence[float]) -> dict[str, object]:
        """Those whose first look came too late, and when."""
        return {
            ref: (due, self.looked.get(ref))
            for ref, due in zip(refs, dues, strict=True)
            if not self.looked.get(ref) or self.looked[ref][0] > due + LAST_LOOK.total_seconds()
        }

    @contextmanager
    def watching(self, *ticks: Any) -> Iterator[None]:
        running = [asyncio.ensure_future(tick) for tick in ticks]
        try:
            yield
        finally:
            for task in running:
                task.cancel()


async def told(_: int) -> None:
    """No database follows this time."""


async def nobody_is_blocked() -> int:
    return 0


@pytest.mark.parametrize("max_in_flight", [2, 3, 100])
async def test_numbers_that_fall_due_while_one_look_hangs_are_looked_at_on_time(
    max_in_flight: int,
) -> None:
    town = Town(max_in_flight)
    await town.due(HANGING, 0.2, is_last=False)
    dues = [0.5 + 0.3 * number for number in range(12)]
    refs = [await town.due(f"{number}", at) for number, at in enumerate(dues)]

    with town.watching(town.ticks.run("watch", SIM)):
        await town.time.passes_until(4.9)

    assert town.looked[HANGING] == [0.2]
    assert town.late(refs, dues) == {}
    assert town.most_in_flight <= max_in_flight


async def test_looks_leased_together_with_one_that_hangs_are_scheduled_anew_meanwhile() -> None:
    town = Town(max_in_flight=100)
    await town.due(HANGING, 0.2, is_last=False)
    await town.due("1", 0.2, is_last=False)

    with town.watching(town.ticks.run("watch", SIM)):
        await town.time.passes_until(4.9)

    first, second = town.looked[ProviderRef("1")]
    poll = town.watch.terms[SIM].poll.total_seconds()
    assert second - first <= poll + TOO_LATE
    assert town.looked[HANGING] == [first]


@pytest.mark.parametrize("max_in_flight", [2, 100])
async def test_the_next_stretch_does_not_wait_for_a_look_that_hangs(max_in_flight: int) -> None:
    """Its numbers are looked at on time, and no more calls run than may."""
    town = Town(max_in_flight)
    end = STRETCH.total_seconds()
    await town.due(HANGING, end - 1, is_last=False)
    dues = [end - 0.7 + 0.3 * number for number in range(12)]
    refs = [await town.due(f"{number}", at) for number, at in enumerate(dues)]

    with town.watching(town.ticks.run("watch", SIM), town.ticks.run("watch", SIM)):
        await town.time.passes_until(2 * end - 0.1)

    assert town.late(refs, dues) == {}
    assert town.most_in_flight <= max_in_flight


async def test_the_places_of_a_stretch_before_are_taken_as_they_become_free() -> None:
    """All calls hang as the stretch ends; the next one's numbers wait for them, not longer."""
    town = Town(max_in_flight=2)
    end = STRETCH.total_seconds()
    for number in range(2):
        await town.due(f"{HANGING}{number}", 1 + number, is_last=False)
    refs = [await town.due(f"{number}", end + 1, is_last=False) for number in range(4)]

    with town.watching(*(town.ticks.run("watch", SIM) for _ in range(2))):
        await town.time.passes_until(end + 4)
        third = asyncio.ensure_future(town.ticks.run("watch", SIM))
        await town.time.passes_until(1 + TIMEOUT + 1.5)
        third.cancel()

    assert town.late(refs, [1 + TIMEOUT + 0.3] * 4) == {}
    assert town.most_in_flight == 2


async def test_no_look_waits_for_the_next_tick_that_another_host_begins_late() -> None:
    town = Town(max_in_flight=2)
    other_host = Ticks(steps=town.ticks.steps, providers=town.ticks.providers)
    end = STRETCH.total_seconds()
    last = await town.due("last", end + 0.05)

    with town.watching(town.ticks.run("watch", SIM)):
        await town.time.passes_until(end + 0.4)
        with town.watching(other_host.run("watch", SIM)):
            await town.time.passes_until(end + 2)

    assert town.looked[last][0] <= end + 0.2


async def test_a_tick_ends_in_time_for_the_next_one_in_line() -> None:
    town = Town(max_in_flight=2)
    ticks = [asyncio.ensure_future(town.ticks.run("watch", SIM)) for _ in range(2)]

    await town.time.passes_until(STRETCH.total_seconds() + 0.25)

    assert [tick.done() for tick in ticks] == [True, False]
    ticks[1].cancel()


async def test_a_slow_provider_is_leased_from_no_further_ahead_than_it_answers() -> None:
    """A last look that falls due behind a hundred others does not wait for all of them."""
    town = Town(max_in_flight=4, took=0.5)
    await town.due("first", 0.1, is_last=False)
    with town.watching(town.ticks.run("watch", SIM)):
        await town.time.passes_until(1.0)
        for number in range(100):
            await town.due(f"{number}", 1.0, is_last=False)
        last = await town.due("last", 3.0)
        await town.time.passes_until(4.9)

    assert town.late([last], [3.0]) == {}


async def test_many_numbers_due_at_once_cost_one_lease_and_one_release() -> None:
    town = Town(max_in_flight=100, took=0.0)
    await town.due("first", 0.1, is_last=False)
    with town.watching(town.ticks.run("watch", SIM)):
        await town.time.passes_until(1.0)
        town.schedule.leases.clear()
        town.schedule.releases.clear()
        for number in range(LEASE_SIZE - 1):
            await town.due(f"{number}", 1.0, is_last=False)
        await town.time.passes_until(2.0)

    assert [size for size in town.schedule.leases if size] == [LEASE_SIZE - 1]
    assert town.schedule.releases == [LEASE_SIZE - 1]


async def test_a_tick_ends_after_its_looks() -> None:
    town = Town(max_in_flight=2)
    await town.due(HANGING, 4.0, is_last=False)
    tick = asyncio.ensure_future(town.ticks.run("watch", SIM))

    await town.time.passes_until(4.0 + TIMEOUT - 1)
    assert not tick.done()
    await town.time.passes_until(4.0 + TIMEOUT + 1)
    await give_way()
    assert tick.done()
    assert await town.schedule.lag(SIM) >= timedelta(0)
    assert town.schedule.releases[-1] == 1


async def test_no_tick_waits_beyond_its_time_for_the_one_before_to_read_the_list() -> None:
    town = Town(max_in_flight=2)
    await mark_rebuilt(town.schedule, SIM)
    never = asyncio.Event()
    listing = Stub()
    listing.__dict__.update(unfinished=lambda _: False, unanswered=lambda _: False)
    listing.__dict__["read"] = lambda *_: never.wait()
    town.watch = replace(town.watch, listing=cast("Listing", listing))
    town.provider.capabilities = Capabilities(list_page_size=100)
    town.ticks.steps = replace(town.ticks.steps, watch=town.watch)
    ticks = [asyncio.ensure_future(town.ticks.run("watch", SIM)) for _ in range(2)]

    await town.time.passes_until(2 * STRETCH.total_seconds() + 1)

    assert [tick.done() for tick in ticks] == [False, True]
    ticks[0].cancel()


async def test_what_was_leased_for_lanes_that_hang_is_due_again_for_others() -> None:
    town = Town(max_in_flight=2)
    for number in range(2):
        await town.due(f"{HANGING}{number}", 0.1, is_last=False)
    others = [await town.due(f"{number}", 0.1, is_last=False) for number in range(5)]

    with town.watching(town.ticks.run("watch", SIM)):
        await town.time.passes_until(2.5)
        batch = await LocalSchedule.lease(town.schedule, SIM, 10, FAR)

    assert town.looked.keys().isdisjoint(others)
    assert sorted(leased.number.ref for leased in batch.numbers) == others
    # Handed back they are as late as they were: none that fell due since goes before them.
    assert {round(leased.late.total_seconds(), 1) for leased in batch.numbers} == {2.4}


async def test_nobody_looks_on_where_no_number_gets_back_on_the_schedule() -> None:
    town = Town(max_in_flight=2)

    async def fails(*_: Any) -> int:
        raise ScheduleUnavailable("away")

    town.schedule.release = cast("Any", fails)  # type: ignore[method-assign] # it fails, as none else
    for number in range(20):
        await town.due(f"{number}", 0.1 + number / 4, is_last=False)

    tick = asyncio.ensure_future(town.ticks.run("watch", SIM))
    await town.time.passes_until(STRETCH.total_seconds() + 3)

    with pytest.raises(ExceptionGroup):
        tick.result()
    assert len(town.looked) < 20
