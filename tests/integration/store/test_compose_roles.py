"""The roles that the compose file makes: enough to work, too little to change the books."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from worker.adapters.store.migrate import upgrade
from worker.adapters.store.postgres import PostgresStore

ROLES = Path(__file__).parents[3] / "deploy/postgres/roles.sh"


def as_role(url: str, role: str) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=f"{role}@{parts.netloc.rpartition('@')[2]}").geturl()


@asynccontextmanager
async def roles_of_compose(empty_database_url: str) -> AsyncIterator[str]:
    """The database with the roles in it, as the image makes them at its first start."""
    database = urlsplit(empty_database_url).path.lstrip("/")
    sql = ROLES.read_text().partition("<<'SQL'\n")[2].rpartition("SQL")[0]
    sql = re.sub(r":'(\w+)_password'", r"'secret-of-\1'", sql)
    admin = await asyncpg.connect(empty_database_url)
    await admin.execute(sql.replace("DATABASE activation_worker", f'DATABASE "{database}"'))
    yield empty_database_url
    await admin.execute("REASSIGN OWNED BY worker TO CURRENT_USER; DROP OWNED BY worker, monitor")
    await admin.execute("DROP ROLE worker; DROP ROLE monitor")
    await admin.close()


@pytest.fixture
async def made(empty_database_url: str) -> AsyncIterator[str]:
    async with roles_of_compose(empty_database_url) as url:
        yield url


async def test_the_worker_migrates_and_works_and_cannot_rewrite_the_books(made: str) -> None:
    url = as_role(made, "worker")
    await upgrade(url)
    store = PostgresStore(url)
    await store.ping()
    assert [finding for finding in await store.books.audit() if finding.violations] == []
    await store.close()

    connection = await asyncpg.connect(url)
    assert await connection.fetchval("SHOW is_superuser") == "off"
    await connection.execute("SET ROLE activation_worker")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.execute("UPDATE transfer SET amount_minor = 0")
    await connection.close()


async def test_the_exporter_sees_the_server_and_no_customer(made: str) -> None:
    await upgrade(as_role(made, "worker"))
    connection = await asyncpg.connect(as_role(made, "monitor"))
    assert await connection.fetchval("SELECT count(*) FROM pg_stat_activity") > 0
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.fetchval("SELECT count(*) FROM account")
    await connection.close()
