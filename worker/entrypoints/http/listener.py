"""Serves an application on one address, and answers unreadable HTTP with a problem, too.

aiohttp answers a request line or header that it cannot read with plain text, and logs the bytes;
they can hold a token.
"""

from aiohttp import web

from worker.entrypoints.http.middleware import problem_response
from worker.entrypoints.http.problems import Problem, ProblemKind

LINGER_SECONDS = 2.0  #: To read the rest of a refused body before the connection is closed.
KEEPALIVE_SECONDS = 75.0  #: Longer than reverse proxies, so that the proxy closes first.
BACKLOG = 1024
DRAIN_SECONDS_MIN = 0.01


async def listen(
    app: web.Application, host: str, port: int, *, drain_seconds: float
) -> web.AppRunner:
    """Serve until the runner's `cleanup()`; its `addresses` hold the port.

    `cleanup()` lets the running calls end, for at most *drain_seconds*.
    """
    # aiohttp waits for a call twice: while the call may read its body, and after that. A timeout
    # of 0 means no limit to aiohttp.
    runner = _Runner(app, shutdown_timeout=max(drain_seconds / 2, DRAIN_SECONDS_MIN))
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
    def __call__(self) -> web.RequestHandler:
        return _Protocol(self, loop=self._loop, **self._kwargs)


class _Runner(web.AppRunner):
    async def _make_server(self) -> web.Server:
        server = await super()._make_server()
        return _Server(
            server.request_handler,
            request_factory=server.request_factory,
            access_log=None,  # The middleware writes it, without paths and queries.
            keepalive_timeout=KEEPALIVE_SECONDS,
            lingering_time=LINGER_SECONDS,
        )
