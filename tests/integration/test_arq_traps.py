"""Each known trap of arq, on a real server: we do not fall into it."""

import asyncio
import itertools
import logging
import pickle
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from arq.connections import ArqRedis, create_pool
from arq.connections import RedisSettings as ArqSettings
from arq.constants import (
    in_progress_key_prefix,
    job_key_prefix,
    result_key_prefix,
    retry_key_prefix,
)

from tests.conftest import Valkey
from tests.fakes.reporter import RecordingReporter
from worker.adapters.redis import connect
from worker.adapters.redis.queue import QUEUE, open_queue
from worker.domain.ids import ProviderName
from worker.entrypoints.arq_worker import HEALTH_SECONDS, MAX_JOBS, READ_LIMIT, run_supervised
from worker.jobs import ARQ_SECONDS, Services

PHONE = "+4917012345678"
BODY = {"provider": "p", "provider_ref": "1", "account": "a", "phone": PHONE, "price_minor": 10}


class Work:
    """Services whose `accept` and `sweep` the test steers; the rest is done at once."""

    def __init__(self) -> None:
        self.reporter = RecordingReporter()
        self.accepted: list[Any] = []
        self.failures = 0  #: How many more times `accept` fails.
        self.started = asyncio.Event()
        self.let_go = asyncio.Event()

    def services(self) -> Services:
        return Services(
            accept=self._accept,
            sweep=self._sweep,
            watch=self._done,
            expire=self._done,
            repair=self._done,
            reconcile=self._done,
            deliver_events=self._done,
            audit=self._done,
            reporter=self.reporter,
            providers=[ProviderName("p")],
        )

    async def _done(self, *_: object) -> str:
        return "done"

    async def _accept(self, payloads: list[Any]) -> str:
        if self.failures:
            self.failures -= 1
            raise ConnectionError(PHONE)
        self.accepted += payloads
        return "done"

    async def _sweep(self) -> str:
        self.started.set()
        await self.let_go.wait()
        return "done"


@pytest.fixture
def work() -> Work:
    return Work()


@pytest.fixture
async def queue(redis_url: str) -> AsyncIterator[ArqRedis]:
    queue = open_queue(redis_url)
    yield queue
    await queue.aclose(close_connection_pool=True)


@asynccontextmanager
async def working(work: Work, url: str, **options: Any) -> AsyncIterator[asyncio.Event]:
    """A supervised worker for the length of the block; set the event to stop it earlier."""
    stop = asyncio.Event()
    backoff = (0.01,)
    async with asyncio.TaskGroup() as group:
        group.create_task(run_supervised(work.services(), url, stop, backoff=backoff, **options))
        yield stop
        stop.set()


async def test_another_application_hands_a_number_over(work: Work, redis_url: str) -> None:
    """As the README says: its own arq, JSON, our queue."""
    shop = await create_pool(
        ArqSettings.from_dsn(redis_url), job_serializer=orjson.dumps, job_deserializer=orjson.loads
    )
    await shop.enqueue_job("accept", BODY, _queue_name="activation-worker")

    async with working(work, redis_url):
        await work.reporter.heard("job", "accept", "done")
    await shop.aclose(close_connection_pool=True)

    assert work.accepted == [BODY]


async def test_a_done_job_leaves_nothing_behind(
    work: Work, queue: ArqRedis, redis_url: str
) -> None:
    await queue.enqueue_job("watch", "p", _job_id="one")

    async with working(work, redis_url):
        await work.reporter.heard("job", "watch")

    assert await queue.keys("arq:*") == []
    assert await queue.zcard(QUEUE) == 0


async def test_a_killed_workers_job_is_free_again_soon(
    work: Work, queue: ArqRedis, redis_url: str
) -> None:
    await queue.enqueue_job("sweep", _job_id="one")

    async with working(work, redis_url):
        await work.started.wait()
        lock_ms = await queue.pttl(in_progress_key_prefix + "one")
        work.let_go.set()

    assert 0 < lock_ms <= (ARQ_SECONDS + 10) * 1_000 <= 30_000


async def test_an_id_that_failed_can_be_enqueued_again_at_once(
    work: Work, queue: ArqRedis, redis_url: str
) -> None:
    await queue.enqueue_job("no_such_job", _job_id="one")
    async with working(work, redis_url):
        while await queue.zscore(QUEUE, "one"):  # arq itself fails it: nobody reports it
            pass

    assert await queue.get(result_key_prefix + "one") is None
    assert await queue.enqueue_job("sweep", _job_id="one") is not None


