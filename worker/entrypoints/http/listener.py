"""Serves an application on one address, and answers unreadable HTTP with a problem, too.

aiohttp answers a request line or header that it cannot read with plain text, and logs the bytes;
they can hold a token.

Connections are capped: what is beyond the cap is closed at once, so that callers never use up the
descriptors that the worker itself needs.
"""

import asyncio
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from aiohttp import web

from worker.entrypoints.http.middleware import problem_response
from worker.entrypoints.http.problems import Problem, ProblemKind

LINGER_SECONDS = 2.0  #: To read the rest of a refused body before the connection is closed.
#: For a whole request header, between two requests, and while nothing of an answer is read. A call
#: that is being answered is not idle.
SILENT_SECONDS = 30.0
BACKLOG = 1024  #: Connections that the kernel keeps until they are accepted.
DRAIN_SECONDS_MIN = 0.01


class CannotListen(Exception):
    """No server can be had at an address; the message names it, and says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Connections:
    """What a listener allows: how many at once, and how long one may say nothing."""

    most: int = BACKLOG
    #: The loop accepts as many in one turn before the first of them can be refused.
    backlog: int = BACKLOG
    refused: Callable[[], None] = lambda: None  #: Called for each one beyond.
    silent_seconds: float = SILENT_SECONDS


async def listen(
    app: web.Application,
    host: str,
    port: int,
    *,
    drain_seconds: float,
    connections: Connections = Connections(),
) -> web.AppRunner:
    """Serve until the runner's `cleanup()`; its `addresses` hold the port.

    `cleanup()` lets the running calls end, for at most *drain_seconds*. Raises `CannotListen`.
    """
    # aiohttp waits for a call twice: while the call may read its body, and after that. A timeout
    # of 0 means no limit to aiohttp.
    runner = _Runner(app, connections, shutdown_timeout=max(drain_seconds / 2, DRAIN_SECONDS_MIN))
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port, backlog=connections.backlog).start()
    except OSError as error:
        await runner.cleanup()
        # The loop's own text repeats the address.
        number = None if isinstance(error, socket.gaierror) else error.errno
        why = (error.strerror or error) if number is None else os.strerror(number)
        shown = f"[{host}]" if ":" in host else host
        raise CannotListen(f"{shown}:{port}: {why}") from error
    return runner


class _Protocol(web.RequestHandler):
    __slots__ = ("_unread",)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._unread: asyncio.TimerHandle | None = None
        if isinstance(self._manager, _Server) and self._manager.refuses():
            cast("asyncio.Transport", transport).abort()  # uvloop's is of no common class.
            return
        super().connection_made(transport)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._wait_for_reader()

    def resume_writing(self) -> None:
        self._stop_waiting()
        super().resume_writing()

    def connection_lost(self, exc: BaseException | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def _wait_for_reader(self) -> None:
        """End the connection where nothing of its answers is read for as long as one is silent."""
        if isinstance(self._manager, _Server) and self.transport is not None:
            left, wait = self.transport.get_write_buffer_size(), self._manager.silent_seconds
            self._unread = self._loop.call_later(wait, self._end_unread, left)

    def _end_unread(self, before: int) -> None:
        if self.transport is None:
            return
        if self.transport.get_write_buffer_size() < before:
            self._wait_for_reader()
        else:
            self.transport.abort()

    def _stop_waiting(self) -> None:
        if self._unread is not None:
            self._unread.cancel()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - it holds the bytes sent
    ) -> web.StreamResponse:
        self.logger.info("http.unreadable %s", type(exc).__name__)
        if request.writer.output_size > 0:
            raise ConnectionError("A response has begun already")
        kind = ProblemKind.INTERNAL if status >= 500 else ProblemKind.BAD_REQUEST
        response = problem_response(Problem(kind))
        response.force_close()
        return response


class _Server(web.Server):
    """Makes a protocol for each connection, and refuses those beyond the cap."""

    def __init__(self, made: web.Server, allowed: Connections) -> None:
        super().__init__(
            made.request_handler,
            request_factory=made.request_factory,
            access_log=None,  # The middleware writes it, without paths and queries.
            keepalive_timeout=allowed.silent_seconds,
            lingering_time=LINGER_SECONDS,
        )
        self._allowed = allowed
        self.silent_seconds = allowed.silent_seconds

    def __call__(self) -> web.RequestHandler:
        return _Protocol(self, loop=self._loop, **self._kwargs)

    def refuses(self) -> bool:
        """Whether one more connection is too many; it is reported."""
        if len(self._connections) < self._allowed.most:
            return False
        self._allowed.refused()
        return True


class _Runner(web.AppRunner):
    def __init__(
        self, app: web.Application, allowed: Connections, *, shutdown_timeout: float
    ) -> None:
        super().__init__(app, shutdown_timeout=shutdown_timeout)
        self._allowed = allowed

    async def _make_server(self) -> web.Server:
        return _Server(await super()._make_server(), self._allowed)
