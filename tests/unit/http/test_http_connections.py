"""Connections: those beyond the cap are closed at once, and silent ones do not stay."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest
from aiohttp import web

from tests.fakes.resources import SETTINGS
from worker.adapters.providers.transport import PROBES_AT_ONCE
from worker.entrypoints.descriptors import admin_connections, api_connections
from worker.entrypoints.http.listener import Connections, listen
from worker.settings.model import ProviderSettings

SILENT = 0.3
LONG = 10.0
Opened = tuple[asyncio.StreamReader, asyncio.StreamWriter]
LONG_BODY = bytes(2**26)  #: More than the kernel takes for who does not read.
REQUEST = b"GET /ping HTTP/1.1\r\nHost: here\r\n\r\n"


class Server:
    def __init__(self, stack: AsyncExitStack) -> None:
        self._stack = stack
        self.refused = 0
        self.go_on = asyncio.Event()
        self.go_on.set()
        self.port = 0

    async def start(self, most: int, silent_seconds: float = LONG) -> "Server":
        app = web.Application()
        app.router.add_get("/ping", self._ping)
        app.router.add_get("/long", self._long)
        allowed = Connections(most=most, refused=self._refuse, silent_seconds=silent_seconds)
        runner = await listen(app, "127.0.0.1", 0, drain_seconds=0.1, connections=allowed)
        self._stack.push_async_callback(runner.cleanup)
        self.port = runner.addresses[0][1]
        return self

    def _refuse(self) -> None:
        self.refused += 1

    async def _ping(self, _: web.Request) -> web.Response:
        await self.go_on.wait()
        return web.Response(text="pong")

    async def _long(self, _: web.Request) -> web.Response:
        return web.Response(body=LONG_BODY)

    async def connect(self, buffer: int = 2**16) -> Opened:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, limit=buffer)
        self._stack.callback(writer.close)
        return reader, writer


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with AsyncExitStack() as stack:
        yield Server(stack)


async def ask(opened: Opened) -> bytes:
    reader, writer = opened
    writer.write(REQUEST)
    status = await reader.readline()
    await reader.readuntil(b"pong")
    return status


async def is_served(server: Server) -> bool:
    try:
        return b"200" in await ask(await server.connect())
    except (ConnectionError, asyncio.IncompleteReadError):
        return False


async def ended(opened: Opened) -> bool:
    """Waits until the server has closed the connection without a word."""
    try:
        async with asyncio.timeout(LONG):
            return await opened[0].read() == b""
    except ConnectionResetError:
        return True


async def test_a_connection_beyond_the_cap_is_closed_at_once_and_the_others_are_served(
    server: Server,
) -> None:
    await server.start(most=2)
    first, second = await server.connect(), await server.connect()
    assert b"200" in await ask(first)

    assert await ended(await server.connect())
    assert await ended(await server.connect())

    assert server.refused == 2
    assert b"200" in await ask(first)
    assert b"200" in await ask(second)


async def test_a_connection_that_ends_makes_room_for_another(server: Server) -> None:
    await server.start(most=1, silent_seconds=SILENT)
    assert await ended(await server.connect())

    assert b"200" in await ask(await server.connect())

    assert server.refused == 0


async def silent(_: Opened) -> None:
    """It sends nothing."""


async def half_a_header(opened: Opened) -> None:
    opened[1].write(REQUEST[:20])


async def one_request(opened: Opened) -> None:
    assert b"200" in await ask(opened)


async def one_request_and_half(opened: Opened) -> None:
    assert b"200" in await ask(opened)
    opened[1].write(REQUEST[:20])


@pytest.mark.parametrize("begin", [silent, half_a_header, one_request, one_request_and_half])
async def test_a_connection_that_says_no_more_is_ended(
    server: Server, begin: Callable[[Opened], Awaitable[None]]
) -> None:
    await server.start(most=10, silent_seconds=SILENT)
    opened = await server.connect()
    await begin(opened)

    assert await ended(opened)


async def test_a_connection_whose_answer_nobody_reads_is_ended(server: Server) -> None:
    await server.start(most=1, silent_seconds=SILENT)
    silent = await server.connect(buffer=1)
    silent[1].write(b"GET /long HTTP/1.1\r\nHost: here\r\n\r\n")

    async with asyncio.timeout(LONG):
        while not await is_served(server):
            """The one that reads nothing has the only place still."""


async def test_a_call_that_takes_long_is_not_idle(server: Server) -> None:
    await server.start(most=10, silent_seconds=SILENT)
    server.go_on.clear()
    call = asyncio.ensure_future(ask(await server.connect()))
    assert await ended(await server.connect()), "as long as a silent connection may stay"

    server.go_on.set()

    assert b"200" in await call


CLIENTS, DESCRIPTORS, MOST = 600, 512, 128
CROWDED = """
import asyncio, json, os, resource, sys
import uvloop
from aiohttp import web
from worker.entrypoints.http.listener import Connections, listen
from worker.settings.model import ProviderSettings

