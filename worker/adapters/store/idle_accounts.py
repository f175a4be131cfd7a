"""The dates of idle balances: which accounts have one, and from what it is reckoned."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from worker.adapters.store.database import statement
from worker.ports.store.books import IdleDate, QuietAccount, QuietPage
from worker.ports.store.case_view import Timer, TimerKind


async def undated(connection: AsyncConnection, asked: Mapping[str, Any]) -> QuietPage:
    rows = (await connection.execute(statement("books/undated_accounts"), asked)).mappings().all()
    accounts = [_quiet(row) for row in rows if row["account"] is not None]
    return QuietPage(accounts, rows[0]["up_to"])


async def date(connection: AsyncConnection, dates: Sequence[IdleDate], since: datetime) -> None:
    """Those that have no date begin *since* then; the others keep their beginning.

    A date that is later than the one there is changes nothing: the timer looks again when it rings.
    """
    told = {
        "subjects": [one.timer.subject for one in dates],
        "accounts": [one.account for one in dates],
        "dues": [one.timer.due_at for one in dates],
        "months": [one.months for one in dates],
        "since": since,
    }
    await connection.execute(statement("books/date_accounts"), told)


async def dated(connection: AsyncConnection, subject: UUID) -> QuietAccount | None:
    found = await connection.execute(statement("books/dated_account"), {"subject": subject})
    row = found.mappings().one_or_none()
    return None if row is None else _quiet(row)


async def date_again(
    connection: AsyncConnection, timer: Timer, until: datetime, months: int
) -> None:
    """Not where another process has fired or moved it since *timer* was leased."""
    asked: dict[str, Any] = {"until": until, "subject": timer.subject, "due_at": timer.due_at}
    await connection.execute(statement("books/date_again"), asked | {"months": months})


async def undate(connection: AsyncConnection, timer: Timer) -> None:
    asked = {"subject": timer.subject}
    await connection.execute(statement("books/undate_account"), asked)


def _quiet(row: RowMapping) -> QuietAccount:
    columns = {name: row[name] for name in QuietAccount._fields}
    return QuietAccount(**columns)


# As the statements write it.
assert TimerKind.BALANCE_IDLE.value == "balance_idle"
