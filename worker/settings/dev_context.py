"""Where the `dev` of a folder runs: written by it, read by every other command started there.

Nobody's file but our own is believed: it decides where a token is sent.
"""

import json
import os
import stat
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from worker.settings.sources import Layer
from worker.settings.values import ConfigError, ConfigProblem

NAMED_BY: Final = "AW_CONTEXT"
PLACE: Final = Path(".state/dev/context.json")
FILE_MODE: Final = 0o600
CHARS_MAX: Final = 100_000
#: Whoever sets one of these says where things are: another database than `dev`'s, or Redis.
_TOLD_OTHERWISE: Final = frozenset(
    f"AW_{table}__URL{suffix}" for table in ("DATABASE", "REDIS") for suffix in ("", "_FILE")
)


@dataclass(frozen=True, slots=True)
class DevContext:
    """What another command needs to know; the field names are those of the file."""

    api_url: str
    admin_url: str
    desk_url: str | None  #: None: this `dev` has no desk.
    database_url: str = field(repr=False)
    redis_url: str = field(repr=False)
    token: str = field(repr=False)

    def layer(self, file: Path) -> Layer:
        """The settings that follow from it."""
        values: dict[str, Any] = {
            "database": {"url": self.database_url},
            "redis": {"url": self.redis_url},
            "api": {
                "listen": urlsplit(self.api_url).netloc,
                "tokens": f"dev:operate+decide:{self.token}",
            },
            "admin": {"listen": urlsplit(self.admin_url).netloc},
        }
        return Layer(values, lambda _: f"{file} (`dev`)")


def write(file: Path, context: DevContext) -> None:
    """Only its owner may ever read it, from its first byte on."""
    file.unlink(missing_ok=True)
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        json.dump(asdict(context), stream, indent=2)


def find(config_file: Path | None, environ: Mapping[str, str], here: Path) -> Path | None:
    """The context of a command started *here*; None where it is told otherwise, or none is."""
    if environ.get(NAMED_BY):
        return Path(environ[NAMED_BY])
    if config_file is not None or any(environ.get(name) for name in _TOLD_OTHERWISE):
        return None
    files = (folder / PLACE for folder in (here, *here.parents))
    return next((file for file in files if _is_ours(file)), None)


def _is_ours(file: Path) -> bool:
    try:
        status = file.stat()
    except OSError:
        return False
    private = not status.st_mode & (stat.S_IRWXG | stat.S_IRWXO)
    return stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid() and private


def read(file: Path) -> DevContext:
    """Raises `ConfigError`, which does not repeat what is in the file."""
    if not file.exists():
        raise _unusable(file, "is not there: no dev runs, or it runs elsewhere")
    if not _is_ours(file):
        raise _unusable(file, "must be a file of yours that nobody else may read (mode 0600)")
    try:
        with file.open(encoding="utf-8") as stream:
            found = json.loads(stream.read(CHARS_MAX))
        context = DevContext(**found)
    except (OSError, ValueError, TypeError):
        raise _unusable(file, "is no context that `dev` wrote") from None
    if not all(isinstance(value, str | None) for value in asdict(context).values()):
        raise _unusable(file, "is no context that `dev` wrote")
    return context


def _unusable(file: Path, why: str) -> ConfigError:
    return ConfigError([ConfigProblem("", str(file), why)])