DESCRIPTORS, MOST = map(int, sys.argv[1:])

async def main():
    app = web.Application()
    api = await listen(app, "127.0.0.1", 0, drain_seconds=0.1,
        connections=Connections(most=MOST, backlog=256))
    probes = web.Application()
    async def live(_): return web.Response(text="ok")
    probes.router.add_get("/livez", live)
    admin = await listen(probes, "127.0.0.1", 0, drain_seconds=0.1, connections=Connections(most=8))
    print(json.dumps([api.addresses[0][1], admin.addresses[0][1]]), flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    open_now = len(os.listdir("/proc/self/fd"))
    print(open_now, flush=True)
    await api.cleanup()
    await admin.cleanup()

resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, DESCRIPTORS))
uvloop.run(main())
"""


async def test_more_clients_than_descriptors_harm_no_probe() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-c", CROWDED, str(DESCRIPTORS), str(MOST)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    api, admin = json.loads(await process.stdout.readline())
    async with AsyncExitStack() as stack:

        async def connect(port: int) -> Opened:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            stack.callback(writer.close)
            return reader, writer

        crowd: list[Opened] = []
        while len(crowd) < CLIENTS:
            crowd += await asyncio.gather(*(connect(api) for _ in range(100)))
        closed = [asyncio.ensure_future(ended(opened)) for opened in crowd]
        reader, writer = await connect(admin)
        writer.write(b"GET /livez HTTP/1.1\r\nHost: here\r\n\r\n")
        async with asyncio.timeout(LONG):
            assert b"200" in await reader.readline()
        beyond = asyncio.as_completed(closed, timeout=LONG)
        assert all([await next(beyond) for _ in range(CLIENTS - MOST)])
        process.stdin.write(b"\n")
        open_now = int(await process.stdout.readline())
        assert open_now < DESCRIPTORS - 64, "descriptors are left for the worker's own"
        for each in closed:
            each.cancel()
        await asyncio.gather(*closed, return_exceptions=True)
    assert await process.wait() == 0


@pytest.mark.parametrize("limit", [256, 1024, 16_384])
def test_callers_get_what_the_worker_leaves(limit: int) -> None:
    allowed = api_connections(SETTINGS, lambda: None, limit)

    own = SETTINGS.database.pool_size + admin_connections(lambda: None).most
    assert limit // 4 <= allowed.most
    assert allowed.most <= max(limit // 4, limit - own - allowed.backlog)


def test_the_calls_and_the_probes_of_each_provider_have_descriptors_of_their_own() -> None:
    """With its circuit open a provider is probed beside calls that still hang."""
    hero = {"family": "handler_api", "base_url": "https://hero.example", "api_key": "k" * 16}
    provider = ProviderSettings.model_validate(hero)
    watching = SETTINGS.model_copy(update={"providers": {"hero": provider}})

    without, with_it = [
        api_connections(each, lambda: None, 65_536).most for each in (SETTINGS, watching)
    ]

    assert without - with_it == provider.max_in_flight + PROBES_AT_ONCE
