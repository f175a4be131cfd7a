"""Which adapters meet which simulated providers: all that exist on both sides."""

from collections.abc import AsyncIterator

import pytest

from tests.contracts.providers.simulated import (
    Pair,
    Simulated,
    capabilities_of,
    is_guarding,
    simulated,
)
from worker.adapters.providers.build import FAMILIES
from worker.adapters.providers.handler_dialects import DIALECTS
from worker.simulator.config import BadScript, SimulatorConfig
from worker.simulator.faces import face_of


def is_simulated(pair: Pair) -> bool:
    family, dialect = pair
    try:
        face_of(SimulatorConfig.model_validate({"family": family, "dialect": dialect}))
    except BadScript:
        return False
    return True


SPOKEN = [("handler_api", dialect) for dialect in DIALECTS]
SPOKEN += [(family, "classic") for family in FAMILIES if family != "handler_api"]
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
    for fixture, pairs in MEETING.items():
        if fixture in metafunc.fixturenames:
            metafunc.parametrize("pair", pairs, ids="-".join)


@pytest.fixture
async def it(pair: Pair) -> AsyncIterator[Simulated]:
    """Any adapter and its provider."""
    async with simulated(*pair) as both:
        yield both


@pytest.fixture
async def guarding(pair: Pair) -> AsyncIterator[Simulated]:
    """One that does not give a number back at once."""
    async with simulated(*pair) as both:
        yield both


@pytest.fixture
async def listing(pair: Pair) -> AsyncIterator[Simulated]:
    """One that lists its active numbers."""
    async with simulated(*pair) as both:
        yield both


@pytest.fixture
async def remembering(pair: Pair) -> AsyncIterator[Simulated]:
    """One that tells what became of past numbers."""
    async with simulated(*pair) as both:
        yield both


@pytest.fixture
async def resending(pair: Pair) -> AsyncIterator[Simulated]:
    """One that can ask for another SMS."""
    async with simulated(*pair) as both:
        yield both
