"""Reads what the gauges show, every few seconds: queue-wide figures, the same in every replica."""

from datetime import timedelta
from typing import Final

from worker.bootstrap import Worker
from worker.ports.errors import ScheduleUnavailable, StoreError

EVERY: Final = timedelta(seconds=5)


async def keep_gauges(worker: Worker) -> None:
    """Until cancelled; a database that is away leaves the gauges as they were, and says so."""
    parts = worker.parts
    while True:
        try:
            parts.reporter.queue_stats(await parts.store.books.queue_stats(worker.grace))
            lags = [await parts.schedule.lag(name) for name in parts.providers]
            parts.reporter.schedule_lag(max(lags, default=timedelta(0)))
        except (StoreError, ScheduleUnavailable) as error:
            parts.reporter.trouble("queue_stats.failed", detail=type(error).__name__)
        await parts.clock.sleep(EVERY.total_seconds())
