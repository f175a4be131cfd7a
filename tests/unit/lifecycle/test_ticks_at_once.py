"""One tick of a kind and provider at a time, the next one in line, the third sent away."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, cast

import pytest

from tests.fakes.turns import at_rest
from tests.unit.lifecycle.scripted import SIM, OwnTime, ScriptedProvider, Stub
from worker.domain.ids import ProviderName
from worker.lifecycle.ticks import IDLE, STRETCH, STUCK, TickResult, Ticks
from worker.ports.errors import StoreUnavailable
from worker.ports.provider import Circuit

OTHER = ProviderName("other")


class Steps:
    """Ticks whose steps a test steers; each is a function of its provider."""

    def __init__(self) -> None:
        self.time = OwnTime()
        self.providers = {name: ScriptedProvider(name) for name in (SIM, OTHER)}
        self.worked: list[str] = []
        self.done = 0  #: What expire and pursue answer.
        self.schedule = Stub(intact=True)
        steps = {
            step: Stub(tick=self.step(step))
            for step in ("watching", "expiring", "pursuing", "sweeping", "reconciling", "timing")
        }
        repairing = Stub(tick=self.step("repairing"), reschedule=self.step("rescheduling"))
        repairing.__dict__["schedule"] = self.schedule
        given = cast("Any", {**steps, "repairing": repairing})
        self.ticks = Ticks(providers=self.providers, clock=self.time.clock(), **given)

    def step(self, name: str) -> Callable[..., int]:
        def work(*_: Any) -> int:
            self.worked.append(name)
            return self.done

        return work

    def steer(self, step: str, work: Any) -> None:
        cast("Stub", getattr(self.ticks, step)).answers["tick"] = work


@pytest.fixture
def steps() -> Steps:
    return Steps()


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
def gate(steps: Steps) -> Gate:
    gate = Gate()
    for step in ("repairing", "sweeping", "timing"):
        getattr(steps.ticks, step).__dict__["tick"] = gate.tick
    return gate


@pytest.mark.parametrize(("tick", "step"), [("repair", "repairing"), ("reconcile", "reconciling")])
async def test_a_tick_does_its_step_once(steps: Steps, tick: str, step: str) -> None:
    call: Callable[[ProviderName], Awaitable[TickResult]] = getattr(steps.ticks, tick)

    assert await call(SIM) is TickResult.DONE

    assert steps.worked == [step]


async def test_a_sweep_is_everybodys(steps: Steps) -> None:
    assert await steps.ticks.sweep() is TickResult.DONE

    assert steps.worked[0] == "sweeping"


@pytest.mark.parametrize("tick", ["watch", "expire", "repair", "reconcile"])
async def test_a_provider_nobody_configured_has_no_ticks(steps: Steps, tick: str) -> None:
    call: Callable[[ProviderName], Awaitable[TickResult]] = getattr(steps.ticks, tick)

    assert await call(ProviderName("nobody")) is TickResult.UNKNOWN

    assert steps.worked == []


async def test_the_second_waits_and_the_third_is_sent_away(steps: Steps, gate: Gate) -> None:
    first = asyncio.ensure_future(steps.ticks.repair(SIM))
    await at_rest()
    second = asyncio.ensure_future(steps.ticks.repair(SIM))
    await at_rest()

    assert await steps.ticks.repair(SIM) is TickResult.BUSY
    assert gate.began == 1
    gate.go.set()

    assert set(await asyncio.gather(first, second)) == {TickResult.DONE}
    assert gate.began == 2


async def test_a_second_sweep_in_line_sends_the_third_away(steps: Steps, gate: Gate) -> None:
    running = [asyncio.ensure_future(steps.ticks.sweep()) for _ in range(2)]
    await at_rest()

    assert await steps.ticks.sweep() is TickResult.BUSY
    gate.go.set()

    assert await asyncio.gather(*running) == [TickResult.DONE, TickResult.DONE]


async def test_a_delivery_that_goes_on_is_not_joined_by_another(steps: Steps, gate: Gate) -> None:
    steps.ticks.delivering = cast("Any", gate)
    first = asyncio.ensure_future(steps.ticks.deliver_events())
    await at_rest()

    assert await steps.ticks.deliver_events() is TickResult.BUSY
    gate.go.set()

    assert await first is TickResult.DONE
    assert await steps.ticks.deliver_events() is TickResult.DONE
    assert gate.began == 2


async def test_without_an_endpoint_there_is_nothing_to_deliver(steps: Steps) -> None:
    assert await steps.ticks.deliver_events() is TickResult.DONE


async def test_providers_do_not_wait_for_each_other(steps: Steps, gate: Gate) -> None:
    running = [asyncio.ensure_future(steps.ticks.repair(name)) for name in (SIM, OTHER)]
    await at_rest()

    assert gate.began == 2
    gate.go.set()
    await asyncio.gather(*running)


async def test_a_tick_that_fails_leaves_the_next_its_turn(steps: Steps) -> None:
    steps.steer("repairing", StoreUnavailable("database: gone"))
    with pytest.raises(StoreUnavailable):
        await steps.ticks.repair(SIM)
    steps.steer("repairing", 0)

    assert await steps.ticks.repair(SIM) is TickResult.DONE
    assert steps.ticks.stuck() == []


async def test_who_gives_up_in_line_leaves_his_place(steps: Steps, gate: Gate) -> None:
    first = asyncio.ensure_future(steps.ticks.repair(SIM))
    await at_rest()
    second = asyncio.ensure_future(steps.ticks.repair(SIM))
    await at_rest()
    second.cancel()
    await at_rest()
    third = asyncio.ensure_future(steps.ticks.repair(SIM))
    await at_rest()
    gate.go.set()

    assert set(await asyncio.gather(first, third)) == {TickResult.DONE}


async def test_silence_counts_from_the_end_of_the_last_tick(steps: Steps, gate: Gate) -> None:
    assert steps.ticks.silent_for("repair", SIM) == timedelta(0)
    steps.time.pass_by(timedelta(seconds=7))
    assert steps.ticks.silent_for("repair", SIM) == timedelta(seconds=7)

    running = asyncio.ensure_future(steps.ticks.repair(SIM))
    await at_rest()
    steps.time.pass_by(timedelta(seconds=7))
    assert steps.ticks.silent_for("repair", SIM) == timedelta(0)
    gate.go.set()
    await running
    steps.time.pass_by(timedelta(seconds=3))

    assert steps.ticks.silent_for("repair", SIM) == timedelta(seconds=3)


async def test_a_tick_that_never_ends_is_stuck(steps: Steps, gate: Gate) -> None:
    running = asyncio.ensure_future(steps.ticks.repair(SIM))
    await at_rest()
    steps.time.pass_by(STUCK)
    assert steps.ticks.stuck() == []

    steps.time.pass_by(timedelta(seconds=1))
    assert steps.ticks.stuck() == ["repair"]
    gate.go.set()
    await running

    assert steps.ticks.stuck() == []


async def test_an_expire_tick_ends_and_pursues_until_its_stretch_is_over(steps: Steps) -> None:
    await steps.ticks.expire(SIM)

    assert set(steps.worked) == {"expiring", "pursuing"}
    assert steps.worked.count("expiring") == STRETCH / IDLE
    assert steps.time.elapsed == STRETCH.total_seconds()


async def test_an_expire_tick_that_has_work_takes_no_nap(steps: Steps) -> None:
    def busy(*_: Any) -> int:
        steps.time.pass_by(timedelta(seconds=1))
        return 1

    steps.steer("expiring", busy)
    await steps.ticks.expire(SIM)

    assert steps.time.naps == []


async def test_an_expire_tick_does_not_spin_while_the_provider_is_away(steps: Steps) -> None:
    steps.done = 1
    steps.providers[SIM].circuit = Circuit.OPEN

    await steps.ticks.expire(SIM)

    assert len(steps.time.naps) == STRETCH / IDLE


async def test_stopping_ends_a_stretch_at_its_next_step(steps: Steps) -> None:
    def last(*_: Any) -> int:
        steps.ticks.stop()
        return 0

    steps.steer("expiring", last)
    await steps.ticks.expire(SIM)
    await steps.ticks.expire(SIM)

    assert steps.worked == ["pursuing"]


async def test_a_watch_tick_puts_back_a_flushed_schedule_while_it_looks(steps: Steps) -> None:
    steps.schedule.answers["intact"] = lambda *_: len(steps.schedule.asked("intact")) != 2

    await steps.ticks.watch(SIM)

    assert steps.worked.count("watching") == 1
    assert steps.worked.count("rescheduling") == 1
    assert len(steps.schedule.asked("intact")) == STRETCH.total_seconds()


async def test_timers_are_looked_after_by_the_sweep_where_nobody_else_does(steps: Steps) -> None:
    await steps.ticks.sweep()
    assert "timing" not in steps.worked
    steps.time.pass_by(timedelta(minutes=1))

    await steps.ticks.sweep()

    assert steps.worked.count("timing") == 1
    assert await steps.ticks.timers() is TickResult.DONE


async def test_a_second_look_at_the_timers_in_line_sends_the_third_away(
    steps: Steps, gate: Gate
) -> None:
    running = [asyncio.ensure_future(steps.ticks.timers()) for _ in range(2)]
    await at_rest()

    assert await steps.ticks.timers() is TickResult.BUSY
    gate.go.set()

    assert set(await asyncio.gather(*running)) == {TickResult.DONE}


async def test_the_canary_is_sent_on_where_there_is_one(steps: Steps) -> None:
    assert await steps.ticks.canary() is TickResult.DONE
    steps.ticks.canary_run = cast("Any", Stub(tick=steps.step("canary_run")))

    assert await steps.ticks.canary() is TickResult.DONE

    assert steps.worked == ["canary_run"]
