"""Which adapters meet which simulated providers: all that exist on both sides."""

from collections.abc import Mapping, Sequence
from typing import Final

import pytest

from worker.domain.families import RentOption, capabilities_of, every_dialect
from worker.simulator.config import BadScript, SimulatorConfig
from worker.simulator.faces import face_of
from worker.testing.habits import HABITS, Habits
from worker.testing.providers import (
    guarding,
    habits,
    it,
    listing,
    met,
    remembering,
    reporting,
    resending,
    reusing,
    timeout_s,
)
from worker.testing.simulated_provider import SimulatedPair

FIXTURES: Final = (
    guarding,
    habits,
    it,
    listing,
    met,
    remembering,
    reporting,
    resending,
    reusing,
    timeout_s,
)


def is_simulated(pair: SimulatedPair) -> bool:
    family, dialect = pair
    try:
        face_of(SimulatorConfig.model_validate({"family": family, "dialect": dialect}))
    except BadScript:
        return False
    return True


SPOKEN = [(family, dialect or "classic") for family, dialect in every_dialect()]
PAIRS = [pair for pair in SPOKEN if is_simulated(pair)]
GUARDING = [pair for pair in PAIRS if HABITS.get(pair[0], Habits()).refuses_early_cancels]
LISTING = [pair for pair in PAIRS if capabilities_of(*pair).list_page_size is not None]
REMEMBERING = [pair for pair in PAIRS if capabilities_of(*pair).history]
REPORTING = [pair for pair in PAIRS if capabilities_of(*pair).report]
RESENDING = [pair for pair in PAIRS if capabilities_of(*pair).resend]
REUSING = [pair for pair in PAIRS if RentOption.REUSE in capabilities_of(*pair).options]
MEETING = {
    "it": PAIRS,
    "guarding": GUARDING,
    "listing": LISTING,
    "remembering": REMEMBERING,
    "reporting": REPORTING,
    "resending": RESENDING,
    "reusing": REUSING,
}


def once_per_pair(metafunc: pytest.Metafunc, chosen: Mapping[str, Sequence[SimulatedPair]]) -> None:
    """Run a test with every pair that the fixture it asks for stands for."""
    for fixture, pairs in chosen.items():
        if fixture in metafunc.fixturenames:
            metafunc.parametrize("pair", pairs, ids="-".join)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    once_per_pair(metafunc, MEETING)
