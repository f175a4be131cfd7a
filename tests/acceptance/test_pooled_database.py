"""Two daemons whose database stands behind PgBouncer in transaction mode."""

import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.acceptance.world import World, world
from tests.debian_package import NotToBeHad
from tests.pgbouncer import pgbouncer

pytestmark = [pytest.mark.nightly, pytest.mark.acceptance, pytest.mark.timeout(180)]


@pytest.fixture
async def pooled_url(empty_database_url: str) -> AsyncIterator[str]:
    try:
        async with pgbouncer(empty_database_url) as url:
            yield url
    except NotToBeHad as why:
        pytest.skip(str(why))


@pytest.fixture
async def pooled_world(pooled_url: str, redis_url: str, tmp_path: Path) -> AsyncIterator[World]:
    async with world(pooled_url, redis_url, tmp_path) as made:
        yield made


def command(world: World, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "worker", *arguments],
        env=world.environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


async def test_a_killed_daemon_is_taken_over_from_through_the_pooler(pooled_world: World) -> None:
    for arguments in (["migrate"], ["migrate"], ["doctor"]):
        done = command(pooled_world, *arguments)
        assert done.returncode == 0, done.stderr
    first, second = [await pooled_world.start_daemon() for _ in range(2)]
    async with pooled_world.shop(second) as shop:
        await pooled_world.hand_over(shop, 200, service="timeout")
        await pooled_world.hand_over(shop, 50, service="code-arrives:3")

        first.kill()

        ended = await pooled_world.all_final(60)

    states = [one.state.value for one in ended]
    assert (states.count("refunded"), states.count("delivered")) == (200, 50)
    audit = command(pooled_world, "audit")
    assert audit.returncode == 0, audit.stdout + audit.stderr
