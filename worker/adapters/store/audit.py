"""The proof of the books: every invariant, one `.sql` file each, over one snapshot."""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

import asyncpg
from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from worker.adapters.store.statements import statement
from worker.domain.activation import MOVES
from worker.ports.errors import StoreError
from worker.ports.store.books import Finding

OFFENDERS: Final = 5  #: Shown per invariant.
_FOLDER: Final = Path(__file__).parent / "sql" / "audit"
_SNAPSHOT = text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
#: It reads everything there is, and one snapshot held for longer would keep vacuum from its work.
_PATIENCE = text("SET LOCAL statement_timeout = '10min'")
SILENCE_S: Final = 660.0  #: The server's word to say so first; the pool's is for short statements.
_ALONE = text("SELECT pg_try_advisory_xact_lock(hashtextextended('activation-worker:audit', 0))")
_MOVES: Final = sorted((move.source.value, move.target.value) for move in MOVES)
_PARAMETERS: Final[Mapping[str, Mapping[str, Sequence[str]]]] = {
    "transitions_follow_moves": {
        "sources": [source for source, _ in _MOVES],
        "targets": [target for _, target in _MOVES],
    }
}


@cache
def invariants() -> tuple[str, ...]:
    return tuple(sorted(file.stem for file in _FOLDER.glob("*.sql")))


@cache
def says(invariant: str) -> str:
    """What must hold: the first line of its file."""
    with (_FOLDER / f"{invariant}.sql").open() as file:
        return file.readline().removeprefix("--").strip()


@cache
def _question(invariant: str) -> TextClause:
    """How many rows break it, and a few of them, in one reading."""
    offenders = statement(f"audit/{invariant}").text
    return text(
        f"WITH o AS MATERIALIZED ({offenders}) SELECT (SELECT count(*) FROM o) AS violations,"  # noqa: S608 - a file of ours
        f" ARRAY(SELECT offender FROM o ORDER BY offender LIMIT {OFFENDERS}) AS offenders"
    )


async def check_all(connection: AsyncConnection) -> list[Finding]:
    await _begin(connection)
    return [await _check(connection, invariant) for invariant in invariants()]


async def check_alone(connection: AsyncConnection, invariant: str) -> Finding | None:
    await _begin(connection)
    mine = (await connection.execute(_ALONE)).scalar_one()
    return await _check(connection, invariant) if mine else None


async def _begin(connection: AsyncConnection) -> None:
    await connection.execute(_SNAPSHOT)
    await connection.execute(_PATIENCE)


async def _check(connection: AsyncConnection, invariant: str) -> Finding:
    row = await _asked(connection, _question(invariant), _PARAMETERS.get(invariant, {}))
    return Finding(invariant, says(invariant), row["violations"], tuple(row["offenders"]))


async def _asked(
    connection: AsyncConnection, question: TextClause, parameters: Mapping[str, Sequence[str]]
) -> Mapping[str, Any]:
    """By the driver itself: only it can be told to wait longer than for any other statement."""
    compiled = question.compile(dialect=connection.dialect)
    given = [parameters[name] for name in compiled.positiontup or ()]
    driver: Any = (await connection.get_raw_connection()).driver_connection
    try:
        row: Mapping[str, Any] = await driver.fetchrow(str(compiled), *given, timeout=SILENCE_S)
    except (TimeoutError, asyncpg.QueryCanceledError):
        # Not "unavailable", which the database's door would try again, each time for as long.
        raise StoreError("database: an audit takes too long") from None
    return row
