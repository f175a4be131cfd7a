"""Which adapters have long rentals, each with the simulated provider of its family."""

from collections.abc import AsyncIterator

import pytest

from tests.contracts.providers.simulated import Pair
from tests.contracts.rentals.rented import PAIRS, Renting, renting, terms_of

CHOSEN = {
    "it": PAIRS,
    "prolonging": [pair for pair in PAIRS if terms_of(pair).prolongs],
    "telling_refunds": [pair for pair in PAIRS if terms_of(pair).tells_refund],
    "telling_outages": [pair for pair in PAIRS if terms_of(pair).tells_outage],
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    for fixture, pairs in CHOSEN.items():
        if fixture in metafunc.fixturenames:
            metafunc.parametrize("pair", pairs, ids="-".join)


@pytest.fixture
async def it(pair: Pair) -> AsyncIterator[Renting]:
    """Any adapter with long rentals, and its provider."""
    async with renting(*pair) as both:
        yield both


@pytest.fixture
async def prolonging(pair: Pair) -> AsyncIterator[Renting]:
    """One that sells more time."""
    async with renting(*pair) as both:
        yield both


@pytest.fixture
async def telling_refunds(pair: Pair) -> AsyncIterator[Renting]:
    """One that says of a close whether the price came back."""
    async with renting(*pair) as both:
        yield both


@pytest.fixture
async def telling_outages(pair: Pair) -> AsyncIterator[Renting]:
    """One that says of a number that it does not work."""
    async with renting(*pair) as both:
        yield both
