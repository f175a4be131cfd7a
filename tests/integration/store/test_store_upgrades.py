"""A database of the first revision, full of live and settled numbers, is brought up to date."""

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from tests.integration.store.shop import DEADLINE, LEASE, PRICE, SIM, Shop, delivery, ending
from worker.adapters.store import migrate, revisions
from worker.adapters.store.connections import DIALECT, connector
from worker.adapters.store.postgres import PostgresStore
from worker.domain.activation import State
from worker.ports.store.books import TakenKey

FILLED = Path("tests/golden/filled_at_0001.sql").read_text()
TABLES = (
    "SELECT c.table_name, array_agg(quote_ident(c.column_name) ORDER BY c.ordinal_position)"
    " FROM information_schema.columns c WHERE c.table_schema = 'public'"
    " AND c.table_name <> 'alembic_version' GROUP BY 1 ORDER BY 1"
)


DELETION = (
    "INSERT INTO case_ (id, kind, subject, account, content_hash, state, facts, policy,"
    " policy_version, opened_at) SELECT gen_random_uuid(), 'account', account, account, 'h',"
    """ 'in_review', '{"event": "delete_requested"}', 'default', '1', now() FROM account"""
)


def migrated(connection: Connection, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(revisions.MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def test_the_daemon_knows_the_revisions_that_alembic_knows() -> None:
    config = Config()
    config.set_main_option("script_location", str(revisions.MIGRATIONS))
    scripts = ScriptDirectory.from_config(config)

    assert revisions.known() == {each.revision for each in scripts.walk_revisions()}
    assert revisions.head() == scripts.get_current_head()


async def migrated_to(url: str, revision: str) -> None:
    engine = create_async_engine(
        DIALECT, poolclass=NullPool, connect_args={"async_creator_fn": connector(url)}
    )
    async with engine.begin() as connection:
        await connection.run_sync(migrated, revision)
    await engine.dispose()


async def filled(url: str, revision: str) -> asyncpg.Connection:
    """Filled at the first revision and migrated to this one."""
    await migrated_to(url, "0001")
    admin = await asyncpg.connect(url)
    await admin.execute(FILLED)
    await migrated_to(url, revision)
    return admin


@pytest.fixture
async def old_shop(empty_database_url: str) -> AsyncIterator[Shop]:
    """As revision 0001 left it; nothing of it was written by the code under test."""
    admin = await filled(empty_database_url, "0001")
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

    assert await migrate.upgrade(old_shop.url) == ("0001", revisions.head())

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


#: These were released; each was read by nobody but its author before a table was large.
RELEASED = {f"{number:04}" for number in range(1, 9)}


@pytest.mark.parametrize(
    "script",
    [
        script
        for script in sorted((revisions.MIGRATIONS / "versions").glob("*.sql"))
        if script.stem[:4] not in RELEASED
    ],
    ids=lambda script: script.stem,
)
def test_a_migration_reads_no_large_table_while_it_holds_its_lock(script: Path) -> None:
    """All run in one transaction: what one has locked is locked until the last one is done."""
    text = re.sub(r"--.*", "", script.read_text())
    made = set(re.findall(r"CREATE TABLE (\w+)", text))

    indexed = set(re.findall(r"CREATE (?:UNIQUE )?INDEX \w+ ON (\w+)", text))

    assert indexed <= made
    assert "VALIDATE" not in text
    assert len(re.findall(r"ADD CONSTRAINT", text)) == len(re.findall("NOT VALID", text))


async def test_an_index_that_a_stopped_build_left_unusable_is_built_again(
    empty_database_url: str,
) -> None:
    await migrate.upgrade(empty_database_url)
    admin = await asyncpg.connect(empty_database_url)
    await admin.execute("DROP INDEX rental_of_account")
    await admin.execute(
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'activation_order_ref'::regclass"
    )

    await migrate.upgrade(empty_database_url)

    usable = await admin.fetch(
        "SELECT indexrelid::regclass::text AS name FROM pg_index WHERE indisvalid"
    )
    assert migrate.LARGE_INDEXES.keys() - migrate.FROM_16 <= {row["name"] for row in usable}
    await admin.close()


async def test_a_database_of_a_later_version_is_left_as_it_is(empty_database_url: str) -> None:
    await migrate.upgrade(empty_database_url)
    admin = await asyncpg.connect(empty_database_url)
    await admin.execute("UPDATE alembic_version SET version_num = '9999'")
    await admin.execute("DROP INDEX rental_of_account")

    assert await migrate.upgrade(empty_database_url) == ("9999", "9999")

    assert await admin.fetchval("SELECT to_regclass('rental_of_account')") is None
    await admin.close()


async def test_two_hosts_build_the_large_indexes_one_after_the_other(
    empty_database_url: str,
) -> None:
    await migrate.upgrade(empty_database_url)
    admin = await asyncpg.connect(empty_database_url)
    for name in migrate.LARGE_INDEXES:
        await admin.execute(f"DROP INDEX IF EXISTS {name}")

    await asyncio.gather(*(migrate.upgrade(empty_database_url) for _ in range(4)))

    usable = await admin.fetch(
        "SELECT indexrelid::regclass::text AS name FROM pg_index WHERE indisvalid"
    )
    assert migrate.LARGE_INDEXES.keys() - migrate.FROM_16 <= {row["name"] for row in usable}
    await admin.close()


async def test_a_host_that_waits_to_migrate_keeps_nobody_from_building_an_index(
    empty_database_url: str,
) -> None:
    await migrate.upgrade(empty_database_url)
    first, builder = [await asyncpg.connect(empty_database_url) for _ in range(2)]
    async with first.transaction():
        await first.execute("SELECT pg_advisory_xact_lock($1)", migrate.LOCK)
        await first.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        second = asyncio.create_task(migrate.upgrade(empty_database_url))
        asks = (
            "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database()"
            " AND pid <> pg_backend_pid() AND query ~ 'advisory_xact_lock|ROLLBACK')"
        )
        while not await builder.fetchval(asks):
            pass  # Another session works; there is nothing else to await.

        async with asyncio.timeout(30):
            await builder.execute("CREATE INDEX CONCURRENTLY one_more ON activation (country)")

    await second
    await builder.close()
    await first.close()


async def test_a_deletion_that_waits_stays_a_block_for_the_code_beside_the_upgrade(
    empty_database_url: str,
) -> None:
    admin = await filled(empty_database_url, "0009")
    await admin.execute("UPDATE account SET state = 'blocked'")
    await admin.execute(DELETION)

    await migrate.upgrade(empty_database_url)

    states = await admin.fetch("SELECT DISTINCT state FROM account")
    await admin.close()
    assert [row["state"] for row in states] == ["blocked"]


ORDERED = (
    "INSERT INTO rental_order (id, kind, content_hash, call, account, provider, service, country,"
    " seconds, price_minor, currency, charge, policy, policy_version, state, asked_at)"
    " SELECT CAST($1 AS uuid), 'rent', 'h', 'c', account, 'sim', 'any', '1', 3600, 5, currency,"
    " 'hold', 'default', '1', $2, now() - interval '3 days' FROM account LIMIT 1"
)
DATED = (
    "SELECT o.asked_at, o.doubted_at, o.decide_by, t.due_at FROM rental_order o"
    " JOIN timer t ON t.subject = o.id AND t.kind = 'rental_order_late'"
    " WHERE o.id = CAST($1 AS uuid) AND t.fired_at IS NULL"
)
DAY = timedelta(days=1)


async def test_an_order_in_doubt_gets_a_date_also_from_the_code_of_before(
    empty_database_url: str,
) -> None:
    before, meanwhile = UUID(int=1), UUID(int=2)
    admin = await filled(empty_database_url, "0025")
    await admin.execute(ORDERED, before, "unknown")
    await admin.execute(ORDERED, meanwhile, "asked")
    await migrate.upgrade(empty_database_url)

    await admin.execute("UPDATE rental_order SET state = 'unknown' WHERE id = $1", meanwhile)

    asked, doubted, decide_by, rings = await admin.fetchrow(DATED, before)
    assert (doubted, decide_by, rings) == (asked, asked + DAY, asked + DAY)
    asked, doubted, decide_by, rings = await admin.fetchrow(DATED, meanwhile)
    assert asked + 3 * DAY < doubted
    assert (decide_by, rings) == (doubted + DAY, doubted + DAY)
    await admin.close()


async def test_a_key_that_the_code_of_before_has_taken_names_no_case(
    empty_database_url: str,
) -> None:
    admin = await filled(empty_database_url, "0026")
    take = "INSERT INTO answer (key, content_hash) VALUES ($1, 'h')"
    await admin.execute(take, "before")
    await migrate.upgrade(empty_database_url)
    await admin.execute(take, "meanwhile")
    store = PostgresStore(empty_database_url, events_wanted=True)

    taken = [await store.books.take_key(key, "h") for key in ("before", "meanwhile")]

    assert taken == [TakenKey("h", None, None)] * 2
    await store.close()
    await admin.close()


async def test_a_migration_behind_a_long_reader_lets_others_by_and_goes_on_after_it(
    empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await migrated_to(empty_database_url, "0023")
    reader, daemon = [await asyncpg.connect(empty_database_url) for _ in range(2)]
    monkeypatch.setattr(migrate, "PAUSE", 0.5)
    waits: list[str] = []
    async with reader.transaction():
        await reader.fetch("SELECT FROM settlement")
        migrating = asyncio.create_task(migrate.upgrade(empty_database_url, waits=waits.append))
        async with asyncio.timeout(30):
            while len(waits) < 2:
                # Hardly longer than it waits itself, and never for as long as the reader reads.
                async with asyncio.timeout(10):
                    await daemon.execute("UPDATE instance SET beat_at = now()")
                    await daemon.fetch("SELECT FROM activation")
                await asyncio.sleep(0.1)
    assert all(
        re.fullmatch(r"settlement is held by process \d+; trying again", one) for one in waits
    )

    assert await migrating == ("0023", revisions.head())
    await reader.close()
    await daemon.close()
