"""Connections of aiohttp's pool, with its streams: what those of our own are held against.

It costs more than twice as much for each exchange, and nothing of it is ours.
"""

import aiohttp
from aiohttp.connector import Connection
from aiohttp.hdrs import CONTENT_LENGTH, METH_GET
from aiohttp.http import RawResponseMessage

from worker.adapters.providers.pool import SWITCHING, Place, RawAnswer


class AiohttpPool:
    """Built inside the running loop."""

    def __init__(self, place: Place) -> None:
        self._connector = aiohttp.TCPConnector(limit=place.most, keepalive_timeout=place.keep_s)
        self._most = place.most
        self._timeout = aiohttp.ClientTimeout(
            total=None, connect=place.wait_s, sock_connect=place.connect_s
        )
        self._where = aiohttp.ClientRequest(METH_GET, place.url, loop=self._connector._loop)  # noqa: SLF001 - the running one

    async def take(self) -> Connection:
        for _ in range(self._most + 1):  # Every kept connection may be broken.
            connection = await self._connector.connect(self._where, [], self._timeout)
            protocol = connection.protocol
            if protocol is not None and protocol.is_connected() and not protocol.should_close:
                return connection
            connection.close()  # It sent bytes unasked: they must not pass for an answer.
        raise aiohttp.ServerDisconnectedError

    async def ask(self, connection: Connection, request: bytes, cap: int) -> RawAnswer:
        protocol, transport = connection.protocol, connection.transport
        assert protocol is not None
        assert transport is not None
        protocol.set_response_params(read_until_eof=True)
        transport.write(request)
        message: RawResponseMessage
        while True:
            message, content = await protocol.read()
            if message.code >= 200 or message.code == SWITCHING:
                break  # Others announce the real answer.
        body = await _body_of(content, cap)
        lost = protocol.exception()
        if isinstance(lost, aiohttp.ClientOSError) and _ends_with_connection(message):
            raise lost  # Cut, it would pass for whole.
        return RawAnswer(message, body)

    def free(self, connection: Connection) -> None:
        connection.release()  # Closes it when the rest of the answer is still to come.

    def drop(self, connection: Connection) -> None:
        connection.close()  # Does nothing to one that was released.

    async def close(self) -> None:
        await self._connector.close()


def _ends_with_connection(message: RawResponseMessage) -> bool:
    return not message.chunked and CONTENT_LENGTH not in message.headers


async def _body_of(content: aiohttp.StreamReader, cap: int) -> bytes | None:
    body = await content.readany()
    if content.at_eof():  # The usual case: a short reply comes in one piece.
        return body if len(body) <= cap else None
    parts = [body]
    size = len(body)
    while size <= cap and (part := await content.readany()):
        parts.append(part)
        size += len(part)
    return b"".join(parts) if size <= cap else None
