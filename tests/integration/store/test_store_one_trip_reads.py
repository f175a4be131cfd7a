"""Reads of one round trip: run again where the connection broke, and only there."""

import asyncpg
import pytest
from sqlalchemy import text

from tests.integration.store.shop import DIRECTLY, Shop
from worker.adapters.store.database import Database
from worker.ports.errors import StoreUnavailable

pytestmark = DIRECTLY

COUNTED = text("SELECT refused() AS found")
REFUSED = """
CREATE SEQUENCE tried;
CREATE FUNCTION refused() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE n bigint := nextval('tried');
BEGIN
    IF n = 1 THEN {first} END IF;
    RETURN n;
END $$;
GRANT ALL ON SEQUENCE tried TO PUBLIC;
"""


async def tried(admin: asyncpg.Connection) -> int:
    return int(await admin.fetchval("SELECT last_value FROM tried"))


async def test_a_read_that_the_server_gave_up_is_not_run_again(shop: Shop) -> None:
    await shop.admin.execute(
        REFUSED.format(first="RAISE EXCEPTION USING ERRCODE = 'query_canceled';")
    )
    database = Database(shop.url, pool_size=1)

    with pytest.raises(StoreUnavailable):
        await database.rows(COUNTED, {})
    await database.close()

    assert await tried(shop.admin) == 1


async def test_a_read_whose_connection_broke_is_run_on_another_one(shop: Shop) -> None:
    await shop.admin.execute(
        REFUSED.format(first="PERFORM pg_terminate_backend(pg_backend_pid());")
    )
    database = Database(shop.url, pool_size=1)

    (row,) = await database.rows(COUNTED, {})
    await database.close()

    assert row["found"] == 2


async def test_a_read_waits_once_for_a_connection_of_a_busy_pool(shop: Shop) -> None:
    waits: list[float] = []
    database = Database(shop.url, pool_size=1, took=waits.append)
    async with database.connection():
        assert database._pool is not None
        database._pool.engine.pool._timeout = 0.1  # type: ignore[attr-defined] # its ten seconds are too long for a test
        with pytest.raises(StoreUnavailable):
            await database.rows(text("SELECT 1"), {})
    await database.close()

    assert len(waits) == 1
