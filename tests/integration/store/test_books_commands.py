"""`books close`, `export` and `drop`: stopped or killed anywhere, refused, run again."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from tests.integration.store.old_books import ALL_OVER, UNTIL, grow_old, violated
from tests.integration.store.shop import Shop
from tests.integration.store.test_compose_roles import as_role
from tests.integration.store.test_store_audit import lives
from worker.adapters.store.periods import BooksRefusal, Periods
from worker.adapters.store.revisions import ROLE
from worker.domain.policy import load_profile
from worker.domain.policy.language.content import content_of
from worker.domain.shipped import config_directory

pytestmark = pytest.mark.timeout(120)
KEPT = {
    "transfer": "SELECT count(*), sum(amount_minor) FROM transfer",
    "transition": "SELECT count(*), sum(seq) FROM timeline",
    "dropped": "SELECT count(*), 0 FROM dropped_number",
    "balance": "SELECT sum(amount_minor), count(*) FROM balance",
}


LINE = """
INSERT INTO transition (activation_id, what, state, at)
VALUES ($1, 'note', 'refunded', '2021-01-01')
"""
#: What the server grants whoever marks a period.
PATIENCE = """
CREATE TABLE patience (statement text, idle text);
CREATE FUNCTION tell_patience() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO patience VALUES (current_setting('statement_timeout'),
                                 current_setting('idle_in_transaction_session_timeout'));
    RETURN NEW;
END $$;
CREATE TRIGGER tell_patience BEFORE UPDATE ON book_period
    FOR EACH ROW EXECUTE FUNCTION tell_patience();
