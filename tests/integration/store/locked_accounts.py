"""An account that somebody else keeps locked, and how many wait for it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import asyncpg

from worker.domain.ids import AccountId

#: How many sessions of this database wait for a row.
WAITING: Final = """
    SELECT count(*) FROM pg_stat_activity
     WHERE wait_event_type = 'Lock' AND datname = current_database()
"""


@asynccontextmanager
async def balances_locked(url: str, account: AccountId) -> AsyncIterator[asyncpg.Connection]:
    """Somebody's session holds the balances of this account until the block ends."""
    other = await asyncpg.connect(url)
    try:
        async with other.transaction():
            await other.execute("SELECT FROM balance WHERE account = $1 FOR UPDATE", account)
            yield other
    finally:
        await other.close()


async def wait_for_lock(admin: asyncpg.Connection, sessions: int) -> None:
    """Until so many sessions of this database wait for a row."""
    async with asyncio.timeout(10):
        while await admin.fetchval(WAITING) < sessions:
            pass
