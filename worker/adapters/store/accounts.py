"""Accounts: opened once, topped up once per reference, their entries read back."""

from urllib.parse import quote

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from worker.adapters.store.statements import statement
from worker.domain.ids import AccountId, ActivationId
from worker.domain.transfer import TransferKind, transfer_key
from worker.ports.store.books import Account, AccountOpened, Entry, TopUpOutcome

_BOOKED = text("SELECT account, amount_minor FROM transfer WHERE key = :key")


def topup_key(account: AccountId, reference: str) -> str:
    """The unique key of a top-up: a reference belongs to its account.

    Quoted, because an account's name may hold the colon that ends it here.
    """
    return transfer_key(TransferKind.TOPUP, f"{quote(account, safe='')}:{reference}")


async def open_account(
    connection: AsyncConnection, account: AccountId, currency: str
) -> tuple[AccountOpened, Account]:
    parameters = {"account": account, "currency": currency}
    new = (await connection.execute(statement("books/open_account"), parameters)).rowcount
    stored = await read(connection, account)
    assert stored is not None
    if new:
        return AccountOpened.NEW, stored
    same = stored.currency == currency
    return (AccountOpened.SAME if same else AccountOpened.OTHER_CONTENT), stored


async def entries(
    connection: AsyncConnection, account: AccountId, before: int | None, limit: int
) -> list[Entry]:
    parameters = {"account": account, "before": before, "limit": limit}
    result = await connection.execute(statement("books/entries"), parameters)
    return [_entry(row) for row in result.mappings()]


async def top_up(
    connection: AsyncConnection, account: AccountId, reference: str, amount_minor: int
) -> tuple[TopUpOutcome, Account | None]:
    await connection.execute(statement("books/lock_balances"), {"accounts": [account]})
    found = await read(connection, account)
    if found is None:
        return TopUpOutcome.UNKNOWN_ACCOUNT, None
    thing = {"key": topup_key(account, reference)}
    booked = (await connection.execute(_BOOKED, thing)).mappings().one_or_none()
    if booked is not None:
        same = booked["amount_minor"] == amount_minor
        return (TopUpOutcome.SAME if same else TopUpOutcome.OTHER_CONTENT), found
    if found.state == "deleted":
        return TopUpOutcome.UNKNOWN_ACCOUNT, None
    await connection.execute(
        statement("books/top_up"), {**thing, "account": account, "amount_minor": amount_minor}
    )
    return TopUpOutcome.NEW, await read(connection, account)


async def read(connection: AsyncConnection, account: AccountId) -> Account | None:
    row = (
        (await connection.execute(statement("books/account"), {"account": account}))
        .mappings()
        .first()
    )
    if row is None:
        return None
    return Account(
        AccountId(row["account"]),
        row["currency"],
        row["available_minor"],
        row["held_minor"],
        row["state"],
    )


def _entry(row: RowMapping) -> Entry:
    activation = row["activation_id"]
    return Entry(
        id=row["id"],
        at=row["at"],
        kind=row["kind"],
        key=row["key"],
        source=row["source"],
        destination=row["destination"],
        amount_minor=row["amount_minor"],
        currency=row["currency"],
        activation=None if activation is None else ActivationId(activation),
    )