async def test_numbers_are_not_lost_by_failures_of_the_database(
    work: Work, queue: ArqRedis, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.jobs.AGAIN_SECONDS_MAX", 0.01)
    work.failures = 7  # more than arq's default of 5 tries
    await queue.enqueue_job("accept", BODY)

    async with working(work, redis_url):
        await work.reporter.heard("job", "accept", "done")

    assert work.accepted == [BODY]
    assert len(work.reporter.of("job")) == 8


async def test_numbers_are_not_lost_by_crashes(work: Work, queue: ArqRedis, redis_url: str) -> None:
    """Every start counts as a try, and a crash never tells."""
    await queue.enqueue_job("accept", BODY, _job_id="one")
    await queue.set(retry_key_prefix + "one", 1_000)

    async with working(work, redis_url):
        await work.reporter.heard("job", "accept", "done")

    assert work.accepted == [BODY]


class Bomb:
    """Unpickled, it creates a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


async def test_pickle_is_not_read(
    work: Work, queue: ArqRedis, redis_url: str, tmp_path: Path
) -> None:
    trace = tmp_path / "ran"
    job: dict[str, Any] = {"t": None, "f": "accept", "a": (Bomb(trace),), "k": {}, "et": 1}
    await queue.psetex(job_key_prefix + "bomb", 60_000, pickle.dumps(job))
    await queue.zadd(QUEUE, {"bomb": 1})
    await queue.enqueue_job("watch", "p")

    async with working(work, redis_url):
        await work.reporter.heard("job", "watch")

    assert not trace.exists()
    assert await queue.zcard(QUEUE) == 0
    assert work.reporter.troubles == []


async def test_only_plain_values_can_be_enqueued(queue: ArqRedis) -> None:
    with pytest.raises(Exception, match="unable to serialize"):
        await queue.enqueue_job("accept", {"at": object()})


@pytest.mark.parametrize("body", [b"[]", b"{", b"null", b"\xff", b'{"f":"watch"}'])
async def test_a_broken_body_stops_nothing(
    work: Work, queue: ArqRedis, redis_url: str, body: bytes
) -> None:
    await queue.psetex(job_key_prefix + "broken", 60_000, body)
    await queue.zadd(QUEUE, {"broken": 1})
    await queue.enqueue_job("watch", "p")

    async with working(work, redis_url):
        await work.reporter.heard("job", "watch", "done")

    assert await queue.zcard(QUEUE) == 0
    assert work.reporter.troubles == []


@pytest.mark.parametrize("body", [[1, 2], {}, ["not", "three"]])
async def test_wrong_arguments_stop_nothing(
    work: Work, queue: ArqRedis, redis_url: str, body: Any
) -> None:
    await queue.enqueue_job("watch", *body)
    await queue.enqueue_job("expire", "p")

    async with working(work, redis_url):
        await work.reporter.heard("job", "expire", "done")

    assert work.reporter.troubles == []


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

    assert {detail for _, _, detail in work.reporter.of("trouble")} == {"TimeoutError"}


async def test_a_worker_that_ran_for_long_is_back_soon(work: Work) -> None:
    """Only failures that follow each other make it wait longer."""
    minutes = itertools.count(0.0, 60.0)
    services = replace(work.services(), monotonic=lambda: next(minutes))
    stop = asyncio.Event()
    nowhere = "redis://127.0.0.1:9/0"
    running = asyncio.create_task(run_supervised(services, nowhere, stop, backoff=(0.01, 3_600)))

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


async def test_a_worker_that_is_cancelled_ends(work: Work, queue: ArqRedis, redis_url: str) -> None:
    await queue.enqueue_job("sweep", _job_id="one")
    worker = asyncio.create_task(run_supervised(work.services(), redis_url, asyncio.Event()))
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


async def test_arq_logs_no_arguments(
    work: Work, queue: ArqRedis, redis_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    logging.getLogger("arq").setLevel(logging.DEBUG)
    work.failures = 1
    await queue.enqueue_job("accept", BODY)
    await queue.enqueue_job("accept", BODY, "one too many")
    await queue.enqueue_job("no_such_job", BODY)

    async with working(work, redis_url):
        await work.reporter.heard("job", "accept", "done")

    assert caplog.text != ""
    assert PHONE not in caplog.text
    assert PHONE not in str(work.reporter.told)


async def test_every_worker_has_a_health_key_of_its_own(
    work: Work, queue: ArqRedis, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    hosts = iter(["one", "two"])
    monkeypatch.setattr(socket, "gethostname", lambda: next(hosts))
    await queue.enqueue_job("sweep")
    async with working(work, redis_url), working(work, redis_url):
        await work.started.wait()
        while len(keys := await queue.keys("activation-worker:health:*")) < 2:
            pass
        lives = [await queue.pttl(key) for key in keys]
        work.let_go.set()

    assert all(0 < life <= (HEALTH_SECONDS + 1) * 1_000 for life in lives)
    assert await queue.keys("activation-worker:health:*") == []


async def test_a_line_of_running_jobs_does_not_block_the_next(
    work: Work, queue: ArqRedis, redis_url: str
) -> None:
    """Running jobs stay at the head of the queue, and all workers read that head only."""
    held = MAX_JOBS + 20
    for _ in range(held):
        await queue.enqueue_job("sweep")
    await queue.enqueue_job("watch", "p")
    other = Work()
    other.started, other.let_go = work.started, work.let_go

    async with working(work, redis_url), working(other, redis_url):
        await asyncio.wait(
            [
                asyncio.ensure_future(each.reporter.heard("job", "watch", "done"))
                for each in (work, other)
            ],
            return_when=asyncio.FIRST_COMPLETED,
        )
        work.let_go.set()

    assert READ_LIMIT >= 10 * MAX_JOBS


async def test_a_bodys_life_is_longer_than_its_retries_need(queue: ArqRedis) -> None:
    """A retry does not extend it: it must be far beyond any window's end."""
    await queue.enqueue_job("accept", BODY, _job_id="one")

    assert await queue.pttl(job_key_prefix + "one") > timedelta(hours=23) / timedelta(
        milliseconds=1
    )
