"""Kill the process after every call: the next one goes on, and each number ends once."""

import pytest

from tests.simulation.breaking import How, breaks_everywhere
from tests.simulation.scenarios import SCENARIOS
from tests.simulation.town import Town


@pytest.mark.parametrize("name", SCENARIOS)
async def test_wherever_the_process_dies_each_number_ends_once(town: Town, name: str) -> None:
    await breaks_everywhere(town, name, How.KILLED)
