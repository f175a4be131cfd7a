"""The shop: its endpoint for events, and customers who rent all the time."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import aiohttp
from aiohttp import web

from tests.acceptance.two_providers import Simulated
from tests.chaos.api import Api
from tests.chaos.stage import rent
from tests.drill.servers import serving
from worker.entrypoints.cli.exit_codes import Failure

ACCOUNT: Final = "acme"
EVERY_SECONDS: Final = 1.0
CALL_SECONDS: Final = 5.0
#: What each number does, and how long it is waited for.
CUSTOMERS: Final = (("code-arrives:2", 6), ("timeout", 4))


@dataclass(slots=True)
class Endpoint:
    """Takes events, unless it fails: then only every so many-th."""

    url: str = ""
    takes_every: int = 1  #: 0: none.
    _asked: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    async def receive(self, request: web.Request) -> web.Response:
        await request.read()
        takes = self.takes_every and next(self._asked) % self.takes_every == 0
        return web.Response(status=204 if takes else 503)


@asynccontextmanager
async def opened_endpoint() -> AsyncIterator[Endpoint]:
    endpoint = Endpoint()
    app = web.Application()
    app.router.add_post("/", endpoint.receive)
    async with serving(app) as url:
        endpoint.url = f"{url}/"
        yield endpoint


@asynccontextmanager
async def customers(apis: Sequence[Api], providers: Sequence[Simulated]) -> AsyncIterator[None]:
    """Numbers of both kinds at every provider, each second, while the block runs.

    What a fault refuses is not asked for again: the customer goes elsewhere.
    """
    work = asyncio.create_task(_rent_on(apis, providers))
    try:
        yield
    finally:
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)


async def _rent_on(apis: Sequence[Api], providers: Sequence[Simulated]) -> None:
    async with asyncio.TaskGroup() as group:
        for turn in itertools.count():
            group.create_task(_rent_once(apis[turn % len(apis)], providers))
            await asyncio.sleep(EVERY_SECONDS)


async def _rent_once(api: Api, providers: Sequence[Simulated]) -> None:
    items: list[Mapping[str, Any]] = []
    try:
        async with asyncio.timeout(CALL_SECONDS):
            for provider in providers:
                for behaviour, window in CUSTOMERS:
                    items += await rent(provider, ACCOUNT, 1, behaviour, window)
    except (aiohttp.ClientError, Failure, OSError, TimeoutError):
        return
    await api.call("POST", "/v1/activations/bulk", {"activations": items}, seconds=CALL_SECONDS)
