"""A cancel that hangs to its timeout keeps no other number from its ending, nor does a finish.

Nor does a locked row: of an account whose number is to be settled, or of a number.
"""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Final, cast

import pytest

from tests.fakes.reporter import RecordingReporter
from tests.simulation.timed.simulated_time import SimulatedTime
from tests.unit.lifecycle.scripted import (
    SIM,
    Refunds,
    ScriptedProvider,
    StubStore,
    due,
    terms,
)
from tests.unit.lifecycle.test_looks_beside_a_hanging_one import nobody_is_blocked, told
from worker.adapters.redis.local import LocalSchedule
from worker.domain.activation import ProviderState
from worker.domain.ids import ActivationId, ProviderRef
from worker.domain.price_fate import PriceFate
from worker.lifecycle.clock import Clock
from worker.lifecycle.expire import Expire
from worker.lifecycle.pursue import Pursue
from worker.lifecycle.settle import Settle
from worker.lifecycle.ticks import STRETCH, Ticks, TickSteps
from worker.ports.errors import ProviderUnavailable
from worker.ports.provider import Circuit, Ended, Waiting
from worker.ports.store.settlements import DueNumber, Ending, Postponed, Settlements

TIMEOUT: Final = 10.0  #: Seconds, until a call that hangs is given up.
TOO_LATE: Final = 2.0  #: Seconds: what is promised is sooner.
SOON: Final = 0.4  #: Seconds: two questions for what is due lie less apart.
HANGING: Final = 1  #: That number's calls hang.


class Store(StubStore):
    """Time waits for its answers."""

    def __init__(self, time: SimulatedTime, **answers: Any) -> None:
        super().__init__(**answers)
        self.time = time

    def _verify(self, name: str, *arguments: Any, **named: Any) -> None:
        super()._verify(name, *arguments, **named)
        with self.time.outside():
            """It is asked now."""


def simulated(time: SimulatedTime) -> Clock:
    return Clock(now=time.now, monotonic=time.monotonic, sleep=time.sleep, chance=lambda: 0.0)


