"""A shop on a fresh database; whatever a test did, its books must balance afterwards."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from tests.debian_package import NotToBeHad
from tests.integration.store.broken import Broken
from tests.integration.store.pausing import Gate, PausingDatabase, Rival
from tests.integration.store.proxy import proxy_before
from tests.integration.store.shop import Shop
from tests.pgbouncer import pgbouncer
from worker.adapters.store.postgres import PostgresStore


@pytest.fixture
async def store_url(request: pytest.FixtureRequest, database_url: str) -> AsyncIterator[str]:
    """The way to the database: the server itself, or a PgBouncer in transaction mode."""
    if getattr(request, "param", request.config.getoption("--database-through")) != "pgbouncer":
        yield database_url
        return
    try:
        async with pgbouncer(database_url) as url:
            yield url
    except NotToBeHad as why:
        pytest.skip(str(why))


@pytest.fixture
async def broken_shop(store_url: str, database_url: str) -> AsyncIterator[Shop]:
    """A shop whose books the test is going to break."""
    store = PostgresStore(store_url, events_wanted=True)
    admin = await asyncpg.connect(database_url)
    yield Shop(store, admin, store_url)
    await admin.close()
    await store.close()


@pytest.fixture
async def shop(broken_shop: Shop) -> AsyncIterator[Shop]:
    """A shop whose books are audited after the test: 0 violations, whatever it did."""
    yield broken_shop
    findings = await broken_shop.store.books.audit()
    assert {f.invariant: f.offenders for f in findings if f.violations} == {}


@pytest.fixture
async def rival(broken_shop: Shop) -> AsyncIterator[Rival]:
    """A second process on the same database."""
    gate = Gate()
    pausing = PausingDatabase(broken_shop.url, gate)
    store = PostgresStore(broken_shop.url, events_wanted=True, db=pausing)
    yield Rival(store, gate, broken_shop.admin)
    gate.go.set()
    await store.close()


@pytest.fixture
def no_pooler(store_url: str, database_url: str) -> None:
    """For what is said of the very connections to the server."""
    if store_url != database_url:
        pytest.skip("a pooler opens and ends these connections by itself")


@pytest.fixture
async def broken(shop: Shop, no_pooler: None) -> AsyncIterator[Broken]:  # noqa: ARG001 - it skips
    async with proxy_before(shop.url) as (proxy, url):
        store = PostgresStore(url, pool_size=1, events_wanted=True)
        yield Broken(proxy, store, shop)
        proxy.faults = []
        proxy.go.set()
        await store.close()
