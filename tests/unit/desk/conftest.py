"""The desk over the API, both on real sockets of this machine."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, TypeAlias

import aiohttp
import pytest
from aiohttp import web

from tests.unit.desk.visitor import Visitor
from tests.unit.http.caller import WRITE_TOKEN
from tests.unit.http.conftest import World, deps_over
from tests.unit.http.fakes import NOW
from worker.client import Client
from worker.entrypoints.desk import DeskConfig, build_desk
from worker.entrypoints.http.api import build_api
from worker.entrypoints.http.auth import KnownTokens
from worker.entrypoints.http.deps import ApiDeps
from worker.entrypoints.http.listener import listen

OpenDesk: TypeAlias = Callable[..., AbstractAsyncContextManager[Visitor]]


@asynccontextmanager
async def desk_over(api_url: str, **config: Any) -> AsyncIterator[Visitor]:
    app = build_desk(DeskConfig(**{"api_url": api_url, "now": lambda: NOW, **config}))
    runner = await listen(app, "127.0.0.1", 0, drain_seconds=1)
    host, port = runner.addresses[0]
    jar = aiohttp.CookieJar(unsafe=True)  # Of an address instead of a name.
    async with aiohttp.ClientSession(cookie_jar=jar) as http:
        yield Visitor(http, f"http://{host}:{port}")
    await runner.cleanup()


@pytest.fixture
def world() -> World:
    return World(events_wanted=True)


@pytest.fixture
def deps(world: World) -> ApiDeps:
    return deps_over(world)


@pytest.fixture
def tokens(deps: ApiDeps) -> KnownTokens:
    """Those that the API takes."""
    return deps.tokens


@pytest.fixture
def asked() -> list[str]:
    """The paths of the calls that came to the API."""
    return []


@pytest.fixture
async def api_url(deps: ApiDeps, asked: list[str]) -> AsyncIterator[str]:
    api = build_api(deps)

    async def count(request: web.Request, _response: web.StreamResponse) -> None:
        asked.append(request.path)

    api.on_response_prepare.append(count)
    runner = await listen(api, "127.0.0.1", 0, drain_seconds=1)
    host, port = runner.addresses[0]
    yield f"http://{host}:{port}"
    await runner.cleanup()


@pytest.fixture
async def shop(api_url: str) -> AsyncIterator[Client]:
    """The shop's own program: it opens accounts and hands numbers over."""
    async with Client(api_url, WRITE_TOKEN) as client:
        await client.open_account("ann", currency="USD")
        await client.top_up_account("ann", reference="first", amount_minor=10_000)
        yield client


@pytest.fixture
async def stranger(api_url: str) -> AsyncIterator[Visitor]:
    """Somebody who is not signed in."""
    async with desk_over(api_url) as visitor:
        yield visitor


@pytest.fixture
async def staff(stranger: Visitor) -> Visitor:
    assert (await stranger.sign_in()).status == 303
    return stranger
