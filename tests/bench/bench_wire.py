"""What an exchange with a provider costs, on either kind of connection, and by aiohttp's session.

    python -m tests.bench.bench_wire [rounds]

Microseconds of CPU per exchange, 100 in flight, all by turns; the least of all rounds counts,
because whatever else the machine does only adds.
"""

import asyncio
import gc
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import aiohttp
import uvloop
from yarl import URL

from worker.adapters.providers.reply import Reply
from worker.adapters.providers.wire import POOLS, OpenPool, Wire
from worker.domain.ids import ProviderName

NAME = ProviderName("acme")
EXCHANGES = 4_000
IN_FLIGHT = 100
TARGET = "/stubs/handler_api.php?api_key=k&action=setStatus&status=8&id="
PROVIDER = r"""
import asyncio, uvloop

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\nACCESS_CANCEL"

class Answering(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(ANSWER)

async def main():
    server = await asyncio.get_running_loop().create_server(Answering, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()

uvloop.run(main())
"""

Exchange = Callable[[int], Awaitable[bytes]]


async def microseconds(exchange: Exchange) -> float:
    left = list(range(EXCHANGES))

    async def work() -> None:
        while left:
            assert await exchange(left.pop()) == b"ACCESS_CANCEL"

    gc.collect()
    began = time.process_time()
    async with asyncio.TaskGroup() as group:
        for _ in range(IN_FLIGHT):
            group.create_task(work())
    return (time.process_time() - began) / EXCHANGES * 1e6


@dataclass(frozen=True)
class Exchanges:
    """Microseconds of CPU for each."""

    session_us: float
    aiohttp_us: float
    own_us: float

    @property
    def ratio(self) -> float:
        """How many times less on our own connections than on aiohttp's."""
        return self.aiohttp_us / self.own_us


async def compare(url: str, rounds: int) -> Exchanges:
    """The least of each."""

    def wire_over(pool: OpenPool) -> Wire:
        return Wire(NAME, url, {}, max_in_flight=IN_FLIGHT, timeout_s=10.0, pool=pool)

    def over(wire: Wire) -> Exchange:
        async def exchange(number: int) -> bytes:
            reply = await wire.exchange("GET", f"{TARGET}{number}", 1000)
            assert isinstance(reply, Reply)
            return reply.body

        return exchange

    aiohttps, own = wire_over(POOLS["aiohttp"]), wire_over(POOLS["own"])
    connector = aiohttp.TCPConnector(limit=IN_FLIGHT)
    async with aiohttp.ClientSession(connector=connector) as session:

        async def over_a_session(number: int) -> bytes:
            async with session.get(URL(f"{url}{TARGET}{number}", encoded=True)) as response:
                return await response.read()

        ways = (over_a_session, over(aiohttps), over(own))
        took = [[await microseconds(way) for way in ways] for _ in range(rounds)]
    await aiohttps.close()
    await own.close()
    return Exchanges(*map(min, zip(*took, strict=True)))


def measure(rounds: int = 10) -> Exchanges:
    command = [sys.executable, "-c", PROVIDER]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as provider:
        assert provider.stdout is not None
        url = f"http://127.0.0.1:{provider.stdout.readline().strip()}"
        found = uvloop.run(compare(url, rounds))
        provider.terminate()
    return found


if __name__ == "__main__":
    found = measure(int(sys.argv[1]) if len(sys.argv) > 1 else 10)
    print(  # noqa: T201 - a report
        f"session {found.session_us:.1f} us, wire over aiohttp's connections"
        f" {found.aiohttp_us:.1f} us, over our own {found.own_us:.1f} us"
    )
