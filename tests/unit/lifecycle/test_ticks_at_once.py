"""One tick of a kind and provider at a time, the next one in line, the third sent away."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from math import ceil
from typing import Any, cast

import pytest

from tests.fakes.turns import at_rest
from tests.unit.lifecycle.scripted import SIM, OwnTime, ScriptedProvider, Stub
from worker.domain.ids import ProviderName
from worker.lifecycle.end_and_pursue import IDLE
from worker.lifecycle.provider_return import AT_MOST
from worker.lifecycle.ticks import (
    HAND_OVER,
    KEEP,
    PER_PROVIDER,
    STRETCH,
    STUCK,
    Ticks,
    TickSteps,
)
from worker.ports.errors import StoreUnavailable
from worker.ports.provider import Circuit
from worker.ports.reporter import JobResult

OTHER = ProviderName("other")


class Steered:
    """Ticks whose steps a test steers; each is a function of its provider."""

    def __init__(self) -> None:
        self.time = OwnTime()
        self.providers = {name: ScriptedProvider(name) for name in (SIM, OTHER)}
        self.worked: list[str] = []
        self.done = 0  #: What expire and pursue answer.
        self.due_in: timedelta | None = timedelta(0)
        self.schedule = Stub(intact=True)
        steps = {
            step: Stub(tick=self.step(step))
            for step in ("watch", "expire", "pursue", "sweep", "reconcile", "timers", "audit")
        }
        steps["expire"].answers["due_in"] = lambda _: self.due_in
        repair = Stub(tick=self.step("repair"), reschedule=self.step("reschedule"))
        repair.__dict__["schedule"] = self.schedule
        given = cast("Any", {**steps, "repair": repair, "deliver": None, "canary": None})
        self.steps = TickSteps(clock=self.time.clock(), **given)
        self.ticks = Ticks(steps=self.steps, providers=self.providers)

    def configure(self, **steps: Any) -> None:
        self.steps = replace(self.steps, **steps)
        self.ticks = Ticks(steps=self.steps, providers=self.providers)

    def step(self, name: str) -> Callable[..., int]:
        def work(*_: Any) -> int:
            self.worked.append(name)
            return self.done

        return work

    def steer(self, step: str, work: Any) -> None:
        cast("Stub", getattr(self.steps, step)).answers["tick"] = work


@pytest.fixture
def steered() -> Steered:
    return Steered()


class Gate:
    """A tick that waits until it is let go."""

    def __init__(self) -> None:
        self.began = 0
        self.go = asyncio.Event()

    async def tick(self, *_: Any) -> int:
        self.began += 1
        await self.go.wait()
        return 0


@pytest.fixture
def gate(steered: Steered) -> Gate:
    gate = Gate()
    for step in ("repair", "sweep", "timers"):
        getattr(steered.steps, step).__dict__["tick"] = gate.tick
    return gate


@pytest.mark.parametrize("tick", ["repair", "reconcile"])
async def test_a_tick_does_its_step_once(steered: Steered, tick: str) -> None:
    assert await steered.ticks.run(tick, SIM) is JobResult.DONE

    assert steered.worked == [tick]


async def test_a_sweep_is_everybodys(steered: Steered) -> None:
    assert await steered.ticks.run("sweep") is JobResult.DONE

    assert steered.worked[0] == "sweep"


@pytest.mark.parametrize("tick", [tick.name for tick in PER_PROVIDER])
async def test_a_tick_at_a_provider_out_of_reach_is_for_another_process(
    steered: Steered, tick: str
) -> None:
    steered.ticks.left_to_others.add(SIM)

    assert await steered.ticks.run(tick, SIM) is JobResult.PASSED_ON

    assert steered.worked == []


async def test_a_tick_ends_as_soon_as_its_provider_is_left_to_others(steered: Steered) -> None:
    def until_left(*_: Any) -> int:
        steered.ticks.left_to_others.add(SIM)
        return 0

    steered.steer("expire", until_left)

    assert await steered.ticks.run("expire", SIM) is JobResult.PASSED_ON

    assert steered.time.elapsed < STRETCH.total_seconds()


@pytest.mark.parametrize("tick", [tick.name for tick in PER_PROVIDER])
async def test_a_provider_nobody_configured_has_no_ticks(steered: Steered, tick: str) -> None:
    assert await steered.ticks.run(tick, ProviderName("nobody")) is JobResult.UNKNOWN

    assert steered.worked == []


async def test_the_second_waits_and_the_third_is_sent_away(steered: Steered, gate: Gate) -> None:
    first = asyncio.ensure_future(steered.ticks.run("repair", SIM))
    await at_rest()
    second = asyncio.ensure_future(steered.ticks.run("repair", SIM))
    await at_rest()

    assert await steered.ticks.run("repair", SIM) is JobResult.BUSY
    assert gate.began == 1
    gate.go.set()

    assert set(await asyncio.gather(first, second)) == {JobResult.DONE}
    assert gate.began == 2


async def test_a_second_sweep_in_line_sends_the_third_away(steered: Steered, gate: Gate) -> None:
    running = [asyncio.ensure_future(steered.ticks.run("sweep")) for _ in range(2)]
    await at_rest()

    assert await steered.ticks.run("sweep") is JobResult.BUSY
    gate.go.set()

    assert await asyncio.gather(*running) == [JobResult.DONE, JobResult.DONE]


async def test_a_delivery_that_goes_on_is_not_joined_by_another(
    steered: Steered, gate: Gate
) -> None:
    steered.configure(deliver=gate)
    first = asyncio.ensure_future(steered.ticks.run("deliver_events"))
    await at_rest()

    assert await steered.ticks.run("deliver_events") is JobResult.BUSY
    gate.go.set()

    assert await first is JobResult.DONE
    assert await steered.ticks.run("deliver_events") is JobResult.DONE
    assert gate.began == 2


async def test_without_an_endpoint_there_is_nothing_to_deliver(steered: Steered) -> None:
    assert await steered.ticks.run("deliver_events") is JobResult.DONE


async def test_providers_do_not_wait_for_each_other(steered: Steered, gate: Gate) -> None:
    running = [asyncio.ensure_future(steered.ticks.run("repair", name)) for name in (SIM, OTHER)]
    await at_rest()

    assert gate.began == 2
    gate.go.set()
    await asyncio.gather(*running)


async def test_a_tick_that_fails_leaves_the_next_its_turn(steered: Steered) -> None:
    steered.steer("repair", StoreUnavailable("database: gone"))
    with pytest.raises(StoreUnavailable):
        await steered.ticks.run("repair", SIM)
    steered.steer("repair", 0)

    assert await steered.ticks.run("repair", SIM) is JobResult.DONE
    assert steered.ticks.stuck() == []


async def test_who_gives_up_in_line_leaves_his_place(steered: Steered, gate: Gate) -> None:
    first = asyncio.ensure_future(steered.ticks.run("repair", SIM))
    await at_rest()
    second = asyncio.ensure_future(steered.ticks.run("repair", SIM))
    await at_rest()
    second.cancel()
    await at_rest()
    third = asyncio.ensure_future(steered.ticks.run("repair", SIM))
    await at_rest()
    gate.go.set()

    assert set(await asyncio.gather(first, third)) == {JobResult.DONE}


async def test_silence_counts_from_the_end_of_the_last_tick(steered: Steered, gate: Gate) -> None:
    assert steered.ticks.silent_for("repair", SIM) == timedelta.max, "who did it may be dead"

    running = asyncio.ensure_future(steered.ticks.run("repair", SIM))
    await at_rest()
    steered.time.pass_by(timedelta(seconds=7))
    assert steered.ticks.silent_for("repair", SIM) == timedelta(0)
    gate.go.set()
    await running
    steered.time.pass_by(timedelta(seconds=3))

    assert steered.ticks.silent_for("repair", SIM) == timedelta(seconds=3)


async def test_a_tick_that_never_ends_is_stuck(steered: Steered, gate: Gate) -> None:
    running = asyncio.ensure_future(steered.ticks.run("repair", SIM))
    await at_rest()
    steered.time.pass_by(STUCK)
    assert steered.ticks.stuck() == []

    steered.time.pass_by(timedelta(seconds=1))
    assert steered.ticks.stuck() == ["repair"]
    gate.go.set()
    await running

    assert steered.ticks.stuck() == []


async def test_a_tick_that_passed_its_turn_on_and_never_ends_is_stuck(
    steered: Steered, gate: Gate
) -> None:
    async def hangs(_: object, __: object, pass_on: Callable[[], None]) -> int:
        pass_on()
        return await gate.tick()

    cast("Any", steered.steps.watch).__dict__["tick"] = hangs
    running = [asyncio.ensure_future(steered.ticks.run("watch", SIM)) for _ in range(2)]
    await at_rest()
    assert gate.began == 2
    steered.time.pass_by(STUCK + timedelta(seconds=1))
    assert steered.ticks.stuck() == ["watch"]

    gate.go.set()
    await asyncio.gather(*running)
    assert steered.ticks.stuck() == []


async def test_no_tick_waits_beyond_its_time_for_the_one_before_to_mend_the_schedule(
    steered: Steered, gate: Gate
) -> None:
    def passes_on(_: object, __: object, pass_on: Callable[[], None]) -> int:
        pass_on()
        return 0

    steered.steer("watch", passes_on)
    steered.schedule.answers["intact"] = False
    cast("Any", steered.steps.repair).__dict__["reschedule"] = gate.tick
    first = asyncio.ensure_future(steered.ticks.run("watch", SIM))
    await at_rest()
    second = asyncio.ensure_future(steered.ticks.run("watch", SIM))
    await at_rest()

    assert (first.done(), second.done(), gate.began) == (False, True, 1)
    assert steered.time.elapsed <= STRETCH.total_seconds() + 1
    gate.go.set()
    await first


async def test_an_expire_tick_ends_and_pursues_until_its_stretch_is_over(steered: Steered) -> None:
    await steered.ticks.run("expire", SIM)

    assert set(steered.worked) == {"expire", "pursue"}
    assert steered.worked.count("expire") == STRETCH / IDLE
    assert steered.time.elapsed == STRETCH.total_seconds()


@pytest.mark.parametrize(
    ("due_in", "naps", "leases"),
    [
        (None, [IDLE] * 20, 1),  # Nothing lives: it is asked now and then, and nothing is leased.
        (timedelta(hours=1), [IDLE] * 20, 1),
        (timedelta(seconds=0.625), [IDLE, IDLE, IDLE / 2, *[IDLE] * 18], 19),
    ],
)
async def test_an_expire_tick_rests_until_the_next_number_falls_due(
    steered: Steered, due_in: timedelta | None, naps: list[timedelta], leases: int
) -> None:
    def left(_: object) -> timedelta | None:
        return None if due_in is None else due_in - timedelta(seconds=steered.time.elapsed)

    cast("Stub", steered.steps.expire).answers["due_in"] = left
    await steered.ticks.run("expire", SIM)

    assert steered.time.naps == [nap.total_seconds() for nap in naps]
    assert steered.worked.count("expire") == leases


async def test_an_expire_tick_that_has_work_takes_no_nap(steered: Steered) -> None:
    def busy(*_: Any) -> int:
        steered.time.pass_by(timedelta(seconds=1))
        return 1

    steered.steer("expire", busy)
    await steered.ticks.run("expire", SIM)

    assert steered.time.naps == []


async def test_an_expire_tick_does_not_spin_while_the_provider_is_away(steered: Steered) -> None:
    steered.done = 1
    steered.providers[SIM].circuit = Circuit.OPEN

    await steered.ticks.run("expire", SIM)

    assert len(steered.time.naps) == STRETCH / AT_MOST


async def test_stopping_ends_a_stretch_at_its_next_step(steered: Steered) -> None:
    def last(*_: Any) -> int:
        steered.ticks.stop()
        return 0

    steered.steer("expire", last)
    results = [await steered.ticks.run("expire", SIM) for _ in range(2)]

    assert steered.worked == ["pursue"]
    assert results == [JobResult.PASSED_ON] * 2, "another process goes on with it"


async def test_who_stops_or_has_no_way_to_a_provider_is_not_the_one_to_lead_it(
    steered: Steered,
) -> None:
    steered.providers[SIM].circuit = Circuit.OPEN
    assert [steered.ticks.reaches(name) for name in (SIM, OTHER)] == [False, True]

    steered.ticks.stop()

    assert not steered.ticks.reaches(OTHER)


async def test_a_watch_tick_puts_back_a_flushed_schedule_while_it_looks(steered: Steered) -> None:
    steered.schedule.answers["intact"] = lambda *_: len(steered.schedule.asked("intact")) != 2

    await steered.ticks.run("watch", SIM)

    assert steered.worked.count("watch") == 1
    assert steered.worked.count("reschedule") == 1
    assert len(steered.schedule.asked("intact")) == ceil((STRETCH + HAND_OVER) / KEEP)


async def test_what_is_owed_afterwards_waits_for_no_queue_of_customers(steered: Steered) -> None:
    """Which of them a request goes to is the budget's business."""
    gate = Gate()
    steered.steps.expire.__dict__["tick"] = gate.tick
    running = asyncio.ensure_future(steered.ticks.run("expire", SIM))
    await at_rest()

    assert (gate.began, steered.worked) == (1, ["pursue"])

    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


