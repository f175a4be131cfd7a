"""What goes over the wire to a provider, byte for byte, and what is never taken for its answer."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Protocol

import pytest

from tests.fakes.turns import at_rest, give_way
from tests.unit.providers.adapter_world import NAME
from tests.unit.providers.raw_provider import BREAK, CUT, HANG, http, raw_provider, until
from worker.adapters.providers.reply import Reply
from worker.adapters.providers.wire import POOLS, NoFreeConnection, TimedOut, Wire
from worker.ports.errors import ProviderUnavailable, UnknownReply

CAP = 1000


class WireTo(Protocol):
    def __call__(
        self,
        url: str,
        headers: Mapping[str, str] | None = None,
        *,
        timeout_s: float = 5.0,
        max_in_flight: int = 4,
    ) -> AbstractAsyncContextManager[Wire]: ...


@pytest.fixture(params=sorted(POOLS))
def wire_to(request: pytest.FixtureRequest) -> WireTo:
    """Opens a wire, by each of the connections there are: all said here holds for both."""

    @asynccontextmanager
    async def opened(
        url: str,
        headers: Mapping[str, str] | None = None,
        *,
        timeout_s: float = 5.0,
        max_in_flight: int = 4,
    ) -> AsyncIterator[Wire]:
        wire = Wire(
            NAME,
            url,
            headers or {},
            max_in_flight=max_in_flight,
            timeout_s=timeout_s,
            pool=POOLS[request.param],
        )
        try:
            yield wire
        finally:
            await wire.close()

    return opened


async def test_a_request_is_its_line_the_host_and_what_every_request_says(wire_to: WireTo) -> None:
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
async def test_a_request_that_could_have_a_body_says_that_it_has_none(
    wire_to: WireTo, method: str
) -> None:
    async with raw_provider(http("yes")) as provider, wire_to(provider.url) as wire:
        await wire.exchange(method, "/rent", CAP)

        head = provider.requests[0]

    assert head.startswith(f"{method} /rent HTTP/1.1\r\n")
    assert head.count("Content-Length: 0\r\n") == 1


@pytest.mark.parametrize(
    "target", ["", "/a b", "/a\r\nHost: evil", "/a\n", "/\N{LATIN SMALL LETTER AE}", "/a\0", "/a#b"]
)
async def test_what_does_not_fit_into_a_request_line_is_not_sent(
    wire_to: WireTo, target: str
) -> None:
    async with raw_provider(http("yes")) as provider, wire_to(provider.url) as wire:
        outcome = await wire.exchange("GET", target, CAP)

        assert isinstance(outcome, ProviderUnavailable)
        assert not outcome.sent
        assert provider.connections == 0


async def test_a_header_that_would_end_its_line_is_not_sent(wire_to: WireTo) -> None:
    headers = {"Authorization": "Bearer k\r\nHost: evil"}
    async with raw_provider(http("yes")) as provider, wire_to(provider.url, headers) as wire:
        outcome = await wire.exchange("GET", "/look", CAP)

        assert isinstance(outcome, ProviderUnavailable)
        assert not outcome.sent
        assert provider.connections == 0


async def test_a_base_url_that_ends_in_a_slash_gives_no_second_one(wire_to: WireTo) -> None:
    async with raw_provider(http("yes")) as provider, wire_to(f"{provider.url}/") as wire:
        await wire.exchange("GET", "/look", CAP)

        assert provider.lines == ["GET /look HTTP/1.1"]


async def test_what_is_announced_before_the_answer_is_not_the_answer(wire_to: WireTo) -> None:
    early = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    async with raw_provider(early + http("yes")) as provider, wire_to(provider.url) as wire:
        assert await wire.exchange("GET", "/look", CAP) == Reply(200, b"yes")


async def test_what_a_kept_connection_says_unasked_is_no_answer_to_the_next_request(
    wire_to: WireTo,
) -> None:
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
            pass  # The client closed its connection.
        finally:
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


async def test_who_waits_for_a_free_connection_in_vain_has_sent_nothing(wire_to: WireTo) -> None:
    async with (
        raw_provider(HANG) as provider,
        wire_to(provider.url, timeout_s=0.5, max_in_flight=1) as wire,
    ):
        outcome = await asyncio.gather(*(wire.exchange("GET", f"/{n}", CAP) for n in range(2)))

        sent = [one.sent for one in outcome if isinstance(one, ProviderUnavailable)]
        assert (sent, provider.lines) == ([True, False], ["GET /0 HTTP/1.1"])
        assert [type(one) for one in outcome] == [TimedOut, NoFreeConnection]


async def test_shared_exchanges_that_hang_leave_a_quarter_of_the_connections(
    wire_to: WireTo,
) -> None:
    async with (
        raw_provider(HANG, HANG, HANG, http("fine"), http("again")) as provider,
        wire_to(provider.url, timeout_s=1.0, max_in_flight=4) as wire,
    ):
        hanging = [
            asyncio.create_task(wire.exchange("GET", f"/{n}", CAP, shared=True)) for n in range(4)
        ]
        await until(lambda: len(provider.lines) == 3)
        beside = await wire.exchange("GET", "/look", CAP)
        assert not any(each.done() for each in hanging)

        ended = await asyncio.gather(*hanging)
        after = await wire.exchange("GET", "/cancel", CAP, shared=True)

    assert [type(each) for each in ended] == [TimedOut, TimedOut, TimedOut, NoFreeConnection]
    assert (beside, after) == (Reply(200, b"fine"), Reply(200, b"again"))
    assert len(provider.lines) == 5, "the fourth was not sent"


async def test_a_shared_exchange_that_ends_in_any_way_gives_its_place_back(wire_to: WireTo) -> None:
    ends = [BREAK, http("refused", 503), http("x" * (CAP + 1)), HANG, http("fine")]
    async with (
        raw_provider(*ends) as provider,
        wire_to(provider.url, timeout_s=0.5, max_in_flight=1) as wire,
    ):
        for _ in ends[:-2]:
            await wire.exchange("GET", "/", CAP, shared=True)
        given_up = asyncio.create_task(wire.exchange("GET", "/", CAP, shared=True))
        waiting = asyncio.create_task(wire.exchange("GET", "/", CAP, shared=True))
        await until(lambda: len(provider.lines) == len(ends) - 1)
        for task in (waiting, given_up):
            task.cancel()
        await asyncio.gather(given_up, waiting, return_exceptions=True)

        assert await wire.exchange("GET", "/", CAP, shared=True) == Reply(200, b"fine")


@pytest.mark.parametrize("length", ["Content-Length: 1000000\r\n", ""])
async def test_an_answer_that_trickles_in_is_given_up_like_silence(
    wire_to: WireTo, length: str
) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 200 OK\r\n{length}\r\n".encode())
        try:
            while not writer.is_closing():
                writer.write(b"x")
                await writer.drain()
                await give_way()
        except ConnectionError:
            pass  # The client closed its connection.
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    async with server, wire_to(f"http://{host}:{port}", timeout_s=0.5) as wire:
        outcome = await wire.exchange("GET", "/look", 10**7)

    assert isinstance(outcome, TimedOut)
    assert outcome.sent


@pytest.mark.parametrize("greeting", [b"", b"220 hello\r\n"])
async def test_whoever_hangs_up_or_speaks_first_is_no_provider(
    wire_to: WireTo, greeting: bytes
) -> None:
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


async def test_a_provider_behind_https_is_spoken_to_in_tls_and_in_nothing_else(
    wire_to: WireTo,
) -> None:
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


def chunked(*parts: bytes) -> bytes:
    body = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (*parts, b""))
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body


async def test_every_way_to_end_a_body_is_read_and_what_is_kept_is_used_again(
    wire_to: WireTo,
) -> None:
    until_closed = CUT + b"HTTP/1.1 200 OK\r\n\r\nto the end"
    answers = (
        http("by length", 200, "Retry-After: 7"),
        chunked(b"in ", b"pieces"),
        http(""),
        b"HTTP/1.1 204 No Content\r\n\r\n",
        until_closed,
        http("by length", 200, "Connection: close"),
        http("the last"),
    )
    async with raw_provider(*answers) as provider, wire_to(provider.url) as wire:
        replies = [await wire.exchange("GET", f"/{n}", CAP) for n in range(len(answers))]

        assert provider.connections == 3, "one to the first end, one to the second"
    assert [reply.body for reply in replies if isinstance(reply, Reply)] == [
        *(b"by length", b"in pieces", b"", b"", b"to the end"),
        *(b"by length", b"the last"),
    ]
    assert isinstance(replies[0], Reply)
    assert replies[0].retry_after_s == 7


@pytest.mark.parametrize(
    "half",
    [
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nACCESS",
        chunked(b"ACCESS_", b"CANCEL")[:-9],
        b"",
    ],
)
async def test_half_an_answer_is_none_and_nothing_is_sent_again(
    wire_to: WireTo, half: bytes
) -> None:
    answers = (http("first"), CUT + half)
    async with raw_provider(*answers) as provider, wire_to(provider.url) as wire:
        await wire.exchange("GET", "/first", CAP)
        outcome = await wire.exchange("GET", "/cancel", CAP)

        assert isinstance(outcome, ProviderUnavailable)
        assert outcome.sent
        assert provider.lines == ["GET /first HTTP/1.1", "GET /cancel HTTP/1.1"]


async def test_a_caller_that_leaves_takes_its_connection_with_it(wire_to: WireTo) -> None:
    async with (
        raw_provider(HANG, http("mine")) as provider,
        wire_to(provider.url, max_in_flight=1) as wire,
    ):
        hanging = asyncio.ensure_future(wire.exchange("GET", "/1", CAP))
        while not provider.requests:
            await give_way()
        waiting = asyncio.ensure_future(wire.exchange("GET", "/2", CAP))
        await at_rest()
        hanging.cancel()

        assert await waiting == Reply(200, b"mine")
        assert provider.connections == 2


async def test_a_long_answer_is_read_as_far_as_it_is_wanted(wire_to: WireTo) -> None:
    big = b"x" * 2_000_000
    async with raw_provider(http(big)) as provider, wire_to(provider.url) as wire:
        whole = await wire.exchange("GET", "/list", len(big))
        over = await wire.exchange("GET", "/list", len(big) - 1)

    assert whole == Reply(200, big)
    assert isinstance(over, UnknownReply)
