"""A world on a fresh database; whatever a test did in it, its books must balance afterwards."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from tests.fakes.resources import POLICIES
from tests.integration.lifecycle.world import World
from worker.adapters.store.postgres import PostgresStore


@pytest.fixture
async def broken_world(database_url: str) -> AsyncIterator[World]:
    """A world whose books the test is going to break."""
    store = PostgresStore(database_url, policies=POLICIES, events_wanted=True)
    admin = await asyncpg.connect(database_url)
    world = World(store, admin)
    await world.open()
    yield world
    await admin.close()
    await store.close()


@pytest.fixture
async def world(broken_world: World) -> AsyncIterator[World]:
    """A world whose books are audited after the test."""
    yield broken_world
    findings = await broken_world.store.books.audit()
    assert {f.invariant: f.offenders for f in findings if f.violations} == {}
