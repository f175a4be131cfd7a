"""Bytes sent as they are, for what no HTTP client would send."""

import asyncio

from tests.unit.http.caller import WRITE_TOKEN, Api

HALF_A_BODY = (
    "PUT /v1/accounts/ann HTTP/1.1\r\nHost: x\r\n"
    f"Authorization: Bearer {WRITE_TOKEN}\r\n"
    'Content-Length: 100\r\nContent-Type: application/json\r\n\r\n{"curr'
).encode()


async def open_raw(api: Api, sent: bytes) -> asyncio.StreamWriter:
    """A connection on which these bytes have been sent."""
    host, port = api.url.removeprefix("http://").split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    writer.write(sent)
    await writer.drain()
    return writer


async def raw_reply(api: Api, sent: bytes) -> bytes:
    """What comes back for these very bytes, to the end of its JSON."""
    host, port = api.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(sent)
    async with asyncio.timeout(10):
        reply = await reader.readuntil(b"}")
    writer.close()
    await writer.wait_closed()
    return reply
