"""What provider adapters are given in tests: a clock, waits and dice that the test owns."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, cast

from tests.fakes.turns import give_way
from worker.adapters.providers.family import ProviderAccount, ProviderConfig
from worker.adapters.providers.own_pool import OwnPool
from worker.adapters.providers.registry import build_provider, build_rentals
from worker.adapters.providers.rental_account import RentalAccount
from worker.adapters.providers.transport import ProviderContext
from worker.adapters.providers.wire import OpenPool
from worker.domain.ids import ProviderName
from worker.ports.reporter import Operation, Reporter, RequestResult

KEY = "canary-key-5f2d81c4"
USERNAME = "shop@example.com"
NAME = ProviderName("acme")


@dataclass
class World:
    """Time stands until the test moves it, or until somebody sleeps."""

    now: float = 1000.0
    dice: float = 0.0
    slept: list[float] = field(default_factory=list)
    paid: int = 0  #: Requests bought beyond the first of a call.
    requests: list[tuple[str, str]] = field(default_factory=list)  #: (operation, result)
    seconds: list[float] = field(default_factory=list)
    circuits: list[bool] = field(default_factory=list)
    pool: OpenPool = OwnPool
    returns: list[float] = field(default_factory=list)  #: Seconds until work was answered again.

    def monotonic(self) -> float:
        return self.now

    def random(self) -> float:
        return self.dice

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        await give_way()  # Who waits in a loop must let the others go on.

    async def pay(self) -> None:
        self.paid += 1

    def request(
        self, provider: ProviderName, operation: Operation, result: RequestResult, seconds: float
    ) -> None:
        assert provider == NAME
        self.requests.append((operation.value, result.value))
        self.seconds.append(seconds)

    def circuit(self, provider: ProviderName, *, is_open: bool) -> None:
        assert provider == NAME
        self.circuits.append(is_open)

    def answers_again(self, provider: ProviderName, seconds: float) -> None:
        assert provider == NAME
        self.returns.append(seconds)

    @property
    def results(self) -> list[str]:
        return [result for _, result in self.requests]

    @property
    def reporter(self) -> Reporter:
        """The part of a reporter that adapters use."""
        return cast("Reporter", self)

    def context(self, timeout_s: float = 5.0) -> ProviderContext:
        return ProviderContext(
            reporter=self.reporter,
            sleep=self.sleep,
            monotonic=self.monotonic,
            random=self.random,
            pay=self.pay,
            timeout_s=timeout_s,
            pool=self.pool,
        )


def config(url: str, family: str = "handler_api", dialect: str = "classic") -> ProviderConfig:
    return ProviderConfig(
        name=NAME,
        family=family,
        dialect=dialect,
        base_url=url,
        api_key=KEY,
        api_username=USERNAME,
        max_in_flight=4,
    )


def built(configured: ProviderConfig, world: World, timeout_s: float = 5.0) -> ProviderAccount:
    """An adapter in this world; until its first call it has nothing to hang up."""
    return build_provider(
        configured,
        ProviderContext(
            reporter=world.reporter,
            sleep=world.sleep,
            monotonic=world.monotonic,
            random=world.random,
            pay=world.pay,
            timeout_s=timeout_s,
        ),
    )


def replies_of(family: str, dialect: str) -> Any:
    """Who reads the replies about activations; `Any`, because readers share names, not types."""
    return built(config("http://127.0.0.1", family, dialect), World()).replies


def rental_replies_of(family: str, dialect: str) -> Any:
    """The same of long rentals."""
    configured = config("http://127.0.0.1", family, dialect)
    rentals = build_rentals(configured, built(configured, World()))
    assert isinstance(rentals, RentalAccount)
    return rentals.replies


@asynccontextmanager
async def talking_to(
    configured: ProviderConfig, world: World, timeout_s: float = 5.0
) -> AsyncIterator[ProviderAccount]:
    provider = built(configured, world, timeout_s)
    try:
        yield provider
    finally:
        await provider.close()