class Town:
    """Numbers that are to be ended, or finished, at instants of simulated time."""

    def __init__(self, max_in_flight: int, rate: float = 1000.0, hanging: int = 1) -> None:
        self.hanging = {ProviderRef(str(HANGING + number)) for number in range(hanging)}
        self.time = SimulatedTime(told, nobody_is_blocked)
        self.asked: dict[ProviderRef, float] = {}
        self.locked: set[ActivationId] = set()  #: Rows that no settlement gets.
        self.in_flight = self.most_in_flight = 0
        self.owed: dict[str, list[tuple[float, DueNumber]]] = {"cancels": [], "pursuits": []}
        self.leased: dict[ActivationId, DueNumber] = {}
        self.provider = ScriptedProvider()
        self.provider.will("cancel", self.ends).will("finish", self.ends)
        self.provider.will("look", Waiting())
        self.provider.reachable = self.reachable  # type: ignore[method-assign] # in simulated time
        clock = simulated(self.time)
        store = cast(
            "Any",
            Store(
                self.time,
                lease_cancels=lambda _, limit, __: self.lease("cancels", limit),
                lease_pursuits=lambda _, limit, __: self.lease("pursuits", limit),
                still_leased=lambda asked: {number.id for number in asked},
                due_in=lambda _: self.due_in(),
                settle=self.settle,
                postpone=self.postpone,
                resolve=lambda asked: self.locked & {each.id for each in asked},
            ),
        )
        reporter = RecordingReporter()
        settle = Settle(settlements=store, reporter=reporter)
        shared: dict[str, Any] = {
            "settlements": store,
            "activations": store,
            "schedule": LocalSchedule({SIM: rate}, clock=self.time.now),
            "reporter": reporter,
            "settle": settle,
            "clock": clock,
            "terms": {SIM: terms(max_in_flight=max_in_flight, requests_per_second=rate)},
        }
        others = dict.fromkeys(
            ("watch", "repair", "reconcile", "sweep", "timers", "deliver", "audit", "canary")
        )
        steps = cast("Any", others)
        self.ticks = Ticks(
            steps=TickSteps(
                clock=clock,
                expire=Expire(rules=Refunds(), **shared),
                pursue=Pursue(**shared),
                **steps,
            ),
            providers={SIM: self.provider},
        )

    async def ends(self, ref: ProviderRef) -> Ended:
        self.asked.setdefault(ref, self.time.elapsed)
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            if ref in self.hanging:
                await self.time.sleep(TIMEOUT)
                raise ProviderUnavailable("sim", "no answer in time")
            await self.time.sleep(0.1)
            return Ended(PriceFate.GIVEN_BACK)
        finally:
            self.in_flight -= 1

    def settle(self, endings: Sequence[Ending], **_: object) -> Settlements:
        return Settlements([], [], [each.id for each in endings if each.id in self.locked])

    def owes(self, what: str, dues: Sequence[float], first: int = HANGING) -> None:
        """Numbers to be ended then; the first hangs where it is not said otherwise."""
        state = ProviderState.FINISHING if what == "pursuits" else ProviderState.CANCELLING
        for number, at in enumerate(dues, start=first):
            self.owed[what].append((at, due(number, provider_state=state)))

    def lease(self, what: str, limit: int) -> list[DueNumber]:
        owed = self.owed[what]
        leased = [each for each in owed if each[0] <= self.time.elapsed][:limit]
        self.owed[what] = [each for each in owed if each not in leased]
        self.leased.update((number.id, number) for _, number in leased)
        return [number for _, number in leased]

    def postpone(self, postponed: Sequence[Postponed]) -> None:
        for each in postponed:
            number = self.leased[each.id]
            what = "pursuits" if number.provider_state is ProviderState.FINISHING else "cancels"
            self.owed[what].append((self.time.elapsed + each.delay.total_seconds(), number))

    async def reachable(self) -> None:
        while self.provider.circuit is Circuit.OPEN:
            await self.time.sleep(0.1)

    def due_in(self) -> timedelta | None:
        first = min((at for each in self.owed.values() for at, _ in each), default=None)
        return None if first is None else timedelta(seconds=first - self.time.elapsed)

    def late(
        self, dues: Sequence[float], first: int = HANGING, after: float = TOO_LATE
    ) -> dict[int, object]:
        return {
            number: (at, self.asked.get(ProviderRef(str(number))))
            for number, at in enumerate(dues, start=first)
            if not self.asked.get(ProviderRef(str(number)), float("inf")) <= at + after
        }

    @contextmanager
    def ending(self, ticks: int) -> Iterator[None]:
        running = [asyncio.ensure_future(self.ticks.run("expire", SIM)) for _ in range(ticks)]
        try:
            yield
        finally:
            for task in running:
                task.cancel()


@pytest.mark.parametrize("max_in_flight", [2, 100])
async def test_numbers_that_fall_due_while_one_cancel_hangs_are_ended_at_once(
    max_in_flight: int,
) -> None:
    town = Town(max_in_flight)
    dues = [0.1 + 0.3 * number for number in range(14)]
    town.owes("cancels", dues)

    with town.ending(ticks=1):
        await town.time.passes_until(STRETCH.total_seconds() + 0.5)

    assert town.late(dues) == {}
    assert town.most_in_flight <= max_in_flight


async def test_numbers_are_ended_while_a_finish_hangs() -> None:
    town = Town(max_in_flight=4)
    dues = [0.5 + 0.3 * number for number in range(12)]
    town.owes("pursuits", [0.1])
    town.owes("cancels", dues, first=10)

    with town.ending(ticks=1):
        await town.time.passes_until(STRETCH.total_seconds() + 0.5)

    assert town.asked[ProviderRef(str(HANGING))] < 1.0
    assert town.late(dues, first=10) == {}


async def test_numbers_are_ended_while_the_lanes_that_pursue_hang_before_a_long_queue() -> None:
    town = Town(max_in_flight=4, hanging=2)
    dues = [0.5 + 0.3 * number for number in range(12)]
    town.owes("pursuits", [0.1] * 100)
    town.owes("cancels", dues, first=1000)

    with town.ending(ticks=1):
        await town.time.passes_until(STRETCH.total_seconds() + 0.5)

    assert len([ref for ref in town.asked if int(ref) < 1000]) == 2
    assert town.late(dues, first=1000, after=SOON) == {}


