"""The API over a real socket of this machine. `deps` is what another store would replace."""

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field

import aiohttp
import pytest
from aiohttp import web

from tests.unit.http.caller import OPERATE_TOKEN, READ_TOKEN, WRITE_TOKEN, Api, Described
from tests.unit.http.fake_service import FakeService, Read
from tests.unit.http.fakes import (
    PROVIDER,
    FakeActivations,
    FakeBooks,
    FakeLog,
    FakeOutbox,
)
from worker.domain.ids import ProviderName, ProviderRef
from worker.entrypoints.http.api import build_api, routes_of
from worker.entrypoints.http.auth import KnownTokens, Token
from worker.entrypoints.http.deps import ApiDeps
from worker.entrypoints.http.events import feed_poll_of
from worker.entrypoints.http.listener import listen
from worker.entrypoints.http.long_poll import LongPoll
from worker.entrypoints.http.openapi import describe
from worker.ports.service import Push

HOOK_SECRET = "hook-secret-canary-0123456789"


@dataclass
class World:
    """Everything behind the API, for tests to look at and to change."""

    books: FakeBooks = field(default_factory=FakeBooks)
    reads: FakeActivations = field(default_factory=FakeActivations)
    events: FakeOutbox = field(default_factory=FakeOutbox)
    log: FakeLog = field(default_factory=FakeLog)
    events_wanted: bool = False
    read_from: Read | None = None
    answered: list[tuple[str, str, int, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.service = FakeService(self.books, self.reads, read_from=self.read_from)


def parse_push(provider: ProviderName, raw: bytes, _headers: Mapping[str, str]) -> list[Push]:
    assert provider == PROVIDER
    pushed = json.loads(raw)
    return [Push(ProviderRef(pushed["ref"]), None, None, "hash")] if pushed else []


@pytest.fixture
def world() -> World:
    return World()


def deps_over(world: World) -> ApiDeps:
    return ApiDeps(
        service=world.service,
        cases=None,
        answered=lambda *call: world.answered.append(call),
        activations=world.reads,
        books=world.books,
        outbox=world.events,
        events_wanted=world.events_wanted,
        tokens=KnownTokens(
            [
                Token.of("shop", "operate+decide", WRITE_TOKEN),
                Token.of("program", "operate", OPERATE_TOKEN),
                Token.of("viewer", "read", READ_TOKEN),
            ]
        ),
        parse_push=parse_push,
        hook_secrets={PROVIDER: HOOK_SECRET},
        log=world.log,
        new_request_id=lambda: "made-here",
    )


@pytest.fixture
def deps(world: World) -> ApiDeps:
    return deps_over(world)


@pytest.fixture
def app(deps: ApiDeps) -> web.Application:
    return build_api(deps)


@pytest.fixture(scope="session")
def described() -> Described:
    """The description depends on the routes only, not on what is behind them."""
    deps = deps_over(World())
    long_poll, feed = LongPoll(deps.activations.versions), feed_poll_of(deps.outbox)
    return Described(describe(routes_of(deps, long_poll, feed)))


@pytest.fixture
async def api(app: web.Application, described: Described) -> AsyncIterator[Api]:
    runner = await listen(app, "127.0.0.1", 0, drain_seconds=1)
    host, port = runner.addresses[0]
    async with aiohttp.ClientSession() as http:
        yield Api(http, f"http://{host}:{port}", described)
    await runner.cleanup()
