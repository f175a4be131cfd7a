"""What an exchange with a provider costs our process, beside the same over aiohttp's session.

    python -m tests.bench.bench_wire [rounds]

Microseconds of CPU per exchange, 100 in flight, the two by turns; the least of all rounds counts,
because whatever else the machine does only adds.
"""

import asyncio
import gc
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable

import aiohttp
import uvloop
from yarl import URL

from worker.adapters.providers.reply import Reply
from worker.adapters.providers.wire import Wire
from worker.domain.ids import ProviderName

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


async def compare(url: str, rounds: int) -> tuple[float, float]:
    """The session's least, and the wire's."""
    wire = Wire(ProviderName("acme"), url, {}, max_in_flight=IN_FLIGHT, timeout_s=10.0)

    async def over_the_wire(number: int) -> bytes:
        reply = await wire.exchange("GET", f"{TARGET}{number}", 1000)
        assert isinstance(reply, Reply)
        return reply.body

    connector = aiohttp.TCPConnector(limit=IN_FLIGHT)
    async with aiohttp.ClientSession(connector=connector) as session:

        async def over_a_session(number: int) -> bytes:
            async with session.get(URL(f"{url}{TARGET}{number}", encoded=True)) as response:
                return await response.read()

        took = [
            (await microseconds(over_a_session), await microseconds(over_the_wire))
            for _ in range(rounds)
        ]
    await wire.close()
    return min(session for session, _ in took), min(ours for _, ours in took)


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    command = [sys.executable, "-c", PROVIDER]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as provider:
        assert provider.stdout is not None
        url = f"http://127.0.0.1:{provider.stdout.readline().strip()}"
        session, wire = uvloop.run(compare(url, rounds))
        provider.terminate()
    print(f"session {session:.0f} us, wire {wire:.0f} us: {wire / session:.2f} of it")  # noqa: T201 - a report


if __name__ == "__main__":
    main()
