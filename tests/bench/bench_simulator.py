"""How many requests per second the simulator answers on one core, asked by another process.

    python tests/bench/bench_simulator.py [seconds]

Prints, per kind of request, the rate over 64 kept-alive connections, and beside it the rate of an
aiohttp handler that answers a constant, so that machines can be compared.
"""

import asyncio
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, cast
from urllib.request import Request, urlopen

import uvloop

CONNECTIONS = 64
NUMBERS = 20_000
BARE = """
import asyncio, json, uvloop
from aiohttp import web

async def answer(request):
    return web.Response(body=b"STATUS_WAIT_CODE", headers={"Content-Type": "text/html"})

async def main():
    server = web.Server(answer, access_log=None)
    listening = await asyncio.get_running_loop().create_server(server, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    print(json.dumps({"url": f"http://127.0.0.1:{port}"}), flush=True)
    await asyncio.Event().wait()

uvloop.run(main())
"""
SIMULATOR = """
import typer
from worker.entrypoints.cli.simulate import simulate_provider
typer.run(simulate_provider)
"""


class Asker(asyncio.Protocol):
    """One connection: asks again when an answer is complete."""

    def __init__(self, requests: list[bytes], ends: float) -> None:
        self.answers = 0
        self._requests = requests
        self._ends = ends
        self._missing = 0
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by descent.
        self._transport.write(self._requests[0])

    def data_received(self, data: bytes) -> None:
        if not self._missing:
            head, _, body = data.partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200"), head
            length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
            self._missing = length - len(body)
        else:
            self._missing -= len(data)
        if not self._missing:
            self.answers += 1
            if time.monotonic() < self._ends:
                assert self._transport is not None
                self._transport.write(self._requests[self.answers % len(self._requests)])


async def ask(url: str, paths: list[str], seconds: float) -> float:
    """Answers per second."""
    host, port = url.removeprefix("http://").split(":")
    requests = [f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode() for path in paths]
    started = time.monotonic()
    askers = [Asker(requests, started + seconds) for _ in range(CONNECTIONS)]
    loop = asyncio.get_running_loop()
    for asker in askers:
        await loop.create_connection(lambda asker=asker: asker, host, int(port))  # type: ignore[misc] # bound early
    await asyncio.sleep(started + seconds - time.monotonic())
    return sum(asker.answers for asker in askers) / seconds


def started(code: str, *arguments: str) -> tuple[subprocess.Popen[str], str]:
    process = subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert process.stdout is not None
    return process, json.loads(process.stdout.readline())["url"]


def rent(url: str, count: int) -> list[dict[str, Any]]:
    body = json.dumps({"count": count, "service": "tg", "behaviour": "timeout"}).encode()
    with urlopen(Request(f"{url}/_sim/rent", body, method="POST")) as reply:
        numbers: list[dict[str, Any]] = json.load(reply)["numbers"]
        return numbers


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 3.0
    bare, bare_url = started(BARE)
    simulator, url = started(SIMULATOR, "--min-cancel-age", "0")
    try:
        ids = [each["id"] for each in rent(url, NUMBERS)]
        prefix = "/stubs/handler_api.php?api_key=sim-key&action="
        kinds = {
            "status": [f"{prefix}getStatus&id={each}" for each in ids],
            "list of 100": [
                f"{prefix}getActiveActivations&start={start}&limit=100"
                for start in range(0, NUMBERS, 100)
            ],
            "rent": [f"{prefix}getNumber&service=timeout&country=0"],
        }
        floor = uvloop.run(ask(bare_url, kinds["status"], seconds))
        print(f"{'aiohttp, constant':<20}{floor:>10,.0f}/s")  # noqa: T201 - a report
        for kind, paths in kinds.items():
            rate = uvloop.run(ask(url, paths, seconds))
            print(f"{kind:<20}{rate:>10,.0f}/s  {rate / floor:.2f} of it")  # noqa: T201 - a report
    finally:
        for process in (bare, simulator):
            process.terminate()
            process.wait()


if __name__ == "__main__":
    main()
