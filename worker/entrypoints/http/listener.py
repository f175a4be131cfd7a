"""Serves an application on one address, and answers also what is not HTTP with a problem.

aiohttp by itself answers a request line or header it cannot read as plain text, and logs what was
sent; what was sent can be a token.
"""

from aiohttp import web

from worker.entrypoints.http.middleware import problem_response
from worker.entrypoints.http.problems import Kind, Problem

LINGER_SECONDS = 2.0  #: For the rest of a body that was refused, before the connection is closed.
KEEPALIVE_SECONDS = 75.0  #: Longer than reverse proxies keep theirs, so that they end it.
BACKLOG = 1024
AT_ONCE_SECONDS = 0.01


async def listen(
    app: web.Application, host: str, port: int, *, drain_seconds: float
) -> web.AppRunner:
    """Serve until `cleanup()` of what is returned; its `addresses` tell the port.

    `cleanup()` lets the calls under way end, for at most *drain_seconds*.
    """
    # aiohttp waits for a call twice: while it may read its body, and when it no longer may. It
    # takes 0 for "as long as it takes".
    runner = _Runner(app, shutdown_timeout=max(drain_seconds / 2, AT_ONCE_SECONDS))
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port, backlog=BACKLOG).start()
    except OSError:
        await runner.cleanup()
        raise
    return runner


class _Protocol(web.RequestHandler):
    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - it holds what was sent
    ) -> web.StreamResponse:
        self.logger.info("http.unreadable %s", type(exc).__name__)
        if request.writer.output_size > 0:
            raise ConnectionError("A response has begun already")
        kind = Kind.INTERNAL if status >= 500 else Kind.BAD_REQUEST
        response = problem_response(Problem(kind))
        response.force_close()
        return response


class _Server(web.Server):
    def __call__(self) -> web.RequestHandler:
        return _Protocol(self, loop=self._loop, **self._kwargs)


class _Runner(web.AppRunner):
    async def _make_server(self) -> web.Server:
        made = await super()._make_server()
        return _Server(
            made.request_handler,
            request_factory=made.request_factory,
            access_log=None,  # The edge writes it, without paths and queries.
            keepalive_timeout=KEEPALIVE_SECONDS,
            lingering_time=LINGER_SECONDS,
        )
