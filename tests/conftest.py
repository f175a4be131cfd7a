"""Real servers for tests: one PostgreSQL and one Valkey per test process, fresh data per test."""

import asyncio
import contextlib
import importlib.util
import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest
import redis

from worker.entrypoints.embedded import Servers, embedded, try_lock

STATE = Path(__file__).parent.parent / ".state" / "tests"
TEMPLATE = "aw_template"
MIGRATE = "worker.adapters.store.migrate"


@pytest.fixture(scope="session")
def own_loop() -> Iterator[asyncio.AbstractEventLoop]:
    """A loop for fixtures that outlive a test; never the current one, so pytest-asyncio's stay."""
    loop = asyncio.new_event_loop()
    yield loop
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()


@pytest.fixture(scope="session")
def servers(own_loop: asyncio.AbstractEventLoop) -> Iterator[Servers]:
    """PostgreSQL and Valkey, started when the first test asks for one of them."""
    with free_slot() as state_dir:
        both = embedded(state_dir, durable=False)
        running = own_loop.run_until_complete(both.__aenter__())
        try:
            yield running
        finally:
            own_loop.run_until_complete(both.__aexit__(None, None, None))


@contextlib.contextmanager
def free_slot() -> Iterator[Path]:
    """A state directory nobody else uses now; kept between runs, because initdb takes longest."""
    STATE.mkdir(parents=True, exist_ok=True)
    for slot in itertools.count():
        with (STATE / f"slot-{slot}.lock").open("w") as lock:
            if try_lock(lock.fileno()):
                yield STATE / f"slot-{slot}"
                return


@dataclass(frozen=True)
class Databases:
    """Creates and drops databases of the test server."""

    admin_url: str
    loop: asyncio.AbstractEventLoop

    def url(self, name: str) -> str:
        return self.admin_url.replace("@/postgres?", f"@/{name}?")

    def execute(self, *statements: str) -> None:
        self.loop.run_until_complete(self._execute(statements))

    def leftovers(self) -> list[str]:
        return self.loop.run_until_complete(self._leftovers())

    async def _execute(self, statements: tuple[str, ...]) -> None:
        connection = await asyncpg.connect(self.admin_url)
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    async def _leftovers(self) -> list[str]:
        connection = await asyncpg.connect(self.admin_url)
        try:
            rows = await connection.fetch(
                r"SELECT datname FROM pg_database WHERE datname LIKE 'aw\_%'"
            )
        finally:
            await connection.close()
        return [str(row["datname"]) for row in rows]


@pytest.fixture(scope="session")
def databases(servers: Servers, own_loop: asyncio.AbstractEventLoop) -> Databases:
    """The server's databases, with a migrated template to clone from."""
    databases = Databases(servers.database_url, own_loop)
    databases.execute(*(f"DROP DATABASE {name} WITH (FORCE)" for name in databases.leftovers()))
    databases.execute(f"CREATE DATABASE {TEMPLATE}")
    if migrations_are_there():
        migrate = importlib.import_module(MIGRATE)
        own_loop.run_until_complete(migrate.upgrade(databases.url(TEMPLATE)))
    return databases


def migrations_are_there() -> bool:
    with contextlib.suppress(ModuleNotFoundError):
        return importlib.util.find_spec(MIGRATE) is not None
    return False


_names = (f"aw_{os.getpid()}_{number}" for number in itertools.count())


@pytest.fixture
def database_url(databases: Databases) -> Iterator[str]:
    """A fresh, migrated database."""
    name = next(_names)
    databases.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY file_copy")
    yield databases.url(name)
    databases.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def empty_database_url(databases: Databases) -> Iterator[str]:
    """A fresh database without a schema."""
    name = next(_names)
    databases.execute(f"CREATE DATABASE {name} STRATEGY file_copy")
    yield databases.url(name)
    databases.execute(f"DROP DATABASE {name} WITH (FORCE)")


@dataclass(frozen=True)
class Valkey:
    """The Valkey of this test process, which a test may stop, kill, start and flush."""

    servers: Servers

    @property
    def url(self) -> str:
        return self.servers.redis_url

    def stop(self) -> None:
        self.servers.valkey.stop()

    def kill(self) -> None:
        self.servers.valkey.kill()

    async def start(self) -> None:
        await self.servers.valkey.start()

    def flush(self) -> None:
        """Lose everything: keys, scripts, and what clients believe about them."""
        with redis.Redis.from_url(self.url) as client:
            client.flushall()
            client.script_flush()


@pytest.fixture
def valkey(servers: Servers, own_loop: asyncio.AbstractEventLoop) -> Iterator[Valkey]:
    """An empty Valkey; running again afterwards, whatever the test did to it."""
    valkey = Valkey(servers)
    valkey.flush()
    yield valkey
    if not servers.valkey.is_running:
        servers.valkey.stop()
        own_loop.run_until_complete(valkey.start())


@pytest.fixture
def redis_url(valkey: Valkey) -> str:
    """An empty Valkey, as a URL."""
    return valkey.url
