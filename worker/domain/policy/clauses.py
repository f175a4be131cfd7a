"""The clauses of a policy: the content of each in our words, and the reasons that rest on it."""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

from worker.domain.policy.loading import ProfileError, policy_directory
from worker.domain.policy.vocabulary import Reason

CLAUSE_ID = re.compile(r"[A-Za-z0-9_-]+\.[0-9]{2}")
_REASONS = {reason.value: reason for reason in Reason}
_KEYS = {"id", "says", "worker", "reasons"}


@dataclass(frozen=True, slots=True)
class Clause:
    id: str
    says: str
    worker: str  #: What the worker does about it.
    reasons: frozenset[Reason]


def load_clauses(policy: str, directory: Path | str | None = None) -> tuple[Clause, ...]:
    """The clauses of *policy*, in their order; none where it has no file of clauses."""
    file = policy_directory(directory) / "clauses" / f"{policy}.toml"
    if not file.is_file():
        return ()
    try:
        document = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise ProfileError(str(file), "", str(error)) from error
    rows = document.get("clause")
    if not isinstance(rows, list) or document.keys() != {"clause"}:
        raise ProfileError(str(file), "clause", "must be the list of clauses, and all there is")
    return tuple(_clause(row, str(file), f"clause[{index}]") for index, row in enumerate(rows))


def grounds(clauses: tuple[Clause, ...], reason: Reason) -> tuple[str, ...]:
    """The ids of the clauses a decision with *reason* rests on."""
    return tuple(clause.id for clause in clauses if reason in clause.reasons)


def _clause(row: object, file: str, field: str) -> Clause:
    if not isinstance(row, dict) or row.keys() != _KEYS:
        raise ProfileError(
            file, field, "must have " + ", ".join(sorted(_KEYS)) + ", and only these"
        )
    texts = [row[key] for key in ("id", "says", "worker")]
    if not all(isinstance(text, str) and text for text in texts):
        raise ProfileError(file, field, "id, says and worker must be texts")
    id_, says, worker = texts
    if CLAUSE_ID.fullmatch(id_) is None:
        raise ProfileError(file, f"{field}.id", "must be like P0.01")
    if not isinstance(row["reasons"], list) or not all(
        isinstance(name, str) and name in _REASONS for name in row["reasons"]
    ):
        raise ProfileError(file, f"{field}.reasons", "must be a list of reasons of decisions")
    return Clause(id_, says, worker, frozenset(_REASONS[name] for name in row["reasons"]))
