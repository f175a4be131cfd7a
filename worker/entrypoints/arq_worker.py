"""The arq worker: supervised inside the daemon, or started by `arq` itself.

`arq worker.entrypoints.arq_worker.WorkerSettings` reads the settings when arq asks for the class,
not when this module is imported.
"""

import asyncio
import contextlib
import logging
import os
import random
import socket
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from functools import partial
from typing import Any, TypeAlias

from arq.connections import ArqRedis, RedisSettings
from arq.constants import in_progress_key_prefix, job_key_prefix
from arq.utils import timestamp_ms
from arq.worker import Worker
from redis.exceptions import RedisError

from worker.adapters.redis.queue import dump, load, open_queue
from worker.adapters.tenacity_retry import TenacityRetry
from worker.domain.backoff import ARQ_WORKER, Backoff
from worker.entrypoints.ticker import run_ticker
from worker.jobs import (
    ARQ_SECONDS,
    JOBS,
    JOBS_AT_ONCE,
    REFUSE,
    TRIES,
    Ctx,
    JobHandlers,
    as_refused,
    handlers_in,
)
from worker.lifecycle.failure_backoff import describe_safely
from worker.lifecycle.ticks import HAND_OVER, TICKS
from worker.ports.handover import QUEUE, EnqueuedJob, IntakeRefusal, RefusedIntake
from worker.settings import Settings, load_settings

OpenJobHandlers: TypeAlias = Callable[[Settings], AbstractAsyncContextManager[JobHandlers]]

#: Ticks of one provider that may run or wait at once: those that passed their turn on go on for a
#: while beside the next ones.
JOBS_OF_A_PROVIDER = 10
# A job waits half of this on average; a poll costs one round trip.
POLL_SECONDS = 0.25
# All workers read the same head of the queue, and what runs stays in it.
READ_LIMIT = 1_000
HEALTH_SECONDS = 5
DRAIN_SECONDS = 20  #: No job runs longer, so draining ends every one of them.
BOOKKEEPING_SECONDS = 5.0  #: For arq to write down in Redis how its jobs ended.
CANCEL_AGAIN_SECONDS = 0.1
STEADY_SECONDS = 30.0  #: A worker that ran this long starts again with the shortest backoff.

assert DRAIN_SECONDS >= ARQ_SECONDS
assert HAND_OVER.total_seconds() > POLL_SECONDS, "a tick must be there as the one before ends"


def worker_options(queue: ArqRedis, health_key: str, providers: int) -> dict[str, Any]:
    """Of a worker for so many *providers*."""
    return {
        "functions": list(JOBS.values()),
        "queue_name": QUEUE,
        "redis_pool": queue,
        "max_jobs": JOBS_AT_ONCE + JOBS_OF_A_PROVIDER * providers,
        "poll_delay": POLL_SECONDS,
        "queue_read_limit": READ_LIMIT,
        "job_timeout": ARQ_SECONDS,
        "max_tries": TRIES,
        "keep_result": 0,
        "health_check_interval": HEALTH_SECONDS,
        "health_check_key": health_key,
        "job_serializer": dump,
        "job_deserializer": read_job,
        "log_results": False,
    }


def read_job(body: bytes) -> dict[str, Any]:
    """A job, as arq wants it. One that hands something over and is not ours becomes `refuse`.

    A failure here would end in arq's log, and the number would be watched by nobody.
    """
    try:
        job = load(body)
    except ValueError:
        return as_refused(IntakeRefusal.UNREADABLE, body)
    carries = any(isinstance(each, dict | list) for each in job["a"]) or job["k"]
    if job["f"] == REFUSE or (job["f"] not in JOBS and carries):
        return as_refused(IntakeRefusal.UNKNOWN_JOB, body)
    return job


