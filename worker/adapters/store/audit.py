"""The questions of the audit: each invariant over everything, or over what a proof left to read.

An invariant is one statement that finds its offenders. To read less, the same statement is asked
over narrower tables: a `WITH` before it has each table's name stand for the rows in question. What
may be left out is said by `Reads`, with its reason.
"""

import enum
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeAlias

import asyncpg
from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from worker.adapters.store.database import statement
from worker.adapters.store.refusals import translated
from worker.domain.activation import MOVES
from worker.ports.errors import StoreError
from worker.ports.store.books import AuditUnfinished, Finding

OFFENDERS: Final = 5  #: Shown per invariant.
_FOLDER: Final = Path(__file__).parent / "sql" / "audit"
#: It reads everything there is, and one snapshot held for longer would keep vacuum from its work.
_PATIENCE = text("SET LOCAL statement_timeout = '10min'")
SILENCE_S: Final = 660.0  #: The server's word to say so first; the pool's is for short statements.
_ALONE = text("SELECT pg_try_advisory_xact_lock(hashtextextended('activation-worker:audit', 0))")
_MOVES: Final = sorted((move.source.value, move.target.value) for move in MOVES)

Given: TypeAlias = Mapping[str, Any]
_ALWAYS: Final[Given] = {
    "sources": [source for source, _ in _MOVES],
    "targets": [target for _, target in _MOVES],
}


class Reads(enum.Enum):
    """What an invariant has to read again when it was proven before."""

    #: It speaks of single numbers, and each change of one writes a transition, a transfer or an
    #: event. A number without a new one of these is as it was when it was proven, or waits for its
    #: ending, which is written in its row alone: the ending itself writes a transfer.
    NUMBERS = enum.auto()
    #: The same of single cases: those with a new decision, evidence or transfer, and the open ones.
    CASES = enum.auto()
    RENTALS = enum.auto()  #: All rentals, which are few; of the transfers those about them.
    TRANSFERS = enum.auto()  #: It speaks of single transfers, which never change.
    #: Sums and running sums: the sum that was proven is the first entry of what follows.
    BALANCES = enum.auto()
    PERIODS = enum.auto()  #: Closed ones, which never change: those that were closed since.
    #: Everything it speaks of is open, or a small table: it is as quick over everything.
    EVERYTHING = enum.auto()


READS: Final[Mapping[str, Reads]] = {
    "balance_is_sum_of_transfers": Reads.BALANCES,
    "balance_never_negative": Reads.BALANCES,
    "case_money_is_decided": Reads.CASES,
    "case_price_or_number": Reads.EVERYTHING,
    "case_rental_is_paid": Reads.RENTALS,
    "case_rental_order_is_held": Reads.RENTALS,
    "case_timers_ring_for_open_cases": Reads.CASES,
    "case_waits_with_a_date": Reads.EVERYTHING,
    "code_shown_in_time": Reads.NUMBERS,
    "delivered_after_code": Reads.NUMBERS,
    "ending_not_early": Reads.NUMBERS,
    "expiring_after_deadline": Reads.NUMBERS,
    "exposure_where_charged": Reads.NUMBERS,
    "final_has_one_settlement": Reads.NUMBERS,
    "held_is_unsettled": Reads.EVERYTHING,
    "hold_per_activation": Reads.NUMBERS,
    "hold_resolved_once": Reads.NUMBERS,
    "live_is_unsettled": Reads.NUMBERS,
    "no_code_before_credit": Reads.NUMBERS,
    "one_event_per_code": Reads.NUMBERS,
    "one_event_per_ending": Reads.NUMBERS,
    "opening_is_sum_of_entries": Reads.PERIODS,
    "provider_is_pursued": Reads.NUMBERS,
    "rows_have_their_activation": Reads.NUMBERS,
    "transfer_matches_kind": Reads.TRANSFERS,
    "transitions_follow_moves": Reads.NUMBERS,
}

