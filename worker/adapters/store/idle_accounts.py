"""The dates of idle balances: which accounts have one, and from what it is reckoned."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from worker.adapters.store.database import statement
from worker.domain.ids import AccountId
from worker.ports.store.books import QuietAccount, QuietPage
from worker.ports.store.case_view import Timer, TimerKind

_AGAIN: Final = text(
    "UPDATE timer SET due_at = CAST(:until AS timestamptz), lease_until = '-infinity'"
    " WHERE subject = :subject AND kind = :kind AND due_at = :due_at AND fired_at IS NULL"
)


async def undated(connection: AsyncConnection, after: AccountId | None, limit: int) -> QuietPage:
    asked = {"after": after, "limit": limit}
    rows = (await connection.execute(statement("books/undated_accounts"), asked)).mappings().all()
    accounts = [_quiet(row) for row in rows if row["account"] is not None]
    return QuietPage(accounts, rows[0]["up_to"])


async def date(connection: AsyncConnection, dated: Sequence[tuple[AccountId, Timer]]) -> None:
    told = {
        "subjects": [timer.subject for _, timer in dated],
        "accounts": [account for account, _ in dated],
        "dues": [timer.due_at for _, timer in dated],
    }
    await connection.execute(statement("books/date_accounts"), told)


async def dated(connection: AsyncConnection, subject: UUID) -> QuietAccount | None:
    found = await connection.execute(statement("books/dated_account"), {"subject": subject})
    row = found.mappings().one_or_none()
    return None if row is None else _quiet(row)


async def date_again(connection: AsyncConnection, timer: Timer, until: datetime) -> None:
    asked: dict[str, Any] = {"until": until, "subject": timer.subject, "due_at": timer.due_at}
    await connection.execute(_AGAIN, asked | {"kind": timer.kind.value})


async def undate(connection: AsyncConnection, timer: Timer) -> None:
    asked = {"subject": timer.subject}
    await connection.execute(statement("books/undate_account"), asked)


def _quiet(row: RowMapping) -> QuietAccount:
    columns = {name: row[name] for name in QuietAccount._fields}
    return QuietAccount(**columns)


# As the statements write it.
assert TimerKind.BALANCE_IDLE.value == "balance_idle"
