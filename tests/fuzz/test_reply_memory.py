"""A reply of 20 MB costs every adapter no more memory than the longest reply it would read."""

import asyncio
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Final, TypeAlias

import pytest

from tests.fuzz.adapters import ADAPTERS, REF, Adapter, Call
from tests.unit.providers.adapter_world import World, config, talking_to
from worker.adapters.providers.family import ProviderConfig
from worker.adapters.providers.reply import Reply
from worker.adapters.providers.transport import LIST_CAP, SINGLE_CAP
from worker.ports.errors import ProviderError
from worker.ports.reporter import Operation

SIZE: Final = 20_000_000
PIECE: Final = b"[1234567" * 8192  #: Written again and again, so that the sender needs no memory.
BESIDES: Final = 4 * 1024 * 1024  #: Bytes: a connection, and aiohttp's buffers.
#: What a list may become when it is parsed, a body of nothing but `{},` being the worst.
PARSED: Final = 64

HEAD: Final = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
#: One adapter of each family: dialects differ in words only.
FAMILIES: Final = {each.family: each for each in reversed(ADAPTERS.values())}
LISTED: Final = {
    name: each for name, each in FAMILIES.items() if "list_active" in each.operations
} | {"handler_api": ADAPTERS["handler_api-hero"]}

Pieces: TypeAlias = Callable[[], Iterator[bytes]]


def with_its_length() -> Iterator[bytes]:
    yield HEAD + b"Content-Length: %d\r\n\r\n" % SIZE
    for _ in range(SIZE // len(PIECE) + 1):
        yield PIECE


def in_chunks() -> Iterator[bytes]:
    yield HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
    for _ in range(SIZE // len(PIECE) + 1):
        yield b"%x\r\n%b\r\n" % (len(PIECE), PIECE)
    yield b"0\r\n\r\n"


def packed_small() -> Iterator[bytes]:
    """Twenty kilobytes on the wire, though nobody asked for compression."""
    packer = zlib.compressobj(9, wbits=31)
    pieces = [packer.compress(PIECE) for _ in range(SIZE // len(PIECE) + 1)]
    small = b"".join([*pieces, packer.flush()])
    yield HEAD + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(small)
    yield small


every_family = pytest.mark.parametrize("adapter", FAMILIES.values(), ids=FAMILIES)
every_list = pytest.mark.parametrize("adapter", LISTED.values(), ids=LISTED)
every_shape = pytest.mark.parametrize("pieces", [with_its_length, in_chunks, packed_small])


@asynccontextmanager
async def sender(pieces: Pieces) -> AsyncIterator[str]:
    served: list[asyncio.Future[None]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.append(ended := asyncio.get_running_loop().create_future())
        with suppress(ConnectionError, asyncio.IncompleteReadError):  # It has heard enough.
            await reader.readuntil(b"\r\n\r\n")
            for piece in pieces():
                writer.write(piece)
                await writer.drain()
            await reader.read()
        with suppress(ConnectionError):
            writer.close()
            await writer.wait_closed()
        ended.set_result(None)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        await asyncio.gather(*served)
    finally:
        server.close()


@contextmanager
def at_most(limit: int) -> Iterator[None]:
    """Of what is allocated inside, at any moment."""
    tracemalloc.start()
    try:
        yield
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak <= limit, f"{peak:,} bytes"


@every_family
@every_shape
async def test_twenty_megabytes_about_one_number_are_not_kept(
    adapter: Adapter, pieces: Pieces
) -> None:
    async with sender(pieces) as url, talking_to(account(adapter, url), World()) as provider:
        with at_most(SINGLE_CAP + BESIDES), pytest.raises(ProviderError):
            await provider.look(REF)


@every_list
@every_shape
async def test_twenty_megabytes_of_a_list_are_kept_up_to_its_cap(
    adapter: Adapter, pieces: Pieces
) -> None:
    async with sender(pieces) as url, talking_to(account(adapter, url), World()) as provider:
        cap = provider._routes[Operation.LIST].cap
        with at_most(cap + BESIDES), pytest.raises(ProviderError):
            await provider.list_active(0)


def account(adapter: Adapter, url: str) -> ProviderConfig:
    return config(url, adapter.family, adapter.dialect or "classic")


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("handler_api-hero", b'{"status":"success","data":[%b]}'),
        ("handler_api-grizzly", b"[%b]"),
        ("fivesim", b'{"Data":[%b]}'),
        ("onlinesim", b"[%b]"),
        ("smspva", b'{"statusCode":200,"data":[%b]}'),
    ],
)
def test_the_longest_list_is_parsed_in_bounded_memory(name: str, shape: bytes) -> None:
    body = shape % b",".join([b"{}"] * (LIST_CAP // 3 - 20))
    assert LIST_CAP - 100 < len(body) <= LIST_CAP

    with at_most(LIST_CAP * PARSED):
        outcome = ADAPTERS[name].ask(Call("list_active", (Reply(200, body),)))

    assert isinstance(outcome.answer, ProviderError)
