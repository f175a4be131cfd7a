"""What `/livez` and `/readyz` answer."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from worker.bootstrap import Worker
from worker.entrypoints.http.admin import HealthCheck
from worker.ports.errors import StoreError


def livez(worker: Worker) -> Sequence[HealthCheck]:
    """The loops are moving; no dependency is asked, so an outage never restarts us."""
    still = {**worker.progress.stuck()}
    ticks = worker.ticks.stuck()
    return [
        HealthCheck("loops", ok=not still, detail=" ".join(still)),
        HealthCheck("ticks", ok=not ticks, detail=" ".join(ticks)),
    ]


def readyz(worker: Worker, stop: asyncio.Event) -> Callable[[], Awaitable[Sequence[HealthCheck]]]:
    """Whether this process should get requests: not draining, and the database answers.

    Redis is told, but does not make it unready: the daemon goes on without it.
    """

    async def checks() -> Sequence[HealthCheck]:
        return [
            HealthCheck("draining", ok=not stop.is_set()),
            await _database(worker),
            HealthCheck("redis", ok=True, detail="away" if worker.parts.schedule.away else ""),
        ]

    return checks


async def _database(worker: Worker) -> HealthCheck:
    try:
        await worker.parts.store.ping()
    except StoreError as error:
        return HealthCheck("database", ok=False, detail=str(error))
    return HealthCheck("database", ok=True)
