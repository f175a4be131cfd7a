"""The hot statements: one `.sql` file each, read once, with its reason in its first comment."""

from functools import cache
from pathlib import Path

from sqlalchemy import TextClause, text

_FOLDER = Path(__file__).parent / "sql"


@cache
def statement(name: str) -> TextClause:
    """The statement in `sql/FOLDER/NAME.sql`, without its comments (they may hold colons)."""
    lines = (_FOLDER / f"{name}.sql").read_text().splitlines()
    return text("\n".join(line.split("--", maxsplit=1)[0] for line in lines))
