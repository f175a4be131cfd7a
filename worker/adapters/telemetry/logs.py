"""Logging: one JSON object per line, or readable lines on a terminal, with secrets struck out.

An event is a dotted name from a closed set, everything else is a field. Lines of libraries go the
same way. Callers keep keys, phones and codes out; the redaction here is the last line of defence.
"""

import logging
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache
from typing import Any, Final, TextIO

import orjson
import structlog
from structlog.processors import NAME_TO_LEVEL
from structlog.stdlib import ProcessorFormatter
from structlog.typing import EventDict, FilteringBoundLogger, Processor, WrappedLogger

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


#: What each of them has, whatever else: where it is missing, nothing has to be struck out.
_HINT = re.compile(r"[=:+]|\d{7}|whsec_|bearer\s|basic\s", re.IGNORECASE)


def redacted(name: str, value: object) -> object:
    """The field as it may be written."""
    return STRUCK if _is_secret(name) and value is not None else _without(value, DEPTH_MAX)


def redacted_text(text: str) -> str:
    # Nearly all fields are short words without a hint: looking for it costs a third.
    return _SECRETS.sub(_strike, text) if _HINT.search(text) else text


@lru_cache(maxsize=1024)  # Few names, asked for with each line.
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
            return redacted_text(_said(value))


def _said(value: object) -> str:
    try:
        return str(value)
    except Exception:  # noqa: BLE001 - who logs something must not fail by it
        return STRUCK


def _strike(found: re.Match[str]) -> str:
    kept = found.lastgroup
    assert kept is not None
    if kept == "keep":
        return found.group()
    return STRUCK if kept == "phone" else f"{found.group(kept)}{STRUCK}"


# Two lines per job at INFO (arq), one per request (aiohttp), one per statement (sqlalchemy).
QUIET = ("arq", "aiohttp", "asyncio", "sqlalchemy", "alembic")


def configure_logging(stream: TextIO, *, level: str = "info") -> None:
    """Send the logs of this process to *stream*. Called once, by an entrypoint.

    Ours go there directly: by way of a record of `logging` a line cost three times as much, a
    fifth of a short call of the API. Both ways end in the same steps.
    """
    terminal = stream.isatty()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter(terminal=terminal))
    logging.basicConfig(handlers=[handler], force=True)
    set_log_level(level)
    structlog.configure(
        processors=[
            drop_below_level,
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.add_logger_name,
            *_steps(terminal=terminal),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG),
        logger_factory=lambda name: _Lines(name, stream),
        cache_logger_on_first_use=True,
    )


def set_log_level(level: str) -> None:
    """Also while the process runs: lines of both ways are held against the root logger's level."""
    number = logging.getLevelNamesMapping()[level.upper()]
    logging.getLogger().setLevel(number)
    for name in QUIET:
        logging.getLogger(name).setLevel(max(number, logging.WARNING))


