"""What each queue does with one number: it is cancelled at its provider and credited, once.

The cheapest way that is right: one call, and one statement that ends the number, keeps the credit
and books it. The work comes as one line of JSON; a second line says when to begin with it.
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import aiohttp
import asyncpg
from yarl import URL

AT_ONCE: Final = 100  #: Numbers, as many as our own `max_in_flight` in this run.
CONNECTIONS: Final = 20
CREDIT: Final = """
    WITH ended AS (
        UPDATE peer_numbers SET ended_at = clock_timestamp()
        WHERE ref = $1 AND ended_at IS NULL
        RETURNING ref, account, price_minor
    ), credit AS (
        INSERT INTO peer_credits (ref, account, amount_minor, at)
        SELECT ref, account, price_minor, clock_timestamp() FROM ended
    )
    UPDATE peer_accounts SET balance_minor = balance_minor + ended.price_minor
    FROM ended WHERE peer_accounts.account = ended.account
"""


@dataclass(frozen=True)
class Work:
    redis_url: str
    database_url: str
    provider_url: str
    refs: list[str]


@dataclass(frozen=True)
class Ending:
    http: aiohttp.ClientSession
    database: Any
    provider_url: str

    async def end(self, ref: str) -> None:
        await self.cancel(ref)
        await self.credit(ref)

    async def cancel(self, ref: str) -> None:
        query = f"api_key=sim-key&action=setStatus&status=8&id={ref}"
        url = URL(f"{self.provider_url}/stubs/handler_api.php?{query}", encoded=True)
        async with self.http.get(url) as response:
            body = await response.read()
        assert body == b"ACCESS_CANCEL", body

    async def credit(self, ref: str) -> None:
        await self.database.execute(CREDIT, ref)


def given_work() -> Work:
    return Work(**json.loads(sys.stdin.readline()))


async def begin() -> None:
    """Everything is in the queue; wait until it is to be worked off."""
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.readline)


@asynccontextmanager
async def open_ending(work: Work) -> AsyncIterator[Ending]:
    connector = aiohttp.TCPConnector(limit=AT_ONCE)
    async with (
        aiohttp.ClientSession(connector=connector) as http,
        asyncpg.create_pool(work.database_url, max_size=CONNECTIONS) as database,
    ):
        yield Ending(http, database, work.provider_url)
