"""A shop on a fresh database; whatever a test did, its books must balance afterwards."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from tests.integration.store.pausing import Gate, PausingDatabase, Rival
from tests.integration.store.shop import Shop
from worker.adapters.store.postgres import PostgresStore


@pytest.fixture
async def broken_shop(database_url: str) -> AsyncIterator[Shop]:
    """A shop whose books the test is going to break."""
    store = PostgresStore(database_url, events_wanted=True)
    admin = await asyncpg.connect(database_url)
    yield Shop(store, admin, database_url)
    await admin.close()
    await store.close()


@pytest.fixture
async def shop(broken_shop: Shop) -> AsyncIterator[Shop]:
    """A shop whose books are audited after the test: 0 violations, whatever it did."""
    yield broken_shop
    auditor = PostgresStore(broken_shop.url)
    findings = await auditor.books.audit()
    await auditor.close()
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
