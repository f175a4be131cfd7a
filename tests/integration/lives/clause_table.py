"""Which life acts which clause: read from the markers of the lives, so that it can't be outdated.

`python -m tests.integration.lives.clause_table` prints it.
"""

import importlib
import sys
from collections import defaultdict
from collections.abc import Iterator
from types import FunctionType
from typing import Any, Final

from worker.domain.policy.clauses import load_clauses

POLICIES: Final = ("P0", "P1", "P2", "P3", "P4")

#: Clauses that nothing of the worker can act, and why.
NO_LIFE: Final = {
    "P0.03": "advice to write to support; never a condition of anything",
    "P1.02": "a request to write first about trouble; never a condition of anything",
    "P3.32": "not normative: a leftover of a translation",
}

#: Clauses whose life does not end yet as they promise, and what is missing.
MISSING: Final[dict[str, str]] = {}


def acted() -> dict[str, list[str]]:
    """The lives of each clause; a clause with a life that is known to fail is not acted."""
    failing = {clause for test, _ in _lives() if _fails(test) for clause in _clauses_of(test)}
    found = defaultdict(list)
    for test, name in _lives():
        for clause in _clauses_of(test):
            if clause not in failing:
                found[clause].append(f"{name}.py::{test.__name__}")
    return dict(found)


def _lives() -> Iterator[tuple[FunctionType, str]]:
    for policy in POLICIES:
        name = f"test_lives_{policy.lower()}"
        module = importlib.import_module(f"tests.integration.lives.{name}")
        for test in vars(module).values():
            if isinstance(test, FunctionType) and test.__name__.startswith("test_"):
                yield test, name


def _fails(test: FunctionType) -> bool:
    return any(mark.name == "xfail" for mark in getattr(test, "pytestmark", ()))


def known() -> list[str]:
    return [clause.id for policy in POLICIES for clause in load_clauses(policy)]


def table() -> Iterator[str]:
    lives = acted()
    for clause in known():
        if clause in lives:
            yield from (f"{clause}  yes  {test}" for test in lives[clause])
        else:
            why = MISSING.get(clause) or NO_LIFE.get(clause, "nobody says why")
            yield f"{clause}  {'not yet' if clause in MISSING else 'no life'}: {why}"


def _clauses_of(test: FunctionType) -> Iterator[str]:
    for mark in getattr(test, "pytestmark", ()):
        if mark.name == "clauses":
            yield from mark.args
        elif mark.name == "parametrize":
            yield from _clauses_of_parameters(mark.args[1])


def _clauses_of_parameters(sets: Any) -> Iterator[str]:
    for each in sets:
        for mark in getattr(each, "marks", ()):
            if mark.name == "clauses":
                yield from mark.args


if __name__ == "__main__":
    sys.stdout.write("\n".join([*table(), ""]))