@pytest.mark.parametrize("failing", ["expire", "pursue"])
async def test_what_fails_cuts_off_nothing_beside_it_and_is_raised_in_the_end(
    steered: Steered, failing: str
) -> None:
    """Cut off, calls under way would be lost: a customer's money must not wait for that."""
    gate = Gate()
    other = "pursue" if failing == "expire" else "expire"
    getattr(steered.steps, other).__dict__["tick"] = gate.tick

    def fail(*_: Any) -> int:
        raise StoreUnavailable("away")

    steered.steer(failing, fail)
    running = asyncio.ensure_future(steered.ticks.run("expire", SIM))
    await at_rest()
    assert (running.done(), gate.began) == (False, 1)
    gate.go.set()

    with pytest.raises(StoreUnavailable):
        await running
    goes_on = gate.began > 1
    assert goes_on is (failing == "pursue"), "endings wait for no pursuit; else the next tick tries"


async def test_timers_are_looked_after_by_the_sweep_where_nobody_else_does(
    steered: Steered,
) -> None:
    await steered.ticks.run("sweep")
    assert steered.worked.count("timers") == 1, "whoever looked after them may be dead"
    await steered.ticks.run("sweep")
    assert steered.worked.count("timers") == 1
    steered.time.pass_by(timedelta(minutes=1))

    await steered.ticks.run("sweep")

    assert steered.worked.count("timers") == 2
    assert await steered.ticks.run("timers") is JobResult.DONE


async def test_a_second_look_at_the_timers_in_line_sends_the_third_away(
    steered: Steered, gate: Gate
) -> None:
    running = [asyncio.ensure_future(steered.ticks.run("timers")) for _ in range(2)]
    await at_rest()

    assert await steered.ticks.run("timers") is JobResult.BUSY
    gate.go.set()

    assert set(await asyncio.gather(*running)) == {JobResult.DONE}


async def test_the_canary_is_sent_on_where_there_is_one(steered: Steered) -> None:
    assert await steered.ticks.run("canary") is JobResult.DONE
    steered.configure(canary=Stub(tick=steered.step("canary")))

    assert await steered.ticks.run("canary") is JobResult.DONE

    assert steered.worked == ["canary"]
