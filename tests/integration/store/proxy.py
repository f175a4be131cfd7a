"""A proxy before PostgreSQL that breaks one connection exactly at its COMMIT."""

import asyncio
import contextlib
import enum
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

SOCKET = ".s.PGSQL.5432"
COMMIT = b"COMMIT;"  #: What asyncpg sends.
COMMITTED = b"COMMIT\x00"  #: What the server answers.
CHUNK = 65_536


class AtCommit(enum.Enum):
    """What becomes of a COMMIT."""

    ACK_LOST = enum.auto()  #: It is done; the answer never arrives.
    NEVER_SENT = enum.auto()  #: The connection breaks before the server hears of it.
    HELD = enum.auto()  #: It waits until the test lets it go, then takes its course.


class Proxy:
    """Forwards to the server; `faults` are for the next COMMITs, one each."""

    def __init__(self, target: Path, folder: Path) -> None:
        self._target = target
        self.folder = folder
        self.faults: list[AtCommit] = []
        self.down = False
        self.reached = asyncio.Event()
        self.go = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.down:
            writer.close()
            return
        server_reader, server_writer = await asyncio.open_unix_connection(str(self._target))
        session = _Session(self, writer, server_writer)
        await asyncio.gather(session.upwards(reader), session.downwards(server_reader))

    def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self.serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


class _Session:
    """One client and its backend."""

    def __init__(
        self, proxy: Proxy, client: asyncio.StreamWriter, server: asyncio.StreamWriter
    ) -> None:
        self._proxy = proxy
        self._client = client
        self._server = server
        self._lose_answer = False
        self._is_set_up = False

    async def upwards(self, reader: asyncio.StreamReader) -> None:
        with contextlib.suppress(ConnectionError):
            while chunk := await reader.read(CHUNK):
                if COMMIT in chunk and not await self._may_pass():
                    break
                self._server.write(chunk)
                await self._server.drain()
        self._end()

    async def downwards(self, reader: asyncio.StreamReader) -> None:
        with contextlib.suppress(ConnectionError):
            while chunk := await reader.read(CHUNK):
                if self._lose_answer and COMMITTED in chunk:
                    break
                self._client.write(chunk)
                await self._client.drain()
        self._end()

    async def _may_pass(self) -> bool:
        if not self._is_set_up:
            self._is_set_up = True  # The first COMMIT is of the role the pool takes.
            return True
        if not self._proxy.faults:
            return True
        fault = self._proxy.faults.pop(0)
        self._proxy.reached.set()
        if fault is AtCommit.HELD:
            await self._proxy.go.wait()
        self._lose_answer = fault is AtCommit.ACK_LOST
        return fault is not AtCommit.NEVER_SENT

    def _end(self) -> None:
        self._client.close()
        self._server.close()


@contextlib.asynccontextmanager
async def proxy_before(url: str) -> AsyncIterator[tuple[Proxy, str]]:
    """A proxy and the URL that leads through it."""
    parts = urlsplit(url)
    target = Path(parse_qs(parts.query)["host"][0]) / SOCKET
    # A short path: a socket's may have 107 bytes.
    with tempfile.TemporaryDirectory(prefix="aw-") as folder:
        proxy = Proxy(target, Path(folder))
        server = await asyncio.start_unix_server(proxy, str(proxy.folder / SOCKET))
        try:
            yield proxy, url.replace(parts.query, f"host={quote(folder)}")
        finally:
            server.close()
            await proxy.close()
