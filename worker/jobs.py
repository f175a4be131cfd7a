"""Every arq job: hands its work to a service, reports how it ended, decides nothing.

No number depends on a job. A tick that fails is done again by the next one; only `accept` carries
something that is nowhere else yet, so it is tried again until the service has taken it.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from arq.worker import Function, Retry, func

from worker.domain.backoff import ACCEPT_JOB
from worker.domain.ids import ProviderName
from worker.lifecycle.failure_backoff import describe_safely
from worker.ports.reporter import Reporter

Ctx: TypeAlias = dict[str, Any]
Service: TypeAlias = Callable[..., Awaitable[str]]  #: Answers from a closed vocabulary.

# Below arq's limit: it fails a job that is over it, for good, before the job can say "again".
WORK_SECONDS = 18
# A killed worker's jobs are run again after this and arq's 10 s, whichever job it was.
ARQ_SECONDS = 20
# Every start counts as a try, also one that a crash or a deploy cut short.
TRIES = 1_000_000
ACCEPT_MAX = 1_000

FAILED = "failed"
REFUSED = "refused"
AGAIN = "again"  #: Failed, and waiting in the queue to be tried again.

assert WORK_SECONDS < ARQ_SECONDS


@dataclass(frozen=True, slots=True, kw_only=True)
class JobHandlers:
    """What the jobs may touch. Built once, in `job_handlers_of`."""

    accept: Service  #: (payloads): numbers that were rented, as handed over; not validated yet.
    watch: Service  #: (provider)
    expire: Service  #: (provider)
    repair: Service  #: (provider)
    reconcile: Service  #: (provider)
    sweep: Service
    timers: Service
    canary: Service
    deliver_events: Service
    audit: Service
    reporter: Reporter
    providers: Sequence[ProviderName]
    monotonic: Callable[[], float] = time.monotonic


async def accept(ctx: Ctx, given: dict[str, Any] | list[dict[str, Any]]) -> None:
    """Take over numbers that a shop rented: one payload, or up to `ACCEPT_MAX` of them."""
    payloads = given if isinstance(given, list) else [given]
    if len(payloads) > ACCEPT_MAX:
        handlers_in(ctx).reporter.job("accept", REFUSED, 0.0)
        handlers_in(ctx).reporter.trouble("job.refused", detail="accept: too many numbers")
        return
    if await run(ctx, "accept", payloads, on_error=AGAIN) == AGAIN:
        raise Retry(defer=ACCEPT_JOB.wait(ctx["job_try"] - 1))


async def watch(ctx: Ctx, provider: str) -> None:
    """Look at the numbers that are due at one provider."""
    await run(ctx, "watch", provider)


async def expire(ctx: Ctx, provider: str) -> None:
    """End the numbers of one provider whose window is over."""
    await run(ctx, "expire", provider)


async def repair(ctx: Ctx, provider: str) -> None:
    """Put back on the schedule what is missing from it."""
    await run(ctx, "repair", provider)


async def reconcile(ctx: Ctx, provider: str) -> None:
    """Compare our books with the provider's."""
    await run(ctx, "reconcile", provider)


async def sweep(ctx: Ctx) -> None:
    """End what needs no provider, and find what was lost."""
    await run(ctx, "sweep")


async def deliver_events(ctx: Ctx) -> None:
    """Send what the outbox holds."""
    await run(ctx, "deliver_events")


async def timers(ctx: Ctx) -> None:
    """Let the durable timers act whose date has passed."""
    await run(ctx, "timers")


async def audit(ctx: Ctx) -> None:
    """Prove the books."""
    await run(ctx, "audit")


async def canary(ctx: Ctx) -> None:
    """Take the next step of the worker's own number."""
    await run(ctx, "canary")


async def run(ctx: Ctx, name: str, *arguments: object, on_error: str = FAILED) -> str:
    """Whatever goes wrong is reported here; arq would log it with the job's arguments."""
    services = handlers_in(ctx)
    service: Service = getattr(services, name)
    started = services.monotonic()
    try:
        async with asyncio.timeout(WORK_SECONDS):
            result = await service(*arguments)
    except Exception as error:  # noqa: BLE001 - a job must end in a way we choose
        result = on_error
        services.reporter.trouble("job.failed", detail=f"{name}: {describe_safely(error)}")
    services.reporter.job(name, result, services.monotonic() - started)
    return result


def handlers_in(ctx: Ctx) -> JobHandlers:
    """The one place where arq's untyped context gets a type."""
    services = ctx["services"]
    assert isinstance(services, JobHandlers)
    return services


_FOR_ALL = (accept, sweep, timers, deliver_events, audit, canary)
_PER_PROVIDER = (watch, expire, repair, reconcile)

# A kept result would block its job id (worker-wide it is 0 too: a failed job ignores this one).
JOBS: tuple[Function, ...] = tuple(
    func(job, name=job.__name__, keep_result=0, timeout=ARQ_SECONDS, max_tries=TRIES)
    for job in (*_FOR_ALL, *_PER_PROVIDER)
)
