"""When Redis, arq or the worker itself stops: what runs, and who goes on with it."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

import pytest
from arq.connections import ArqRedis
from arq.constants import in_progress_key_prefix

from tests.conftest import Valkey
from tests.fakes.turns import give_way
from tests.fakes.work import BODY, Work, working
from tests.unit.providers.raw_provider import until
from worker.adapters.redis import connect
from worker.adapters.redis.queue import open_queue
from worker.domain.ids import ProviderName
from worker.entrypoints.arq_worker import run_supervised
from worker.ports.handover import QUEUE, EnqueuedJob
from worker.ports.reporter import JobResult


@pytest.fixture
def work() -> Work:
    return Work()


@pytest.fixture
async def queue(redis_url: str) -> AsyncIterator[ArqRedis]:
    queue = open_queue(redis_url)
    yield queue
    await queue.aclose(close_connection_pool=True)


async def test_the_worker_comes_back_after_redis(work: Work, valkey: Valkey) -> None:
    async with working(work, valkey.url):
        queue = open_queue(valkey.url)
        await queue.enqueue_job("watch", "p")
        await work.reporter.heard("job", "watch")

        valkey.kill()
        await work.reporter.heard("trouble", "arq.worker_lost", times=2)
        await valkey.start()

        await queue.enqueue_job("expire", "p")
        await work.reporter.heard("job", "expire", "done")
        await queue.aclose(close_connection_pool=True)


async def test_a_black_hole_does_not_hold_the_worker(
    work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connect, "ANSWER_SECONDS", 0.05)
    finished = asyncio.Event()

    async def swallow(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await finished.wait()
        writer.close()

    server = await asyncio.start_server(swallow, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        async with working(work, f"redis://127.0.0.1:{port}/0"):
            await work.reporter.heard("trouble", "arq.worker_lost", times=3)
        finished.set()

    causes = {detail.partition(" at ")[0] for _, _, detail in work.reporter.of("trouble")}
    assert causes == {"TimeoutError"}


class LongFromTheSecondOn:
    """A backoff whose second wait no test would live to see the end of."""

    def wait(self, failures: int) -> timedelta:
        return timedelta(hours=1) if failures else timedelta(milliseconds=10)


async def test_a_worker_that_ran_for_long_is_back_soon(work: Work) -> None:
    """Only failures that follow each other make it wait longer."""
    minutes = itertools.count(0.0, 60.0)
    services = replace(work.handlers(), monotonic=lambda: next(minutes))
    stop = asyncio.Event()
    nowhere = "redis://127.0.0.1:9/0"
    running = asyncio.create_task(
        run_supervised(services, nowhere, stop, backoff=cast("Any", LongFromTheSecondOn()))
    )

    await work.reporter.heard("trouble", "arq.worker_lost", times=3)

    stop.set()
    await running


async def test_a_running_job_may_end_when_the_worker_stops(
    work: Work, queue: ArqRedis, redis_url: str
) -> None:
    await queue.enqueue_job("sweep")
    async with working(work, redis_url) as stop:
        await work.started.wait()
        stop.set()
        await queue.enqueue_job("watch", "p", _job_id="late")
        work.let_go.set()

    assert work.reporter.of("job")[0][:2] == ("sweep", "done")
    assert await queue.zrange(QUEUE, 0, -1) == [b"late"]


async def test_a_job_that_does_not_end_in_time_is_run_again_elsewhere(
    work: Work, queue: ArqRedis, redis_url: str
) -> None:
    await queue.enqueue_job("sweep", _job_id="long")
    async with working(work, redis_url, drain_seconds=0.01):
        await work.started.wait()

    assert await queue.exists(in_progress_key_prefix + "long") == 0
    other = Work()
    other.let_go.set()
    async with working(other, redis_url):
        await other.reporter.heard("job", "sweep", "done")


class SlowIntake(Work):
    """An intake and a tick that both go on until the test lets them."""

    def __init__(self) -> None:
        super().__init__()
        self.taking = asyncio.Event()
        self.cut_off: list[str] = []

    async def _accept(self, job: EnqueuedJob, payloads: Sequence[Any]) -> JobResult:
        self.taking.set()
        try:
            await self.let_go.wait()
        except asyncio.CancelledError:
            self.cut_off.append("accept")
            raise
        return await super()._accept(job, payloads)

    async def _tick(self, name: str, provider: ProviderName | None) -> JobResult:
        try:
            return await super()._tick(name, provider)
        except asyncio.CancelledError:
            self.cut_off.append(name)
            raise


async def test_an_intake_that_runs_as_redis_goes_away_ends(valkey: Valkey) -> None:
    """Cut off between its COMMIT and the schedule, its numbers would be watched by nobody."""
    work = SlowIntake()
    queue = open_queue(valkey.url)
    await queue.enqueue_job("sweep", _job_id="sweep:1")
    await queue.enqueue_job("accept", BODY)
    await queue.aclose(close_connection_pool=True)
    async with working(work, valkey.url):
        await asyncio.gather(work.started.wait(), work.taking.wait())
        valkey.kill()
        await until(lambda: bool(work.cut_off))
        await give_way()
        assert work.cut_off == ["sweep"]

        work.let_go.set()
        await work.reporter.heard("job", "accept", "done")
        await work.reporter.heard("trouble", "arq.worker_lost")

    assert work.accepted == [BODY]


async def test_a_worker_that_is_cancelled_ends(work: Work, queue: ArqRedis, redis_url: str) -> None:
    await queue.enqueue_job("sweep", _job_id="one")
    worker = asyncio.create_task(run_supervised(work.handlers(), redis_url, asyncio.Event()))
    await work.started.wait()

    worker.cancel()

    with pytest.raises(asyncio.CancelledError):
        await worker
    assert await queue.zrange(QUEUE, 0, -1) == [b"one"]


async def test_a_cancellation_is_not_lost_in_the_client(queue: ArqRedis) -> None:
    """What `wait_for` does to one that comes as the sending ends, before Python 3.12."""

    async def ask_for_ever() -> None:
        while True:
            await queue.zcard(QUEUE)

    for turns in range(100):
        asking = asyncio.create_task(ask_for_ever())
        for _ in range(turns):
            await asyncio.sleep(0)
        asking.cancel()
        assert await asyncio.wait({asking}, timeout=5) == ({asking}, set())
