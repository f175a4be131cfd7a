"""Logging: one JSON object per line, or readable lines on a terminal, with secrets struck out.

An event is a dotted name from a closed set, everything else is a field. Lines of libraries go the
same way. Callers keep keys, phones and codes out; the redaction here is the last line of defence.
"""

import logging
import os
import re
from collections.abc import Mapping
from typing import Any, Final, TextIO

import orjson
import structlog
from structlog.stdlib import BoundLogger, ProcessorFormatter
from structlog.typing import EventDict, WrappedLogger

STRUCK: Final = "[redacted]"
DEPTH_MAX: Final = 4  #: Fields are flat or nearly so; anything deeper is struck out whole.

# Fields whose value is never for a log, whatever it looks like.
SECRET_FIELDS: Final = frozenset(
    {
        "api_key",
        "authorization",
        "code",
        "codes",
        "key",
        "password",
        "phone",
        "secret",
        "sms",
        "text",
        "token",
    }
)

# Our own ids hold long runs of digits now and then: matched first, to be left alone.
_UUID = r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}"
_SECRETS = re.compile(
    rf"""
    (?P<keep>\b{_UUID}\b)
  | (?P<named>\b(?:api[_-]?key|key|token|secret|password|sig)["']?\s*[=:]\s*)["']?[^\s&"',;)]+
  | (?P<header>\b(?:bearer|basic)\s+)[A-Za-z0-9._~+/=-]{{6,}}
  | (?P<signing>\bwhsec_)[A-Za-z0-9+/=]+
  | (?P<login>://)[^/\s:@]*:[^/\s@]+(?=@)
  | (?P<reply>\b(?:STATUS_OK|STATUS_WAIT_RETRY|FULL_SMS|ACCESS_NUMBER)\s*:)[^\n"']+
  | (?P<phone>\+\d[\d\s().-]{{6,}}\d|(?<![\w.])\d{{7,}}(?!\w))
    """,
    re.IGNORECASE | re.VERBOSE,
)


def redacted(name: str, value: object) -> object:
    """The field as it may be written."""
    return STRUCK if _is_secret(name) and value is not None else _without(value, DEPTH_MAX)


def redacted_text(text: str) -> str:
    return _SECRETS.sub(_strike, text)


def _is_secret(name: str) -> bool:
    return name.lower().replace("-", "_") in SECRET_FIELDS


def _without(value: object, depth: int) -> object:
    match value:
        case str():
            return redacted_text(value)
        case None | bool() | int() | float():
            return value
        case _ if depth == 0:
            return STRUCK
        case Mapping():
            return {
                str(name): STRUCK if _is_secret(str(name)) else _without(inner, depth - 1)
                for name, inner in value.items()
            }
        case list() | tuple() | set() | frozenset():
            return [_without(inner, depth - 1) for inner in value]
        case _:
            return redacted_text(str(value))


def _strike(found: re.Match[str]) -> str:
    kept = found.lastgroup
    assert kept is not None
    if kept == "keep":
        return found.group()
    return STRUCK if kept == "phone" else f"{found.group(kept)}{STRUCK}"


# Two lines per job at INFO (arq), one per request (aiohttp), one per statement (sqlalchemy).
QUIET = ("arq", "aiohttp", "asyncio", "sqlalchemy", "alembic")


def configure_logging(stream: TextIO, *, level: str = "info") -> None:
    """Send the logs of this process to *stream*. Called once, by an entrypoint."""
    number = logging.getLevelNamesMapping()[level.upper()]
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter(terminal=stream.isatty()))
    logging.basicConfig(handlers=[handler], level=number, force=True)
    for name in QUIET:
        logging.getLogger(name).setLevel(max(number, logging.WARNING))
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.contextvars.merge_contextvars,
            ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )


def logger(name: str) -> BoundLogger:
    """A logger of the worker; *name* is the part that speaks."""
    made: BoundLogger = structlog.stdlib.get_logger(name)
    return made


def formatter(*, terminal: bool) -> logging.Formatter:
    """What turns a record, ours or a library's, into one line."""
    return ProcessorFormatter(
        processors=[
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            ProcessorFormatter.remove_processors_meta,
            # Before the redaction: a traceback can quote what must not be quoted.
            structlog.processors.format_exc_info,
            redact,
            _for_people() if terminal else structlog.processors.JSONRenderer(serializer=_json),
        ]
    )


def redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    return {name: redacted(name, value) for name, value in event.items()}


def _for_people() -> structlog.dev.ConsoleRenderer:
    return structlog.dev.ConsoleRenderer(
        colors="NO_COLOR" not in os.environ,
        exception_formatter=structlog.dev.plain_traceback,
    )


def _json(event: EventDict, **_: Any) -> str:
    return orjson.dumps(event, default=str).decode()
