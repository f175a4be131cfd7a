"""A life on a fresh database; after it the audit finds nothing, and no timer has failed."""

from collections.abc import AsyncIterator

import aiohttp
import asyncpg
import pytest

from tests.integration.lives.daemon import Daemon
from tests.integration.lives.life import Life
from tests.unit.http.caller import Api, Described
from tests.unit.http.conftest import described
from worker.entrypoints.http.api import build_api
from worker.entrypoints.http.listener import listen

FIXTURES = (described,)


@pytest.fixture
async def life(database_url: str, described: Described) -> AsyncIterator[Life]:
    admin = await asyncpg.connect(database_url)
    daemon = Daemon(database_url, admin)
    await daemon.begin(await admin.fetchval("SELECT current_database()"))
    runner = await listen(build_api(daemon.deps), "127.0.0.1", 0, drain_seconds=1)
    host, port = runner.addresses[0]
    async with aiohttp.ClientSession() as http:
        yield Life(daemon, Api(http, f"http://{host}:{port}", described))
    await runner.cleanup()
    findings = await daemon.store.books.audit()
    await daemon.close()
    await admin.close()
    assert {f.invariant: f.offenders for f in findings if f.violations} == {}
    assert "job.failed" not in daemon.reporter.troubles