async def test_numbers_are_ended_while_many_are_pursued() -> None:
    town = Town(max_in_flight=4, hanging=0)
    dues = [0.5 + 0.3 * number for number in range(12)]
    town.owes("pursuits", [0.1] * 400)
    town.owes("cancels", dues, first=1000)

    with town.ending(ticks=1):
        await town.time.passes_until(STRETCH.total_seconds() + 0.5)

    assert town.late(dues, first=1000, after=SOON) == {}


@pytest.mark.parametrize("what", ["cancels", "pursuits"])
async def test_numbers_are_ended_while_another_ones_row_is_locked(what: str) -> None:
    town = Town(max_in_flight=4, hanging=0)
    dues = [0.3 + 0.3 * number for number in range(14)]
    town.locked = {due(number).id for number in (1, 2)}
    town.owes(what, [0.2, 2.5], first=1)
    town.owes("cancels", dues, first=10)

    with town.ending(ticks=1):
        await town.time.passes_until(STRETCH.total_seconds() + 0.5)

    assert town.late([0.2, 2.5], first=1, after=SOON) == {}
    assert town.late(dues, first=10, after=SOON) == {}


async def test_the_next_stretch_does_not_wait_for_a_cancel_that_hangs() -> None:
    town = Town(max_in_flight=2)
    end = STRETCH.total_seconds()
    dues = [end - 1 + 0.4 * number for number in range(10)]
    town.owes("cancels", dues)

    with town.ending(ticks=2):
        await town.time.passes_until(2 * end)

    assert town.late(dues) == {}
    assert town.most_in_flight <= 2


@pytest.mark.parametrize(("what", "max_in_flight"), [("cancels", 1), ("pursuits", 2)])
async def test_where_every_lane_hangs_nothing_more_is_leased(what: str, max_in_flight: int) -> None:
    """Half of the lanes pursue."""
    town = Town(max_in_flight)
    town.owes(what, [0.1, 0.5])

    with town.ending(ticks=1):
        await town.time.passes_until(STRETCH.total_seconds() - 0.5)

    assert list(town.asked) == [str(HANGING)]
    assert len(town.owed[what]) == 1


@pytest.mark.parametrize("what", ["cancels", "pursuits"])
async def test_a_circuit_that_was_open_for_a_moment_leaves_nothing_to_the_lane_that_hangs(
    what: str,
) -> None:
    town = Town(max_in_flight=8)
    dues = [0.1] * 30
    town.owes(what, dues)

    with town.ending(ticks=1):
        await town.time.passes_until(0.15)
        town.provider.circuit = Circuit.OPEN
        await town.time.passes_until(0.65)
        assert len(town.asked) <= town.most_in_flight
        town.provider.circuit = Circuit.CLOSED
        await town.time.passes_until(STRETCH.total_seconds())

    assert town.late(dues) == {}
    assert town.most_in_flight <= 8


@pytest.mark.parametrize(("what", "hanging"), [("cancels", 4), ("pursuits", 2)])
async def test_calls_that_hang_at_a_low_rate_hold_up_no_others(what: str, hanging: int) -> None:
    """As many hang as are leased at once there; paid for, they wait for the rate no more."""
    town = Town(max_in_flight=10, rate=2.0, hanging=hanging)
    dues = [0.1] * hanging + [2.5, 3.5, 4.5, 5.5]
    town.owes(what, dues)

    with town.ending(ticks=2):
        await town.time.passes_until(9.0)

    assert town.late(dues[hanging:], first=HANGING + hanging) == {}


async def test_no_more_is_leased_beside_what_hangs_than_a_low_rate_lets_be_asked_soon() -> None:
    """A lease must not end before the rate lets its number be reached."""
    town = Town(max_in_flight=100, rate=2.0)
    town.owes("cancels", [0.1] + [1.0] * 40)

    with town.ending(ticks=2):
        await town.time.passes_until(8.0)

    assert len(town.leased) - len(town.asked) <= 4
    assert len(town.asked) >= 8
