"""Do every commit once without its answer: it is run again, and each number ends once."""

import pytest

from tests.simulation.breaking import How, breaks_everywhere
from tests.simulation.scenarios import SOME_NOW
from tests.simulation.town import Town


@pytest.mark.parametrize("name", SOME_NOW)
async def test_whichever_commit_is_not_answered_each_number_ends_once(
    town: Town, name: str
) -> None:
    await breaks_everywhere(town, name, How.UNACKNOWLEDGED)
