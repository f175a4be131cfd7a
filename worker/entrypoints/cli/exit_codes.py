"""Exit codes, the one exception that carries them out of a command, and which error means which."""

import difflib
import enum
import errno
import json
import sys
from collections.abc import Iterable


class Exit(enum.IntEnum):
    """Part of the contract: scripts branch on them."""

    OK = 0  #: Reached what was asked.
    FAILED = 1
    USAGE = 2
    OTHER_ENDING = 3  #: An activation ended otherwise than expected.
    NOT_AUTHORISED = 4
    UNREACHABLE = 5  #: The daemon, the database, Redis or a provider cannot be reached.
    GAVE_UP = 6  #: The time to wait is over.
    BAD_CONFIG = 78
    INTERRUPTED = 130


IN_HELP = (
    "Exit codes: 0 reached what was asked · 1 failed · 2 usage · 3 another ending than expected · "
    "4 not authorised · 5 a dependency cannot be reached · 6 gave up waiting · "
    "78 bad configuration · 130 interrupted."
)
_CODES = {
    Exit.FAILED: "failed",
    Exit.USAGE: "usage",
    Exit.OTHER_ENDING: "other-ending",
    Exit.NOT_AUTHORISED: "not-authorised",
    Exit.UNREACHABLE: "unreachable",
    Exit.GAVE_UP: "gave-up",
    Exit.BAD_CONFIG: "bad-configuration",
}


_FULL = {errno.ENOSPC, errno.EDQUOT}
_CLOSED = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR}


class Failure(Exception):
    """A command did not do what was asked. Holds no secret: it is printed."""

    def __init__(
        self, how: Exit, message: str, *, hint: str = "", code: str = "", seq: int | None = None
    ) -> None:
        super().__init__(message)
        self.how = how
        self.message = message
        self.hint = hint
        self.code = code or _CODES[how]  #: A stable word, as in `{"error": {"code": …}}`.
        self.seq = seq  #: Where events are forgotten: the first one that is kept.


def did_you_mean(given: str, known: Iterable[str]) -> str:
    """The end of a message about a name that is not known; empty where nothing known is near."""
    names = list(known)
    near = difflib.get_close_matches(given, names, n=1)
    near = near or [name for name in names if given and name.startswith(given)]
    return f"; did you mean {near[0]}?" if near else ""


def report(failure: Failure, *, as_json: bool) -> None:
    """Write it to stderr, so that stdout holds data only."""
    if as_json:
        error = {"code": failure.code, "message": failure.message, "hint": failure.hint}
        # A path in it may be of bytes that are no text, and then not be JSON that all can read.
        text = json.dumps({"error": error}, ensure_ascii=False).encode(errors="replace").decode()
    else:
        text = f"activation-worker: {failure.message}"
        if failure.hint:
            # What cannot be reached is one line: it stands among others in a log.
            one_line = failure.how is Exit.UNREACHABLE
            text += f" (try: {failure.hint})" if one_line else f"\n  try: {failure.hint}"
    sys.stderr.write(text + "\n")


def failure_of(error: Exception) -> Failure | None:  # noqa: PLR0911 - one per kind of error
    """The failure to report; None for a bug, which shows its traceback."""
    if isinstance(error, Failure):
        return error
    # Imported here: `--help` needs none of it.
    from worker.entrypoints.children import EmbeddedError
    from worker.entrypoints.http.listener import CannotListen
    from worker.ports.errors import ScheduleUnavailable, SchemaMissing, StoreError
    from worker.settings import ConfigError

    match error:
        case ConfigError():
            return _bad_configuration(str(error), len(error.problems))
        case SchemaMissing():
            return Failure(Exit.FAILED, str(error), hint="activation-worker migrate")
        case StoreError():
            return _unreachable("the database", error, getattr(error, "mend", ""))
        case ScheduleUnavailable():
            return _unreachable("Redis", error)
        case EmbeddedError():
            return Failure(Exit.FAILED, f"the embedded servers do not run: {error}")
        case CannotListen():
            hint = "is another one running? Else another address: AW_API__LISTEN, AW_ADMIN__LISTEN,"
            hint += " AW_DESK__LISTEN"
            return Failure(Exit.FAILED, f"cannot listen on {error}", hint=hint)
        case OSError():
            return _about_file(error)
        case UnicodeEncodeError() if _is_raw_byte(error.object[error.start]):
            return Failure(Exit.USAGE, "an argument is not UTF-8 text")
        case _:
            return None


def _about_file(error: OSError) -> Failure | None:
    if error.errno in _FULL:
        hint = "make room on that disk, then start it again"
        file = f" {error.filename}" if error.filename else ""
        return Failure(Exit.FAILED, f"cannot write{file}: {error.strerror}", hint=hint)
    if error.errno in _CLOSED and error.filename:
        message = f"cannot read or write {error.filename}: {error.strerror}"
        return Failure(Exit.FAILED, message, hint="another folder, or the rights to this one")
    return None


def _is_raw_byte(char: str) -> bool:
    """Whether Python stands it for a byte of the command line that is no UTF-8."""
    return "\udc80" <= char <= "\udcff"


def _bad_configuration(text: str, count: int) -> Failure:
    problems = "1 problem" if count == 1 else f"{count} problems"
    hint = "config/worker.toml explains every key"
    return Failure(Exit.BAD_CONFIG, f"bad configuration, {problems}:\n{text}", hint=hint)


def _unreachable(name: str, error: Exception, mend: str = "") -> Failure:
    cause = str(error).removeprefix("database: ")
    hint = mend or "activation-worker doctor"
    return Failure(Exit.UNREACHABLE, f"{name} cannot be reached: {cause}", hint=hint)
