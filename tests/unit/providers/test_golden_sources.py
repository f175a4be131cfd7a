"""A golden reply is worth what its source is worth, so each of them names one."""

from pathlib import Path

import pytest

from tests.unit.providers.golden import ACTIVATIONS, RENTALS, entries_in

FILES = [file for folder in (ACTIVATIONS, RENTALS) for file in sorted(folder.glob("*.json"))]
GRADES = {"doc", "live", "client", "claim", "made"}


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_every_golden_reply_says_where_it_is_from(file: Path) -> None:
    entries = entries_in(file)
    names = [(entry["operation"], entry["name"]) for entry in entries]

    assert len(names) == len(set(names))
    assert all(entry["grade"] in GRADES and entry["source"] for entry in entries)
