"""Every statement in a file of its own says why it is as it is, and somebody runs it."""

import re
from pathlib import Path
from typing import Final

import pytest

STORE: Final = Path(__file__).parents[2] / "worker/adapters/store"
FILES: Final = sorted(STORE.rglob("*.sql"))
#: One for each repository, one for the lock of the leader, and the audits.
FOLDERS: Final = {
    "activations",
    "settlements",
    "purchases",
    "books",
    "cases",
    "outbox",
    "leadership",
    "audit",
}
_WORD: Final = re.compile(r"[A-Za-z]{2,}")

#: They are named in code, with their folder; audits and migrations are found by theirs.
NAMED: Final = [
    path for path in FILES if path.parent.parent == STORE / "sql" and path.parent.name != "audit"
]


def code() -> str:
    return "\n".join(module.read_text() for module in sorted(STORE.rglob("*.py")))


def test_there_are_statements_to_look_at() -> None:
    assert len(NAMED) > 20
    assert len(FILES) > len(NAMED)


def test_each_stands_in_the_folder_of_what_runs_it() -> None:
    folders = {path.name for path in (STORE / "sql").iterdir()}

    assert folders == FOLDERS


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_it_begins_with_a_sentence_that_says_why(file: Path) -> None:
    first = file.read_text().splitlines()[0]

    assert first.startswith("-- ")
    assert len(_WORD.findall(first)) >= 4


def test_each_is_used() -> None:
    source = code()

    names = [f"{file.parent.name}/{file.stem}" for file in NAMED]
    unused = [name for name in names if f'"{name}"' not in source]

    assert unused == []


@pytest.mark.parametrize("file", NAMED, ids=lambda file: file.stem)
def test_none_reads_a_second_clock(file: Path) -> None:
    """Guards read `coalesce(:now, now())`; these others would be a second clock."""
    text = file.read_text().lower()

    found = [
        clock for clock in ("current_timestamp", "localtimestamp", "timeofday(") if clock in text
    ]

    assert found == []
