"""The page's example of a family from outside passes the suite that every family passes."""

from collections.abc import Iterator

import pytest

from tests.family_packages import example, installed
from worker.testing.habits import Habits
from worker.testing.providers import *  # noqa: F403 - the suite and its fixtures
from worker.testing.simulated_provider import SimulatedPair


@pytest.fixture(scope="module", autouse=True)
def _installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    files, _ = example()
    assert sum(text.count("\n") for text in files.values()) <= 150
    with installed(tmp_path_factory.mktemp("pigeon"), files, pigeon="pigeon_provider"):
        yield


@pytest.fixture
def pair() -> SimulatedPair:
    return "pigeon", "classic"


@pytest.fixture  # type: ignore[no-redef] # in place of the suite's
def habits() -> Habits:
    return Habits(refuses_early_cancels=True)
