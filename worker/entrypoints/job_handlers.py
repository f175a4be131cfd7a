"""What arq's jobs may touch: the worker's desk and ticks, behind a closed vocabulary."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from worker.bootstrap import Worker, open_worker
from worker.domain.ids import ProviderName
from worker.entrypoints.http.number_intake import read_number_intake
from worker.entrypoints.http.problems import Problem
from worker.jobs import REFUSED, JobHandlers, Service
from worker.lifecycle.ticks import TickResult
from worker.ports.store.activations import AcceptOutcome
from worker.settings import Settings

DONE = TickResult.DONE.value


def job_handlers_of(worker: Worker) -> JobHandlers:
    ticks, parts = worker.ticks, worker.parts

    async def watch(provider: str) -> str:
        return (await ticks.watch(ProviderName(provider))).value

    async def expire(provider: str) -> str:
        return (await ticks.expire(ProviderName(provider))).value

    async def repair(provider: str) -> str:
        return (await ticks.repair(ProviderName(provider))).value

    async def reconcile(provider: str) -> str:
        return (await ticks.reconcile(ProviderName(provider))).value

    async def accept(payloads: Sequence[Mapping[str, Any]]) -> str:
        return await _accept(worker, payloads)

    return JobHandlers(
        accept=accept,
        watch=watch,
        expire=expire,
        repair=repair,
        reconcile=reconcile,
        sweep=_told(ticks.sweep),
        timers=_told(ticks.timers),
        deliver_events=_told(ticks.deliver_events),
        audit=_told(worker.audit.tick),
        canary=_told(ticks.canary),
        reporter=parts.reporter,
        providers=list(parts.providers),
        monotonic=parts.clock.monotonic,
    )


def _told(tick: Callable[[], Awaitable[TickResult]]) -> Service:
    async def run() -> str:
        return (await tick()).value

    return run


async def _accept(worker: Worker, payloads: Sequence[Mapping[str, Any]]) -> str:
    """Numbers handed over by a program that waits for no answer: refusals are for ops to see."""
    handed, refused = [], 0
    for payload in payloads:
        try:
            handed.append(read_number_intake(payload))
        except Problem:
            refused += 1
    results = await worker.desk.accept(handed)
    wrong = [r.how.value for r in results if r.how not in {AcceptOutcome.NEW, AcceptOutcome.SAME}]
    for why in [*wrong, *["invalid"] * refused]:
        worker.parts.reporter.trouble("accept.refused", detail=why)
    return REFUSED if wrong or refused else DONE


@asynccontextmanager
async def open_job_handlers(settings: Settings) -> AsyncIterator[JobHandlers]:
    """For the `arq` command, which brings no daemon with it."""
    async with open_worker(settings) as worker:
        yield job_handlers_of(worker)
