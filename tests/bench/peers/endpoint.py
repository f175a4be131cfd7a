"""A shop's endpoint: takes each event after a pause, and notes when each came.

Pushes of the provider go through it too, so that both instants are of one clock: `/push` notes when
a push came and hands it on. Prints its address; takes the seconds of the pause.
"""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable

import aiohttp
import orjson
import uvloop
from aiohttp import web


class Endpoint:
    def __init__(self, pause: float) -> None:
        self._pause = pause
        self._forward = ""
        self._pushed: dict[str, float] = {}
        self.events: list[tuple[float, str]] = []
        self._http: aiohttp.ClientSession | None = None

    async def event(self, request: web.Request) -> web.Response:
        came = time.perf_counter()
        body = orjson.loads(await request.read())
        self.events.append((came, str(body["data"].get("provider_ref", ""))))
        await asyncio.sleep(self._pause)
        return web.Response()

    async def push(self, request: web.Request) -> web.Response:
        raw = await request.read()
        self._pushed[str(orjson.loads(raw).get("activationId"))] = time.perf_counter()
        if self._http is None:
            self._http = aiohttp.ClientSession()
        headers = {"Content-Type": "application/json"}
        async with self._http.post(self._forward, data=raw, headers=headers) as reply:
            return web.Response(status=reply.status)

    async def forward(self, request: web.Request) -> web.Response:
        self._forward = (await request.read()).decode()
        return web.Response()

    async def forget(self, _: web.Request) -> web.Response:
        self.events.clear()
        return web.Response()

    async def seen(self, _: web.Request) -> web.Response:
        times = [came for came, _ in self.events]
        told = [came - self._pushed[ref] for came, ref in self.events if ref in self._pushed]
        seconds = max(times) - min(times) if times else 0.0
        return web.json_response({"count": len(times), "seconds": seconds, "latencies": told})


async def main(pause: float) -> None:
    endpoint = Endpoint(pause)
    app = web.Application()
    routes: dict[str, Callable[[web.Request], Awaitable[web.StreamResponse]]] = {
        "/event": endpoint.event,
        "/push": endpoint.push,
        "/forward": endpoint.forward,
        "/forget": endpoint.forget,
        "/seen": endpoint.seen,
    }
    for path, handler in routes.items():
        app.router.add_post(path, handler)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=2048).start()
    sys.stdout.write(f"ready http://127.0.0.1:{runner.addresses[0][1]}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main(float(sys.argv[1])))
