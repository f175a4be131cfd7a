"""Data on stdout, messages on stderr; colour on terminals only (rich knows NO_COLOR)."""

import enum
import json
import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import orjson
import typer

from worker.domain.money import decimal_text

#: Wide enough for every column: piped output does not depend on a terminal's width.
_PIPE_COLUMNS = 1_000


class Format(enum.Enum):
    TEXT = "text"  #: For people.
    JSON = "json"  #: One document.
    NDJSON = "ndjson"  #: One document per line, each written at once.


OutputOption = Annotated[
    Format, typer.Option("--output", "-o", help="Form of the data; errors are JSON then, too.")
]


def say(message: str) -> None:
    """A message to the person at the keyboard."""
    sys.stderr.write(message + "\n")


def write_line(line: str) -> None:
    """A line of data; flushed, because a program may be reading it."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def write_json(document: Mapping[str, Any] | list[Any], *, indent: bool = False) -> None:
    option = orjson.OPT_INDENT_2 if indent else 0
    try:
        text = orjson.dumps(document, option=option)
    except orjson.JSONEncodeError:  # A path of bytes that are no text: the log has a ? there, too.
        whole = json.dumps(document, ensure_ascii=False).encode(errors="replace")
        text = orjson.dumps(orjson.loads(whole), option=option)
    write_line(text.decode())


def write_rows(columns: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    """A table without borders; on a terminal it is folded, but never within an id or a word.

    On a terminal too narrow for that each row is a paragraph with a line for each cell. Off a
    terminal the table is as wide as its cells need.
    """
    from rich.console import Console
    from rich.measure import Measurement
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    names, cells = list(columns), [[clean(cell) for cell in row] for row in rows]
    for at, column in enumerate(names):
        table.add_column(column, overflow="fold", no_wrap=not any(" " in row[at] for row in cells))
    for row in cells:
        table.add_row(*map(Text, row))
    console = Console(file=sys.stdout)
    needed = Measurement.get(console, console.options.update(width=_PIPE_COLUMNS), table).minimum
    if not sys.stdout.isatty():
        console.size = (_PIPE_COLUMNS, console.height)
    elif needed > console.width:
        for row in cells:
            write_line(_paragraph(names, row, console.width) + "\n")
        return
    console.print(table)


def _paragraph(names: Sequence[str], row: Sequence[str], columns: int) -> str:
    """One row as lines; a word that is longer than a line is left to the terminal."""
    label = max(map(len, names)) + 2
    cells = (
        textwrap.fill(
            cell,
            width=max(columns, label + 1),
            initial_indent=name.ljust(label),
            subsequent_indent=" " * label,
            break_long_words=False,
            break_on_hyphens=False,
        )
        for name, cell in zip(names, row, strict=True)
    )
    return "\n".join(cells)


def write_list(
    output: Format,
    documents: Sequence[Mapping[str, Any]],
    document: Mapping[str, Any] | list[Any],
    columns: Iterable[str],
    rows: Iterable[Iterable[object]],
    none: str | None = None,
) -> None:
    """Many things alike: as one *document*, one per line, or a table.

    Of nothing the table is its columns, or *none* is said; empty: nothing is.
    """
    match output:
        case Format.JSON:
            write_json(document, indent=True)
        case Format.NDJSON:
            for each in documents:
                write_json(each)
        case Format.TEXT if documents or none is None:
            write_rows(columns, rows)
        case Format.TEXT:
            if none:
                say(none)


def money(minor: int, currency: str) -> str:
    """`0.12 USD`"""
    return f"{decimal_text(minor, currency)} {currency}"


def parse_instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def short(at: datetime) -> str:
    """To the second, UTC: `2026-01-01 00:20:00`."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def short_instant(text: str) -> str:
    return short(parse_instant(text))


def clean(value: object) -> str:
    """One value; nothing is a dash. Without control characters, which can drive a terminal."""
    text = "-" if value is None or value == "" else str(value)
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
