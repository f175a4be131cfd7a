"""A provider made of bytes: says exactly what a test tells it, and counts what reached it."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tests.fakes.turns import give_way

BREAK = b"BREAK"  #: Close the connection instead of answering.
HANG = b"HANG"  #: Keep the connection and say nothing.
CUT = b"CUT "  #: Send what follows, then close.


def http(body: bytes | str, status: int = 200, *headers: str) -> bytes:
    payload = body.encode() if isinstance(body, str) else body
    head = "\r\n".join(
        (f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(payload)}", *headers, "", "")
    )
    return head.encode() + payload


@dataclass
class RawProvider:
    """The n-th request gets the n-th answer, later ones the last."""

    answers: Sequence[bytes]
    balance: bytes | None = None  #: To every request for it.
    requests: list[str] = field(default_factory=list)  #: Request lines, headers and bodies.
    connections: int = 0
    most_at_once: int = 0
    url: str = ""
    _at_once: int = 0
    _gate: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def lines(self) -> list[str]:
        return [request.split("\r\n")[0] for request in self.requests]

    def open_gate(self) -> None:
        """Let answers out that were held back."""
        self._gate.set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = re.search(rb"(?i)content-length: ([0-9]+)", head)
                body = await reader.readexactly(int(length[1])) if length else b""
                self.requests.append((head + body).decode())
                if not await self._answer(reader, writer):
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # The client closed its connection.
        finally:
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        answer = self.answers[min(len(self.requests), len(self.answers)) - 1]
        if self.balance is not None and "balance" in self.lines[-1].lower():
            answer = self.balance
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        await self._gate.wait()
        self._at_once -= 1
        if answer == BREAK:
            return False
        if answer == HANG:
            await reader.read()
            return False
        writer.write(answer.removeprefix(CUT))
        await writer.drain()
        return not answer.startswith(CUT)


@asynccontextmanager
async def raw_provider(
    *answers: bytes, gated: bool = False, balance: bytes | None = None
) -> AsyncIterator[RawProvider]:
    provider = RawProvider(answers, balance)
    if not gated:
        provider.open_gate()
    server = await asyncio.start_server(provider.serve, "127.0.0.1", 0)
    provider.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield provider
    finally:
        provider.open_gate()
        server.close()


async def until(condition: Callable[[], bool]) -> None:
    """Let the loop turn until something it does has happened."""
    async with asyncio.timeout(5):
        while not condition():
            await give_way()
