"""What the daemon measures of itself and its servers now and then, for the gauges."""

import asyncio
from datetime import timedelta
from time import monotonic
from typing import Final

from worker.bootstrap import Worker
from worker.domain.ids import ProviderName
from worker.lifecycle.backstop import leads_at
from worker.lifecycle.failure_backoff import describe_safely
from worker.ports.errors import StoreUnavailable
from worker.ports.provider import Circuit
from worker.ports.reporter import Dependency, Reporter

GAUGES_EVERY: Final = timedelta(seconds=5)
#: A database that takes longer to say that it is there is of no use. Its own silence is found out
#: after forty seconds only: nobody would be told before that.
ANSWERS_WITHIN: Final = timedelta(seconds=5)
LOOP_EVERY: Final = timedelta(milliseconds=500)


async def measure_loop(reporter: Reporter) -> None:
    """How late the event loop wakes a task, until cancelled: each call and look waits as long."""
    every = LOOP_EVERY.total_seconds()
    while True:
        began = monotonic()
        await asyncio.sleep(every)
        reporter.loop_lag(monotonic() - began - every)


async def keep_gauges(worker: Worker) -> None:
    """Read the queue-wide gauges, the same in every replica, and who leads, until cancelled.

    A failure of any kind leaves them as they were, and is reported.
    """
    parts = worker.parts
    while True:
        for pool, connections in parts.store.connections().items():
            parts.reporter.db_connections(pool, busy=connections.busy, idle=connections.idle)
        try:
            await _read(worker)
        except Exception as error:  # noqa: BLE001 - a figure missing is no reason to end the process
            parts.reporter.trouble("queue_stats.failed", detail=describe_safely(error))
            if isinstance(error, StoreUnavailable):
                for name in parts.providers:  # The leases are there: another process has them now.
                    parts.reporter.leader(name, leads=False)
                if parts.redis_away():  # So is the lag: of the schedule that is followed.
                    parts.reporter.schedule_lag(None)
        await parts.clock.sleep(GAUGES_EVERY.total_seconds())


async def watch_dependencies(worker: Worker, within: timedelta = ANSWERS_WITHIN) -> None:
    """Ask both servers whether they can be used, until cancelled.

    Apart from the other gauges, which wait for a database that is silent.
    """
    parts = worker.parts
    asking: asyncio.Task[bool] | None = None
    try:
        while True:
            parts.reporter.dependency(Dependency.REDIS, works=not parts.redis_away())
            # One question at a time: a silent database must not use up the connections.
            asking = asking or asyncio.ensure_future(_database_works(worker))
            done, _ = await asyncio.wait({asking}, timeout=within.total_seconds())
            works = asking.result() if done else False
            parts.reporter.dependency(Dependency.DATABASE, works=works)
            if done:
                asking = None
            await parts.clock.sleep(GAUGES_EVERY.total_seconds())
    finally:
        if asking is not None:
            asking.cancel()


async def _read(worker: Worker) -> None:
    parts = worker.parts
    parts.reporter.queue_stats(await parts.store.books.queue_stats(worker.steps.sweep.grace))
    # Somebody leads although nobody has to stand in: the next outage begins with a leader.
    leads = [name for name in parts.providers if await _leads(worker, name)]
    # Without Redis each process has a schedule of its own, and only its leader follows it.
    known = leads if parts.redis_away() else list(parts.providers)
    # Nobody looks at a provider whose circuit is open; the others' looks are late or not.
    asked = [name for name in known if parts.providers[name].circuit is not Circuit.OPEN]
    lags = [await parts.schedule.lag(name) for name in asked]
    nobody_to_look_at = timedelta(0) if not parts.redis_away() else None
    parts.reporter.schedule_lag(max(lags, default=nobody_to_look_at))


async def _leads(worker: Worker, name: ProviderName) -> bool:
    leads = await leads_at(worker.parts.store.leadership, worker.ticks, name)
    worker.parts.reporter.leader(name, leads=leads)
    return leads


async def _database_works(worker: Worker) -> bool:
    try:
        await worker.parts.store.takes_writes()
    except Exception:  # noqa: BLE001 - whatever it is, the database is of no use now
        return False
    return True
