"""Whatever breaks, in simulated time: no code is lost that is owed, and all is at once again.

`AW_SIMULATION_SEEDS` is read as in `test_swarm.py`; each fault is run once for each seed.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from random import Random
from typing import Final, TypeAlias

import asyncpg
import pytest

from tests.simulation.process import owned
from tests.simulation.seeds import seeds
from tests.simulation.timed.promises import late_endings, lost_codes, seen, slow_returns
from tests.simulation.timed.scene import Scene
from tests.simulation.timed.timed_faults import BEGINS, FAULTS, TimedFault, drawn

FEW: Final = 1
SHOWN: Final = 40  #: Lines of what happened, with a failure.
REST: Final = 28.0  #: Seconds after the last handing over: longer than any window.

Begin: TypeAlias = Callable[[Random, TimedFault], Awaitable[Scene]]


@pytest.fixture
async def begin(database_url: str) -> AsyncIterator[Begin]:
    asyncio.get_running_loop().set_task_factory(owned)
    begun: list[Scene] = []

    async def begin_one(rng: Random, fault: TimedFault) -> Scene:
        admin = await asyncpg.connect(database_url)
        has_list = rng.random() < 1 / 2
        scene = Scene(database_url, admin, rng, has_list, fault.host_ahead)
        begun.append(scene)
        await scene.prepare()
        for _ in range(fault.daemons - 1):
            scene.start_daemon()
        return scene

    yield begin_one
    for scene in begun:
        await scene.close()
        await scene.admin.close()


@pytest.mark.parametrize("seed", seeds(FEW))
@pytest.mark.parametrize("name", list(FAULTS))
async def test_codes_are_shown_and_endings_are_at_once(begin: Begin, name: str, seed: int) -> None:
    rng, fault = Random(seed), FAULTS[name]
    scene = await begin(rng, fault)
    promised = fault.plan(scene)
    try:
        await scene.runs(drawn(rng, fault), BEGINS + fault.lasts + REST)
        numbers = await seen(scene, scene.admin)
        broken = [
            *(f"code lost: {each}" for each in lost_codes(numbers, promised)),
            *(f"ending late: {each}" for each in late_endings(numbers, promised)),
            *(f"slow return: {each}" for each in slow_returns(scene, numbers, promised)),
        ]
        assert not broken, "\n".join(broken)
        findings = await scene.daemons[-1].store.books.audit()
        assert {f.invariant: f.offenders for f in findings if f.violations} == {}
    except BaseException as error:
        error.add_note(f"{name}, seed {seed}\n" + "\n".join(scene.log[-SHOWN:]))
        raise