"""
#: It takes no claims.
POLICY = json.dumps(content_of(load_profile("default", config_directory() / "policies")))


@pytest.fixture
async def old_shop(broken_shop: Shop) -> Shop:
    await lives(broken_shop)
    await grow_old(broken_shop)
    kept = "INSERT INTO policy_version VALUES ('default', '1', $1)"
    await broken_shop.admin.execute(kept, POLICY)
    return broken_shop


async def begin(shop: Shop, *words: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "worker", "books", *words),
        env={**os.environ, "AW_DATABASE__URL": shop.url},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def books(shop: Shop, *words: str) -> tuple[int, str]:
    """How a command ended, and what it said."""
    process = await begin(shop, *words)
    _, said = await process.communicate()
    assert process.returncode is not None
    return process.returncode, said.decode().strip()


async def kept(shop: Shop) -> dict[str, object]:
    return {name: await shop.rows(sql) for name, sql in KEPT.items()}


def files_in(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@asynccontextmanager
async def locked(shop: Shop, table: str, mode: str) -> AsyncIterator[asyncpg.Connection]:
    """Whoever wants more of the table waits, in the middle of its transaction."""
    holder = await asyncpg.connect(shop.url)
    transaction = holder.transaction()
    await transaction.start()
    await holder.execute(f"LOCK TABLE {table} IN {mode} MODE")
    yield holder
    await transaction.commit()
    await holder.close()


async def until(shop: Shop, sessions: str, count: int) -> None:
    """Until so many other sessions of this database are like that."""
    sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND "
    async with asyncio.timeout(60):
        while await shop.one(f"{sql} pid <> pg_backend_pid() AND {sessions}") != count:
            await shop.admin.execute("SELECT pg_sleep(0.05)")  # They need the processor, too.


async def killed(shop: Shop, *words: str, at: str, mode: str) -> None:
    """Killed where it waits for the table *at*."""
    async with locked(shop, at, mode):
        process = await begin(shop, *words)
        await until(shop, "wait_event_type = 'Lock'", 1)
        process.send_signal(signal.SIGKILL)
        await process.communicate()
    await until(shop, "xact_start IS NOT NULL", 0)


async def test_stopped_in_the_middle_of_each_step_nothing_of_it_is_done(
    old_shop: Shop, tmp_path: Path
) -> None:
    shop, periods, before = old_shop, Periods(old_shop.url), await kept(old_shop)

    async def stopped(step: Coroutine[Any, Any, object], at: str, mode: str) -> None:
        async with locked(shop, at, mode):
            task = asyncio.ensure_future(step)
            await until(shop, "wait_event_type = 'Lock'", 1)
            task.cancel()
            await asyncio.wait([task])
        await until(shop, "xact_start IS NOT NULL", 0)

    await stopped(periods.close(UNTIL), "book_opening", "SHARE")
    assert await shop.one("SELECT count(*) FROM book_period") == 0
    await periods.close(UNTIL)
    await stopped(periods.export(tmp_path), "evidence", "ACCESS EXCLUSIVE")
    with pytest.raises(BooksRefusal, match="nothing was exported yet"):
        await periods.drop(ALL_OVER)
    await periods.export(tmp_path)
    await stopped(periods.drop(ALL_OVER), "transition", "SHARE")
    assert await kept(shop) == before
    assert await violated(shop) == {}

    assert (await periods.drop(ALL_OVER)).numbers == 6
    assert await violated(shop) == {}
    await periods.close_pool()


async def test_an_export_keeps_others_out_and_leaves_what_is_being_dropped(
    old_shop: Shop, tmp_path: Path
) -> None:
    shop, one, two = old_shop, Periods(old_shop.url), Periods(old_shop.url)
    await one.close(UNTIL)
    async with locked(shop, "evidence", "ACCESS EXCLUSIVE"):
        slow = asyncio.ensure_future(one.export(tmp_path))
        await until(shop, "wait_event_type = 'Lock'", 1)
        with pytest.raises(BooksRefusal, match="at work"):
            await two.export(tmp_path)
    assert len(await slow) == 1
    before = files_in(tmp_path)
    assert {name for name in before if name.startswith(".")} == set(), "no part of one is left"

    assert (await one.drop(ALL_OVER)).numbers == 6
    # Its list of the periods may be older than the drop: the row itself says so.
    assert await two.export_one(1, tmp_path) is None
    assert files_in(tmp_path) == before
    await one.close_pool()
    await two.close_pool()


async def test_an_export_that_marks_nothing_fails(old_shop: Shop, tmp_path: Path) -> None:
    """What it wrote is no proof of anything then."""
    shop, periods = old_shop, Periods(old_shop.url)
    await periods.close(UNTIL)
    await shop.admin.execute(
        "CREATE FUNCTION keep_row() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';"
        "CREATE TRIGGER keep_row BEFORE UPDATE ON book_period"
        " FOR EACH ROW EXECUTE FUNCTION keep_row()"
    )

    with pytest.raises(BooksRefusal, match="at work"):
        await periods.export(tmp_path)
    await periods.close_pool()


async def test_a_line_that_no_export_has_stays_whenever_it_was_written(
    old_shop: Shop, tmp_path: Path
) -> None:
    shop, periods = old_shop, Periods(old_shop.url)
    await periods.close(UNTIL)
    await periods.export(tmp_path)
    one = await shop.one("SELECT id FROM activation WHERE provider_ref = 'refunded'")

    async with locked(shop, "transition", "SHARE") as holder:
        task = asyncio.ensure_future(periods.drop(ALL_OVER))
        await until(shop, "wait_event_type = 'Lock'", 1)
        await holder.execute(LINE, one)

    assert (await task).numbers == 6
    assert await shop.rows("SELECT what FROM transition WHERE activation_id = $1", one) == [
        ("note",)
    ]
    await periods.close_pool()


async def test_nothing_goes_where_an_entry_is_missing(old_shop: Shop, tmp_path: Path) -> None:
    shop, periods = old_shop, Periods(old_shop.url)
    await periods.close(UNTIL)
    await periods.export(tmp_path)
    await shop.admin.execute(
        "SET session_replication_role = replica;"
        "DELETE FROM transfer WHERE key = (SELECT 'hold:' || id FROM activation"
        " WHERE provider_ref = 'refunded');"
        "SET session_replication_role = origin"
    )
    before = await kept(shop)

    with pytest.raises(BooksRefusal, match="entries of numbers are missing"):
        await periods.drop(ALL_OVER)

    assert await kept(shop) == before
    await periods.close_pool()


async def test_an_export_is_given_hours_also_while_it_works_on_its_files(
    old_shop: Shop, tmp_path: Path
) -> None:
    shop, periods = old_shop, Periods(old_shop.url)
    await periods.close(UNTIL)
    await shop.admin.execute(PATIENCE)

    await periods.export(tmp_path)

    assert await shop.rows("SELECT * FROM patience") == [("6h", "6h")]
    await periods.close_pool()


@pytest.mark.nightly
@pytest.mark.timeout(600)  # Eight commands, one after the other.
async def test_killed_in_the_middle_of_each_step_it_is_run_again(
    old_shop: Shop, tmp_path: Path
) -> None:
    shop, folder = old_shop, str(tmp_path)
    close = ("close", "--until", "2020-02-01")
    before = await kept(shop)

    await killed(shop, *close, at="book_opening", mode="SHARE")
    assert await shop.one("SELECT count(*) FROM book_period") == 0
    said = "the books are closed until 2020-02-01: 2 accounts carried"
    assert await books(shop, *close) == (0, said)

    await killed(shop, "export", folder, at="evidence", mode="ACCESS EXCLUSIVE")
    assert (tmp_path / "until-2020-02-01/transfer.ndjson").is_file()
    code, said = await books(shop, "drop")
    assert (code, "nothing was exported yet" in said) == (1, True)
    code, said = await books(shop, "export", folder)
    assert (code, "all sums as in the books" in said) == (0, True)

    await killed(shop, "drop", at="transition", mode="SHARE")
    assert await kept(shop) == before
    assert await violated(shop) == {}
    code, said = await books(shop, "drop")
    assert (code, said.partition(":")[0]) == (0, "6 numbers dropped")
    assert await violated(shop) == {}
    assert await books(shop, "drop") == (
        0,
        "0 numbers dropped: 0 transfers, 0 transitions, 0 decisions",
    )


async def test_a_login_that_does_not_own_the_books_is_refused(
    shop: Shop, database_url: str
) -> None:
    await shop.admin.execute("CREATE ROLE shop_daemon LOGIN IN ROLE " + ROLE)
    # Never through a PgBouncer: that of the tests makes one login of all.
    periods = Periods(as_role(database_url, "shop_daemon"))
    try:
        with pytest.raises(BooksRefusal, match="the login that owns the tables"):
            await periods.close(UNTIL)
    finally:
        await periods.close_pool()
        await shop.admin.execute("DROP ROLE shop_daemon")


@pytest.mark.parametrize("table", ["book_period", "book_opening", "dropped_number"])
async def test_the_daemon_may_read_what_was_closed_and_write_none_of_it(
    shop: Shop, table: str
) -> None:
    asked = "SELECT has_table_privilege($1, $2, $3)"
    rights = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE")

    may = [right for right in rights if await shop.one(asked, ROLE, table, right)]

    assert may == ["SELECT"]
