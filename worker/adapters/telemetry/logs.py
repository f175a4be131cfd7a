"""Logging: one JSON object per line, or readable lines on a terminal, with secrets struck out.

An event is a dotted name from a closed set, everything else is a field. Lines of libraries go the
same way. Callers keep keys, phones and codes out; the redaction here is the last line of defence.
"""

import logging
import os
from typing import Any, TextIO

import orjson
import structlog
from structlog.stdlib import BoundLogger, ProcessorFormatter
from structlog.typing import EventDict, WrappedLogger

from worker.adapters.telemetry.redaction import redacted

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
