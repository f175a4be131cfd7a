"""Writes about one thing of one account: they wait for the account in its turn (`turns.py`)."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final, TypeVar
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from worker.adapters.store.database import Database
from worker.ports.store.cases import NewCase

T = TypeVar("T")

_ACCOUNTS: Final = {
    table: text(f"SELECT account FROM {table} WHERE id = CAST(:id AS uuid)")  # noqa: S608 - ours
    for table in ("activation", "rental", "case_", "rental_order")
}


async def write_of(
    db: Database, table: str, id_: UUID, work: Callable[[AsyncConnection], Awaitable[T]]
) -> T:
    """*work* on a row of this table, whose account never changes. Raises `RowLocked`."""
    account = await _account_of(db, table, id_)
    if account is None:
        return await db.write(work)  # It finds nothing, and waits for nobody.
    return await db.write_in_turn([account], work)


async def write_for_person(
    db: Database, table: str, id_: UUID, work: Callable[[AsyncConnection], Awaitable[T]]
) -> T:
    """The same for work that begins by `lock_accounts`: whoever waits can come again."""
    account = await _account_of(db, table, id_)
    if account is None:
        return await db.write(work)
    return await db.write_account(account, work)


async def _account_of(db: Database, table: str, id_: UUID) -> str | None:
    found = await db.rows(_ACCOUNTS[table], {"id": id_})
    return found[0]["account"] if found else None


async def write_case(
    db: Database,
    id_: UUID,
    work: Callable[[AsyncConnection], Awaitable[T]],
    lock_wait: timedelta | None,
) -> T:
    """The same for a case; a tick says how long it waits, and changes one after the other."""
    if lock_wait is not None:
        return await db.write(work, lock_wait=lock_wait)
    return await write_of(db, "case_", id_, work)


async def write_new_case(
    db: Database,
    new: NewCase,
    work: Callable[[AsyncConnection], Awaitable[T]],
    lock_wait: timedelta | None,
) -> T:
    """The same for a case that is to be opened."""
    if lock_wait is not None:
        return await db.write(work, lock_wait=lock_wait)
    if new.activation is not None:
        return await write_of(db, "activation", new.activation, work)
    if new.rental is not None:
        return await write_of(db, "rental", new.rental, work)
    if new.account is None:
        return await db.write(work)
    return await db.write_in_turn([new.account], work)
