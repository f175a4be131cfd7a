"""The files of a closed period: how a row of each book is written, and what a file adds up to.

One JSON object a line, one file a book, and a list of them with the SHA-256 of each. A file counts
as written once it was read again and adds up to what the database says.
"""

import hashlib
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeAlias
from uuid import uuid4

import orjson

LIST: Final = "files.json"
_PIECE: Final = 1 << 20

FileSums: TypeAlias = Any  #: JSON, as the database's own sums are.


class BookFile(NamedTuple):
    rows: str  #: What of it belongs to a period; its parameters follow.
    given: tuple[str, ...]
    add_up: Callable[["FileTotals", Mapping[str, Any]], None]


class FileTotals:
    """What the rows of one file add up to."""

    def __init__(self) -> None:
        self.rows = 0
        self.sum = 0
        self.kinds: Counter[str] = Counter()
        self.kind_sums: Counter[str] = Counter()

    def by_kind(self, row: Mapping[str, Any]) -> None:
        kind = row["key"].partition(":")[0]
        self.rows += 1
        self.kinds[kind] += 1
        self.kind_sums[kind] += row["amount_minor"]

    def by_number(self, row: Mapping[str, Any]) -> None:
        self.rows += 1
        self.sum += row["seq"]

    def by_amount(self, row: Mapping[str, Any]) -> None:
        self.rows += 1
        self.sum += row["amount_minor"]

    def by_buckets(self, row: Mapping[str, Any]) -> None:
        self.rows += 1
        self.sum += row["available_minor"] + row["held_minor"]

    @property
    def sums(self) -> FileSums:
        if self.kinds:
            return {kind: [n, self.kind_sums[kind]] for kind, n in self.kinds.items()}
        return [self.rows, self.sum]


def _numbered(table: str, *, rows: str | None = None) -> BookFile:
    return BookFile(
        f"SELECT * FROM {rows or table} WHERE seq > $1 AND seq <= $2 ORDER BY seq",  # noqa: S608 - ours
        (f"after_{table}_seq", f"{table}_seq"),
        FileTotals.by_number,
    )


BOOKS: Final[Mapping[str, BookFile]] = {
    "transfer": BookFile(
        "SELECT * FROM transfer WHERE id > $1 AND id <= $2 ORDER BY id",
        ("after_transfer_id", "transfer_id"),
        FileTotals.by_kind,
    ),
    "transition": _numbered("transition", rows="timeline"),
    "decision": _numbered("decision"),
    "evidence": _numbered("evidence"),
    "settlement": BookFile(
        "SELECT activation_id, outcome, amount_minor, reason, at FROM settlement"
        " WHERE at >= $1 AND at < $2 ORDER BY at, activation_id",
        ("after", "until"),
        FileTotals.by_amount,
    ),
    "opening": BookFile(
        "SELECT * FROM book_opening WHERE period = $1 ORDER BY account",
        ("id",),
        FileTotals.by_buckets,
    ),
}


class Unproven(Exception):
    """The files are not what was exported. Says what is wrong, in one line."""


class WrittenFile(NamedTuple):
    name: str
    bytes: int
    sha256: str
    rows: int
    sums: FileSums


def folder_of(directory: Path, until: datetime) -> Path:
    return directory.resolve() / f"until-{until:%Y-%m-%d}"


def read_back(file: Path, book: str) -> WrittenFile:
    """What a file adds up to, row by row. Raises `Unproven` where it holds no rows of the book."""
    totals, digest, size = FileTotals(), hashlib.sha256(), 0
    add_up = BOOKS[book].add_up
    with file.open("rb") as stream:
        for line in stream:
            digest.update(line)
            size += len(line)
            try:
                add_up(totals, orjson.loads(line))
            except (ValueError, KeyError, TypeError):
                raise Unproven(f"{file} holds a line that is no row of its book") from None
    return WrittenFile(file.name, size, digest.hexdigest(), totals.rows, totals.sums)


def held_against(written: WrittenFile, sums: FileSums) -> None:
    """Raises `Unproven` where a file does not add up to what the database says."""
    if (written.sums or [0, 0]) != (sums or [0, 0]):
        raise Unproven(f"{written.name} adds up to {written.sums}, the database to {sums}")


def write_list(folder: Path, period: Mapping[str, Any], files: Sequence[WrittenFile]) -> str:
    """The list of the files, written last; its SHA-256."""
    document = {**period, "files": [file._asdict() for file in files]}
    text = json.dumps(document, indent=2) + "\n"
    with fresh_part(folder / LIST) as part:
        part.write_text(text)
        settle_file(part, folder / LIST)
    return hashlib.sha256(text.encode()).hexdigest()


@contextmanager
def fresh_part(file: Path) -> Iterator[Path]:
    """Where *file* is written until it is whole: nobody else writes there, and nothing is left.

    Only who writes it may read it: it tells of customers and their money.
    """
    part = file.with_name(f".{file.name}.{uuid4().hex}.part")
    try:
        part.touch(mode=0o600, exist_ok=False)
        yield part
    finally:
        part.unlink(missing_ok=True)


def settle_file(part: Path, file: Path) -> None:
    """On the disk first, and under its name at once or not at all."""
    with part.open("rb") as stream:
        os.fsync(stream.fileno())
    part.replace(file)
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def prove(folder: Path, sha256: str) -> None:
    """Raises `Unproven` unless every file is byte by byte what was exported."""
    listed = folder / LIST
    if not listed.is_file():
        raise Unproven(f"{listed} is not there any more: export again")
    if sha256_of(listed) != sha256:
        raise Unproven(f"{listed} is not what was exported: export again")
    for each in json.loads(listed.read_text())["files"]:
        file = folder / each["name"]
        if not file.is_file():
            raise Unproven(f"{file} is not there any more: export again")
        if sha256_of(file) != each["sha256"]:
            raise Unproven(f"{file} is not what was exported: export again")


def sha256_of(file: Path) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        while piece := stream.read(_PIECE):
            digest.update(piece)
    return digest.hexdigest()
