"""What is wrong with a policy file, and on which line of it."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

Path: TypeAlias = tuple[str | int, ...]  #: ("when", 0, "match", "label")
KeyProblems: TypeAlias = Iterator[tuple[str, str]]  #: What a key says, and what is wrong with it.


@dataclass(frozen=True, slots=True)
class FileProblem:
    file: str
    key: str  #: Dotted, as it stands in the file; empty for the file as a whole.
    problem: str  #: What is wrong, and what may stand there.
    line: int | None = None

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        return f"{place}: {self.key}: {self.problem}" if self.key else f"{place}: {self.problem}"


class ProfileError(ValueError):
    """A policy that cannot be used, with every problem that it has."""

    def __init__(self, problems: Iterable[FileProblem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))

    @property
    def field(self) -> str:
        return self.problems[0].key

    @property
    def problem(self) -> str:
        return self.problems[0].problem


def dotted(path: Path) -> str:
    """`when[0].match.label`"""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def path_of(key: str) -> Path:
    """What `dotted` made the key from."""
    parts = re.split(r"[.\[\]]+", key.removesuffix("]"))
    return tuple(int(part) if part.isdecimal() else part for part in parts)


_TABLE = re.compile(r"\s*(\[\[?)\s*([^\[\]]+?)\s*\]\]?\s*(?:#.*)?")
_KEY = re.compile(r"""\s*([A-Za-z0-9_\-."']+(?:\s*\.\s*[A-Za-z0-9_\-"']+)*)\s*=""")


@dataclass(slots=True)
class LineIndex:
    """On which line of a TOML text each key stands."""

    lines: Mapping[Path, int] = field(default_factory=dict)

    def of(self, path: Path) -> int | None:
        """The line of *path*, or of the nearest table that it stands in."""
        while path:
            if path in self.lines:
                return self.lines[path]
            path = path[:-1]
        return None


def line_index(text: str) -> LineIndex:
    """Reads only what begins a line; a key of an inline table has the line of its table."""
    lines: dict[Path, int] = {}
    seen: dict[Path, int] = {}  #: How many tables an array has so far.
    table: Path = ()
    for number, line in enumerate(text.splitlines(), 1):
        if heading := _TABLE.fullmatch(line):
            table = _parts(heading[2])
            if heading[1] == "[[":
                seen[table] = seen.get(table, -1) + 1
                table = (*table, seen[table])
            lines.setdefault(table, number)
        elif key := _KEY.match(line):
            for end in range(1, len(parts := _parts(key[1])) + 1):
                lines.setdefault((*table, *parts[:end]), number)
    return LineIndex(lines)


def _parts(key: str) -> Path:
    return tuple(part.strip().strip("\"'") for part in key.split("."))
