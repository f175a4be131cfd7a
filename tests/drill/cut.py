"""A way to the database of one daemon's own, which can be cut: what is sent then, waits."""

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

SOCKET = ".s.PGSQL.5432"
CHUNK = 65_536


class Cuttable:
    """Forwards to the server while it is not cut: as a network that drops every packet."""

    def __init__(self, target: Path, url: str) -> None:
        self._target = target
        self.url = url
        self._open = asyncio.Event()
        self._open.set()
        self._tasks: set[asyncio.Task[None]] = set()

    def cut(self) -> None:
        self._open.clear()

    def mend(self) -> None:
        self._open.set()

    def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Until one of both ends closes: then the other is closed, too."""
        await self._open.wait()
        try:
            there, back = await asyncio.open_unix_connection(str(self._target))
        except OSError:
            writer.close()
            return
        ways = {
            asyncio.ensure_future(self._forward(reader, back)),
            asyncio.ensure_future(self._forward(there, writer)),
        }
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            writer.close()
            back.close()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while chunk := await reader.read(CHUNK):
                await self._open.wait()
                writer.write(chunk)
                await writer.drain()


@asynccontextmanager
async def cuttable_database(url: str) -> AsyncIterator[Cuttable]:
    """A way to the database of that URL, whose server listens on a UNIX socket."""
    [host] = parse_qs(urlsplit(url).query)["host"]
    # A short path: a socket's may have 107 bytes.
    with tempfile.TemporaryDirectory(prefix="aw-") as folder:
        way = Cuttable(Path(host) / SOCKET, url.replace(quote(host), quote(folder)))
        server = await asyncio.start_unix_server(way, str(Path(folder) / SOCKET))
        try:
            yield way
        finally:
            server.close()
            await way.close()
