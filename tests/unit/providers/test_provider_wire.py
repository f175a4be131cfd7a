"""What goes over the wire to a provider, byte for byte, and what is never taken for its answer."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress

import pytest

from tests.fakes.turns import at_rest, give_way
from tests.unit.providers.adapter_world import NAME
from tests.unit.providers.raw_provider import HANG, http, raw_provider
from worker.adapters.providers.reply import Reply
from worker.adapters.providers.wire import NoFreeConnection, TimedOut, Wire
from worker.ports.errors import ProviderUnavailable

CAP = 1000


@asynccontextmanager
async def wire_to(
    url: str,
    headers: Mapping[str, str] | None = None,
    *,
    timeout_s: float = 5.0,
    max_in_flight: int = 4,
) -> AsyncIterator[Wire]:
    wire = Wire(NAME, url, headers or {}, max_in_flight=max_in_flight, timeout_s=timeout_s)
    try:
        yield wire
    finally:
        await wire.close()


async def test_a_request_is_its_line_the_host_and_what_every_request_says() -> None:
    async with (
        raw_provider(http("yes")) as provider,
        wire_to(f"{provider.url}/stubs/api.php?action=", {"Authorization": "Bearer k"}) as wire,
    ):
        reply = await wire.exchange("GET", "look&id=1%20a", CAP)

        line, *headers = provider.requests[0].removesuffix("\r\n\r\n").split("\r\n")

    assert reply == Reply(200, b"yes")
    assert line == "GET /stubs/api.php?action=look&id=1%20a HTTP/1.1"
    sent_headers = dict(header.split(": ", 1) for header in headers)
    assert sent_headers.pop("User-Agent")
    assert sent_headers == {
        "Host": provider.url.removeprefix("http://"),
        "Authorization": "Bearer k",
        "Accept": "*/*",
        "Accept-Encoding": "identity",
    }
    assert len(headers) == 5


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_a_request_that_could_have_a_body_says_that_it_has_none(method: str) -> None:
    async with raw_provider(http("yes")) as provider, wire_to(provider.url) as wire:
        await wire.exchange(method, "/rent", CAP)

        head = provider.requests[0]

    assert head.startswith(f"{method} /rent HTTP/1.1\r\n")
    assert head.count("Content-Length: 0\r\n") == 1


@pytest.mark.parametrize(
    "target", ["", "/a b", "/a\r\nHost: evil", "/a\n", "/\N{LATIN SMALL LETTER AE}", "/a\0", "/a#b"]
)
async def test_what_does_not_fit_into_a_request_line_is_not_sent(target: str) -> None:
    async with raw_provider(http("yes")) as provider, wire_to(provider.url) as wire:
        outcome = await wire.exchange("GET", target, CAP)

        assert isinstance(outcome, ProviderUnavailable)
        assert not outcome.sent
        assert provider.connections == 0


async def test_a_header_that_would_end_its_line_is_not_sent() -> None:
    headers = {"Authorization": "Bearer k\r\nHost: evil"}
    async with raw_provider(http("yes")) as provider, wire_to(provider.url, headers) as wire:
        outcome = await wire.exchange("GET", "/look", CAP)

        assert isinstance(outcome, ProviderUnavailable)
        assert not outcome.sent
        assert provider.connections == 0


async def test_a_base_url_that_ends_in_a_slash_gives_no_second_one() -> None:
    async with raw_provider(http("yes")) as provider, wire_to(f"{provider.url}/") as wire:
        await wire.exchange("GET", "/look", CAP)

        assert provider.lines == ["GET /look HTTP/1.1"]


async def test_what_is_announced_before_the_answer_is_not_the_answer() -> None:
    early = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    async with raw_provider(early + http("yes")) as provider, wire_to(provider.url) as wire:
        assert await wire.exchange("GET", "/look", CAP) == Reply(200, b"yes")


async def test_what_a_kept_connection_says_unasked_is_no_answer_to_the_next_request() -> None:
    """A late answer to somebody else's cancel would end the wrong number."""
    connections: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(writer)
        answer = f"answer {len(connections)}"
        try:
            while True:
                await reader.readuntil(b"\r\n\r\n")
                writer.write(http(answer))
        except asyncio.IncompleteReadError:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    async with server, wire_to(f"http://{host}:{port}") as wire:
        first = await wire.exchange("GET", "/cancel?id=1", CAP)
        connections[0].write(http("a stray"))
        await connections[0].drain()
        await at_rest()  # A turn to read it from the socket,
        await at_rest()  # and one to hand it on.
        second = await wire.exchange("GET", "/cancel?id=2", CAP)

    assert (first, second) == (Reply(200, b"answer 1"), Reply(200, b"answer 2"))


async def test_who_waits_for_a_free_connection_in_vain_has_sent_nothing() -> None:
    async with (
        raw_provider(HANG) as provider,
        wire_to(provider.url, timeout_s=0.05, max_in_flight=1) as wire,
    ):
        outcome = await asyncio.gather(*(wire.exchange("GET", f"/{n}", CAP) for n in range(2)))

        sent = [one.sent for one in outcome if isinstance(one, ProviderUnavailable)]
        assert (sent, provider.lines) == ([True, False], ["GET /0 HTTP/1.1"])
        assert [type(one) for one in outcome] == [TimedOut, NoFreeConnection]


@pytest.mark.parametrize("length", ["Content-Length: 1000000\r\n", ""])
async def test_an_answer_that_trickles_in_is_given_up_like_silence(length: str) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 200 OK\r\n{length}\r\n".encode())
        with suppress(ConnectionError):
            while not writer.is_closing():
                writer.write(b"x")
                await writer.drain()
                await give_way()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    async with server, wire_to(f"http://{host}:{port}", timeout_s=0.05) as wire:
        outcome = await wire.exchange("GET", "/look", 10**7)

    assert isinstance(outcome, TimedOut)
    assert outcome.sent


@pytest.mark.parametrize("greeting", [b"", b"220 hello\r\n"])
async def test_whoever_hangs_up_or_speaks_first_is_no_provider(greeting: bytes) -> None:
    connections = 0

    async def serve(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        writer.write(greeting)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    async with server, wire_to(f"http://{host}:{port}", max_in_flight=2) as wire:
        outcome = await wire.exchange("GET", "/look", CAP)

    assert isinstance(outcome, ProviderUnavailable)
    assert 1 <= connections <= 3


async def test_a_provider_behind_https_is_spoken_to_in_tls_and_in_nothing_else() -> None:
    received: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.append(await reader.read(3))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    async with server, wire_to(f"https://{host}:{port}") as wire:
        outcome = await wire.exchange("GET", "/look", CAP)

    assert isinstance(outcome, ProviderUnavailable)
    assert not outcome.sent
    assert [start[:2] for start in received] == [b"\x16\x03"]  # A handshake record.
