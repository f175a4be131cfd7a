"""One timer's bug is told and passed by; a database that is away ends the tick."""

from collections.abc import Collection
from typing import Any, cast
from uuid import UUID

import pytest

from tests.fakes.reporter import RecordingReporter
from tests.unit.lifecycle.scripted import RENTED, Stub, StubStore
from worker.lifecycle.cases.timers import Timers
from worker.ports.errors import StoreUnavailable
from worker.ports.store.case_view import Timer, TimerKind

AWAY = StoreUnavailable("away")


class Office:
    """One rental that ends and one that is closed are due; each step does as the test says."""

    def __init__(self, **steps: Any) -> None:
        self.store = StubStore(
            forget_answers=0,
            forget_texts=0,
            lease_timers=self._claim,
            end_rental=steps.get("end_rental", True),
        )
        self.closing = Stub(fire=steps.get("close"))
        self.reporter = RecordingReporter()
        self.timers = Timers(
            cases=cast("Any", self.store),
            books=cast("Any", self.store),
            activations=cast("Any", self.store),
            reporter=self.reporter,
            judges={},
            silence=cast("Any", Stub(seed=steps.get("seed", 0))),
            closing=cast("Any", self.closing),
        )

    def _claim(self, _: int, kinds: Collection[TimerKind]) -> list[Timer]:
        due = (TimerKind.RENTAL_END, TimerKind.RENTAL_CLOSE)
        return [Timer(kind, UUID(int=1), RENTED) for kind in due if kind in kinds]


async def test_windows_that_cannot_be_set_are_told_and_hold_up_no_timer() -> None:
    office = Office(seed=ValueError("secret"))

    assert await office.timers.tick() == 2

    assert office.reporter.of("trouble") == [("job.failed", None, "timers: seed: ValueError")]


@pytest.mark.parametrize("step", ["seed", "end_rental", "close"])
async def test_a_database_that_is_away_ends_the_tick_and_blames_no_timer(step: str) -> None:
    office = Office(**{step: AWAY})

    with pytest.raises(StoreUnavailable):
        await office.timers.tick()

    assert office.reporter.told == []
