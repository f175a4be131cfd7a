"""The daemon's own number, all the way: simulator, daemon, database, metric."""

import asyncio
import re
import time
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.acceptance.world import Process, World, world
from tests.conftest import Valkey
from worker.adapters.store.postgres import PostgresStore
from worker.domain.activation import State
from worker.ports.store.activations import Activation
from worker.ports.store.purchases import CANARY_ACCOUNT

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(120)]

CANARY = {
    "AW_CANARY__PROVIDER": "sim",
    "AW_CANARY__SERVICE": "code-arrives:1",
    "AW_CANARY__COUNTRY": "0",
    "AW_CANARY__EVERY_SECONDS": "3600",  # No test is so slow that it meets the next one.
}


@pytest.fixture
async def a_world(database_url: str, redis_url: str, tmp_path: Path) -> AsyncIterator[World]:
    async with world(database_url, redis_url, tmp_path, settings=CANARY) as made:
        yield made


async def gauge(at: World, daemon: Process) -> float:
    name = "activation_worker_canary_last_success_timestamp_seconds"
    url = f"{await at.admin(daemon)}/metrics"

    def scrape() -> str:
        with urllib.request.urlopen(url, timeout=10) as reply:
            text: str = reply.read().decode()
            return text

    found = re.search(rf"^{name} (\S+)$", await asyncio.to_thread(scrape), re.MULTILINE)
    assert found is not None
    return float(found[1])


async def success(at: World, daemon: Process, seconds: float = 60) -> float:
    latest = time.monotonic() + seconds
    while not (told := await gauge(at, daemon)):
        assert time.monotonic() < latest, daemon.log.read_text()[-2000:]
        await asyncio.sleep(0.25)  # Another process works; there is nothing to await.
    return told


async def flown(at: World) -> Activation:
    """The one canary there is."""
    store = PostgresStore(at.database_url, pool_size=2)
    try:
        (one,) = await store.activations.activations(account=CANARY_ACCOUNT)
    finally:
        await store.close()
    return one


async def test_a_canary_gets_its_code_and_every_daemon_knows_when(a_world: World) -> None:
    first, second = await a_world.start_daemon(), await a_world.start_daemon()

    told = await success(a_world, first)

    one = await flown(a_world)
    assert (one.state, one.price_minor) == (State.DELIVERED, 0)
    assert one.settlement is not None
    assert told == pytest.approx(one.settlement.at.timestamp(), abs=0.001)
    assert await success(a_world, second) == told
    first.end()
    assert await success(a_world, await a_world.start_daemon()) == told
    await a_world.audit()


async def test_it_flies_without_redis_too(a_world: World, valkey: Valkey) -> None:
    valkey.kill()

    assert await success(a_world, await a_world.start_daemon()) > 0
    assert (await flown(a_world)).state is State.DELIVERED
