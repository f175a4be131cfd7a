"""Each known trap of arq, on a real server: we do not fall into it."""

import asyncio
import logging
import pickle
import socket
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta, timezone
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

from tests.fakes.work import BODY, PHONE, SHORT, Work, working
from worker.adapters.redis.connect import open_pool
from worker.adapters.redis.queue import dump, load
from worker.domain.backoff import Backoff
from worker.entrypoints.arq_worker import (
    HEALTH_SECONDS,
    JOBS_OF_A_PROVIDER,
    READ_LIMIT,
    KeepingWorker,
    worker_options,
)
from worker.entrypoints.ticker import AHEAD
from worker.jobs import ARQ_SECONDS, JOBS_AT_ONCE
from worker.ports.handover import QUEUE

PATIENCE_SECONDS = 20.0


@pytest.fixture
def work() -> Work:
    return Work()


@pytest.fixture
async def queue(redis_url: str) -> AsyncIterator[ArqRedis]:
    """For the test itself, which has time: on a busy machine no answer of Redis is late to it."""
    pool = open_pool(redis_url, answer_seconds=PATIENCE_SECONDS)
    queue = ArqRedis(pool, job_serializer=dump, job_deserializer=load, default_queue_name=QUEUE)
    yield queue
    await queue.aclose(close_connection_pool=True)


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


async def test_nothing_is_asked_about_a_job_that_runs_here(
    work: Work, queue: ArqRedis, redis_url: str
) -> None:
    await queue.enqueue_job("sweep", _job_id="one")

    async with working(work, redis_url):
        await work.started.wait()
        await queue.config_resetstat()
        await polled(queue, times=4)
        asked = await calls(queue, "zscore")
        work.let_go.set()

    assert asked == 0, "it stays in the queue while it runs, and arq asks about all that are there"


async def test_one_question_is_asked_about_all_jobs_that_run_elsewhere(
    work: Work, queue: ArqRedis, redis_url: str
) -> None:
    for job in ("one", "two", "three"):
        await queue.enqueue_job("watch", "p", _job_id=job)
        await queue.set(in_progress_key_prefix + job, b"1")
    await queue.config_resetstat()

    async with working(work, redis_url):
        await polled(queue, times=3)
        asked = await calls(queue, "zscore")
        await queue.delete(in_progress_key_prefix + "two")
        await work.reporter.heard("job", "watch", "done")

    assert asked == 0
    assert await queue.zrange(QUEUE, 0, -1) == [b"one", b"three"]


async def test_a_job_that_is_put_off_as_it_is_taken_stays_free(work: Work, queue: ArqRedis) -> None:
    """Its worker put it off between this one's reading of the queue and its taking of the job."""
    await queue.enqueue_job("watch", "p", _job_id="one", _defer_by=timedelta(hours=1))
    worker = KeepingWorker(
        **worker_options(queue, "health", providers=1),
        ctx={"handlers": work.handlers()},
        handle_signals=False,
    )

    await worker.start_jobs([b"one", b"never-there"])

    assert worker.tasks == {}
    assert worker.job_counter == 0
    assert not await queue.exists(in_progress_key_prefix + "one")
    assert not await queue.exists(in_progress_key_prefix + "never-there")


async def polled(queue: ArqRedis, times: int) -> None:
    """Wait until the worker has read the queue so often."""
    while await calls(queue, "zrangebyscore") < times:
        pass


async def calls(queue: ArqRedis, command: str) -> int:
    stats = await queue.info("commandstats")
    return int(stats.get(f"cmdstat_{command}", {"calls": 0})["calls"])


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
    monkeypatch.setattr("worker.jobs.ACCEPT_JOB", Backoff(first=SHORT, longest=SHORT))
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


