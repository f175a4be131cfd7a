"""Orders of an account that is blocked for its rules: its policy says whether they go on."""

from collections.abc import Collection

from sqlalchemy.ext.asyncio import AsyncConnection

from worker.adapters.store.database import statement

BLOCKED = "blocked"


async def that_may_order(
    connection: AsyncConnection, accounts: Collection[str], keeping: Collection[str]
) -> set[str]:
    """Of these blocked accounts; *keeping* are the policies that leave a balance to be spent.

    Their rows are locked: a block that is lifted or made stronger meanwhile is seen.
    """
    asked = {"accounts": list(accounts), "keeping": list(keeping)}
    return set((await connection.execute(statement("cases/blocked_may_order"), asked)).scalars())


async def state_for_orders(
    connection: AsyncConnection, account: str, state: str, keeping: Collection[str]
) -> str:
    """As what an order finds the account: open, where its block leaves the balance to be spent."""
    if state == BLOCKED and await that_may_order(connection, [account], keeping):
        return "open"
    return state
