"""A provider with its own books, our store, and time that the test owns."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from tests.integration.reconcile.business import Business, business
from tests.integration.store.shop import Shop
from worker.adapters.store.postgres import PostgresStore


@pytest.fixture
async def shop(database_url: str) -> AsyncIterator[Shop]:
    """A shop whose books are audited after the test: 0 violations, whatever it did."""
    store = PostgresStore(database_url, events_wanted=True)
    admin = await asyncpg.connect(database_url)
    yield Shop(store, admin, database_url)
    findings = await store.books.audit()
    await admin.close()
    await store.close()
    assert {f.invariant: f.offenders for f in findings if f.violations} == {}


@pytest.fixture
async def at_work(shop: Shop) -> AsyncIterator[Business]:
    async with business(shop) as made:
        yield made
