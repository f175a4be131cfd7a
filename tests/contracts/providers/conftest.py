"""Which adapters meet which simulated providers: all that exist on both sides."""

from collections.abc import AsyncIterator

import pytest

from tests.contracts.providers.simulated import (
    PATIENT_S,
    Pair,
    Simulated,
    capabilities_of,
    is_guarding,
    once_per_pair,
    simulated,
)
from worker.domain.families import every_dialect
from worker.simulator.config import BadScript, SimulatorConfig
from worker.simulator.faces import face_of


def is_simulated(pair: Pair) -> bool:
    family, dialect = pair
    try:
        face_of(SimulatorConfig.model_validate({"family": family, "dialect": dialect}))
    except BadScript:
        return False
    return True


SPOKEN = [(family, dialect or "classic") for family, dialect in every_dialect()]
PAIRS = [pair for pair in SPOKEN if is_simulated(pair)]
GUARDING = [pair for pair in PAIRS if is_guarding(pair)]
LISTING = [pair for pair in PAIRS if capabilities_of(pair).list_page_size is not None]
REMEMBERING = [pair for pair in PAIRS if capabilities_of(pair).history]
RESENDING = [pair for pair in PAIRS if capabilities_of(pair).resend]
MEETING = {
    "it": PAIRS,
    "guarding": GUARDING,
    "listing": LISTING,
    "remembering": REMEMBERING,
    "resending": RESENDING,
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    once_per_pair(metafunc, MEETING)


@pytest.fixture
def timeout_s() -> float:
    """Of the adapter; tests in which its provider hangs have another."""
    return PATIENT_S


@pytest.fixture
async def met(pair: Pair, timeout_s: float) -> AsyncIterator[Simulated]:
    """The adapter and the provider of this run, whichever of the names below they go by."""
    async with simulated(*pair, timeout_s=timeout_s) as both:
        yield both


@pytest.fixture
def it(met: Simulated) -> Simulated:
    """Any adapter and its provider."""
    return met


@pytest.fixture
def guarding(met: Simulated) -> Simulated:
    """One that does not give a number back at once."""
    return met


@pytest.fixture
def listing(met: Simulated) -> Simulated:
    """One that lists its active numbers."""
    return met


@pytest.fixture
def remembering(met: Simulated) -> Simulated:
    """One that tells what became of past numbers."""
    return met


@pytest.fixture
def resending(met: Simulated) -> Simulated:
    """One that can ask for another SMS."""
    return met