async def test_a_pickle_that_runs_something_is_kept_and_not_read(
    work: Work, queue: ArqRedis, redis_url: str, tmp_path: Path
) -> None:
    trace = tmp_path / "ran"
    job: dict[str, Any] = {"t": None, "f": "accept", "a": (Bomb(trace),), "k": {}, "et": 1}
    await queue.psetex(job_key_prefix + "bomb", 60_000, pickle.dumps(job))
    await queue.zadd(QUEUE, {"bomb": 1})
    await queue.enqueue_job("watch", "p")

    async with working(work, redis_url):
        await work.reporter.heard("job", "watch")

        await work.reporter.heard("intake_refused", "unreadable", "bomb")

    assert not trace.exists()
    assert await queue.zcard(QUEUE) == 0
    assert [one.body for one in work.refused] == [pickle.dumps(job)]


def test_a_pickle_that_unfolds_without_end_is_not_read() -> None:
    one: list[object] = ["a"]
    for _ in range(12):
        one = [one] * 10
    body = pickle.dumps({"t": None, "f": "accept", "a": [{"x": one}], "k": {}, "et": 1})
    assert len(body) < 400

    with pytest.raises(ValueError, match="more than plain values"):
        load(body)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_thousand_numbers_in_one_pickle_are_read(protocol: int) -> None:
    codes = [{"code": "1", "received_at": None}] * 10
    numbers = [{**BODY, "provider_ref": str(n), "codes": codes} for n in range(1_000)]
    job: dict[str, Any] = {"t": None, "f": "accept", "a": [numbers], "k": {}, "et": 1}

    assert load(pickle.dumps(job, protocol)) == job


async def test_a_job_that_an_ordinary_pool_pickled_is_understood(
    work: Work, redis_url: str
) -> None:
    """All that a shop may have in it: instants, nested lists, texts of any alphabet."""
    pool = await create_pool(ArqSettings.from_dsn(redis_url))
    at = datetime(2026, 1, 1, 12, 30, 0, 250, tzinfo=UTC)
    offset = at.astimezone(timezone(timedelta(hours=3, minutes=30)))
    number = {**BODY, "rented_at": at, "expires_at": offset, "note": "Привет", "big": 2**40}
    await pool.enqueue_job("accept", number, [BODY], _queue_name=QUEUE)
    await pool.enqueue_job("accept", _queue_name=QUEUE, **BODY)  # type: ignore[arg-type] # its fields

    async with working(work, redis_url):
        await work.reporter.heard("job", "accept", "done", times=2)
    await pool.aclose(close_connection_pool=True)

    assert sorted(work.accepted, key=len) == [BODY, BODY, number]


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
async def test_every_protocol_of_pickle_is_understood(
    work: Work, queue: ArqRedis, redis_url: str, protocol: int
) -> None:
    job: dict[str, Any] = {"t": None, "f": "accept", "a": (BODY,), "k": {}, "et": 1}
    await queue.psetex(job_key_prefix + "one", 60_000, pickle.dumps(job, protocol))
    await queue.zadd(QUEUE, {"one": 1})

    async with working(work, redis_url):
        await work.reporter.heard("job", "accept", "done")

    assert work.accepted == [BODY]


@pytest.mark.parametrize(
    ("job", "given"), [("acept", (BODY,)), ("refuse", ("no reason", PHONE))], ids=["typo", "ours"]
)
async def test_a_number_under_another_jobs_name_is_kept(
    work: Work, queue: ArqRedis, redis_url: str, job: str, given: tuple[Any, ...]
) -> None:
    await queue.enqueue_job(job, *given, _job_id="mistyped")

    async with working(work, redis_url):
        await work.reporter.heard("intake_refused", "unknown_job", "mistyped")

    (kept,) = work.refused
    assert PHONE in kept.body.decode()


async def test_a_number_that_redis_forgot_is_told(
    work: Work, queue: ArqRedis, redis_url: str
) -> None:
    await queue.zadd(QUEUE, {"forgotten": 1, "watch:p:17": 1})

    async with working(work, redis_url):
        await work.reporter.heard("intake_refused", "expired", "forgotten")
        while await queue.zcard(QUEUE):
            pass

    assert [one.job.id for one in work.refused] == ["forgotten"]


