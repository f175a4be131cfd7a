"""Every statement in a file of its own says why it is as it is, and somebody runs it."""

import ast
import re
from pathlib import Path
from typing import Final

import pytest

from worker.adapters.store.database import DUE_NUMBER, statement

STORE: Final = Path(__file__).parents[2] / "worker/adapters/store"
FILES: Final = sorted(STORE.rglob("*.sql"))
#: One for each repository, two for the processes and who of them leads, and the audits.
FOLDERS: Final = {
    "activations",
    "settlements",
    "purchases",
    "books",
    "cases",
    "outbox",
    "instances",
    "leadership",
    "audit",
}
_STATEMENT: Final = re.compile(r"\s*(?:SELECT|INSERT|UPDATE|DELETE|WITH)\b")
_WORD: Final = re.compile(r"[A-Za-z]{2,}")

#: They are named in code, with their folder; audits and migrations are found by theirs.
NAMED: Final = [path for path in FILES if path.parent.name in FOLDERS - {"audit"}]
#: What several statements have in common.
PARTS: Final = [path for path in FILES if path.parent.name == "parts"]


def text_of(file: Path) -> str:
    """A statement in one line, without its comments."""
    lines = file.read_text().splitlines()
    return " ".join(" ".join(line.split("--", maxsplit=1)[0] for line in lines).split())


def inline(node: ast.expr) -> bool:
    """Whether it is the text of a statement."""
    first = node.values[0] if isinstance(node, ast.JoinedStr) else node
    return (
        isinstance(first, ast.Constant)
        and isinstance(first.value, str)
        and _STATEMENT.match(first.value) is not None
    )


def lines_of(node: ast.expr) -> int:
    assert node.end_lineno is not None
    return node.end_lineno - node.lineno + 1


def code() -> str:
    return "\n".join(module.read_text() for module in sorted(STORE.rglob("*.py")))


def test_there_are_statements_to_look_at() -> None:
    assert len(NAMED) > 20
    assert len(FILES) > len(NAMED)


def test_each_stands_in_the_folder_of_what_runs_it() -> None:
    folders = {path.name for path in (STORE / "sql").iterdir()}

    assert folders == FOLDERS | {"parts"}


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


def test_within_the_code_stands_only_what_is_two_lines_long() -> None:
    long = [
        f"{module.name}:{node.lineno}"
        for module in sorted(STORE.glob("*.py"))
        for node in ast.walk(ast.parse(module.read_text()))
        if isinstance(node, ast.expr) and inline(node) and lines_of(node) > 2
    ]

    assert long == []


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ('"SELECT 1"', 1),
        ('("SELECT 1"\n" FROM a")', 2),
        ('("UPDATE a"\n" SET b = 1"\n" WHERE c")', 3),
        ('(f"WITH a AS ({x})"\n" SELECT"\n" 1")', 3),
    ],
)
def test_the_lines_of_a_statement_within_the_code_are_counted(source: str, lines: int) -> None:
    node = ast.parse(source, mode="eval").body

    assert inline(node)
    assert lines_of(node) == lines


@pytest.mark.parametrize("file", PARTS, ids=lambda file: file.stem)
def test_what_statements_have_in_common_is_written_once(file: Path) -> None:
    part = text_of(file)

    again = [other.stem for other in FILES if other != file and part in text_of(other)]
    naming = [other.stem for other in NAMED if f"{{{{{file.stem}}}}}" in other.read_text()]

    assert again == []
    assert len(naming) > 1


def test_the_columns_of_what_is_due_are_written_once() -> None:
    again = [file.stem for file in FILES if ", ".join(DUE_NUMBER[:6]) in text_of(file)]
    naming = [file.stem for file in NAMED if "{{due_number" in file.read_text()]

    assert again == []
    assert len(naming) > 1


def test_a_column_of_what_is_due_may_come_from_another_place() -> None:
    sql = statement("settlements/lease_cancels").text

    selected = sql.rpartition("SELECT")[2].partition("FROM")[0].split(",")

    assert [column.split()[-1] for column in selected] == list(DUE_NUMBER)
    assert selected[5].strip() == "provider_was AS provider_state"


@pytest.mark.parametrize("file", NAMED, ids=lambda file: file.stem)
def test_none_reads_a_second_clock(file: Path) -> None:
    """Guards read `{{now}}`; these others would be a second clock."""
    text = file.read_text().lower()

    found = [
        clock for clock in ("current_timestamp", "localtimestamp", "timeofday(") if clock in text
    ]

    assert found == []
