"""The books guard themselves: whoever connects, they are only written forward."""

import asyncio

import asyncpg
import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from tests.integration.store.shop import ALICE, DEADLINE, PRICE, RENTED, TICK, Shop
from worker.adapters.store.database import scalar
from worker.adapters.store.migrate import upgrade
from worker.adapters.store.revisions import ROLE, head

NOW = DEADLINE + TICK
BOOKS = ("transfer", "settlement", "transition")
CHANGES = {
    "update": "UPDATE {} SET at = now()",
    "delete": "DELETE FROM {}",
    "truncate": "TRUNCATE {}",
}


@pytest.mark.parametrize("book", BOOKS)
@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("role", ["postgres", ROLE])
async def test_nobody_rewrites_the_books(shop: Shop, book: str, change: str, role: str) -> None:
    await shop.open()
    id_ = await shop.rent()
    await shop.expire()
    await shop.refund(id_)
    await shop.store.activations.press_cancel(id_)  # A line of its own.
    before = await shop.rows(f"SELECT * FROM {book}")  # noqa: S608 - a name of ours
    assert before

    await shop.admin.execute(f"SET ROLE {role}")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await shop.admin.execute(CHANGES[change].format(book))
    await shop.admin.execute("RESET ROLE")

    assert await shop.rows(f"SELECT * FROM {book}") == before  # noqa: S608 - the same


@pytest.mark.parametrize("book", [*BOOKS, "decision", "evidence"])
async def test_the_role_may_add_to_the_books_and_read_them_and_nothing_else(
    shop: Shop, book: str
) -> None:
    """By grant too: a trigger somebody disabled for a moment is not the only guard."""
    asked = {
        right: await shop.admin.fetchval(
            "SELECT has_table_privilege($1, $2, $3)", ROLE, book, right
        )
        for right in ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE")
    }

    assert [right for right, may in asked.items() if may] == ["SELECT", "INSERT"]


async def test_an_upsert_rewrites_nothing_either(shop: Shop) -> None:
    await shop.open()
    await shop.rent()

    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await shop.admin.execute(
            "INSERT INTO transfer (key, account, source, destination, amount_minor, currency)"
            " SELECT key, account, source, destination, 1, currency FROM transfer"
            " ON CONFLICT (key) DO UPDATE SET amount_minor = 0"
        )


async def test_the_worker_runs_in_the_role_that_may_not(shop: Shop) -> None:
    async def who(connection: AsyncConnection) -> str:
        return str(await scalar(connection, "SELECT current_user"))

    assert await shop.store.db.read(who) == ROLE


async def test_a_balance_cannot_go_below_zero(shop: Shop) -> None:
    await shop.open(amount_minor=PRICE)

    with pytest.raises(asyncpg.CheckViolationError):
        await shop.admin.execute("UPDATE balance SET amount_minor = amount_minor - 26")


async def test_a_state_and_its_settled_flag_cannot_disagree(shop: Shop) -> None:
    await shop.open()
    await shop.rent()

    with pytest.raises(asyncpg.CheckViolationError):
        await shop.admin.execute("UPDATE activation SET state = 'refunded'")
    with pytest.raises(asyncpg.CheckViolationError):
        await shop.admin.execute("UPDATE activation SET settled = true")


async def test_two_live_numbers_never_share_a_ref(shop: Shop) -> None:
    await shop.open()
    await shop.rent("1")
    other = await shop.rent("2")

    # One that was bought gets its ref when the provider tells it.
    await shop.admin.execute("SET session_replication_role = replica")
    await shop.admin.execute("UPDATE activation SET provider_ref = NULL WHERE id = $1", other)
    await shop.admin.execute("UPDATE live SET ref = NULL WHERE id = $1", other)
    await shop.admin.execute("SET session_replication_role = origin")
    with pytest.raises(asyncpg.UniqueViolationError):
        await shop.admin.execute("UPDATE activation SET provider_ref = '1' WHERE id = $1", other)


async def test_a_rejected_intake_leaves_every_row_as_it_was(shop: Shop) -> None:
    await shop.open(amount_minor=PRICE)
    await shop.rent()
    tables = ("account", "balance", "transfer", "activation", "transition", "event")
    before = [await shop.rows(f"SELECT xmin::text, * FROM {name}") for name in tables]  # noqa: S608 - names of ours

    with pytest.raises(AssertionError):
        await shop.rent("2")
    await shop.store.books.top_up(ALICE, "first", PRICE + 1)
    await shop.store.books.open_account(ALICE, "EUR")

    after = [await shop.rows(f"SELECT xmin::text, * FROM {name}") for name in tables]  # noqa: S608 - the same
    assert after == before


async def test_many_hosts_migrate_at_once_and_one_of_them_does(empty_database_url: str) -> None:
    results = await asyncio.gather(*(upgrade(empty_database_url) for _ in range(4)))

    assert sorted(results, key=str) == [(head(), head())] * 3 + [(None, head())]


async def test_a_second_migration_finds_nothing_to_do(shop: Shop) -> None:
    await shop.open()
    await shop.rent(now=RENTED)

    assert await upgrade(shop.url) == (head(), head())
    assert await shop.money() == (100_000 - PRICE, PRICE)
