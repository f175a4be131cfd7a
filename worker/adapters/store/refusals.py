"""Why the database was not to be had, and what else its errors mean: never its own text.

What a server or a driver writes can hold names and values, and is in any language.
"""

import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final, NamedTuple

import asyncpg
from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from worker.ports import errors
from worker.ports.errors import StoreUnavailable


class Mistake(NamedTuple):
    cause: str
    mend: str  #: What to look at or to do.


_BY_STATE: Final[Mapping[str, Mistake]] = {
    "28P01": Mistake("the password is refused, or there is no such role", "database.url"),
    "28000": Mistake(
        "this role may not log in from here",
        "the role in database.url, pg_hba.conf, sslmode=require where the server wants TLS",
    ),
    "3D000": Mistake("there is no such database", "its name in database.url; createdb makes one"),
    "42501": Mistake(
        "this role may not do that",
        "GRANT activation_worker TO it, and migrate as the owner: deploy/postgres/roles.sql",
    ),
    "53300": Mistake(
        "the server has no connection left", "fewer in database.pool_size, or max_connections"
    ),
    "57P03": Mistake("the server is starting or stopping", "again in a moment"),
    "25006": Mistake(
        "the server takes no writes", "the primary in database.url, target_session_attrs=read-write"
    ),
}
#: The first that fits: those above are kinds of those below.
_BY_TYPE: Final[tuple[tuple[type[Exception], Mistake], ...]] = (
    (
        asyncpg.TargetServerAttributeNotMatched,
        Mistake("no server has the target_session_attrs", "the hosts in database.url"),
    ),
    (
        asyncpg.exceptions.ClientConfigurationError,
        Mistake("database.url cannot be used", "activation-worker check-config"),
    ),
    (
        ssl.SSLCertVerificationError,
        Mistake("its certificate is not trusted", "sslrootcert and the host in database.url"),
    ),
    (ssl.SSLError, Mistake("TLS could not be agreed on", "sslmode in database.url")),
    (socket.gaierror, Mistake("the name of its host is not known", "the host in database.url")),
    (ConnectionRefusedError, Mistake("nobody listens there", "host and port in database.url")),
    (FileNotFoundError, Mistake("there is no such socket or file", "the paths in database.url")),
    (TimeoutError, Mistake("it does not answer in time", "host and port in database.url")),
)
_NO_TLS: Final = Mistake("it speaks no TLS", "sslmode in database.url, or TLS at the server")
_NO_SERVER: Final = Mistake("what answers there is no PostgreSQL, or left", "database.url")
_OTHER: Final = Mistake("the connection failed", "activation-worker doctor")


def refusal_of(error: BaseException, state: str) -> Mistake:
    """What *error* means; *state* is its SQLSTATE, where it has one."""
    if state in _BY_STATE:
        return _BY_STATE[state]
    for kind, refusal in _BY_TYPE:
        if isinstance(error, kind):
            return refusal
    # The driver has no class for it, only its own English.
    if isinstance(error, ConnectionError) and "rejected SSL" in str(error):
        return _NO_TLS
    if isinstance(error, ConnectionError | asyncpg.InterfaceError | asyncpg.InternalClientError):
        return _NO_SERVER
    return _OTHER


def unavailable(error: BaseException, state: str) -> StoreUnavailable:
    cause, mend = refusal_of(error, state)
    return StoreUnavailable(f"database: {cause}", mend=mend)


READ_ONLY = "25006"
DEADLOCK = "40P01"
_AGAIN = {"40001", DEADLOCK}  # serialization_failure, deadlock_detected
_MISSING = {"42P01", "42703"}  # undefined_table, undefined_column
# Shutting down, read-only, no slot left.
_AWAY = {"57P01", "57P02", "57P03", READ_ONLY, "53300"}
_FORBIDDEN = "42501"  # insufficient_privilege: of a role that was not granted ours
_OUTGROWN = "WK001"  # our own triggers': this version is too old for what a later one writes
LOCKED = "55P03"  # lock_not_available: the wait for a row was over


def outgrown() -> errors.SchemaMissing:
    """A later version ended its upgrade, and writes what this one cannot read."""
    return errors.SchemaMissing(
        "a later version has run `activation-worker migrate --finish`: this one cannot read all"
        " that it writes"
    )


class RunAgain(errors.StoreError):
    """The database itself asks for this transaction to be run again."""


def sqlstate(error: Exception) -> str:
    return getattr(getattr(error, "orig", error), "sqlstate", None) or ""


def is_away(error: Exception) -> bool:
    """Whether the server, or the way to it, ended the connection."""
    state = sqlstate(error)
    return state[:2] == "08" or state in _AWAY


def meaning_of(error: Exception) -> errors.StoreError | None:
    """What an exception of the database says, without its text: that may hold values."""
    state = sqlstate(error)
    if state in _MISSING:
        return errors.SchemaMissing("the schema is missing or old: run `activation-worker migrate`")
    if state == _OUTGROWN:
        return outgrown()
    if isinstance(error, DBAPIError) and not error.connection_invalidated:
        if state in _AGAIN:
            return RunAgain(state)
        if state == LOCKED:
            return errors.RowLocked("database: a row stays locked")
        # The triggers of the books refuse with the same state: then it is a bug of ours.
        forbidden = state == _FORBIDDEN and not _raised_by_trigger(error)
        if (
            not forbidden
            and state[:2] not in {"08", "57", "25", "28", "3D", "53"}
            and state not in _AWAY
            and not isinstance(error, InterfaceError)
        ):
            return None
    return unavailable(_cause(error), state)


def _raised_by_trigger(error: Exception) -> bool:
    return getattr(_cause(error), "server_source_function", None) == "exec_stmt_raise"


def _cause(error: Exception) -> BaseException:
    """What the driver raised, below what SQLAlchemy made of it."""
    original = getattr(error, "orig", error)
    return original.__cause__ or original if isinstance(error, DBAPIError) else error


_RAISED = (
    DBAPIError,
    PoolTimeout,
    OSError,
    TimeoutError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)


@contextmanager
def translated() -> Iterator[None]:
    """Turn what the driver raises into the port's errors; a bug stays the bug it is."""
    try:
        yield
    except _RAISED as error:
        meaning = meaning_of(error)
        if meaning is None:
            raise
        raise meaning from None


@contextmanager
def again_where_taken(constraint: str) -> Iterator[None]:
    """Run the transaction again where this unique index refuses a row: it is there by now."""
    try:
        yield
    except IntegrityError as error:
        if getattr(_cause(error), "constraint_name", None) != constraint:
            raise
        raise RunAgain(constraint) from None