async def test_what_is_refused_is_kept_however_often_the_database_fails(
    work: Work, queue: ArqRedis, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.jobs.ACCEPT_JOB", Backoff(first=SHORT, longest=SHORT))
    work.failures = 7
    await queue.psetex(job_key_prefix + "broken", 60_000, b"not a job")
    await queue.zadd(QUEUE, {"broken": 1})

    async with working(work, redis_url):
        await work.reporter.heard("intake_refused", "unreadable", "broken")

    assert [one.body for one in work.refused] == [b"not a job"]


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
        await work.reporter.heard("intake_refused", "unreadable", "broken")

    assert await queue.zcard(QUEUE) == 0
    assert [one.body for one in work.refused] == [body]


@pytest.mark.parametrize("body", [[1, 2], {}, ["not", "three"]])
async def test_wrong_arguments_stop_nothing(
    work: Work, queue: ArqRedis, redis_url: str, body: Any
) -> None:
    await queue.enqueue_job("watch", *body)
    await queue.enqueue_job("expire", "p")

    async with working(work, redis_url):
        await work.reporter.heard("job", "expire", "done")

    assert work.reporter.troubles == []


async def test_arq_logs_no_arguments(
    work: Work, queue: ArqRedis, redis_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    logging.getLogger("arq").setLevel(logging.DEBUG)
    work.failures = 1
    await queue.enqueue_job("accept", BODY)
    await queue.enqueue_job("watch", "p", "one too many")
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
    held = JOBS_AT_ONCE + JOBS_OF_A_PROVIDER + 20
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

    assert READ_LIMIT >= 10 * JOBS_AT_ONCE


async def test_what_is_handed_over_does_not_wait_for_the_ticks_of_many_providers(
    queue: ArqRedis, redis_url: str
) -> None:
    work = Work(providers=16)
    for _ in range(16 * JOBS_OF_A_PROVIDER):
        await queue.enqueue_job("sweep")  # The fake lets these run on, as ticks of providers do.
    await queue.enqueue_job("accept", BODY)

    async with working(work, redis_url):
        await work.reporter.heard("job", "accept", "done")
        work.let_go.set()

    assert work.accepted == [BODY]


async def test_ticks_do_not_wait_for_what_is_handed_over(
    work: Work, queue: ArqRedis, redis_url: str
) -> None:
    work.accept_waits = True
    for _ in range(JOBS_AT_ONCE + JOBS_OF_A_PROVIDER):
        await queue.enqueue_job("accept", BODY)

    async with working(work, redis_url):
        for slot in ("watch:p:1", "watch:p:2"):
            job = await queue.enqueue_job("watch", "p", _job_id=slot)
            assert job is not None
            await queue.zincrby(QUEUE, -(AHEAD // timedelta(milliseconds=1)), slot)
        await work.reporter.heard("job", "watch", "done", times=2)
        taken = len(work.accepted)
        work.let_go.set()

    assert taken <= JOBS_AT_ONCE


async def test_a_line_of_handed_over_jobs_is_worked_off_without_a_poll_for_each_place(
    work: Work, queue: ArqRedis, redis_url: str
) -> None:
    for _ in range(8 * JOBS_AT_ONCE):
        await queue.enqueue_job("accept", BODY)
    await queue.config_resetstat()

    async with working(work, redis_url):
        await work.reporter.heard("job", "accept", "done", times=8 * JOBS_AT_ONCE)
        polls = await calls(queue, "zrangebyscore")

    assert polls < 4


async def test_a_bodys_life_is_longer_than_its_retries_need(queue: ArqRedis) -> None:
    """A retry does not extend it: it must be far beyond any window's end."""
    await queue.enqueue_job("accept", BODY, _job_id="one")

    assert await queue.pttl(job_key_prefix + "one") > timedelta(hours=23) / timedelta(
        milliseconds=1
    )
