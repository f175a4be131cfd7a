"""Freeze the process after every call: another one goes on, and the one that wakes is fenced."""

import pytest

from tests.simulation.breaking import How, breaks_everywhere
from tests.simulation.scenarios import SOME_NOW
from tests.simulation.town import Town


@pytest.mark.parametrize("name", SOME_NOW)
async def test_wherever_the_process_freezes_each_number_ends_once(town: Town, name: str) -> None:
    await breaks_everywhere(town, name, How.FROZEN)