def drop_below_level(_logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    if NAME_TO_LEVEL[method] < logging.getLogger().level:
        raise structlog.DropEvent
    return event


def logger(name: str) -> FilteringBoundLogger:
    """A logger of the worker; *name* is the part that speaks."""
    made: FilteringBoundLogger = structlog.get_logger(name)
    return made


class _Lines:
    """Writes lines. One that cannot be written is lost: nobody stops working for that."""

    def __init__(self, name: str, stream: TextIO) -> None:
        self.name = name
        self._stream = stream

    def write(self, line: str) -> None:
        with suppress(
            OSError, ValueError
        ):  # Nobody reads any more, the disk is full, it is closed.
            self._stream.write(line + "\n")
            self._stream.flush()

    debug = info = warning = error = critical = exception = write


def formatter(*, terminal: bool) -> logging.Formatter:
    """What turns a record of a library into one line."""
    return ProcessorFormatter(
        processors=[
            structlog.stdlib.add_logger_name,
            ProcessorFormatter.remove_processors_meta,
            *_steps(terminal=terminal),
        ]
    )


def _steps(*, terminal: bool) -> list[Processor]:
    """From an event and its fields to a line."""
    return [
        # Before the redaction: a traceback can quote what must not be quoted.
        structlog.processors.format_exc_info,
        redact,
        # After it: these are ours.
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _for_people() if terminal else structlog.processors.JSONRenderer(serializer=_json),
    ]


def redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    return {name: redacted(name, value) for name, value in event.items()}


def _for_people() -> structlog.dev.ConsoleRenderer:
    return structlog.dev.ConsoleRenderer(
        colors="NO_COLOR" not in os.environ,
        exception_formatter=structlog.dev.plain_traceback,
    )


def _json(event: EventDict, **_: Any) -> str:
    try:
        return orjson.dumps(event, default=str).decode()
    except TypeError:  # Half a character, or an integer too long for it.
        return orjson.dumps(_sayable(event)).decode()


def _sayable(value: object) -> object:
    """The same without what JSON cannot say; a long integer as its text would be: struck out."""
    match value:
        case str():
            return redacted_text(value.encode(errors="replace").decode())
        case None | bool() | float():
            return value
        case int():
            return value if value.bit_length() < 64 else STRUCK
        case Mapping():
            return {str(_sayable(str(name))): _sayable(inner) for name, inner in value.items()}
        case list():
            return [_sayable(inner) for inner in value]
        case _:
            return STRUCK


LOG_EVENTS: Final[Mapping[str, str]] = {
    "activation.code_late": "A code came after the window or the ending: not shown, not charged.",
    "activation.in_review": "Numbers whose ending the policy leaves to a human.",
    "activation.quarantined": "Work on this number fails, see `why`; it is tried again ever later.",
    "activation.resolved": "Settled numbers that ended at the provider against us, or unclearly.",
    "activation.settled": "Numbers that ended, one line per batch and kind of ending.",
    "activation.unread": "Numbers left to newer code: a word in their rows is not known here.",
    "arq.worker_lost": "arq's worker ended with an error; a new one is started.",
    "audit.cut_off": "An invariant was not checked to its end; the audit goes on with the next.",
    "audit.done": "An audit ran to its end.",
    "audit.violated": "An invariant does not hold; `offenders` are a few of the rows.",
    "backstop.failed": "A tick that the daemon ran by itself ended with an error.",
    "canary.failed": "A number of the worker's own got no code, or was not sold; see `detail`.",
    "clock.database_stepped": "The database's clock moved by another time than passed here.",
    "clock.host_differs": "This host's clock differs from the database's, which is used.",
    "clock.read_failed": "The database's clock could not be read; the process counts on by itself.",
    "config.reload_refused": "On SIGHUP there was a fault, or half the tokens; nothing changed.",
    "config.reloaded": "On SIGHUP the tokens, the log's level and the access log were read again.",
    "credit.after_grace": "Customers credited without the provider's word: exposures.",
    "event.dead": "Events that were tried as often as promised and not taken; replay them by hand.",
    "event.delivery_failed": "Events could not be leased or marked; the next tick tries again.",
    "event.endpoint_gone": "The endpoint said 410: it gets no more events until it is enabled.",
    "event.send_failed": "A bug kept an event from being sent; it counts as an attempt.",
    "http.connection_refused": "More connections than allowed: those beyond were closed at once.",
    "instance.beat_failed": "This process could not tell the database that it lives.",
    "instance.dead": "A process is dead; what it had leased is due. The detail is its id.",
    "instance.freeing_failed": "Whether a process is dead could not be asked, or not be acted on.",
    "instance.was_dead": "This process was taken for dead, as after a freeze, and begins anew.",
    "intake.refused": "A number handed over is not taken, see `detail`; an event has it whole.",
    "job.failed": "A job ended with an error.",
    "policy.file_gone": "Accounts belong to policies without a file: a human decides their cases.",
    "policy.missing": "A number's policy is not kept, or cannot be read here: a human ends it.",
    "policy.unreadable": "Kept policies of newer code; who bought under them is a human's to end.",
    "provider.balance_differs": "The provider's balance moved by another sum than our numbers did.",
    "provider.circuit_closed": "The provider answers again.",
    "provider.circuit_opened": "The provider failed too often, and is asked once a second.",
    "provider.currency_differs": "The provider counts in another currency than is configured.",
    "provider.dispute_ended": "The provider's history agrees with our books after all.",
    "provider.disputed": "The provider's list or history contradicts what it had confirmed.",
    "provider.exposure_uncounted": "Exposure in another currency than the limit: it halts nothing.",
    "provider.family_failed": "What another package brings raised, hung or answered what is none.",
    "provider.list_failed": "The list of active numbers could not be had.",
    "provider.lists_ended": "The provider lists numbers as active that it had confirmed as ended.",
    "provider.look_failed": "A look brought no usable answer.",
    "provider.number_gone": "The provider does not know a number that it rented out.",
    "provider.ref_sold_again": "A provider uses a ref again: nothing is sent about the old number.",
    "provider.unknown_numbers": "The provider lists numbers as ours that we do not know.",
    "queue_stats.failed": "The queue could not be counted; the gauges show what was true before.",
    "rent.adopted": "A purchase whose reply was lost was found at the provider.",
    "rent.expiry_unbelievable": "A provider sold a number as already over: its clock is wrong.",
    "rent.number_lost": "A bought number could not be stored: find it at the provider.",
    "rent.number_taken": "A bought number was another order's by the time it could be stored.",
    "rent.proven_unsold": "Purchases whose reply was lost were never sold: nothing is at risk.",
    "rent.refused_and_held": "A refused purchase could not be given back: its price is still held.",
    "rent.outcome_unknown": "A purchase whose reply was lost; it is looked for, never repeated.",
    "rental.bought_and_lost": "A long rental was bought, but is not stored: book it, or end it.",
    "rental.outcome_unknown": "Nobody knows whether a long rental was sold; it is not asked again.",
    "rental.refused_and_held": "A refused long rental could not be given back: its price is held.",
    "rental.read_failed": "A rental's messages could not be read; those kept before are shown.",
    "rental.close_failed": "A rental that was given back is still to be closed at its provider.",
    "schedule.probe_failed": "A bug kept Redis from being asked if it works; it is asked again.",
    "schedule.rebuilt": "The schedule was written anew from the database.",
    "schedule.redis_back": "Redis answers again.",
    "schedule.redis_lost": "Redis does not answer; the schedule is in memory meanwhile.",
    "schedule.unavailable": "No schedule could be reached for a tick.",
    "settle.account_locked": "Endings whose account somebody keeps locked; the others go on.",
    "ticker.failed": "The ticks of a slot were not put into the queue; it is tried again.",
    "watch.code_refused": "A code could not be recorded; it is tried again later and later.",
}

#: The id in the lines of an event that is about one thing. Of `activation.in_review`, `.resolved`,
#: `.settled`, `rent.proven_unsold` and `settle.account_locked`: where it was one number alone.
LOG_IDS: Final[Mapping[str, str]] = {
    "activation.code_late": "activation",
    "activation.in_review": "activation",
    "activation.quarantined": "activation",
    "activation.resolved": "activation",
    "activation.settled": "activation",
    "canary.failed": "activation",
    "event.dead": "event_id",
    "event.send_failed": "event_id",
    "policy.missing": "activation",
    "provider.look_failed": "activation",
    "provider.number_gone": "activation",
    "provider.ref_sold_again": "activation",
    "rent.adopted": "activation",
    "rent.expiry_unbelievable": "activation",
    "rent.number_lost": "activation",
    "rent.number_taken": "activation",
    "rent.outcome_unknown": "activation",
    "rent.proven_unsold": "activation",
    "rent.refused_and_held": "activation",
    "rental.bought_and_lost": "order",
    "rental.close_failed": "rental",
    "rental.outcome_unknown": "order",
    "rental.read_failed": "rental",
    "rental.refused_and_held": "order",
    "settle.account_locked": "activation",
    "watch.code_refused": "activation",
}
