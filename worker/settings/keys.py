"""The keys there are, as paths: which name of the environment, which `*_file`, means which."""

import difflib
from collections.abc import Iterator
from typing import TypeAlias

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from worker.settings.model import NESTING, PREFIX, ProviderSettings, Settings

Key: TypeAlias = tuple[str, ...]

FILE_SUFFIX = "_file"
#: Names of the environment that are options of the command line, not settings.
COMMAND_LINE_NAMES = frozenset({"AW_CONFIG", "AW_URL", "AW_TOKEN"})


def dotted(path: Key) -> str:
    return ".".join(path)


def environment_name(path: Key) -> str:
    return PREFIX + NESTING.join(path).upper()


def path_of(name: str) -> Key:
    """`AW_DATABASE__URL`, or a secret file's `aw_database__url`."""
    return tuple(name[len(PREFIX) :].lower().split(NESTING))


def known_paths(providers: frozenset[str] = frozenset()) -> Iterator[Key]:
    """Every leaf there may be, given the names of the providers."""
    for table, field in Settings.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from ((table, key) for key in field.annotation.model_fields)
    for name in sorted(providers):
        yield from (("providers", name, key) for key in ProviderSettings.model_fields)


def field_of(path: Key) -> FieldInfo | None:
    """The field a path leads to, if it is a leaf; the provider's name is not looked at."""
    if path[:1] == ("providers",) and len(path) == 3:
        return ProviderSettings.model_fields.get(path[2])
    table = Settings.model_fields.get(path[0]) if len(path) == 2 else None
    model = table.annotation if table else None
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        return None
    return model.model_fields.get(path[1])


def is_known(path: Key) -> bool:
    return all(path) and field_of(path) is not None


def suggestion(path: Key, providers: frozenset[str] = frozenset()) -> Key | None:
    """The known key that looks most like *path*."""
    if path[:1] == ("providers",):
        providers |= frozenset(path[1:2])
    known = {dotted(each): each for each in known_paths(providers)}
    close = difflib.get_close_matches(dotted(path), known, n=1, cutoff=0.75)
    return known[close[0]] if close else None


def file_keys(path: Key) -> Key:
    """The `*_file` sibling of a key."""
    return (*path[:-1], path[-1] + FILE_SUFFIX)


def readable_from_files(providers: frozenset[str]) -> list[Key]:
    """The keys that have a `*_file` sibling."""
    known = set(known_paths(providers))
    return sorted(path for path in known if file_keys(path) in known)


def is_secret(path: Key) -> bool:
    """Whether a value of this key must never be shown; an unknown key may be a misspelt secret."""
    field = field_of(path)
    return field is None or path[-1] == "tokens" or "SecretStr" in repr(field.annotation)