_NARROWED: Final[Mapping[Reads, Mapping[str, str]]] = {
    Reads.NUMBERS: {
        "activation": "SELECT * FROM activation WHERE id = ANY(CAST(:numbers AS uuid[]))",
        "purchase": "SELECT * FROM purchase WHERE id = ANY(CAST(:numbers AS uuid[]))",
        "settlement": "SELECT * FROM settlement"
        " WHERE activation_id = ANY(CAST(:numbers AS uuid[]))",
        "transition": "SELECT * FROM transition"
        " WHERE activation_id = ANY(CAST(:numbers AS uuid[]))",
        "timeline": "SELECT * FROM timeline WHERE activation_id = ANY(CAST(:numbers AS uuid[]))",
        "live": "SELECT * FROM live WHERE id = ANY(CAST(:numbers AS uuid[]))",
        "code": "SELECT * FROM code WHERE activation_id = ANY(CAST(:numbers AS uuid[]))",
        "exposure": "SELECT * FROM exposure WHERE activation_id = ANY(CAST(:numbers AS uuid[]))",
        "provider_dispute": "SELECT * FROM provider_dispute"
        " WHERE activation_id = ANY(CAST(:numbers AS uuid[]))",
        "event": "SELECT * FROM event WHERE subject = ANY(CAST(:subjects AS text[]))",
        "transfer": "SELECT * FROM transfer WHERE key = ANY(CAST(:number_keys AS text[]))",
    },
    Reads.CASES: {
        "case_": "SELECT * FROM case_ WHERE id = ANY(CAST(:cases AS uuid[]))",
        "decision": "SELECT * FROM decision WHERE subject = ANY(CAST(:cases AS uuid[]))",
        "review": "SELECT * FROM review WHERE case_id = ANY(CAST(:cases AS uuid[]))",
        "obligation": "SELECT * FROM obligation WHERE case_id = ANY(CAST(:cases AS uuid[]))",
        # Those of rentals are few, and begin with their kind.
        "timer": "SELECT * FROM timer WHERE subject = ANY(CAST(:ringing AS uuid[])) OR kind IN"
        " ('rental_end', 'rental_empty', 'rental_close', 'rental_order', 'rental_order_late')",
        "transfer": "SELECT * FROM transfer WHERE key = ANY(CAST(:case_keys AS text[]))",
        "activation": "SELECT * FROM activation WHERE id = ANY(CAST(:things AS uuid[]))",
        "rental": "SELECT * FROM rental WHERE id = ANY(CAST(:things AS uuid[]))",
    },
    Reads.RENTALS: {
        "paid": "SELECT 'rental:' || id AS key FROM rental UNION ALL SELECT move || ':' || id"
        " FROM rental_order, unnest(ARRAY['renthold', 'rentback', 'prolong']) move",
        "transfer": "SELECT t.* FROM paid JOIN transfer t USING (key) UNION SELECT * FROM transfer"
        " WHERE id > :transfer_id AND split_part(key, ':', 1) ~ '^(rent|prolong)'",
    },
    Reads.TRANSFERS: {"transfer": "SELECT * FROM transfer WHERE id > :transfer_id"},
    Reads.BALANCES: {
        "available": "SELECT 0, account, 'house:', 'available:' || account, available_minor"
        " FROM audit_opening",
        "held": "SELECT 0, account, 'house:', 'held:' || account, held_minor FROM audit_opening",
        "transfer": "SELECT id, account, source, destination, amount_minor FROM transfer"
        " WHERE id > :opening UNION ALL SELECT * FROM available UNION ALL SELECT * FROM held",
    },
    Reads.PERIODS: {"book_period": "SELECT * FROM book_period WHERE transfer_id > :transfer_id"},
    Reads.EVERYTHING: {},
}
#: What these read by key, or as a whole because it is small: a row without its number is in no list
#: of numbers, and timers ask of numbers without a case.
_NOT_NARROWED: Final[Mapping[str, frozenset[str]]] = {
    "rows_have_their_activation": frozenset({"activation", "exposure", "provider_dispute"}),
    "case_timers_ring_for_open_cases": frozenset({"activation", "rental"}),
}


_FOUND: Final = (
    "SELECT (SELECT count(*) FROM o) AS violations,"  # noqa: S608 - a number of ours
    f" ARRAY(SELECT offender FROM o ORDER BY offender LIMIT {OFFENDERS}) AS offenders"
)


@cache
def invariants() -> tuple[str, ...]:
    return tuple(sorted(file.stem for file in _FOLDER.glob("*.sql")))


@cache
def says(invariant: str) -> str:
    """What must hold: the first line of its file."""
    with (_FOLDER / f"{invariant}.sql").open() as file:
        return file.readline().removeprefix("--").strip()


@cache
def _question(invariant: str, reads: Reads) -> TextClause:
    """How many rows break it, and a few of them, in one reading."""
    whole = _NOT_NARROWED.get(invariant, frozenset())
    narrowed = {table: rows for table, rows in _NARROWED[reads].items() if table not in whole}
    offenders = statement(f"audit/{invariant}").text
    # Materialized, or the planner looks each row up by both the long list and a join's key.
    tables = "".join(f"{table} AS MATERIALIZED ({rows}),\n" for table, rows in narrowed.items())
    return text(f"WITH {tables} o AS MATERIALIZED ({offenders}) {_FOUND}")


async def allow_long(connection: AsyncConnection) -> None:
    """What follows in this transaction may take longer than any other statement."""
    await connection.execute(_PATIENCE)


async def check_all(connection: AsyncConnection) -> list[Finding]:
    """One that cannot be checked hides no finding of the others."""
    await allow_long(connection)
    driver: Any = (await connection.get_raw_connection()).driver_connection
    findings: list[Finding] = []
    failed: dict[str, StoreError] = {}
    for invariant in invariants():
        try:
            with translated():
                async with connection.begin_nested():
                    findings.append(await check(connection, invariant))
        except StoreError as error:
            if driver.is_closed():
                raise  # The snapshot is lost, and all begins anew.
            failed[invariant] = error
    if failed and not findings:
        raise failed.popitem()[1]  # It is not about one of them: there is no schema, or no right.
    if failed:
        raise AuditUnfinished(findings, failed)
    return findings


async def alone(connection: AsyncConnection) -> bool:
    """Whether no other process is at an audit until this transaction ends, which may take long."""
    await allow_long(connection)
    return bool((await connection.execute(_ALONE)).scalar_one())


async def check(
    connection: AsyncConnection,
    invariant: str,
    reads: Reads = Reads.EVERYTHING,
    given: Given = _ALWAYS,
) -> Finding:
    row = await fetch_patiently(connection, _question(invariant, reads), {**_ALWAYS, **given})
    return Finding(invariant, says(invariant), row["violations"], tuple(row["offenders"]))


async def fetch_patiently(
    connection: AsyncConnection,
    question: TextClause,
    given: Given,
    *,
    within_s: float | None = None,
) -> Mapping[str, Any]:
    """By the driver itself: only it can be told to wait longer than for any other statement."""
    compiled = question.compile(dialect=connection.dialect)
    values: Sequence[Any] = [given[name] for name in compiled.positiontup or ()]
    driver: Any = (await connection.get_raw_connection()).driver_connection
    try:
        row: Mapping[str, Any] = await driver.fetchrow(
            str(compiled), *values, timeout=within_s or SILENCE_S
        )
    except (TimeoutError, asyncpg.QueryCanceledError):
        # Not "unavailable", which the database's door would try again, each time for as long.
        raise StoreError("database: an audit takes too long") from None
    return row