class KeepingWorker(Worker):
    """arq's worker, which tells of a job that Redis forgot before anybody took it.

    And which asks little: jobs that run stay in the queue, some for seconds, and arq itself asks
    Redis four times about each, at every poll. That was a quarter of what an idle daemon does.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._places = asyncio.Semaphore(JOBS_AT_ONCE)  #: Of all jobs but ticks.

    async def start_jobs(self, job_ids: list[bytes]) -> None:
        """As in arq, which asks one thing after the other about each job."""
        for id_ in await self._free(job_ids):
            if not await self._has_place(id_):
                return  # Ticks may have come meanwhile.
            await self.sem.acquire()
            if self.job_counter >= self.max_jobs:
                self.sem.release()
                self._leave_place(id_)
                return
            self.job_counter += 1
            if (score := await self._take(id_)) is None:
                self._release_sem_dec_counter_on_complete()
                self._leave_place(id_)
                continue
            task = self.loop.create_task(self.run_job(id_, int(score)))
            task.add_done_callback(lambda _: self._release_sem_dec_counter_on_complete())
            task.add_done_callback(partial(self._leave_place, id_))
            self.tasks[id_] = task

    async def _has_place(self, job_id: str) -> bool:
        """Whether there is one, after a wait that is short: what is handed over leaves the rest."""
        if not _is_tick(job_id):
            try:
                async with asyncio.timeout(POLL_SECONDS):
                    await self._places.acquire()
            except TimeoutError:
                return False
        return True

    def _leave_place(self, job_id: str, _job: object = None) -> None:
        if not _is_tick(job_id):
            self._places.release()

    async def _free(self, job_ids: list[bytes]) -> list[str]:
        """Those that run nowhere, as far as one question tells."""
        free = [id_ for each in job_ids if (id_ := each.decode()) not in self.tasks]
        if len(free) > 1:
            runs = await self.pool.mget([in_progress_key_prefix + id_ for id_ in free])
            free = [id_ for id_, elsewhere in zip(free, runs, strict=True) if elsewhere is None]
        return free

    async def _take(self, job_id: str) -> float | None:
        """Make it this worker's; its score in the queue. None where it is not to be run now.

        One job a round trip: what is asked as Redis fails stays locked for half a minute.
        """
        key = in_progress_key_prefix + job_id
        async with self.pool.pipeline(transaction=True) as pipe:
            pipe.set(key, b"1", px=int(self.in_progress_timeout_s * 1_000), nx=True)
            pipe.zscore(self.queue_name, job_id)
            mine, score = await pipe.execute()
        if not mine:
            return None
        if score is None or score > timestamp_ms():  # Over, or put off, since the queue was read.
            await self.pool.delete(key)
            return None
        return float(score)

    async def run_job(self, job_id: str, score: int) -> None:
        if not _is_tick(job_id) and not await self.pool.exists(job_key_prefix + job_id):
            job = EnqueuedJob(job_id, str(score))
            expired = RefusedIntake(job=job, reason=IntakeRefusal.EXPIRED)
            await handlers_in(self.ctx).refuse([expired])
        await super().run_job(job_id, score)


def _is_tick(job_id: str) -> bool:
    """Ticks come by themselves again; any other job may carry a number that is nowhere else."""
    return job_id.partition(":")[0] in TICKS


async def run_supervised(
    handlers: JobHandlers,
    redis_url: str,
    stop: asyncio.Event,
    *,
    drain_seconds: float = DRAIN_SECONDS,
    backoff: Backoff = ARQ_WORKER,
) -> None:
    """Run arq until *stop* is set. An arq worker ends with the first Redis error: a new one then.

    Jobs that run when *stop* is set may end; what has not ended by then is run again elsewhere.
    """
    quiet_arq()
    sleep = partial(_sleep_unless, stop)
    retry = TenacityRetry(sleep=sleep, monotonic=handlers.monotonic, chance=random.random)

    async def run_until_lost() -> None:
        started = handlers.monotonic()
        try:
            if not stop.is_set():
                await _run_once(handlers, redis_url, stop, drain_seconds)
        except Exception as error:
            handlers.reporter.trouble("arq.worker_lost", detail=describe_safely(error))
            if handlers.monotonic() - started <= STEADY_SECONDS:
                raise

    while not stop.is_set():
        # Not every failure of arq is one of Redis.
        await retry(backoff, run_until_lost, on=Exception)
        await sleep(backoff.wait(0).total_seconds())


async def _run_once(
    handlers: JobHandlers, redis_url: str, stop: asyncio.Event, drain_seconds: float
) -> None:
    """One arq worker, until *stop* is set or it fails."""
    queue = open_queue(redis_url)
    worker = KeepingWorker(
        **worker_options(queue, health_key(os.getpid()), len(handlers.providers)),
        ctx={"handlers": handlers},
        handle_signals=False,
    )
    main = asyncio.create_task(worker.async_run())
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({main, stopping}, return_when=asyncio.FIRST_COMPLETED)
        await _drain(worker, main, drain_seconds)
    finally:
        await _end({main, stopping, *worker.tasks.values()})
        with contextlib.suppress(RedisError, OSError):
            await queue.delete(worker.health_check_key)
        await queue.aclose(close_connection_pool=True)
    if not main.cancelled():
        await main  # Raises what it ended with.


async def _drain(worker: Worker, main: "asyncio.Task[None]", seconds: float) -> None:
    """Let running jobs end; put those back that do not.

    Where Redis failed, *main* is over at once. What carries numbers may end all the same: cut off,
    they come again only when arq's lock is over, and may be stored and not on the schedule.
    """
    # A burst of no jobs: arq takes none, waits for what runs, and ends by itself. Cancelling it
    # in the middle of its bookkeeping would leave jobs locked that nobody runs.
    worker.burst, worker.max_burst_jobs = True, 0
    until = worker.loop.time() + seconds
    await asyncio.wait({main}, timeout=seconds)
    for job_id, job in worker.job_tasks.items():
        if _is_tick(job_id):
            job.cancel()
    if intakes := [job for job_id, job in worker.job_tasks.items() if not _is_tick(job_id)]:
        await asyncio.wait(intakes, timeout=max(0.0, until - worker.loop.time()))
    for job in worker.job_tasks.values():
        job.cancel()
    await asyncio.wait({main, *worker.tasks.values()}, timeout=BOOKKEEPING_SECONDS)


async def _end(tasks: "set[asyncio.Task[Any]]") -> None:
    """What is still there now, was cancelled or lost Redis; its jobs run again elsewhere."""
    while left := {task for task in tasks if not task.done()}:
        for task in left:
            task.cancel()
        # Again and again: the jobs run in `wait_for`, which can lose a cancellation.
        await asyncio.wait(left, timeout=CANCEL_AGAIN_SECONDS)
    await asyncio.gather(*tasks, return_exceptions=True)


async def _sleep_unless(stop: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()


def health_key(*parts: object) -> str:
    """A key per worker: with arq's own, one live worker vouches for all."""
    return ":".join(["activation-worker:health", socket.gethostname(), *map(str, parts)])


