"""Exit codes, and the one exception that carries them out of a command."""

import enum
import json
import sys


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


class Failure(Exception):
    """A command did not reach what was asked. Holds no secret: it is printed."""

    def __init__(self, how: Exit, message: str, *, hint: str = "", code: str = "") -> None:
        super().__init__(message)
        self.how = how
        self.message = message
        self.hint = hint
        self.code = code or _CODES[how]  #: A stable word, as in `{"error": {"code": …}}`.


def report(failure: Failure, *, as_json: bool) -> None:
    """Tell it on stderr, so that stdout holds data only."""
    if as_json:
        error = {"code": failure.code, "message": failure.message, "hint": failure.hint}
        text = json.dumps({"error": error}, ensure_ascii=False)
    else:
        text = f"activation-worker: {failure.message}"
        text += f"\n  try: {failure.hint}" if failure.hint else ""
    sys.stderr.write(text + "\n")
