"""Liveness: a loop that stopped is named, one that moves is not."""

from datetime import timedelta

import pytest

from worker.adapters.telemetry.progress import Progress


class Clock:
    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def test_nothing_is_stuck_at_the_start() -> None:
    assert Progress(Clock(), {"watch": timedelta(seconds=10)}).stuck() == {}


def test_a_loop_silent_beyond_its_limit_is_stuck_until_it_moves_again() -> None:
    clock = Clock()
    progress = Progress(clock, {"watch": timedelta(seconds=10), "expire": timedelta(seconds=60)})

    clock.seconds += 10
    assert progress.stuck() == {}

    clock.seconds += 1
    assert progress.stuck() == {"watch": timedelta(seconds=11)}

    progress.moved("watch")
    assert progress.stuck() == {}


def test_a_loop_nobody_named_cannot_move() -> None:
    with pytest.raises(AssertionError):
        Progress(Clock(), {}).moved("watch")
