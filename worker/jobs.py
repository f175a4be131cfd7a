"""Every arq job: hands its work to a handler, reports how it ended, decides nothing.

No number depends on a job. A tick that fails is done again by the next one; only `accept` carries
something that is nowhere else yet, so it is tried again until the handler has taken it.
"""

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeAlias

from arq.typing import WorkerCoroutine
from arq.utils import to_unix_ms
from arq.worker import Function, Retry, func

from worker.domain.backoff import ACCEPT_JOB
from worker.domain.ids import ProviderName
from worker.lifecycle.failure_backoff import describe_safely
from worker.lifecycle.ticks import TICKS, ProviderTick, SharedTick, Tick
from worker.ports.handover import ACCEPT, EnqueuedJob, IntakeRefusal, RefusedIntake
from worker.ports.reporter import JobResult, Reporter

Ctx: TypeAlias = dict[str, Any]

# Below arq's limit: it fails a job that is over it, for good, before the job can say "again".
WORK_SECONDS = 18
# Short: a killed worker's jobs are run again only after this and arq's 10 s, whichever job it was.
# Long enough: a tick goes on for 5 s, and its last batch for a provider's slowest answer.
ARQ_SECONDS = 20
# Every start counts as a try, also one that a crash or a deploy cut short.
TRIES = 1_000_000
#: Beside the ticks of providers: neither what is handed over waits for those, nor they for it.
JOBS_AT_ONCE = 50
REFUSE = "refuse"

assert WORK_SECONDS < ARQ_SECONDS


@dataclass(frozen=True, slots=True, kw_only=True)
class JobHandlers:
    """What the jobs may touch. Built once, in `job_handlers_of`."""

    #: Takes numbers that were rented, as handed over in this job; not validated yet.
    accept: Callable[[EnqueuedJob, Sequence[Any]], Awaitable[JobResult]]
    #: Keeps what was handed over and cannot be taken.
    refuse: Callable[[Sequence[RefusedIntake]], Awaitable[None]]
    #: Runs the tick of that name, of the provider where it is one of a provider.
    tick: Callable[[str, ProviderName | None], Awaitable[JobResult]]
    reporter: Reporter
    providers: Sequence[ProviderName]
    now: Callable[[], datetime]  #: The database's time.
    #: Whether that kind of tick has something to do here.
    configured: Callable[[SharedTick], bool] = lambda _: True
    monotonic: Callable[[], float] = time.monotonic


async def accept(ctx: Ctx, *given: Any, **fields: Any) -> None:
    """Take over numbers that a shop rented: payloads, lists of them, or one payload's fields."""
    payloads = [each for one in given for each in (one if isinstance(one, list | tuple) else [one])]
    payloads += [fields] if fields or not given else []
    handlers = handlers_in(ctx)
    job = EnqueuedJob(ctx["job_id"], str(to_unix_ms(ctx["enqueue_time"])))
    await _until_done(ctx, handlers.accept(job, payloads))


async def refuse(ctx: Ctx, reason: str, body: bytes) -> None:
    """Keep a job whole that hands something over and cannot be read; nobody enqueues this one."""
    job = EnqueuedJob(ctx["job_id"], hashlib.sha256(body).hexdigest())
    refused = RefusedIntake(job=job, reason=IntakeRefusal(reason), body=body)

    async def keep() -> JobResult:
        await handlers_in(ctx).refuse([refused])
        return JobResult.REFUSED

    await _until_done(ctx, keep())


async def _until_done(ctx: Ctx, work: Awaitable[JobResult]) -> None:
    """What the job carries is nowhere else yet: it comes again until the work has ended."""
    result = await run(handlers_in(ctx), ACCEPT, work, on_error=JobResult.AGAIN)
    if result is JobResult.AGAIN:
        raise Retry(defer=ACCEPT_JOB.wait(ctx["job_try"] - 1))


def as_refused(reason: IntakeRefusal, body: bytes) -> dict[str, Any]:
    """A job, as arq reads it, that keeps *body*."""
    return {"t": None, "f": REFUSE, "a": [reason.value, body], "k": {}, "et": 0}


async def run(
    handlers: JobHandlers,
    name: str,
    work: Awaitable[JobResult],
    on_error: JobResult = JobResult.FAILED,
) -> JobResult:
    """Whatever goes wrong is reported here; arq would log it with the job's arguments."""
    started = handlers.monotonic()
    try:
        async with asyncio.timeout(WORK_SECONDS):
            result = await work
    except Exception as error:  # noqa: BLE001 - a job must end in a way we choose
        result = on_error
        handlers.reporter.trouble("job.failed", detail=f"{name}: {describe_safely(error)}")
    handlers.reporter.job(name, result, handlers.monotonic() - started)
    return result


def handlers_in(ctx: Ctx) -> JobHandlers:
    """The one place where arq's untyped context gets a type."""
    handlers = ctx["handlers"]
    assert isinstance(handlers, JobHandlers)
    return handlers


def _run_tick(tick: Tick) -> WorkerCoroutine:
    """The job that runs this kind of tick."""

    async def for_provider(ctx: Ctx, provider: str) -> None:
        handlers = handlers_in(ctx)
        result = await run(handlers, tick.name, handlers.tick(tick.name, ProviderName(provider)))
        if result is JobResult.PASSED_ON:
            raise Retry

    async def for_all(ctx: Ctx) -> None:
        handlers = handlers_in(ctx)
        await run(handlers, tick.name, handlers.tick(tick.name, None))

    return for_provider if isinstance(tick, ProviderTick) else for_all


def _job(name: str, work: WorkerCoroutine) -> Function:
    # A kept result would block its job id (worker-wide it is 0 too: a failed job ignores this one).
    return func(work, name=name, keep_result=0, timeout=ARQ_SECONDS, max_tries=TRIES)


JOBS: Final[Mapping[str, Function]] = {
    ACCEPT: _job(ACCEPT, accept),
    REFUSE: _job(REFUSE, refuse),
    **{name: _job(name, _run_tick(tick)) for name, tick in TICKS.items()},
}
