"""What an adapter is given in tests: a clock, waits and dice that the test owns."""

import asyncio
from dataclasses import dataclass, field
from typing import Final, cast

from worker.adapters.providers.family import ProviderConfig
from worker.adapters.providers.own_pool import OwnPool
from worker.adapters.providers.transport import ProviderContext
from worker.adapters.providers.wire import OpenPool
from worker.domain.ids import ProviderName
from worker.ports.reporter import Operation, Reporter, RequestResult

KEY: Final = "canary-key-5f2d81c4"
USERNAME: Final = "shop@example.com"
NAME: Final = ProviderName("acme")


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
    returns: list[float] = field(default_factory=list)  #: Seconds until work was answered again.
    troubles: list[tuple[str, str]] = field(default_factory=list)  #: (event, detail)
    pool: OpenPool = OwnPool

    def monotonic(self) -> float:
        return self.now

    def random(self) -> float:
        return self.dice

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        await _give_way()  # Who waits in a loop must let the others go on.

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

    def trouble(self, what: str, *, provider: ProviderName | None = None, detail: str = "") -> None:
        assert provider == NAME
        self.troubles.append((what, detail))


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


async def _give_way() -> None:
    """Let everything that is ready run once; no time passes."""
    run = asyncio.Event()
    asyncio.get_running_loop().call_soon(run.set)
    await run.wait()
