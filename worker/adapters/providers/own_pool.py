"""A connection to a provider that carries one exchange at a time: one future a call.

aiohttp's parser reads what comes, and nothing else of aiohttp's is here: its pool and its streams
are more than half of what a short exchange costs (tests/bench/bench_wire.py).
"""

import asyncio
import socket
import ssl
from collections import deque
from typing import Any, Final, NamedTuple

from aiohappyeyeballs import start_connection
from aiohttp import hdrs
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http import HttpProcessingError, RawResponseMessage
from aiohttp.http_parser import HttpResponseParser
from aiohttp.streams import StreamReader

from worker.adapters.providers.pool import SWITCHING, Place, RawAnswer

READ_SIZE: Final = 2**16
KNOWN_S: Final = 10.0  #: A look-up takes a thread, of which there are few.
NEXT_S: Final = 0.25  #: How long one address may be silent before the next is tried beside it.
HEADS_MAX: Final = 16
HEAD_SIZE: Final = 2**10
_END_OF_HEAD: Final = b"\r\n\r\n"
_OK: Final = 200


class _KnownHead(NamedTuple):
    message: RawResponseMessage
    length: int  #: Of the body, in bytes.


class KnownHeads:
    """Heads of answers that the parser has read before, byte for byte, and what it made of them.

    In one second all short answers of a provider have the same two or three heads: to read each of
    them again is a tenth of what a number costs when thousands end. Nothing is read here: what came
    in one piece, with a head that the parser took for that of a plain answer, is an answer again.
    """

    def __init__(self) -> None:
        self._known: dict[bytes, _KnownHead] = {}

    def answer(self, data: bytes) -> tuple[RawResponseMessage, bytes] | None:
        """*data* as one whole answer; None where only the parser can tell."""
        body = data.find(_END_OF_HEAD) + len(_END_OF_HEAD)
        known = self._known.get(data[:body])
        if known is None or len(data) - body != known.length:
            return None
        return known.message, data[body:]

    def learn(self, data: bytes, message: RawResponseMessage) -> None:
        """The parser took *data*, which came in one piece, for one whole answer."""
        size = data.find(_END_OF_HEAD) + len(_END_OF_HEAD)
        length = len(data) - size
        plain = (
            message.code == _OK
            and not (message.should_close or message.upgrade or message.chunked)
            and message.compression is None
            and message.headers.getall(hdrs.CONTENT_LENGTH, ()) == [str(length)]
        )
        if not plain or not len(_END_OF_HEAD) <= size <= HEAD_SIZE:
            return
        if len(self._known) >= HEADS_MAX:
            self._known.clear()  # They hold the time, to the second.
        self._known[data[:size]] = _KnownHead(message, length)


class ProviderConnection(BaseProtocol):
    """One connection. It is kept for the next exchange only where this one ended as it should."""

    def __init__(self, loop: asyncio.AbstractEventLoop, heads: KnownHeads) -> None:
        super().__init__(loop)
        self._heads = heads
        self._begun = False  #: Something of the answer has come.
        self._reads = HttpResponseParser(
            self, loop, READ_SIZE, read_until_eof=True, auto_decompress=False
        )
        self._waiter: asyncio.Future[RawAnswer] | None = None
        self._message: RawResponseMessage | None = None
        self._content: StreamReader | None = None
        self._parts: list[bytes] = []
        self._size = 0
        self._cap = 0
        self.usable = True
        self.free_since = 0.0

    def ask(self, request: bytes, cap: int) -> "asyncio.Future[RawAnswer]":
        """Send it; the whole answer, or what keeps it from coming."""
        if self.transport is None or not self.usable:
            raise ConnectionResetError
        self._cap, self._message, self._content = cap, None, None
        self._begun = False
        self._waiter = waiter = self._loop.create_future()
        self.transport.write(request)
        return waiter

    def data_received(self, data: bytes) -> None:
        if self._waiter is None or self._waiter.done():
            self._give_up(None)  # Said unasked: it must not pass for an answer.
            return
        whole, self._begun = not self._begun, True
        if whole and (known := self._heads.answer(data)) is not None:
            message, body = known
            self._end(message, body if len(body) <= self._cap else None)
            return
        try:
            messages, switched, rest = self._reads.feed_data(data)
        except Exception as error:  # noqa: BLE001 - no HTTP, in any way the parser names
            self._give_up(error)
            return
        for message, content in messages:
            if self._message is None and (message.code >= 200 or message.code == SWITCHING):
                self._message, self._content = message, content
                self.usable = self.usable and not message.should_close
            elif self._message is not None:
                self.usable = False  # More than was asked for.
        if switched or rest:
            self.usable = False
        self._take()
        if whole and self.usable and self._waiter.done() and self._message is not None:
            self._heads.learn(data, self._message)

    def eof_received(self) -> None:
        """It will be closed; until then it is of no use to a new exchange."""
        self.usable = False

    def connection_lost(self, exc: BaseException | None) -> None:
        super().connection_lost(exc)
        self.usable = False
        if exc is not None:
            self._give_up(exc)  # A body without a length would pass for whole.
            return
        try:
            self._reads.feed_eof()
        except Exception as error:  # noqa: BLE001 - cut in the middle, in any way the parser names
            self._give_up(error)
            return
        if self._message is None:
            self._give_up(None)
        else:
            self._take()

    def pause_reading(self) -> None:
        """What came is taken out at once, and no more of it than the cap."""

    def resume_reading(self, resume_parser: bool = True) -> None:  # noqa: FBT001, FBT002 - the base's
        """It was never paused."""

    def close(self) -> None:
        self.usable = False
        if self.transport is not None:
            self.transport.close()

    def _take(self) -> None:
        """Take what there is of the body; with its last part the exchange is over."""
        content, message, waiter = self._content, self._message, self._waiter
        if content is None or message is None or waiter is None or waiter.done():
            return
        if (error := content.exception()) is not None:
            self._give_up(error)
            return
        part = content.read_nowait()
        self._size += len(part)
        over = content.is_eof()
        if self._size > self._cap:
            self._end(message, None)
        elif over:
            self._end(message, b"".join((*self._parts, part)) if self._parts else part)
        elif part:
            self._parts.append(part)

    def _end(self, message: RawResponseMessage, body: bytes | None) -> None:
        """The exchange is over; no *body* where there is more of it than may be."""
        assert self._waiter is not None
        self._parts, self._size = [], 0
        if body is None:
            self.close()
        self._waiter.set_result(RawAnswer(message, body))

    def _give_up(self, error: BaseException | None) -> None:
        self.close()
        if self._waiter is not None and not self._waiter.done():
            known = isinstance(error, HttpProcessingError | OSError)
            self._waiter.set_exception(error if error and known else ConnectionResetError())


