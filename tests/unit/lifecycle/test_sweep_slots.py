"""A sweep tick lasts for its slot, where something falls due in it."""

from datetime import timedelta
from typing import Any, cast

from tests.fakes.reporter import RecordingReporter
from tests.unit.lifecycle.scripted import OwnTime, Refunds, StubStore, due
from worker.domain.activation import ProviderState, State
from worker.lifecycle.settle import Settle
from worker.lifecycle.sweep import APART, Sweep
from worker.lifecycle.ticks import TICKS
from worker.ports.store.settlements import Ending, Settlements

SECOND = timedelta(seconds=1)


class Window:
    """One number with a code, whose window ends so long after the start."""

    def __init__(self, ends_in: timedelta | None) -> None:
        self.ends_in = ends_in
        self.number = due(state=State.RECEIVED, provider_state=ProviderState.OPEN)
        self.time = OwnTime()
        self.ended_after: list[timedelta] = []
        self.store = StubStore(
            due_in=lambda: None if self.ended_after else self._left(),
            due_deliveries=lambda _: [self.number] if self._is_due() else [],
            past_grace=[],
            mark_expired=0,
            foreign_rows=[],
            settle=self._settle,
        )

    async def tick(self) -> None:
        store, reporter = cast("Any", self.store), RecordingReporter()
        sweep = Sweep(
            settlements=store,
            reporter=reporter,
            settle=Settle(settlements=store, reporter=reporter),
            rules=cast("Any", Refunds()),
            clock=self.time.clock(),
            grace=timedelta(0),
        )
        await sweep.tick()

    def _left(self) -> timedelta | None:
        return None if self.ends_in is None else self.ends_in - self._passed()

    def _passed(self) -> timedelta:
        return timedelta(seconds=self.time.elapsed)

    def _is_due(self) -> bool:
        left = self._left()
        return not self.ended_after and left is not None and left <= timedelta(0)

    def _settle(self, _: list[Ending]) -> Settlements:
        self.ended_after.append(self._passed())
        return Settlements([], [])


async def test_what_falls_due_in_a_slot_is_ended_in_it() -> None:
    window = Window(ends_in=timedelta(milliseconds=600))

    await window.tick()

    (ended_after,) = window.ended_after
    assert ended_after - timedelta(milliseconds=600) < APART


async def test_a_slot_in_which_nothing_falls_due_costs_one_question() -> None:
    for later in (None, SECOND):
        window = Window(ends_in=later)

        await window.tick()

        assert [asked for asked, _ in window.store.calls] == ["due_in", "foreign_rows"]
        assert window.time.elapsed == 0.0


async def test_a_tick_whose_numbers_stay_due_ends_with_its_slot() -> None:
    window = Window(ends_in=timedelta(0))
    window.store.answers["settle"] = lambda _: Settlements([], [], [window.number.id])

    await window.tick()

    looks = len(window.store.asked("due_in"))
    assert looks * APART == TICKS["sweep"].every
    assert window.time.elapsed < SECOND.total_seconds()
