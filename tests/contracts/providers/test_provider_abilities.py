"""What the table in the README says of an adapter is what its provider was seen to do."""

from tests.contracts.providers.conftest import PAIRS, REMEMBERING
from worker.adapters.providers.table import abilities
from worker.domain.families import capabilities_of
from worker.testing.number_abilities import *  # noqa: F403 - its tests


def test_every_row_of_the_table_meets_its_provider() -> None:
    rows = {(family, dialect or "classic") for family, dialect, _ in abilities()}

    assert set(PAIRS) == rows


def test_there_are_some_with_a_history_and_some_without() -> None:
    assert set(REMEMBERING) == {
        ("handler_api", "classic"),
        ("handler_api", "hero"),
        ("fivesim", "classic"),
        ("smspool", "classic"),
        ("textverified", "classic"),
    }
    assert not capabilities_of(*next(pair for pair in PAIRS if pair not in REMEMBERING)).history
