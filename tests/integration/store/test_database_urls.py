"""A database URL means to the worker what it means to libpq."""

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from tests.integration.store.proxy import SOCKET, Proxy
from worker.adapters.store.database import Database, scalar
from worker.adapters.store.migrate import upgrade


@pytest.mark.parametrize(
    "parameter",
    ["sslmode=disable", "sslmode=prefer", "ssl=prefer", "target_session_attrs=read-write"],
)
async def test_it_connects_with_a_parameter_of_libpq(
    empty_database_url: str, parameter: str
) -> None:
    url = f"{empty_database_url}&{parameter}"
    await upgrade(url)
    database = Database(url, pool_size=1)
    assert await database.read(lambda c: scalar(c, "SELECT 1")) == 1
    await database.close()


async def test_a_name_that_the_url_gives_is_the_connections_name(database_url: str) -> None:
    for url, name in (
        (database_url, "activation-worker"),
        (f"{database_url}&application_name=shop-7", "shop-7"),
    ):
        database = Database(url, pool_size=1)
        assert await database.read(lambda c: scalar(c, "SHOW application_name")) == name
        await database.close()


@pytest.fixture
async def tcp_url(database_url: str, tmp_path: Path) -> AsyncIterator[str]:
    """The same database over TCP, as on another host."""
    parts = urlsplit(database_url)
    (folder,) = parse_qs(parts.query)["host"]
    proxy = Proxy(Path(folder) / SOCKET, tmp_path)
    server = await asyncio.start_server(proxy, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    yield f"postgresql://{parts.username}@{host}:{port}{parts.path}?sslmode=disable"
    server.close()
    await proxy.close()
    await server.wait_closed()


async def test_a_database_host_that_dies_without_a_word_is_missed_after_seconds(
    tcp_url: str,
) -> None:
    """Nobody resets a connection to it. Else each would wait for its own silence, 40 s."""

    async def options(connection: AsyncConnection) -> list[int]:
        driver = (await connection.get_raw_connection()).driver_connection
        assert driver is not None
        tcp = driver._transport.get_extra_info("socket")
        names = ("KEEPIDLE", "KEEPINTVL", "KEEPCNT", "USER_TIMEOUT")
        at = [getattr(socket, f"TCP_{name}") for name in names]
        kept_alive = tcp.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        return [kept_alive, *(tcp.getsockopt(socket.IPPROTO_TCP, each) for each in at)]

    database = Database(tcp_url, pool_size=1)
    told = await database.read(options)
    await database.close()

    assert told == [1, 2, 1, 3, 5_000]
