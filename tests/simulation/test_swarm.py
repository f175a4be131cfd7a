"""Seeded swarms: whatever happens at once, after it each number ends once, and all books agree.

`AW_SIMULATION_SEEDS=200` runs that many instead of a few, `AW_SIMULATION_SEEDS=17:18` the one that
failed. What ran at once may take another turn in PostgreSQL the next time.
"""

from random import Random
from typing import Final

import pytest

from tests.simulation.process import Gate
from tests.simulation.proof import endings
from tests.simulation.seeds import seeds
from tests.simulation.swarm import Swarm
from tests.simulation.town import Town
from tests.simulation.weather import drawn

FEW: Final = 6
LISTING: Final = 2 / 3  #: Of the providers tell their active numbers.
SHOWN: Final = 40  #: Steps before a failure.


@pytest.mark.parametrize("seed", seeds(FEW))
async def test_whatever_happens_at_once_each_number_ends_once(town: Town, seed: int) -> None:
    weather = drawn(Random(seed))
    faults = ", ".join(f"{fault.value} {rate:.2f}" for fault, rate in weather.rates.items())
    town.outside.theirs.offers(has_list=weather.rng.random() < LISTING)
    life = await town.begin(Gate())
    try:
        await Swarm(town, life, weather).runs()
        life.outside.theirs.down = False
        await life.rest()
        await endings(life)
        await town.audited()
    except BaseException as error:
        error.add_note(f"seed {seed}: {faults}\n" + "\n".join(weather.log[-SHOWN:]))
        raise
