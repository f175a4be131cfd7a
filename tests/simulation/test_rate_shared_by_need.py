"""Half of the rate that is wanted: who needs a request first gets it first, and nobody starves.

In simulated time; what the provider was asked, and when, is its own count.
"""

import asyncio
from collections.abc import AsyncIterator
from itertools import pairwise
from random import Random
from typing import Final

import asyncpg
import pytest

from tests.simulation.process import owned
from tests.simulation.timed.promises import (
    GRAIN,
    LAST_LOOK_S,
    Promised,
    Seen,
    lost_codes,
    seen,
    story,
)
from tests.simulation.timed.scene import Plan, Scene, accounts
from tests.simulation.timed.simulated_daemon import POLL
from worker.domain.activation import CancelAnswer

LOOKED_AT: Final = 36  #: At a time, and one by one: the provider has no list.
WANTED: Final = LOOKED_AT / POLL.total_seconds()  #: Looks a second; endings come on top.
RATE: Final = WANTED / 2
NUMBERS: Final = 60
WINDOW: Final = 36.0
PRESSES: Final = 4
PRESSED_FROM: Final = 30.0
REST: Final = 12.0
BUSY_FROM, BUSY_UNTIL = WINDOW, float(NUMBERS)  #: As many as ever are looked at.
#: The wait of a look where each gets half of what it wants, and as much again for the endings.
LONGEST_GAP: Final = 4 * POLL.total_seconds()


@pytest.fixture
async def scene(database_url: str) -> AsyncIterator[Scene]:
    asyncio.get_running_loop().set_task_factory(owned)
    admin = await asyncpg.connect(database_url)
    scene = Scene(database_url, admin, Random(5), has_list=False, rate=RATE)
    await scene.prepare()
    yield scene
    await scene.close()
    await admin.close()


def plans(rng: Random) -> list[Plan]:
    """A number each second; a third gets its SMS in the last second of its window."""
    drawn = []
    for at in range(NUMBERS):
        sms = (None, WINDOW - 0.8, rng.uniform(1, WINDOW - 4))[at % 3]
        drawn.append(Plan(rng.choice(accounts()), 1.0 + at * WINDOW / LOOKED_AT, WINDOW, sms))
    return drawn


async def test_no_last_look_is_missed_and_nothing_starves(scene: Scene) -> None:
    planned = plans(Random(7))
    until = planned[-1].handed_at + WINDOW + REST
    pressed: dict[str, float] = {}

    async def press() -> None:
        """The youngest that has no code: its next look would be far away."""
        handed = next(each for each in reversed(scene.handed) if not each.number.sms
                      and each.ref not in pressed and each.answered_at is not None
                      and each.plan.code_after is None)  # fmt: skip
        (row,) = await scene.ask("SELECT id FROM activation WHERE provider_ref = $1", handed.ref)
        daemon = scene.daemons[0]
        pressed[handed.ref] = scene.time.elapsed
        press = await daemon.worker.service.pressing(row["id"])
        assert press is not None
        assert press.answer is CancelAnswer.ACCEPTED

    for number in range(PRESSES):
        scene.at(PRESSED_FROM + 7 * number, press)
    await scene.runs(planned, until)

    numbers = await seen(scene, scene.admin)
    assert lost_codes(numbers, Promised(between_looks=LONGEST_GAP)) == []
    watched = [each for each in numbers if each.handed.ref not in pressed]
    assert [story(each) for each in watched if not _had_its_last_look(each)] == []
    assert [story(each) for each in watched if _longest_gap(each) > LONGEST_GAP] == []
    waits = {ref: _cancelled_at(numbers, ref) - at for ref, at in pressed.items()}
    assert max(waits.values()) <= 1.0 + GRAIN, waits
    assert len(waits) == PRESSES
    owed = [each for each in numbers if each.provider_state in {"open", "cancelling", "finishing"}]
    assert [story(each) for each in owed] == []
    busy = [at for at, _, _ in scene.line.asked if BUSY_FROM <= at < BUSY_UNTIL]
    assert 0.8 <= len(busy) / (RATE * (BUSY_UNTIL - BUSY_FROM)) <= 1.05


def _had_its_last_look(number: Seen) -> bool:
    looks = [at for at, what in number.calls if what == "look"]
    return any(number.deadline - LAST_LOOK_S <= at <= number.deadline for at in looks)


def _longest_gap(number: Seen) -> float:
    looks = [at for at, what in number.calls if what == "look" and at <= number.deadline]
    assert number.handed.answered_at is not None
    return max(later - sooner for sooner, later in pairwise([number.handed.answered_at, *looks]))


def _cancelled_at(numbers: list[Seen], ref: str) -> float:
    (number,) = (each for each in numbers if each.handed.ref == ref)
    return min(at for at, what in number.calls if what == "cancel")
