"""A shop with cases on a fresh database; whatever a test did, its books must balance afterwards."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from tests.integration.cases.office import Office, Owned
from tests.integration.store.pausing import Gate, PausingDatabase, Rival


@pytest.fixture
async def broken_office(database_url: str) -> AsyncIterator[Office]:
    """Books the test is going to break."""
    office = Office(await asyncpg.connect(database_url), database_url)
    yield office
    await office.admin.close()
    await office.store.close()


@pytest.fixture
async def office(broken_office: Office) -> AsyncIterator[Office]:
    yield broken_office
    findings = await broken_office.store.books.audit()
    assert {f.invariant: f.offenders for f in findings if f.violations} == {}


@pytest.fixture
async def rival(broken_office: Office) -> AsyncIterator[Rival]:
    """A second process on the same database, whose next transaction stops before its COMMIT.

    It keeps no policies: the gate would be at their keeping.
    """
    gate, url = Gate(), broken_office.url
    store = Owned(url, broken_office.hands, db=PausingDatabase(url, gate))
    yield Rival(store, gate, broken_office.admin)
    gate.go.set()
    await store.close()
