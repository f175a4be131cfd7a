"""Where a provider's name leads: looked up once for many connections, and tried side by side."""

import asyncio
import socket
from typing import Any, Final

from aiohappyeyeballs import start_connection

KNOWN_S: Final = 10.0  #: A look-up takes a thread, of which there are few.
NEXT_S: Final = 0.25  #: How long one address may be silent before the next is tried beside it.


class Addresses:
    """uvloop's own `create_connection` tries one address after the other, each to its end."""

    def __init__(self, loop: asyncio.AbstractEventLoop, host: str, port: int) -> None:
        self._loop, self._host, self._port = loop, host, port
        self._found: asyncio.Task[list[Any]] | None = None
        self._good_until = 0.0

    async def connected(self) -> socket.socket:
        """To the first that answers. Raises `OSError` where none does."""
        # Not cancelled with one who asks: others wait for it too.
        found = await asyncio.shield(self._looked_up())
        try:
            return await start_connection(found, happy_eyeballs_delay=NEXT_S, interleave=1)
        except OSError:
            self._good_until = 0.0  # It may have moved.
            raise

    def _looked_up(self) -> "asyncio.Task[list[Any]]":
        if self._found is None or (self._found.done() and not self._is_good(self._found)):
            self._found = self._loop.create_task(self._look_up())
        return self._found

    def _is_good(self, found: "asyncio.Task[list[Any]]") -> bool:
        failed = found.cancelled() or found.exception() is not None
        return not failed and self._loop.time() < self._good_until

    async def _look_up(self) -> list[Any]:
        found = await self._loop.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
        self._good_until = self._loop.time() + KNOWN_S
        return found
