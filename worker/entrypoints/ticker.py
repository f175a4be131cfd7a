"""Puts the ticks into the queue: for each slot of time one job, whichever host is first.

Every host runs a ticker. A tick that is lost is no harm, the next slot has one; neither is one
that runs twice.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from arq.connections import ArqRedis
from arq.constants import job_key_prefix
from arq.jobs import serialize_job
from redis.exceptions import RedisError

from worker.adapters.redis.queue import open_queue
from worker.domain.ids import ProviderName
from worker.lifecycle.failure_backoff import describe_safely
from worker.lifecycle.ticks import FOR_ALL, PER_PROVIDER, SharedTick, Tick
from worker.ports.handover import QUEUE
from worker.ports.reporter import Reporter

# arq takes jobs by score: ticks go first, however long the line of numbers to accept is.
AHEAD = timedelta(days=1)
# A tick nobody took in this time is worthless: later slots have their own.
WORTH = timedelta(seconds=15)
# When nobody takes ticks at all, they must not pile up; the daemon's backstop does the work.
SLOTS_WAITING_MAX = 20
# How far apart the clocks of two hosts may be for a slot to have one tick only.
SKEW = timedelta(seconds=10)
LOST_SECONDS = 1.0  #: Until the next try while Redis is away.

_MILLISECOND = timedelta(milliseconds=1)


class QueuedTick(NamedTuple):
    """A kind of tick as the queue has it: one job per slot, and per provider or for all."""

    job: str
    every_ms: int
    provider: ProviderName | None

    def slot(self, now_ms: int) -> int:
        return now_ms // self.every_ms

    def id(self, now_ms: int) -> str:
        of = self.job if self.provider is None else f"{self.job}:{self.provider}"
        return f"{of}:{self.slot(now_ms)}"


class Ticker:
    """Puts *ticks* into *queue* as their slots come; `run` ends by cancellation."""

    def __init__(
        self,
        queue: ArqRedis,
        ticks: Sequence[QueuedTick],
        *,
        now: Callable[[], datetime],
        reporter: Reporter,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._queue = queue
        self._ticks = ticks
        self._now = now
        self._reporter = reporter
        self._sleep = sleep
        #: The slot for which each tick was last seen in the queue, by whichever host.
        self._seen: dict[QueuedTick, int] = {}

    async def run(self) -> None:
        while True:
            try:
                await self.tick()
                await self._sleep(self.until_next_slot())
            except (RedisError, OSError):
                # Quietly: whoever works with Redis reports it, and the backstop has the numbers.
                await self._sleep(LOST_SECONDS)
            except Exception as error:  # noqa: BLE001 - a loop that ends would end the process
                self._reporter.trouble("ticker.failed", detail=describe_safely(error))
                await self._sleep(LOST_SECONDS)

    async def tick(self) -> int:
        """Put the ticks of the current slots into the queue, where they are not; how many."""
        now_ms = millis(self._now())
        new = [tick for tick in self._ticks if self._seen.get(tick) != tick.slot(now_ms)]
        if not new:
            return 0
        waiting, taken = await self._look(new, now_ms)
        if waiting > SLOTS_WAITING_MAX * len(self._ticks):
            return 0
        mine = [tick for tick, by in zip(new, taken, strict=True) if by is None]
        if mine:
            await self._enqueue(mine, now_ms)
        self._seen.update((tick, tick.slot(now_ms)) for tick in new)
        return len(mine)

    def until_next_slot(self) -> float:
        now_ms = millis(self._now())
        return min(tick.every_ms - now_ms % tick.every_ms for tick in self._ticks) / 1_000

    async def _look(
        self, ticks: Sequence[QueuedTick], now_ms: int
    ) -> tuple[int, list[bytes | None]]:
        async with self._queue.pipeline(transaction=False) as pipe:
            pipe.zcount(QUEUE, "-inf", now_ms - AHEAD // _MILLISECOND)
            pipe.mget([marker(tick, now_ms) for tick in ticks])
            waiting, taken = await pipe.execute()
        return waiting, taken

    async def _enqueue(self, ticks: Sequence[QueuedTick], now_ms: int) -> None:
        """As arq does it, all in one round trip: every second each host pays for what this costs.

        Of two hosts at once both put the same job in the same place. The mark is for hosts whose
        clock comes later to a slot whose job has already run.
        """
        async with self._queue.pipeline(transaction=True) as pipe:
            for tick in ticks:
                arguments = () if tick.provider is None else (tick.provider,)
                job = serialize_job(
                    tick.job, arguments, {}, None, now_ms, serializer=self._queue.job_serializer
                )
                id_ = tick.id(now_ms)
                pipe.set(job_key_prefix + id_, job, px=WORTH, nx=True)
                pipe.zadd(QUEUE, {id_: now_ms - AHEAD // _MILLISECOND}, nx=True)
                pipe.set(marker(tick, now_ms), 1, px=tick.every_ms + SKEW // _MILLISECOND)
            await pipe.execute()


async def run_ticker(
    url: str,
    providers: Sequence[ProviderName],
    configured: Callable[[SharedTick], bool],
    *,
    now: Callable[[], datetime],
    reporter: Reporter,
) -> None:
    """A ticker with connections of its own, until cancelled."""
    queue = open_queue(url)
    try:
        ticks = ticks_for(providers, configured)
        await Ticker(queue, ticks, now=now, reporter=reporter).run()
    finally:
        await queue.aclose(close_connection_pool=True)


def ticks_for(
    providers: Sequence[ProviderName], configured: Callable[[SharedTick], bool]
) -> list[QueuedTick]:
    """Those that have something to do here: a job costs as much when it has nothing."""
    return [
        *(_queued(tick, name) for name in providers for tick in PER_PROVIDER),
        *(_queued(tick, None) for tick in FOR_ALL if configured(tick)),
    ]


def _queued(tick: Tick, provider: ProviderName | None) -> QueuedTick:
    return QueuedTick(tick.name, tick.every // _MILLISECOND, provider)


def marker(tick: QueuedTick, now_ms: int) -> str:
    return f"aw:tick:{tick.id(now_ms)}"


def millis(instant: datetime) -> int:
    assert instant.tzinfo is not None
    return int(instant.timestamp() * 1_000)
