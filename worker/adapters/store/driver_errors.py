"""What the driver raises, as the port's errors: by what we do about them, without their texts."""

from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg
from sqlalchemy.exc import DBAPIError, InterfaceError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from worker.adapters.store.refusals import unavailable
from worker.ports import errors

READ_ONLY = "25006"
_AGAIN = {"40001", "40P01"}  # serialization_failure, deadlock_detected
_MISSING = {"42P01", "42703"}  # undefined_table, undefined_column
# Shutting down, read-only, no slot left.
_AWAY = {"57P01", "57P02", "57P03", READ_ONLY, "53300"}
_FORBIDDEN = "42501"  # insufficient_privilege: of a role that was not granted ours
_LOCKED = "55P03"  # lock_not_available: the wait for a row was over


class RunAgain(errors.StoreError):
    """The database itself asks for this transaction to be run again."""


def sqlstate(error: Exception) -> str:
    return getattr(getattr(error, "orig", error), "sqlstate", None) or ""


def meaning_of(error: Exception) -> errors.StoreError | None:
    """What an exception of the database says, without its text: that may hold values."""
    state = sqlstate(error)
    if state in _MISSING:
        return errors.SchemaMissing("the schema is missing or old: run `activation-worker migrate`")
    if isinstance(error, DBAPIError) and not error.connection_invalidated:
        if state in _AGAIN:
            return RunAgain(state)
        if state == _LOCKED:
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
