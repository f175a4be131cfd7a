"""From a parsed document to what it says, with every problem that it has."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from worker.domain.policy.language import choices
from worker.domain.policy.language.file_problems import (
    FileProblem,
    LineIndex,
    Path,
    dotted,
    path_of,
)
from worker.domain.policy.language.kinds import KIND_NAME
from worker.domain.policy.language.matching import Match, When
from worker.domain.policy.language.profile import ROW
from worker.domain.policy.language.schema import (
    KEYS,
    LIMIT_KEYS,
    MATCH_KEYS,
    NOT_IN_WHEN,
    SECTIONS,
    TABLES,
    TOP_LEVEL,
    FileKey,
)
from worker.domain.policy.language.sections import Limit
from worker.domain.policy.language.short_forms import (
    GONE,
    SHORT_FORMS,
    SHORT_WHENS,
    Says,
    window_days_of_kinds,
)
from worker.domain.policy.language.value_readers import BadValue, did_you_mean, words

LIMITS_MAX = 100
WHENS_MAX = 100
_MAXIMA = ("max_count", "max_minor", "max_ratio_bp")
_CLOSES = {choices.LimitOf.CANCEL.value, choices.LimitOf.AUTO_CREDIT.value}


class KeyStatement(NamedTuple):
    value: object  #: None: the key is not said.
    path: Path  #: Where it stands.


@dataclass(slots=True)
class Reading:
    """What a document says; what is wrong with it is among the problems and left out."""

    file: str
    lines: LineIndex
    unsays: bool = False  #: Whether null makes a policy silent on a key: in overrides.
    problems: list[FileProblem] = field(default_factory=list)
    statements: dict[str, KeyStatement] = field(default_factory=dict)
    limits: tuple[Limit, ...] | None = None  #: None: the document has none.
    whens: tuple[When, ...] | None = None
    is_doubtful: bool = False  #: Whether something was meant that could not be read.
    _short_whens: list[str] = field(default_factory=list)

    @property
    def said(self) -> dict[str, Any]:
        return {key: made.value for key, made in self.statements.items() if made.value is not None}

    def read(self, document: Mapping[str, object]) -> None:
        for key, value in opened(document).items():
            path: Path = (key,)
            match key:
                case "labels":
                    self._labels(value)
                case "limits":
                    self.limits = self._limits(value)
                case "when":
                    self.whens = self._whens(value)
                case _ if key in SECTIONS:
                    self._section(path, value)
                case _ if key in TOP_LEVEL:
                    self._said(KEYS[key], value, path)
                case _:
                    self._unknown(path, TOP_LEVEL)
        if self._short_whens:
            self.whens = (*self._whens_in_short(), *(self.whens or ()))

    def placed(self, says: str, problem: str) -> FileProblem:
        """A problem of what is said, where it stands in the file."""
        made = self.statements.get(says)
        path = made.path if made else path_of(says)
        return FileProblem(self.file, dotted(path), problem, self.lines.of(path))

    def problem(self, path: Path, problem: str) -> None:
        self.problems.append(FileProblem(self.file, dotted(path), problem, self.lines.of(path)))

    def _section(self, path: Path, value: object, into: Path = ()) -> None:
        """One section; *into* is the path of the `[[when]]` that it stands in."""
        if not isinstance(value, Mapping):
            self.problem(path, "is a section: it has keys of its own")
            return
        section = str(path[-1])
        for key, inner in value.items():
            self._key(f"{section}.{key}", inner, (*path, key), in_when=bool(into))

    def _key(self, key: str, value: object, path: Path, *, in_when: bool) -> None:
        if key in TABLES:
            self._table(key, TABLES[key], value, path)
        elif key == "claims.window_days" and isinstance(value, Mapping):
            self._says(window_days_of_kinds, value, path)
        elif key in SHORT_WHENS and not in_when:
            self._short_when(key, value, path)
        elif key in SHORT_FORMS:
            self._short_form(key, value, path)
        elif key in KEYS:
            self._said(KEYS[key], value, path)
        elif key in GONE:
            self.problem(path, f"can no longer be said so: {GONE[key]}")
        else:
            section = key.partition(".")[0]
            self._unknown(path, full_keys(section), also=known_keys(section))

    def _said(self, key: FileKey, value: object, path: Path, says: str | None = None) -> None:
        name = says or key.says
        if value is None and self.unsays:
            self._say(name, None, path)
            return
        self._says(lambda found: [(name, key.read(found))], value, path)

    def _short_form(self, key: str, value: object, path: Path) -> None:
        form = SHORT_FORMS[key]
        if value is None and self.unsays:
            for says in form.unsaid:
                self._say(says, None, path)
            return
        self._says(form.read, value, path)

    def _says(self, read: Callable[[Any], Says], value: object, path: Path) -> None:
        try:
            for says, meant in read(value):
                self._say(says, meant, path)
        except BadValue as error:
            self.is_doubtful = True
            self.problem(path, str(error))

    def _say(self, says: str, value: object, path: Path) -> None:
        made = self.statements.setdefault(says, KeyStatement(value, path))
        if made.value != value:
            self.is_doubtful = True
            self.problem(path, f"says another thing than {dotted(made.path)}: keep one of them")

    def _short_when(self, key: str, value: object, path: Path) -> None:
        if not isinstance(value, bool):
            self.problem(path, "must be true or false")
        elif value is SHORT_WHENS[key].means_it:
            self._short_whens.append(key)

    def _whens_in_short(self) -> Iterator[When]:
        for key, short in SHORT_WHENS.items():
            if key in self._short_whens:
                when = self._when(short.when, tuple(key.split(".")))
                assert when is not None
                yield replace(when, short=True)

    def _table(self, key: str, row_keys: Mapping[str, FileKey], table: object, path: Path) -> None:
        if not isinstance(table, Mapping):
            self.problem(path, "must be a table of rows: NAME = { … }")
            return
        for name, row in table.items():
            place = (*path, name)
            if KIND_NAME.fullmatch(name) is None:
                self.problem(place, "is no name: a lower-case letter, then letters, digits or _")
            elif row is None and self.unsays:
                self._say(f"{key}.{name}", None, place)
            elif not isinstance(row, Mapping):
                self.problem(place, "must be a row: { key = value, … }")
            else:
                self._say(f"{key}.{name}", ROW, place)
                self._row(f"{key}.{name}", row_keys, row, place)

    def _row(
        self, says: str, row_keys: Mapping[str, FileKey], row: Mapping[str, object], path: Path
    ) -> None:
        for key, value in row.items():
            place = (*path, key)
            if key not in row_keys:
                self._unknown(place, row_keys)
            else:
                self._said(row_keys[key], value, place, f"{says}.{row_keys[key].says}")

    def _labels(self, table: object) -> None:
        if not isinstance(table, Mapping):
            self.problem(("labels",), "must be a table of labels: NAME = [words]")
            return
        for name, value in table.items():
            if KIND_NAME.fullmatch(name) is None:
                problem = "is no name: a lower-case letter, then letters, digits or _"
                self.problem(("labels", name), problem)
            else:
                self._said(FileKey(f"labels.{name}", words), value, ("labels", name))

    def _limits(self, value: object) -> tuple[Limit, ...]:
        rows = self._rows("limits", value, LIMITS_MAX)
        return tuple(limit for limit in map(self._limit, rows) if limit is not None)

    def _limit(self, row: tuple[Path, Mapping[str, object]]) -> Limit | None:
        path, table = row
        values = self._values(path, LIMIT_KEYS, table)
        missing = [key for key in ("of", "per") if key not in table]
        for key in missing:
            self.problem(path, f"needs {key}")
        if not any(key in table for key in _MAXIMA):
            self.problem(path, f"needs at least one of {', '.join(_MAXIMA)}")
        if values is None or missing:
            return None
        limit = Limit(**values)
        closing = {choices.OverLimit.CLOSE, choices.OverLimit.WAIT}
        if limit.then in closing and limit.of not in _CLOSES:
            self.problem(
                (*path, "then"),
                'must be "review" or "deny": only a cancel and an auto_credit can close or wait',
            )
        return limit

    def _whens(self, value: object) -> tuple[When, ...]:
        rows = self._rows("when", value, WHENS_MAX)
        return tuple(when for when in (self._when(row, path) for path, row in rows) if when)

    def _when(self, table: Mapping[str, Any], path: Path) -> When | None:
        inner = Reading(self.file, self.lines, problems=self.problems)
        match = self._match(table, path)
        for key, value in opened(table).items():
            place = (*path, key)
            if key == "match":
                continue
            if key in NOT_IN_WHEN:
                self.problem(place, "cannot stand in a [[when]]: it holds for every order")
            elif key in SECTIONS:
                inner._section(place, value, into=path)
            elif key in MATCH_KEYS:
                self.problem(place, f"stands in the match: match = {{ {key} = … }}")
            else:
                self._unknown(place, SECTIONS - NOT_IN_WHEN)
        self.is_doubtful |= inner.is_doubtful or match is None
        return None if match is None else When(match=match, changes=inner.said, place=dotted(path))

    def _match(self, table: Mapping[str, Any], path: Path) -> Match | None:
        match = table.get("match")
        if not isinstance(match, Mapping) or not match:
            self.problem(path, "needs match = { … } with at least one key")
            return None
        values = self._values((*path, "match"), MATCH_KEYS, match)
        return None if values is None else Match(**values)

    def _rows(self, name: str, value: object, most: int) -> list[tuple[Path, Mapping[str, object]]]:
        if not isinstance(value, list) or len(value) > most:
            self.problem((name,), f"must be a list of at most {most} tables: [[{name}]]")
            return []
        for index, row in enumerate(value):
            if not isinstance(row, Mapping):
                self.problem((name, index), "must be a table")
        return [((name, i), row) for i, row in enumerate(value) if isinstance(row, Mapping)]

    def _values(
        self, path: Path, keys: Mapping[str, FileKey], table: Mapping[str, object]
    ) -> dict[str, Any] | None:
        """The values of a table without conflicts; None where one of them is wrong."""
        before, values = len(self.problems), {}
        for key, value in table.items():
            place = (*path, key)
            if key not in keys:
                self._unknown(place, keys)
                continue
            try:
                values[key] = keys[key].read(value)
            except BadValue as error:
                self.is_doubtful = True
                self.problem(place, str(error))
        return values if len(self.problems) == before else None

    def _unknown(self, path: Path, known: Iterable[str], also: Iterable[str] = ()) -> None:
        """*also* are short forms: read, but not what a new file should say."""
        there, name = sorted(known), str(path[-1])
        what = "there is no such key"
        hint = did_you_mean(name, [*there, *also]) or _part_of(name, there) or _elsewhere(name)
        self.is_doubtful |= bool(hint)
        self.problem(path, f"{what}{hint}; there may stand: {', '.join(there)}")


def _part_of(name: str, known: Iterable[str]) -> str:
    """A hint, where *name* is a known one without its first or last words."""
    longer = [one for one in known if f"_{name}_" in f"_{one}_"]
    return f"; did you mean {min(longer, key=len)!r}?" if longer else ""


def _elsewhere(name: str) -> str:
    """A hint, where another section has a key of this name."""
    places = [key for key in KEYS if key.rpartition(".")[2] == name]
    return f"; there is {' and '.join(places)}" if places else ""


def known_keys(section: str) -> list[str]:
    """Everything that may stand in a section."""
    return [*full_keys(section), *_of_section(section, [*SHORT_FORMS, *SHORT_WHENS])]


def full_keys(section: str) -> list[str]:
    """The same without short forms."""
    return _of_section(section, [*KEYS, *TABLES])


def _of_section(section: str, keys: Iterable[str]) -> list[str]:
    return [key.partition(".")[2] for key in keys if key.startswith(f"{section}.")]


def opened(document: Mapping[str, object]) -> dict[str, object]:
    """Dotted keys as tables: `{"sms.x": 1}` as `{"sms": {"x": 1}}`."""
    tree: dict[str, object] = {}
    for key, value in document.items():
        first, dot, rest = key.partition(".")
        inner = opened({rest: value}) if dot else value
        there = tree.get(first)
        both = isinstance(there, Mapping) and isinstance(inner, Mapping)
        tree[first] = _joined(there, inner) if both else inner
    return tree


def _joined(one: Any, other: Any) -> Any:  # noqa: ANN401 - parsed TOML or JSON
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        both = [key for key in one if key in other]
        return {**one, **other, **{key: _joined(one[key], other[key]) for key in both}}
    return other
