"""A daemon that is stopped while jobs and calls hang: it is gone before it would be killed."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import asyncpg
import pytest

from tests.fakes.work import Work
from worker.adapters.redis.queue import open_queue
from worker.bootstrap import Worker, open_worker
from worker.entrypoints import daemon
from worker.entrypoints.config_reload import LiveSettings
from worker.settings import load_settings

DRAIN = 2.0
AUTH = {"Authorization": "Bearer a-token-of-enough-characters-to-be-safe"}


@pytest.fixture
async def worker(database_url: str, redis_url: str, tmp_path: Path) -> AsyncIterator[Worker]:
    config = tmp_path / "worker.toml"
    config.write_text(
        f"""
        [database]
        url = "{database_url}"
        [redis]
        url = "{redis_url}"
        [api]
        listen = "127.0.0.1:0"
        tokens = "shop:operate:{AUTH["Authorization"].split()[1]}"
        [admin]
        listen = "127.0.0.1:0"
        [worker]
        drain_seconds = {DRAIN}
        """
    )
    async with open_worker(load_settings(config, environ={})) as worker:
        yield worker


async def _put(url: str) -> None:
    async with (
        aiohttp.ClientSession(url, headers=AUTH) as http,
        http.put("/v1/accounts/ann", json={"currency": "USD"}),
    ):
        raise AssertionError("answered in spite of the lock")


@contextlib.asynccontextmanager
async def _a_call_that_hangs(url: str, database_url: str) -> AsyncIterator[None]:
    connection = await asyncpg.connect(database_url)
    async with connection.transaction():
        await connection.execute("LOCK TABLE account IN ACCESS EXCLUSIVE MODE")
        call = asyncio.create_task(_put(url))
        waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
        while not await connection.fetchval(waiting):
            pass
        yield
        with pytest.raises(aiohttp.ClientError):
            await call
    await connection.close()


async def test_a_job_and_a_call_that_hang_share_one_drain(
    worker: Worker, database_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = Work()
    monkeypatch.setattr(daemon, "job_handlers_of", lambda _worker: work.handlers())
    stop = asyncio.Event()
    live = LiveSettings.of(worker.parts.settings)
    async with contextlib.AsyncExitStack() as stack:
        served = contextlib.AsyncExitStack()
        addresses = await served.enter_async_context(daemon.serving(worker, stop, live))
        queue = open_queue(redis_url)
        stack.push_async_callback(queue.aclose, close_connection_pool=True)
        await queue.enqueue_job("sweep")
        await work.started.wait()
        await stack.enter_async_context(
            _a_call_that_hangs(f"http://{addresses['api']}", database_url)
        )
        began = time.monotonic()
        await served.aclose()
        took = time.monotonic() - began

    assert DRAIN <= took < 2 * DRAIN
