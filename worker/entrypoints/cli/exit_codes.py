"""What errors from below mean to the caller of a command. Imported when something has failed."""

import errno

from worker.entrypoints.children import EmbeddedError
from worker.entrypoints.cli.exits import Exit, Failure
from worker.ports.errors import ScheduleUnavailable, SchemaMissing, StoreError
from worker.settings import ConfigError

_CANNOT_LISTEN = {errno.EADDRINUSE, errno.EADDRNOTAVAIL, errno.EACCES}


def failure_of(error: Exception) -> Failure | None:
    """The failure to report; None for a bug, which shows its traceback."""
    match error:
        case Failure():
            return error
        case ConfigError():
            return _bad_configuration(error)
        case StoreError() | ScheduleUnavailable():
            return _dependency(error)
        case EmbeddedError() | OSError():
            return _cannot_start(error)
        case _:
            return None


def _bad_configuration(error: ConfigError) -> Failure:
    count = len(error.problems)
    problems = "1 problem" if count == 1 else f"{count} problems"
    hint = "config/worker.toml explains every key"
    return Failure(Exit.BAD_CONFIG, f"bad configuration, {problems}:\n{error}", hint=hint)


def _dependency(error: StoreError | ScheduleUnavailable) -> Failure:
    if isinstance(error, SchemaMissing):
        return Failure(Exit.FAILED, str(error), hint="activation-worker migrate")
    name = "the database" if isinstance(error, StoreError) else "Redis"
    hint = "activation-worker doctor"
    return Failure(Exit.UNREACHABLE, f"{name} cannot be reached: {error}", hint=hint)


def _cannot_start(error: EmbeddedError | OSError) -> Failure | None:
    if isinstance(error, EmbeddedError):
        return Failure(Exit.FAILED, f"the embedded servers do not run: {error}")
    if error.errno not in _CANNOT_LISTEN:
        return None
    hint = "is another one running? See api.listen and admin.listen"
    return Failure(Exit.FAILED, f"cannot listen: {error.strerror}", hint=hint)
