"""What `/livez` and `/readyz` answer."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from worker.bootstrap import Worker
from worker.entrypoints.http.admin import Check
from worker.ports.errors import StoreError


def livez(worker: Worker) -> Sequence[Check]:
    """The loops are moving; no dependency is asked, so an outage never restarts us."""
    stuck = worker.backstop.is_stuck()
    ticks = worker.ticks.stuck()
    return [
        Check("loops", ok=not stuck, detail="backstop" if stuck else ""),
        Check("ticks", ok=not ticks, detail=" ".join(ticks)),
    ]


def readyz(worker: Worker, stop: asyncio.Event) -> Callable[[], Awaitable[Sequence[Check]]]:
    """Whether this process should get requests: not draining, and the database answers.

    Redis is told, but does not make it unready: the daemon goes on without it.
    """

    async def checks() -> Sequence[Check]:
        return [
            Check("draining", ok=not stop.is_set()),
            await _database(worker),
            Check("redis", ok=True, detail="away" if worker.parts.redis_away() else ""),
        ]

    return checks


async def _database(worker: Worker) -> Check:
    try:
        await worker.parts.store.ping()
    except StoreError as error:
        return Check("database", ok=False, detail=str(error))
    return Check("database", ok=True)
