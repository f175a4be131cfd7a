"""A shop with cases on a fresh database; whatever a test did, its books must balance afterwards."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from tests.integration.cases.office import Hands, Office, Owned
from tests.integration.store.pausing import Gate, PausingDatabase, Rival


@pytest.fixture
async def broken_office(database_url: str) -> AsyncIterator[Office]:
    """Books the test is going to break."""
    store = Owned(database_url, events_wanted=True)
    admin = await asyncpg.connect(database_url)
    yield Office(store, admin, database_url, Hands())
    await admin.close()
    await store.close()


@pytest.fixture
async def office(broken_office: Office) -> AsyncIterator[Office]:
    yield broken_office
    findings = await broken_office.store.audit()
    assert {f.invariant: f.offenders for f in findings if f.violations} == {}


@pytest.fixture
async def rival(broken_office: Office) -> AsyncIterator[Rival]:
    """A second process on the same database, whose next transaction stops before its COMMIT."""
    gate = Gate()
    store = Owned(broken_office.url, events_wanted=True)
    await store.db.close()
    store.db = PausingDatabase(broken_office.url, gate)
    store.clock = broken_office.hands
    store.policies = broken_office.policies
    yield Rival(store, gate, broken_office.admin)
    gate.go.set()
    await store.close()
