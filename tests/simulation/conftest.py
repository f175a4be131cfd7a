"""A town on a fresh database, whose tasks are known by the process they belong to."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from tests.fakes.resources import POLICIES
from tests.simulation.process import ForgetfulDatabase, Outside, owned
from tests.simulation.their_side import TheirSide
from tests.simulation.town import Town
from worker.adapters.store.postgres import PostgresStore


@pytest.fixture
async def town(database_url: str) -> AsyncIterator[Town]:
    asyncio.get_running_loop().set_task_factory(owned)
    forgetful = ForgetfulDatabase(database_url)
    store = PostgresStore(database_url, policies=POLICIES, events_wanted=True, db=forgetful)
    await store.policies.read()
    admin = await asyncpg.connect(database_url)
    yield Town(Outside(store, admin, TheirSide()))
    await admin.close()
    await store.close()
