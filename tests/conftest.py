"""Real servers for tests: one PostgreSQL and one Valkey per test process, fresh data per test."""

import asyncio
import contextlib
import gc
import itertools
import os
import shutil
import threading
from collections import Counter
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from zlib import crc32

import asyncpg
import pytest
import redis

from worker.adapters.store.migrate import upgrade
from worker.entrypoints.embedded import (
    Programs,
    Servers,
    embedded,
    find_postgres,
    find_valkey,
    try_lock,
)

T = TypeVar("T")

MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of our own in it
MEMORY_NEEDED = 4 << 30
TEMPLATE = "aw_template"
#: Their tests start processes and mostly wait for them; the others mostly compute.
WAITING = ("tests/acceptance", "tests/clients", "tests/ops", "tests/servers")
LAST_WAIT = 0.85  #: The last of them begins there, as a share of all files.

#: Else garbage collection looks through all tests and modules again and again, for half a second.
gc.set_threshold(50_000, 20, 20)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--database-through",
        choices=["nothing", "pgbouncer"],
        default="nothing",
        help="what stands between the store and PostgreSQL in tests/integration/store",
    )
    parser.addoption("--postgres", help="the directory with another server's bin")
    parser.addoption("--redis", help="another server's program: redis-server or valkey-server")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Spread the files that wait among those that compute, in an order that is always the same.

    One kind after the other would leave the processors idle, and then press on each other. The
    long ones of those that wait begin well before the end.
    """
    files: dict[str, list[pytest.Item]] = {}
    twice = [id_ for id_, times in Counter(item.nodeid for item in items).items() if times > 1]
    if twice:  # Of those, processes that share the tests run one, and leave the others out.
        raise pytest.UsageError(f"several tests have one name: {', '.join(twice)}")
    for item in items:
        files.setdefault(item.nodeid.partition("::")[0], []).append(item)
    mixed = sorted(files, key=lambda file: crc32(file.encode()))
    waiting = [file for file in mixed if file.startswith(WAITING)]
    computing = [file for file in mixed if not file.startswith(WAITING)]
    places = {file: at / len(waiting) * LAST_WAIT for at, file in enumerate(waiting)}
    places |= {file: at / len(computing) for at, file in enumerate(computing)}
    items[:] = [item for file in sorted(files, key=places.__getitem__) for item in files[file]]


def pytest_collection_finish() -> None:
    """What was imported and collected stays: garbage collection has nothing to find there."""
    gc.collect()
    gc.freeze()


class Background:
    """A loop in a thread of its own: fixtures can wait for it also while a test's loop runs."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    def close(self) -> None:
        self.run(self._loop.shutdown_asyncgens())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


@pytest.fixture(scope="session")
def background() -> Iterator[Background]:
    background = Background()
    yield background
    background.close()


@pytest.fixture(scope="session")
def programs(request: pytest.FixtureRequest) -> Programs | None:
    """Other servers than those of the wheels, where they are asked for: `make servers`."""
    postgres, valkey = (request.config.getoption(name) for name in ("--postgres", "--redis"))
    if postgres is None and valkey is None:
        return None
    return Programs(Path(postgres or find_postgres()), Path(valkey or find_valkey()))


@pytest.fixture(scope="session")
def servers(background: Background, programs: Programs | None) -> Iterator[Servers]:
    """PostgreSQL and Valkey, started when the first test asks for one of them."""
    with free_slot(programs) as state_dir:
        both = embedded(state_dir, durable=False, programs=programs)
        running = background.run(both.__aenter__())
        try:
            yield running
        finally:
            background.run(both.__aexit__(None, None, None))


@contextlib.contextmanager
def free_slot(programs: Programs | None) -> Iterator[Path]:
    """A state directory nobody else uses now; one that a killed run has left is used again."""
    state = state_of_all()
    state.mkdir(parents=True, exist_ok=True)
    kind = "slot" if programs is None else f"slot-{crc32(str(programs).encode()):08x}"
    for slot in itertools.count():
        with (state / f"{kind}-{slot}.lock").open("w") as lock:
            if try_lock(lock.fileno()):
                yield state / f"{kind}-{slot}"
                shutil.rmtree(state / f"{kind}-{slot}", ignore_errors=True)
                return


def state_of_all() -> Path:
    """In memory where there is enough: a database of its own for each test is 600 new files."""
    if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free >= MEMORY_NEEDED:
        return MEMORY / f"activation-worker-tests-{os.getuid()}"
    return Path(__file__).parent.parent / ".state" / "tests"


@dataclass(frozen=True)
class Databases:
    """Creates and drops databases of the test server."""

    admin_url: str
    background: Background

    def url(self, name: str) -> str:
        return self.admin_url.replace("@/postgres?", f"@/{name}?")

    def execute(self, *statements: str) -> None:
        self.background.run(self._execute(statements))

    def leftovers(self) -> list[str]:
        return self.background.run(self._leftovers())

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
def databases(servers: Servers, background: Background) -> Databases:
    """The server's databases, with a migrated template to clone from."""
    databases = Databases(servers.database_url, background)
    databases.execute(*(f"DROP DATABASE {name} WITH (FORCE)" for name in databases.leftovers()))
    databases.execute(f"CREATE DATABASE {TEMPLATE}")
    background.run(upgrade(databases.url(TEMPLATE)))
    return databases


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
def valkey(servers: Servers, background: Background) -> Iterator[Valkey]:
    """An empty Valkey; running again afterwards, whatever the test did to it."""
    valkey = Valkey(servers)
    valkey.flush()
    yield valkey
    if not servers.valkey.is_running:
        servers.valkey.stop()
        background.run(valkey.start())


@pytest.fixture
def redis_url(valkey: Valkey) -> str:
    """An empty Valkey, as a URL."""
    return valkey.url
