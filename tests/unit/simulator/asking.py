"""A buyer of a simulated provider whose time the test owns."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import orjson

from tests.fakes.turns import give_way
from worker.simulator.config import SimulatorConfig
from worker.simulator.server import Simulator, running

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@dataclass
class OwnTime:
    """A clock that moves when the test says so, or when somebody sleeps."""

    now: datetime = START
    slept: list[float] = field(default_factory=list)

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.pass_by(seconds)
        await give_way()  # Whoever waits lets others go on.


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes
    headers: Mapping[str, str]

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)


@dataclass
class Buyer:
    provider: Simulator
    time: OwnTime
    http: aiohttp.ClientSession
    headers: dict[str, str] = field(default_factory=dict)

    async def get(
        self, path: str, params: Mapping[str, object] | None = None, *, method: str = "GET"
    ) -> Answer:
        asked = {name: str(value) for name, value in (params or {}).items()}
        async with self.http.request(
            method, self.provider.url + path, params=asked, headers=self.headers
        ) as reply:
            return Answer(reply.status, await reply.read(), reply.headers)

    async def handler(self, action: str, **params: object) -> Answer:
        return await self.get(
            "/stubs/handler_api.php", {"api_key": "sim-key", "action": action, **params}
        )

    async def sim(self, call: str, body: object = None, method: str | None = None) -> Any:
        chosen = method or ("GET" if body is None else "POST")
        async with self.http.request(
            chosen,
            f"{self.provider.url}/_sim/{call}",
            data=None if body is None else orjson.dumps(body),
        ) as reply:
            return orjson.loads(await reply.read())

    async def rent(self, service: str) -> str:
        """The id of a number rented over the control API."""
        answer = await self.sim("rent", {"service": service})
        return str(answer["numbers"][0]["id"])

    def later(self, seconds: float) -> None:
        self.time.pass_by(seconds)


@asynccontextmanager
async def buying(**settings: Any) -> AsyncIterator[Buyer]:
    """A buyer at a provider of its own. One connection per call, so that none is repeated."""
    time = OwnTime()
    config = SimulatorConfig.model_validate(settings)
    connector = aiohttp.TCPConnector(force_close=True)
    async with (
        running(config, clock=time, sleep=time.sleep) as provider,
        aiohttp.ClientSession(connector=connector) as http,
    ):
        yield Buyer(provider, time, http)
