"""All that a row needs: two daemons on real servers, two providers, a shop, and the monitoring."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from tests.acceptance.two_providers import OTHER, Simulated
from tests.acceptance.world import PROVIDER, Process
from tests.chaos.api import Api, api_of
from tests.chaos.stage import ProviderPlan, Stage, becomes, staged
from tests.drill.cut import Cuttable, cuttable_database
from tests.drill.inbox import Inbox, opened_inbox
from tests.drill.monitoring import Monitoring, Programs, monitored
from tests.drill.shop import ACCOUNT, Endpoint, customers, opened_endpoint
from tests.ops.prometheus_server import free_port
from worker.adapters.redis.queue import open_queue

DAEMONS: Final = 2
SECRET: Final = "whsec_ZHJpbGxzLWRyaWxscy1kcmlsbHMtZHJpbGxzLWRyaWxs"
LAST_AUDIT: Final = "audit_last_success_timestamp_seconds"
AUDIT_SECONDS: Final = 90.0
LIMIT_MINOR: Final = 100_000
PLANS: Final = (
    ProviderPlan(PROVIDER, settings={"EXPOSURE_LIMIT_MINOR": str(LIMIT_MINOR)}),
    ProviderPlan(OTHER, dialect="hero", settings={"EXPOSURE_LIMIT_MINOR": str(LIMIT_MINOR)}),
)


@dataclass(frozen=True, slots=True)
class Workers:
    """The daemons. Each is started again where it was before: that names it in alerts."""

    stage: Stage
    database: Cuttable  #: Between the second daemon and the database.
    admins: Sequence[str]  #: Where each is scraped.
    listens: Sequence[str]  #: Where each has its API.
    running: dict[int, Process] = field(default_factory=dict)

    async def start(self, which: int) -> Process:
        given = {"AW_ADMIN__LISTEN": self.admins[which], "AW_API__LISTEN": self.listens[which]}
        if which == 1:
            given["AW_DATABASE__URL"] = self.database.url
        self.running[which] = await self.stage.start_daemon(environment=given)
        return self.running[which]


@dataclass(frozen=True, slots=True)
class Scene:
    stage: Stage
    workers: Workers
    apis: Sequence[Api]
    endpoint: Endpoint
    inbox: Inbox
    monitoring: Monitoring
    since: datetime  #: When all of it was there.

    @property
    def sim(self) -> Simulated:
        return self.stage.sim


async def audited(stage: Stage, apis: Sequence[Api]) -> None:
    """Have the books audited now, and not at the next turn: it may be five minutes away."""
    queue = open_queue(stage.servers.redis_url)
    await queue.enqueue_job("audit")
    await queue.aclose(close_connection_pool=True)

    async def was_audited() -> bool:
        return any([await api.metric(LAST_AUDIT) for api in apis])

    assert await becomes(was_audited, AUDIT_SECONDS), "no audit ran"


@asynccontextmanager
async def scene(
    name: str,
    programs: Programs,
    plans: Sequence[ProviderPlan] = PLANS,
    settings: Mapping[str, str] | None = None,
) -> AsyncIterator[Scene]:
    """Everything is up, customers rent, and nothing is wrong yet."""
    async with AsyncExitStack() as stack:
        inbox, inbox_url = await stack.enter_async_context(opened_inbox())
        endpoint = await stack.enter_async_context(opened_endpoint())
        events = {"AW_EVENTS__URL": endpoint.url, "AW_EVENTS__SECRET": SECRET}
        stage, _ = await stack.enter_async_context(
            staged(name, *plans, settings={**events, **(settings or {})})
        )
        database = await stack.enter_async_context(cuttable_database(stage.servers.database_url))
        listens = [f"127.0.0.1:{free_port()}" for _ in range(2 * DAEMONS)]
        workers = Workers(stage, database, listens[:DAEMONS], listens[DAEMONS:])
        apis = [
            await stack.enter_async_context(api_of(daemon))
            for daemon in await asyncio.gather(*(workers.start(n) for n in range(DAEMONS)))
        ]
        await stage.open_account(apis[0], ACCOUNT)
        await audited(stage, apis)
        providers = list(stage.providers.values())
        await stack.enter_async_context(customers(apis, providers))
        # Only now: that no worker answered until they had started is no fault.
        monitoring = await stack.enter_async_context(
            monitored(programs, stage.world.home / "monitoring", inbox_url, workers.admins)
        )
        yield Scene(stage, workers, apis, endpoint, inbox, monitoring, datetime.now(UTC))
