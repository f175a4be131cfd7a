"""Every problem of a policy file at once, keys that decide nothing among them."""

import itertools
from collections.abc import Callable
from pathlib import Path

from worker.domain.policy.clauses import load_clauses
from worker.domain.policy.effect.search import keys_without_effect
from worker.domain.policy.language.checks import contradictions_of_files, contradictions_together
from worker.domain.policy.language.file_problems import FileProblem, ProfileError
from worker.domain.policy.language.loading import (
    NO_NAME,
    is_name,
    load_file,
    own_names,
    problems_read,
    profile_read,
    read_file,
)


def problems_of(file: Path) -> list[FileProblem]:
    """Found by asking questions, so this takes a moment: for checks, not for the daemon."""
    try:
        reading = read_file(file)
    except ProfileError as error:
        return list(error.problems)
    profile = profile_read(reading, file.stem)
    problems = problems_read(reading, profile)
    if reading.is_doubtful:
        return problems  # What a key needs may be what could not be read.
    asked = itertools.chain(
        contradictions_of_files(profile),
        contradictions_together(profile),
        keys_without_effect(profile),
    )
    found = [reading.placed(key, problem) for key, problem in asked]
    return [*problems, *(one for one in found if not _follows(one, problems))]


def _follows(one: FileProblem, problems: list[FileProblem]) -> bool:
    """Whether it is about a key with a problem, or about what that stands in."""
    return any(f"{problem.key}.".startswith(f"{one.key}.") for problem in problems)


def problems_in(directory: Path) -> list[FileProblem]:
    """Those of all policies of a directory, and of their clauses."""
    return _each(directory, problems_of)


def problems_when_loaded(directory: Path) -> list[FileProblem]:
    """What keeps a policy from being used; found at once, without asking any question."""
    return _each(directory, _unusable)


def _unusable(file: Path) -> list[FileProblem]:
    try:
        load_file(file)
    except ProfileError as error:
        return list(error.problems)
    return []


def _each(directory: Path, find: Callable[[Path], list[FileProblem]]) -> list[FileProblem]:
    problems: list[FileProblem] = []
    for name in own_names(directory):
        file = directory / f"{name}.toml"
        problems += find(file) if is_name(name) else [FileProblem(str(file), "", NO_NAME)]
        try:
            load_clauses(name, directory)
        except ProfileError as error:
            problems += error.problems
    return problems