class Addresses:
    """Where a provider's name leads: looked up once for many connections, and tried side by side.

    uvloop's own `create_connection` tries one address after the other, each to its end.
    """

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


class OwnPool:
    """The connections to one place: so many at most, those used last first."""

    def __init__(self, place: Place) -> None:
        host, port = place.url.raw_host, place.url.port
        assert host is not None
        assert port is not None
        self._loop = asyncio.get_running_loop()
        self._host = host
        self._addresses = Addresses(self._loop, host, port)
        self._heads = KnownHeads()
        self._tls = ssl.create_default_context() if place.url.scheme == "https" else None
        if self._tls is not None:
            self._tls.set_alpn_protocols(["http/1.1"])
        self._place = place
        self._left = place.most
        self._free: list[ProviderConnection] = []
        self._taken: set[ProviderConnection] = set()
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._sweep: asyncio.TimerHandle | None = None
        self._closed = False

    async def take(self) -> ProviderConnection:
        """A free connection, or a new one."""
        if self._left and (kept := self._kept()) is not None:
            self._left -= 1
        else:
            async with asyncio.timeout(self._place.wait_s):
                if self._left:
                    self._left -= 1
                else:
                    await self._turn()
                try:
                    if (kept := self._kept()) is None:
                        kept = await self._connected()
                except BaseException:
                    self._give_turn()
                    raise
        self._taken.add(kept)
        return kept

    def ask(
        self, connection: ProviderConnection, request: bytes, cap: int
    ) -> "asyncio.Future[RawAnswer]":
        return connection.ask(request, cap)

    def drop(self, connection: ProviderConnection) -> None:
        """It is of no use any more, unless it was freed."""
        if connection in self._taken:
            connection.close()
            self.free(connection)

    def free(self, connection: ProviderConnection) -> None:
        """Its exchange is over; it is closed where that did not end as it should."""
        self._taken.discard(connection)
        if connection.usable and not self._closed:
            connection.free_since = self._loop.time()
            self._free.append(connection)
            if self._sweep is None:
                self._sweep = self._loop.call_later(self._place.keep_s, self._close_unused)
        else:
            connection.close()
        self._give_turn()

    async def close(self) -> None:
        self._closed = True
        if self._sweep is not None:
            self._sweep.cancel()
        for connection in (*self._free, *self._taken):
            if connection.transport is not None:
                connection.transport.abort()
        self._free.clear()
        await asyncio.sleep(0)  # They hear of it in the loop's next turn.

    def _kept(self) -> ProviderConnection | None:
        while self._free:
            connection = self._free.pop()
            transport = connection.transport
            if connection.usable and transport is not None and not transport.is_closing():
                return connection
        return None

    async def _connected(self) -> ProviderConnection:
        if self._closed:
            raise ConnectionAbortedError
        async with asyncio.timeout(self._place.connect_s):
            sock = await self._addresses.connected()
            _, connection = await self._loop.create_connection(
                lambda: ProviderConnection(self._loop, self._heads),
                sock=sock,
                ssl=self._tls,
                server_hostname=self._host if self._tls is not None else None,
            )
        return connection

    async def _turn(self) -> None:
        waiter = self._loop.create_future()
        self._waiting.append(waiter)
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled():
                self._give_turn()  # It was given to one who has left.
            raise

    def _give_turn(self) -> None:
        """To who waits longest: whoever gives it up could take it again before him."""
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return
        self._left += 1

    def _close_unused(self) -> None:
        """Close what nobody used for so long; the first ones are those that wait longest."""
        now = self._loop.time()
        while self._free and now - self._free[0].free_since >= self._place.keep_s:
            self._free.pop(0).close()
        left = self._free[0].free_since + self._place.keep_s - now if self._free else None
        self._sweep = None if left is None else self._loop.call_later(left, self._close_unused)
