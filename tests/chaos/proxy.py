"""A proxy before Redis whose answers take as long as a row wants."""

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

CHUNK = 65_536


class SlowProxy:
    """Forwards to the server; every answer comes so many seconds late."""

    def __init__(self, target: str, socket: Path) -> None:
        self._target = target
        self.socket = socket
        self._delay = 0.0
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        return f"unix://{quote(str(self.socket))}"

    def set_delay(self, seconds: float) -> None:
        self._delay = seconds

    def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            server_reader, server_writer = await asyncio.open_unix_connection(self._target)
        except OSError:
            writer.close()
            return
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(_forward(reader, server_writer))
                group.create_task(self._answer(server_reader, writer))
        finally:
            writer.close()
            server_writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Late, but in order and side by side, as over a long way."""
        on_the_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

        async def deliver() -> None:
            while True:
                due, chunk = await on_the_way.get()
                await asyncio.sleep(max(0.0, due - asyncio.get_running_loop().time()))
                with contextlib.suppress(ConnectionError):
                    writer.write(chunk)
                    await writer.drain()

        delivering = asyncio.create_task(deliver())
        try:
            with contextlib.suppress(ConnectionError):
                while chunk := await reader.read(CHUNK):
                    due = asyncio.get_running_loop().time() + self._delay
                    on_the_way.put_nowait((due, chunk))
        finally:
            delivering.cancel()
            writer.close()


async def _forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while chunk := await reader.read(CHUNK):
            writer.write(chunk)
            await writer.drain()
    writer.close()


@asynccontextmanager
async def slow_redis(url: str) -> AsyncIterator[SlowProxy]:
    """A proxy before the Redis of that URL, which is one of a UNIX socket."""
    # A short path: a socket's may have 107 bytes.
    with tempfile.TemporaryDirectory(prefix="aw-") as folder:
        proxy = SlowProxy(unquote(urlsplit(url).path), Path(folder) / "redis")
        server = await asyncio.start_unix_server(proxy, str(proxy.socket))
        try:
            yield proxy
        finally:
            server.close()
            await proxy.close()
