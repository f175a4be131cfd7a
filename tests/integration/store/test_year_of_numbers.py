"""Three small years: all is forgotten and dropped as in the run at scale, and no audit notices."""

from pathlib import Path

import pytest

from tests.bench import retention


@pytest.mark.nightly
async def test_three_years_of_numbers_are_forgotten_and_every_audit_holds(
    empty_database_url: str, tmp_path: Path
) -> None:
    """The run itself holds each audit after each stage."""
    years = await retention.measure_at(empty_database_url, 1_000, tmp_path / "books")

    empty, kept, forgotten, dropped, gone = (stage.tables for stage in years.stages)
    assert not empty
    assert forgotten["event"] < kept["event"] / 2
    assert dropped["transfer"] < forgotten["transfer"] / 2
    assert dropped["transition"] < forgotten["transition"] / 2
    assert gone["activation"] < dropped["activation"]
