"""Which adapters have long rentals, each with the simulated provider of its family."""

from collections.abc import AsyncIterator

import pytest

from tests.contracts.providers.conftest import once_per_pair
from tests.contracts.rentals.rented import PAIRS, Renting, renting, terms_of
from worker.testing.simulated_provider import SimulatedPair

CHOSEN = {
    "it": PAIRS,
    "prolonging": [pair for pair in PAIRS if terms_of(pair).prolongs],
    "telling_refunds": [pair for pair in PAIRS if terms_of(pair).tells_refund],
    "telling_outages": [pair for pair in PAIRS if terms_of(pair).tells_outage],
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    once_per_pair(metafunc, CHOSEN)


@pytest.fixture
async def met(pair: SimulatedPair) -> AsyncIterator[Renting]:
    """The adapter and the provider of this run, whichever of the names below they go by."""
    async with renting(*pair) as both:
        yield both


@pytest.fixture
def it(met: Renting) -> Renting:
    """Any adapter with long rentals, and its provider."""
    return met


@pytest.fixture
def prolonging(met: Renting) -> Renting:
    """One that sells more time."""
    return met


@pytest.fixture
def telling_refunds(met: Renting) -> Renting:
    """One that says of a close whether the price came back."""
    return met


@pytest.fixture
def telling_outages(met: Renting) -> Renting:
    """One that says of a number that it does not work."""
    return met
