"""What a case hangs on, locked in one order for everybody: balances, the order, then the case."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from worker.adapters.store.database import scalar
from worker.adapters.store.statements import statement
from worker.ports.store.case_view import Timer

_RANG = text(
    "UPDATE timer SET fired_at = CAST(:now AS timestamptz)"
    " WHERE kind = :kind AND subject = CAST(:id AS uuid)"
)


async def locked(connection: AsyncConnection, account: str) -> bool:
    """Lock the account's balances, before anything else: everybody takes them in this order."""
    rows = await connection.execute(statement("books/lock_balances"), {"accounts": [account]})
    return bool(rows.all())


async def order(
    connection: AsyncConnection, activation: UUID | None, rental: UUID | None
) -> RowMapping | None:
    if activation is not None:
        name, id_ = "cases/order_activation", activation
    elif rental is not None:
        name, id_ = "cases/order_rental", rental
    else:
        return None
    return (await connection.execute(statement(name), {"id": id_})).mappings().one()


async def clock(connection: AsyncConnection, now: datetime | None) -> datetime:
    """The time after the locks were won: what waited for them is judged by when it got them."""
    found: datetime = now or await scalar(connection, "SELECT clock_timestamp()")
    return found


async def rings(connection: AsyncConnection, timer: Timer, now: datetime) -> bool:
    """Whether this timer still has to act; it has fired with this transaction."""
    thing = {"kind": timer.kind.value, "id": timer.subject, "due_at": timer.due_at, "now": now}
    if (await connection.execute(statement("cases/lock_timer"), thing)).scalar() is None:
        return False
    await connection.execute(_RANG, {key: thing[key] for key in ("kind", "id", "now")})
    return True
