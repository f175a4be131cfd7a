"""The clauses of a policy's text, each with the decisions that rest on it."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from worker.domain.policy.language.file_problems import FileProblem, ProfileError
from worker.domain.policy.language.loading import policy_home, text_of, toml_in
from worker.domain.policy.language.value_readers import did_you_mean
from worker.domain.policy.vocabulary import Reason

CLAUSE_ID = re.compile(r"[A-Za-z0-9_-]+\.[0-9]{2}")
_REASONS: Mapping[str, Reason] = {reason.value: reason for reason in Reason}
_KEYS = {"id", "says", "reasons"}


@dataclass(frozen=True, slots=True)
class Clause:
    id: str
    says: str
    reasons: frozenset[Reason]


def load_clauses(policy: str, directory: Path | str | None = None) -> tuple[Clause, ...]:
    """The clauses of *policy*, in their order; none where it has no file of clauses."""
    homes = [policy_home(policy, directory), *([] if directory is None else [Path(directory)])]
    files = [home / "clauses" / f"{policy}.toml" for home in homes]
    file = next((each for each in files if each.is_file()), None)
    if file is None:
        return ()
    document = toml_in(text_of(file), file)
    rows = document.get("clause")
    if not isinstance(rows, list) or document.keys() != {"clause"}:
        problem = "must be the list of clauses, and all there is"
        raise ProfileError([FileProblem(str(file), "clause", problem)])
    problems = [
        FileProblem(str(file), f"clause[{index}]{key}", problem)
        for index, row in enumerate(rows)
        for key, problem in _problems(row)
    ]
    if problems:
        raise ProfileError(problems)
    return tuple(_clause(row) for row in rows)


def grounds(clauses: tuple[Clause, ...], reason: Reason) -> tuple[str, ...]:
    """The ids of the clauses a decision with *reason* rests on."""
    return tuple(clause.id for clause in clauses if reason in clause.reasons)


def _problems(row: object) -> Iterator[tuple[str, str]]:
    if not isinstance(row, dict) or row.keys() != _KEYS:
        yield "", f"must have {', '.join(sorted(_KEYS))}, and only these"
        return
    if not isinstance(row["says"], str) or not row["says"]:
        yield ".says", "must be a text"
    if not isinstance(row["id"], str) or CLAUSE_ID.fullmatch(row["id"]) is None:
        yield ".id", "must be like P0.01"
    reasons = row["reasons"] if isinstance(row["reasons"], list) else [None]
    for reason in reasons:
        if not isinstance(reason, str) or reason not in _REASONS:
            yield (
                ".reasons",
                f"must be a list of reasons of decisions{did_you_mean(reason, _REASONS)}",
            )


def _clause(row: Mapping[str, object]) -> Clause:
    names = row["reasons"]
    assert isinstance(names, list)
    return Clause(str(row["id"]), str(row["says"]), frozenset(_REASONS[name] for name in names))
