"""A shop with cases on a fresh database; after each test its audit must find nothing."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from tests.integration.cases.case_shop import CaseShop, ClockedStore
from tests.integration.store.pausing import Gate, PausingDatabase, Rival


@pytest.fixture
async def broken_shop(database_url: str) -> AsyncIterator[CaseShop]:
    """A shop whose books the test breaks, so that nothing audits them."""
    shop = CaseShop(await asyncpg.connect(database_url), database_url)
    yield shop
    await shop.admin.close()
    await shop.store.close()


@pytest.fixture
async def shop(broken_shop: CaseShop) -> AsyncIterator[CaseShop]:
    yield broken_shop
    findings = await broken_shop.store.books.audit()
    assert {f.invariant: f.offenders for f in findings if f.violations} == {}


@pytest.fixture
async def rival(broken_shop: CaseShop) -> AsyncIterator[Rival]:
    """A second process on the same database, whose next transaction stops before its COMMIT.

    It keeps no policies: the gate would be at their keeping.
    """
    gate, url = Gate(), broken_shop.url
    store = ClockedStore(url, broken_shop.clock, db=PausingDatabase(url, gate))
    yield Rival(store, gate, broken_shop.admin)
    gate.go.set()
    await store.close()
