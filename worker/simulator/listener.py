"""The listening socket, which a fault can close and open again on the same port."""

import asyncio
import socket
from asyncio import AbstractServer
from collections.abc import Callable
from typing import Any

BACKLOG = 4096


class Listener:
    """While it is closed, connections are refused by the kernel, and the port stays ours."""

    def __init__(self, host: str, port: int, protocol: Callable[[], asyncio.BaseProtocol]) -> None:
        self._protocol = protocol
        self._server: AbstractServer | None = None
        family, _, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        # Bound but never listening: it refuses, and keeps others from taking the port meanwhile.
        self._holder = _bound(family, address)
        self._address: tuple[Any, ...] = self._holder.getsockname()
        self.port = int(self._address[1])
        self.host = str(self._address[0])

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    @property
    def listening(self) -> bool:
        return self._server is not None

    async def open(self) -> None:
        if self._server is None:
            self._server = await asyncio.get_running_loop().create_server(
                self._protocol, sock=_bound(self._holder.family, self._address), backlog=BACKLOG
            )

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
            # The loop stops polling the socket before it closes it: refused only after that.
            await asyncio.sleep(0)

    async def shut(self) -> None:
        await self.close()
        self._holder.close()


def _bound(family: int, address: tuple[Any, ...]) -> socket.socket:
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.settimeout(0)
    bound.bind(address)
    return bound
