"""A standby that takes over may not have heard of the last commits: our memory of them is wrong."""

import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest

from tests.fakes.resources import POLICIES
from tests.integration.lifecycle.world import SIM, World
from worker.adapters.store.migrate import upgrade
from worker.adapters.store.postgres import PostgresStore
from worker.domain.ids import ProviderRef
from worker.entrypoints.embedded import Servers, embedded
from worker.lifecycle.look import SEEN_FOR
from worker.ports.store.activations import SeenSms

SMS = [SeenSms(SIM, ProviderRef("1"), "1234", None)]
LOST = (
    "ALTER TABLE transition DISABLE TRIGGER ALL; DELETE FROM transition WHERE what = 'code';"
    " ALTER TABLE transition ENABLE TRIGGER ALL; DELETE FROM event; DELETE FROM code;"
    " UPDATE activation SET state = 'waiting'"
)


async def test_a_code_that_a_failover_lost_is_recorded_again(world: World) -> None:
    number = await world.take()
    await world.look.codes(SMS)
    await world.admin.execute(LOST)

    world.elapsed += SEEN_FOR.total_seconds()
    await world.look.codes(SMS)

    assert [code.code for code in (await world.number(number)).codes] == ["1234"]


async def test_a_code_that_is_looked_up_again_is_remembered_again(world: World) -> None:
    await world.take()
    for _ in range(3):
        await world.look.codes(SMS)
        world.elapsed += SEEN_FOR.total_seconds()

    assert world.look.seen_codes.new(SMS, world.clock.monotonic()) == SMS
    assert len(world.reporter.of("code")) == 3


@asynccontextmanager
async def world_on(servers: Servers) -> AsyncIterator[World]:
    """A world of its own on servers that the test may kill."""
    await upgrade(servers.database_url)
    store = PostgresStore(servers.database_url, policies=POLICIES)
    admin = await asyncpg.connect(servers.database_url)
    try:
        yield World(store, admin)
    finally:
        await store.close()
        await admin.close()


async def run_a_query(world: World) -> None:
    await world.store.ping()


async def beat(world: World) -> None:
    await world.store.instances.beat()


@pytest.fixture
def home() -> Iterator[Path]:
    """A directory that PostgreSQL's user can enter."""
    with tempfile.TemporaryDirectory(prefix="aw-failover-") as name:
        Path(name).chmod(0o711)
        yield Path(name)


@pytest.fixture
async def killable(home: Path) -> AsyncIterator[tuple[Servers, Path]]:
    async with embedded(home, durable=False) as servers:
        yield servers, home / "postgres"


def copy(data: Path, behind: Path) -> None:
    """With its owner: the server refuses files that are not its user's."""
    subprocess.run(["cp", "-a", data, behind], check=True)


@pytest.mark.parametrize("notice", [run_a_query, beat])
async def test_what_a_real_failover_lost_is_recorded_again_at_the_next_look(
    killable: tuple[Servers, Path], notice: Callable[[World], Awaitable[None]]
) -> None:
    """The server is killed and goes on from a copy that is older than the code's commit."""
    servers, data = killable
    behind = data.with_name("behind")
    async with world_on(servers) as world:
        await world.open()
        await world.store.instances.beat()
        number = await world.take()
        await world.store.db.close()  # A server that stops in order has nobody connected.
        servers.postgres.stop()
        copy(data, behind)
        await servers.postgres.start()
        await world.store.instances.beat()
        await world.look.codes(SMS)
        assert (await world.number(number)).codes

        servers.postgres.kill()
        shutil.rmtree(data)
        behind.rename(data)
        await servers.postgres.start()
        await notice(world)
        await world.look.codes(SMS)

        assert [code.code for code in (await world.number(number)).codes] == ["1234"]


async def test_a_code_whose_commit_was_doubtful_is_not_remembered(world: World) -> None:
    await world.take()
    await world.look.codes(SMS)
    again = world.look.seen_codes.new(SMS, world.clock.monotonic())
    assert again == []

    world.store.db.doubt()
    await world.look.codes(SMS)

    assert len(world.reporter.of("code")) == 2
