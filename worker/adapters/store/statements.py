"""Loads the statements of `sql/FOLDER/NAME.sql`; each file begins with its reason.

Where a statement stands: in a file, named `FOLDER/NAME` after the repository that runs it. Within
the code stands only what is at most two lines long, is said in one place, and needs no reason.

What many statements have in common is written once and put in where they name it: `{{now}}` is
`sql/parts/now.sql`, and `{{due_number}}` the columns that `rows.due` reads. With
`{{due_number with x AS attempts}}` one of these columns is read from another place. The text is
expanded before the database sees it, so a plan is the same as if everybody had written it out.
"""

import re
from functools import cache
from pathlib import Path
from typing import Final

from sqlalchemy import TextClause, text

from worker.adapters.store.rows import DUE_NUMBER

_FOLDER: Final = Path(__file__).parent / "sql"
_PART: Final = re.compile(r"\{\{(\w+)(?: with ([\w ,]+))?\}\}")


@cache
def statement(name: str) -> TextClause:
    """The statement in `sql/NAME.sql`, without its comments (they may hold colons)."""
    return text(_PART.sub(_part, _read(name)))


def _read(name: str) -> str:
    lines = (_FOLDER / f"{name}.sql").read_text().splitlines()
    return "\n".join(line.split("--", maxsplit=1)[0] for line in lines)


def _part(named: re.Match[str]) -> str:
    name, others = named.groups()
    if name == "due_number":
        return _due_number(others.split(", ") if others else [])
    assert others is None, f"{name} has no columns"
    return _PART.sub(_part, _read(f"parts/{name}")).strip()


def _due_number(others: list[str]) -> str:
    columns = dict(zip(DUE_NUMBER, DUE_NUMBER, strict=True))
    for column in others:
        replaced = column.rpartition(" AS ")[2]
        assert replaced in columns, f"{replaced} is no column of what is due"
        columns[replaced] = column
    return ", ".join(columns.values())
