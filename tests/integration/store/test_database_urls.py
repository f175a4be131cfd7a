"""A database URL means to the worker what it means to libpq."""

import pytest

from worker.adapters.store.database import Database, scalar
from worker.adapters.store.migrate import upgrade


@pytest.mark.parametrize(
    "parameter",
    ["sslmode=disable", "sslmode=prefer", "ssl=prefer", "target_session_attrs=read-write"],
)
async def test_it_connects_with_a_parameter_of_libpq(
    empty_database_url: str, parameter: str
) -> None:
    url = f"{empty_database_url}&{parameter}"
    await upgrade(url)
    database = Database(url, pool_size=1)
    assert await database.read(lambda c: scalar(c, "SELECT 1")) == 1
    await database.close()


async def test_a_name_that_the_url_gives_is_the_connections_name(database_url: str) -> None:
    for url, name in (
        (database_url, "activation-worker"),
        (f"{database_url}&application_name=shop-7", "shop-7"),
    ):
        database = Database(url, pool_size=1)
        assert await database.read(lambda c: scalar(c, "SHOW application_name")) == name
        await database.close()
