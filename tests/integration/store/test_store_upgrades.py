"""A database of the first revision, full of live and settled numbers, is brought up to date."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from tests.integration.store.shop import DEADLINE, LEASE, PRICE, SIM, Shop, delivery, ending
from worker.adapters.store import migrate
from worker.adapters.store.connections import DIALECT, connector
from worker.adapters.store.postgres import PostgresStore
from worker.domain.activation import State

FILLED = Path("tests/golden/filled_at_0001.sql").read_text()
MIGRATIONS = Path(migrate.__file__).parent / "migrations"
TABLES = (
    "SELECT c.table_name, array_agg(quote_ident(c.column_name) ORDER BY c.ordinal_position)"
    " FROM information_schema.columns c WHERE c.table_schema = 'public'"
    " AND c.table_name <> 'alembic_version' GROUP BY 1 ORDER BY 1"
)


def to_the_first(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, "0001")


@pytest.fixture
async def old_shop(empty_database_url: str) -> AsyncIterator[Shop]:
    """As revision 0001 left it; nothing of it was written by the code under test."""
    engine = create_async_engine(
        DIALECT,
        poolclass=NullPool,
        connect_args={"async_creator_fn": connector(empty_database_url)},
    )
    async with engine.begin() as connection:
        await connection.run_sync(to_the_first)
    await engine.dispose()
    admin = await asyncpg.connect(empty_database_url)
    await admin.execute(FILLED)
    store = PostgresStore(empty_database_url, events_wanted=True)
    yield Shop(store, admin, empty_database_url)
    await store.close()
    await admin.close()


async def violations(shop: Shop) -> dict[str, Any]:
    return {f.invariant: f.offenders for f in await shop.store.books.audit() if f.violations}


async def test_every_row_is_kept_and_the_books_balance(old_shop: Shop) -> None:
    tables = dict(await old_shop.rows(TABLES))

    async def everything() -> dict[str, list[str]]:
        found = {}
        for name, columns in tables.items():
            sql = f"SELECT ROW({', '.join(columns)})::text FROM {name} ORDER BY 1"  # noqa: S608 - the catalog's names
            found[name] = [row for (row,) in await old_shop.rows(sql)]
        return found

    before = await everything()
    assert {"activation", "transfer", "settlement", "code", "event", "purchase"} <= {
        name for name, rows in before.items() if rows
    }

    assert await migrate.upgrade(old_shop.url) == ("0001", migrate.head())

    assert await everything() == before
    assert await violations(old_shop) == {}


async def test_what_was_live_ends_and_what_was_settled_stays(old_shop: Shop) -> None:
    await migrate.upgrade(old_shop.url)
    settled = await old_shop.rows("SELECT activation_id, outcome FROM settlement ORDER BY 1")
    held = (await old_shop.money())[1]
    assert held > 0
    rents = {
        row[0]: row[1] for row in await old_shop.rows("SELECT provider_ref, id FROM activation")
    }
    later = DEADLINE.replace(hour=2)

    due = await old_shop.store.settlements.lease_cancels(SIM, 100, LEASE, now=later)
    assert rents["waiting"] in {one.id for one in due}
    await old_shop.store.settlements.settle(
        [ending(rents["waiting"]), delivery(rents["received"])], now=later
    )

    assert await old_shop.state(rents["waiting"]) is State.REFUNDED
    assert await old_shop.state(rents["received"]) is State.DELIVERED
    assert (await old_shop.money())[1] == held - 2 * PRICE
    assert set(settled) < set(
        await old_shop.rows("SELECT activation_id, outcome FROM settlement ORDER BY 1")
    )
    assert await violations(old_shop) == {}
