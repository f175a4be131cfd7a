"""Ticks: one job per slot over all hosts, ahead of everything, and never a pile of them."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from arq.connections import ArqRedis
from arq.constants import job_key_prefix

from tests.conftest import Valkey
from tests.fakes.reporter import RecordingReporter
from worker.adapters.redis.queue import open_queue
from worker.domain.ids import ProviderName
from worker.entrypoints import ticker as module
from worker.entrypoints.ticker import (
    LOST_SECONDS,
    SKEW,
    WORTH,
    QueuedTick,
    Ticker,
    run_ticker,
    ticks_for,
)
from worker.jobs import JOBS
from worker.lifecycle.ticks import PER_PROVIDER, SharedTick
from worker.ports.handover import QUEUE

P = ProviderName("p")
EVERY = 1_000
SWEEP = QueuedTick("sweep", EVERY, None)
WATCH = QueuedTick("watch", EVERY, P)


def all_kinds(_: SharedTick) -> bool:
    """Each has something to do."""
    return True


class Host:
    """One host's ticker, with the host's own idea of the time."""

    def __init__(self, queue: ArqRedis, *ticks: QueuedTick) -> None:
        self.now = datetime.now(UTC).replace(microsecond=0)
        self.slept: list[float] = []
        self.ticker = Ticker(
            queue, ticks, now=lambda: self.now, reporter=RecordingReporter(), sleep=self.sleep
        )

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += timedelta(seconds=seconds)
        if len(self.slept) == 3:
            raise asyncio.CancelledError


@pytest.fixture
async def queue(redis_url: str) -> AsyncIterator[ArqRedis]:
    queue = open_queue(redis_url)
    yield queue
    await queue.aclose(close_connection_pool=True)


async def run_all(queue: ArqRedis) -> None:
    """As a worker does with each job: it runs, and nothing of it stays."""
    for job in await queue.zrange(QUEUE, 0, -1):
        await queue.zrem(QUEUE, job)
        await queue.delete(job_key_prefix + job.decode())


async def test_a_slot_has_one_tick_however_often_it_is_asked_for(queue: ArqRedis) -> None:
    host = Host(queue, SWEEP, WATCH)

    assert [await host.ticker.tick(), await host.ticker.tick()] == [2, 0]

    assert await queue.zcard(QUEUE) == 2


async def test_the_next_slot_has_the_next_tick(queue: ArqRedis) -> None:
    host = Host(queue, SWEEP)
    await host.ticker.tick()

    host.now += timedelta(milliseconds=EVERY)

    assert await host.ticker.tick() == 1
    assert await queue.zcard(QUEUE) == 2


async def test_two_hosts_share_one_tick_a_slot(queue: ArqRedis) -> None:
    hosts = [Host(queue, SWEEP, WATCH), Host(queue, SWEEP, WATCH)]

    await asyncio.gather(*(host.ticker.tick() for host in hosts))

    assert await queue.zcard(QUEUE) == 2


async def test_a_host_whose_clock_is_behind_does_not_tick_again(queue: ArqRedis) -> None:
    ahead, behind = Host(queue, SWEEP), Host(queue, SWEEP)
    await ahead.ticker.tick()
    await run_all(queue)

    behind.now += timedelta(milliseconds=EVERY - 1)

    assert await behind.ticker.tick() == 0
    (marker,) = await queue.keys("aw:tick:*")
    assert await queue.pttl(marker) > SKEW / timedelta(milliseconds=1)


async def test_a_tick_goes_ahead_of_a_line_of_numbers(queue: ArqRedis) -> None:
    for _ in range(20):
        await queue.enqueue_job("accept", {})

    await Host(queue, SWEEP).ticker.tick()

    assert (await queue.zrange(QUEUE, 0, 0))[0].startswith(b"sweep:")


async def test_a_tick_nobody_takes_does_not_live_long(queue: ArqRedis) -> None:
    host = Host(queue, WATCH)

    await host.ticker.tick()

    (job,) = await queue.zrange(QUEUE, 0, -1)
    life = await queue.pttl(job_key_prefix + job.decode())
    assert 0 < life <= WORTH / timedelta(milliseconds=1)


async def test_ticks_nobody_takes_do_not_pile_up(
    queue: ArqRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SLOTS_WAITING_MAX", 3)
    host = Host(queue, SWEEP)
    for _ in range(10):
        await host.ticker.tick()
        host.now += timedelta(milliseconds=EVERY)

    assert await queue.zcard(QUEUE) == 4

    await run_all(queue)
    assert await host.ticker.tick() == 1


async def test_a_tick_says_which_job_and_which_provider(queue: ArqRedis) -> None:
    await Host(queue, WATCH).ticker.tick()

    (job,) = await queue.queued_jobs()

    assert (job.function, list(job.args)) == ("watch", ["p"])


async def test_the_ticker_sleeps_from_slot_to_slot(queue: ArqRedis) -> None:
    host = Host(queue, SWEEP, QueuedTick("audit", 2_500, None))

    with pytest.raises(asyncio.CancelledError):
        await host.ticker.run()

    assert all(0 < seconds <= 1 for seconds in host.slept)
    assert await queue.zcard(QUEUE) >= 4


async def test_without_redis_the_ticker_keeps_trying(queue: ArqRedis, valkey: Valkey) -> None:
    host = Host(queue, SWEEP)
    valkey.kill()

    with pytest.raises(asyncio.CancelledError):
        await host.ticker.run()

    assert host.slept == [LOST_SECONDS] * 3
    await valkey.start()
    assert await host.ticker.tick() == 1


async def test_a_ticker_of_its_own_fills_the_queue(queue: ArqRedis, redis_url: str) -> None:
    ticker = run_ticker(
        redis_url, [P], all_kinds, now=lambda: datetime.now(UTC), reporter=RecordingReporter()
    )
    running = asyncio.create_task(ticker)
    while await queue.zcard(QUEUE) < len(ticks_for([P], all_kinds)):
        pass
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)

    jobs = {job.function for job in await queue.queued_jobs()}

    assert jobs == set(JOBS) - {"accept", "refuse"}


def test_every_provider_has_its_ticks() -> None:
    ticks = ticks_for([P, ProviderName("q")], all_kinds)

    assert len({tick.id(0) for tick in ticks}) == len(ticks)
    assert sorted(tick.job for tick in ticks if tick.provider == "q") == sorted(
        tick.name for tick in PER_PROVIDER
    )


def test_a_kind_that_is_not_configured_has_no_ticks() -> None:
    everything = {tick.job for tick in ticks_for([P], all_kinds)}

    ticks = {tick.job for tick in ticks_for([P], lambda tick: tick.name != "canary")}

    assert everything - ticks == {"canary"}


def test_slots_follow_each_other_without_gaps() -> None:
    slots = [WATCH.slot(ms) for ms in range(0, 10 * EVERY, 100)]

    assert {later - earlier for earlier, later in pairwise(slots)} == {0, 1}
