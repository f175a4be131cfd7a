"""Loads policies: `config/policies/NAME.toml`, one kept in the store, or a whole one as JSON."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from worker.domain.policy.language import earlier
from worker.domain.policy.language.checks import contradictions
from worker.domain.policy.language.content import version_of
from worker.domain.policy.language.file_problems import (
    FileProblem,
    LineIndex,
    ProfileError,
    line_index,
)
from worker.domain.policy.language.profile import Profile, profile_saying
from worker.domain.policy.language.reading import Reading, opened
from worker.domain.policy.language.short_forms import OVERRIDE_NAMES
from worker.domain.shipped import config_directory

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_SYNTAX_LINE = re.compile(r"at line (\d+)")


NO_NAME: Final = (
    "its name is that of no policy: a letter or digit, then letters, digits, - or _, at most 64"
)


def is_name(name: str) -> bool:
    return NAME.fullmatch(name) is not None


def policy_names(directory: Path | None = None) -> list[str]:
    """The policies known by name, sorted: those of *directory*, and the shipped ones."""
    return sorted({*own_names(directory or shipped_policies()), *own_names(shipped_policies())})


def own_names(directory: Path) -> list[str]:
    """Those that have a file in *directory*, sorted; editors and systems hide theirs by a dot."""
    return sorted(file.stem for file in directory.glob("[!.]*.toml"))


def load_profile(name: str, directory: Path | str | None = None) -> Profile:
    """The policy *name* from *directory*, else the shipped one, or a `ProfileError`."""
    file = policy_home(name, directory) / f"{name}.toml"
    if directory is not None and name in own_names(Path(directory)) and not is_name(name):
        raise ProfileError([FileProblem(str(Path(directory) / f"{name}.toml"), "", NO_NAME)])
    if not is_name(name) or not file.is_file():
        folder = shipped_policies() if directory is None else Path(directory)
        known = ", ".join(policy_names(folder))
        problem = f"no policy of the name {name[:64]!r}; there are: {known}"
        raise ProfileError([FileProblem(str(folder), "", problem)])
    return load_file(file)


def load_file(file: Path) -> Profile:
    """The policy of one file; its name is that of the file."""
    return checked(read_file(file), file.stem)


def read_file(file: Path) -> Reading:
    """What one file says; problems of single keys are among its problems."""
    text = text_of(file)
    return _read(toml_in(text, file), str(file), line_index(text))


def toml_in(text: str, file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = _SYNTAX_LINE.search(str(error))
        raise ProfileError(
            [FileProblem(str(file), "", f"is no TOML: {error}", int(line[1]) if line else None)]
        ) from error
    except RecursionError:
        raise ProfileError([FileProblem(str(file), "", "is nested too deeply")]) from None


def text_of(file: Path) -> str:
    """Without the byte order mark that some editors begin a file with."""
    try:
        return file.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        problem = f"is no text in UTF-8: byte {error.start} cannot be read"
        raise ProfileError([FileProblem(str(file), "", problem)]) from error
    except OSError as error:
        raise ProfileError([FileProblem(str(file), "", str(error))]) from error


def profile_from(document: Mapping[str, object], *, name: str, file: str) -> Profile:
    """The policy that *document* (JSON of the shape of a file) describes."""
    return checked(_read(document, file, LineIndex()), name)


def _read(document: Mapping[str, object], file: str, lines: LineIndex) -> Reading:
    reading = Reading(file, lines)
    reading.read(document)
    return reading


def profile_of(name: str, content: Mapping[str, Any]) -> Profile:
    """A kept policy, checked like a file; a key this version of the code lacks is a problem."""
    document = earlier.document_of(content) if earlier.is_earlier(content) else content
    return profile_from(document, name=name, file=name)


def override(profile: Profile, changes: Mapping[str, object]) -> Profile:
    """*profile* with single keys replaced; null makes it silent on that point."""
    named = {OVERRIDE_NAMES.get(key, key): value for key, value in changes.items()}
    reading = Reading(profile.name, LineIndex(), unsays=True)
    reading.read(opened(named))
    said = {**profile.said, **{key: made.value for key, made in reading.statements.items()}}
    changed = profile_saying(
        profile.name,
        {key: value for key, value in said.items() if value is not None},
        limits=profile.limits if reading.limits is None else reading.limits,
        whens=profile.whens if reading.whens is None else reading.whens,
    )
    return _checked(reading, changed)


def checked(reading: Reading, name: str) -> Profile:
    """The policy that was read, or a `ProfileError` with every problem of it."""
    return _checked(reading, profile_read(reading, name))


def profile_read(reading: Reading, name: str) -> Profile:
    """What could be read, whatever its problems are."""
    return profile_saying(
        name, reading.said, limits=reading.limits or (), whens=reading.whens or ()
    )


def _checked(reading: Reading, profile: Profile) -> Profile:
    if problems := problems_read(reading, profile):
        raise ProfileError(problems)
    return replace(profile, version=version_of(profile))


def problems_read(reading: Reading, profile: Profile) -> list[FileProblem]:
    """Those of single keys, and what contradicts itself."""
    found = (reading.placed(says, problem) for says, problem in contradictions(profile))
    return [*reading.problems, *found]


@lru_cache(maxsize=1)
def shipped_policies() -> Path:
    """The directory of the policies that ship."""
    return config_directory() / "policies"


def policy_home(name: str, directory: Path | str | None) -> Path:
    """Where the policy *name* and its clauses are: *directory*, else where the shipped ones are."""
    if directory is None or not is_name(name):
        return shipped_policies()
    own = Path(directory)
    return own if (own / f"{name}.toml").is_file() else shipped_policies()
