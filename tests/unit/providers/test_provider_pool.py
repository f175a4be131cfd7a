"""Connections of our own: who gets which, and what a broken one is never taken for."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any

import pytest
from yarl import URL

from tests.fakes.turns import at_rest, until
from tests.unit.providers.adapter_world import NAME
from tests.unit.providers.raw_provider import http, raw_provider
from worker.adapters.providers.own_pool import OwnPool
from worker.adapters.providers.pool import Place
from worker.adapters.providers.pool_share import PoolShare
from worker.adapters.providers.wire import POOLS, Wire
from worker.ports.errors import ProviderUnavailable

ASKED = b"GET / HTTP/1.1\r\n\r\n"
CAP = 1000
OF_TWO = "two.example"


@asynccontextmanager
async def pool_to(url: str, most: int = 4) -> AsyncIterator[OwnPool]:
    pool = OwnPool(Place(URL(url), most, keep_s=30, wait_s=5, connect_s=2))
    try:
        yield pool
    finally:
        await pool.close()


@contextmanager
def silent_address() -> Iterator[int]:
    """A port where no connection is made any more, nor refused: too many wait there."""
    with socket.socket() as listens, socket.socket() as one, socket.socket() as two:
        listens.bind(("127.0.0.1", 0))
        listens.listen(0)
        for fills in (one, two):
            fills.settimeout(0)
            with suppress(BlockingIOError):
                fills.connect(listens.getsockname())
        yield listens.getsockname()[1]


async def test_a_silent_address_does_not_keep_from_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []
    known = socket.getaddrinfo

    def found(host: Any, port: Any, *args: Any, **more: Any) -> Any:
        if host != OF_TWO:
            return known(host, port, *args, **more)
        asked.append(host)
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", each))
            for each in (silent, port)
        ]

    monkeypatch.setattr(socket, "getaddrinfo", found)
    async with raw_provider(http("yes")) as provider:
        port = URL(provider.url).port
        with silent_address() as silent:
            async with pool_to(f"http://{OF_TWO}:{port}") as pool:
                connection = await pool.take()
                answer = await pool.ask(connection, ASKED, CAP)
                connection.close()
                pool.drop(connection)
                pool.drop(await pool.take())

    assert answer.body == b"yes"
    assert asked == [OF_TWO], "one look-up serves several connections"


async def test_a_connection_that_its_provider_has_just_closed_is_not_used_again() -> None:
    """What is sent on it has an unknown outcome: a purchase could not be repeated."""
    async with raw_provider(http("yes")) as provider, pool_to(provider.url) as pool:
        kept = await pool.take()
        await pool.ask(kept, ASKED, CAP)
        pool.free(kept)
        kept.eof_received()  # The transport closes itself in a later turn of the loop.

        assert await pool.take() is not kept

        aborted = await pool.take()
        pool.free(aborted)
        assert aborted.transport is not None
        aborted.transport.close()

        assert await pool.take() is not aborted


@pytest.mark.parametrize("name", sorted(POOLS))
async def test_a_body_that_is_cut_by_a_reset_is_not_the_whole_answer(name: str) -> None:
    """A code that is cut short would be shown."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nSTATUS_OK:12")
        await writer.drain()
        await at_rest()  # Else the reset takes back what was sent before it.
        writer.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
        )
        writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    async with server:
        wire = Wire(
            NAME, f"http://{host}:{port}", {}, max_in_flight=1, timeout_s=5, pool=POOLS[name]
        )
        outcome = await wire.exchange("GET", "/look", CAP)
        await wire.close()

    assert isinstance(outcome, ProviderUnavailable)
    assert outcome.sent


async def test_a_share_is_full_of_calls_that_were_sent_not_of_those_that_connect() -> None:
    """A provider that takes no connections is no lack of our own: its circuit opens."""
    async with raw_provider(http("yes")) as provider, pool_to(provider.url) as pool:
        share = PoolShare(pool, most=1, wait_s=5)
        mine = await share.take()
        while_sent = share.full
        share.drop(mine)

        assert (while_sent, share.full) == (True, False)

    with silent_address() as port:
        async with pool_to(f"http://127.0.0.1:{port}") as pool:
            share = PoolShare(pool, most=1, wait_s=5)
            connects = asyncio.ensure_future(share.take())
            await at_rest()

            assert not share.full

            connects.cancel()
            await asyncio.gather(connects, return_exceptions=True)
            assert not share._places.locked()


async def test_who_waits_for_a_connection_has_it_before_whoever_frees_it() -> None:
    async with raw_provider(http("yes")) as provider, pool_to(provider.url, most=1) as pool:
        mine = await pool.take()
        gone, waits = asyncio.ensure_future(pool.take()), asyncio.ensure_future(pool.take())
        await until(lambda: len(pool._waiting) == 2)
        pool.drop(mine)  # The turn is the first one's, who leaves before he knows of it.
        gone.cancel()
        again = asyncio.ensure_future(pool.take())
        await asyncio.wait({waits, again}, return_when=asyncio.FIRST_COMPLETED)

        assert (gone.cancelled(), waits.done(), again.done()) == (True, True, False)

        pool.drop(await waits)
        pool.drop(await again)
        assert (await pool.take()).usable