def quiet_arq() -> None:
    """At INFO arq logs every job with its arguments, and those hold phone numbers."""
    logging.getLogger("arq").setLevel(logging.WARNING)


def cli_settings(settings: Settings, open_job_handlers: OpenJobHandlers) -> dict[str, Any]:
    """What the `arq` command needs: the worker's options, and hooks for all the rest."""
    url = settings.redis.url.get_secret_value()

    async def on_startup(ctx: Ctx) -> None:
        quiet_arq()  # here, because the command has configured logging by now
        stack = ctx["stack"] = AsyncExitStack()
        handlers = ctx["handlers"] = await stack.enter_async_context(open_job_handlers(settings))
        ticker = run_ticker(
            url,
            handlers.providers,
            handlers.configured,
            now=handlers.now,
            reporter=handlers.reporter,
        )
        ctx["ticker"] = asyncio.create_task(ticker)

    async def on_shutdown(ctx: Ctx) -> None:
        ctx["ticker"].cancel()
        await asyncio.gather(ctx["ticker"], return_exceptions=True)
        await ctx["stack"].aclose()

    return {
        **worker_options(open_queue(url), health_key(), len(settings.providers)),
        "redis_settings": RedisSettings.from_dsn(url),  # for `arq --check` only
        "on_startup": on_startup,
        "on_shutdown": on_shutdown,
        "job_completion_wait": DRAIN_SECONDS,
    }


def __getattr__(name: str) -> type:
    if name != "WorkerSettings":
        raise AttributeError(name)
    from worker.entrypoints.job_handlers import open_job_handlers  # noqa: PLC0415 - it brings everything

    settings = load_settings(None, environ=os.environ)
    return type("WorkerSettings", (), cli_settings(settings, open_job_handlers))
