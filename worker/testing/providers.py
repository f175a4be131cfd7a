"""The contract of a provider family, as tests to be taken into a test module of one's own.

`from worker.testing.providers import *`, a fixture `pair` with family and dialect, and
`asyncio_mode = "auto"` for pytest-asyncio. The adapter meets the family's own simulated provider,
its `FACE`. Where the family differs from most, a fixture `habits` says in what.
"""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from worker.domain.families import RentOption, capabilities_of
from worker.testing.habits import HABITS, Habits
from worker.testing.number_abilities import *  # noqa: F403 - its tests
from worker.testing.number_faults import *  # noqa: F403 - its tests
from worker.testing.number_history import *  # noqa: F403 - its tests
from worker.testing.number_life import *  # noqa: F403 - its tests
from worker.testing.simulated_provider import PATIENT_S, Simulated, SimulatedPair, simulated


@pytest.fixture
def habits(pair: SimulatedPair) -> Habits:
    """In what this family differs from most."""
    return HABITS.get(pair[0], Habits())


@pytest.fixture
def timeout_s() -> float:
    """Of the adapter; tests in which its provider hangs have another."""
    return PATIENT_S


@pytest_asyncio.fixture
async def met(pair: SimulatedPair, timeout_s: float, habits: Habits) -> AsyncIterator[Simulated]:
    """The adapter and the provider of this run, whichever of the names below they go by."""
    async with simulated(*pair, timeout_s=timeout_s, habits=habits) as both:
        yield both


@pytest.fixture
def it(met: Simulated) -> Simulated:
    """Any adapter and its provider."""
    return met


@pytest.fixture
def guarding(met: Simulated) -> Simulated:
    """One that does not give a number back at once."""
    return _that(met.habits.refuses_early_cancels, met)


@pytest.fixture
def listing(met: Simulated, pair: SimulatedPair) -> Simulated:
    """One that lists its active numbers."""
    return _that(capabilities_of(*pair).list_page_size is not None, met)


@pytest.fixture
def remembering(met: Simulated, pair: SimulatedPair) -> Simulated:
    """One that tells what became of past numbers."""
    return _that(capabilities_of(*pair).history, met)


@pytest.fixture
def resending(met: Simulated, pair: SimulatedPair) -> Simulated:
    """One that can ask for another SMS."""
    return _that(capabilities_of(*pair).resend, met)


@pytest.fixture
def reusing(met: Simulated, pair: SimulatedPair) -> Simulated:
    """One that sells the phone of an earlier number again."""
    return _that(RentOption.REUSE in capabilities_of(*pair).options, met)


@pytest.fixture
def reporting(met: Simulated, pair: SimulatedPair) -> Simulated:
    """One that can be told of a bad number."""
    return _that(capabilities_of(*pair).report, met)


def _that(can: bool, met: Simulated) -> Simulated:  # noqa: FBT001 - what it is asked
    if not can:
        pytest.skip("this family does not")
    return met
