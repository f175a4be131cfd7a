"""A small year: all is forgotten and dropped as in the run at scale, and no audit notices."""

from pathlib import Path

import pytest

from tests.bench import retention


@pytest.mark.nightly
async def test_a_year_of_numbers_is_forgotten_and_every_audit_holds(
    empty_database_url: str, tmp_path: Path
) -> None:
    """The run itself holds each audit after each stage."""
    year = await retention.measure_at(empty_database_url, 1_000, tmp_path / "books")

    empty, kept, forgotten, dropped, _ = (stage.tables for stage in year.stages)
    assert not empty
    assert forgotten["event"] < kept["event"] / 2
    assert dropped["transfer"] < forgotten["transfer"] / 2
    assert dropped["transition"] < forgotten["transition"] / 2
