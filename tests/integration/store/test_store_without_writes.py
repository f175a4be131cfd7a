"""A server that answers and takes no writes: by its reads nothing would be seen."""

import pytest

from tests.integration.store.shop import Shop
from worker.adapters.store.database import Database
from worker.adapters.store.instances import WRITES_WITHIN, PostgresInstances
from worker.adapters.store.postgres import PostgresStore
from worker.ports.errors import StoreUnavailable

pytestmark = pytest.mark.parametrize("store_url", ["nothing", "pgbouncer"], indirect=True)


async def test_a_server_that_answers_and_takes_no_writes_is_of_no_use(shop: Shop) -> None:
    """A standby, or a disk that is full: by its reads nothing would be seen."""
    now = 0.0
    store = PostgresStore(shop.url)
    own = Database(shop.url, pool_size=1)
    store.instances = PostgresInstances(store.db, own, monotonic=lambda: now)
    database = await shop.admin.fetchval("SELECT current_database()")

    async def let_it(change: str) -> None:
        """For the sessions to come; those that are there end."""
        await shop.admin.execute(f'ALTER DATABASE "{database}" {change}')
        await shop.admin.fetchval(
            "SELECT bool_and(pg_terminate_backend(pid, 10000)) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )

    try:
        await store.instances.beat()
        await store.takes_writes()
        await let_it("SET default_transaction_read_only = on")
        with pytest.raises(StoreUnavailable):
            await store.instances.beat()
        now = WRITES_WITHIN.total_seconds() + 1

        await store.ping()
        with pytest.raises(StoreUnavailable, match="takes no writes"):
            await store.takes_writes()

        await let_it("RESET default_transaction_read_only")
        await store.instances.beat()
        await store.takes_writes()
    finally:
        await store.close()
