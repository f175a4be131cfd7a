"""What arq's jobs may touch: the worker's service and its ticks."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from worker.bootstrap import Worker, open_worker
from worker.entrypoints.http.number_intake import read_number_intake
from worker.entrypoints.http.problems import Problem
from worker.jobs import JobHandlers
from worker.ports.errors import RowLocked
from worker.ports.reporter import JobResult
from worker.ports.store.activations import AcceptOutcome
from worker.settings import Settings


def job_handlers_of(worker: Worker) -> JobHandlers:
    async def accept(payloads: Sequence[Mapping[str, Any]]) -> JobResult:
        return await _accept(worker, payloads)

    return JobHandlers(
        accept=accept,
        tick=worker.ticks.run,
        reporter=worker.parts.reporter,
        providers=list(worker.parts.providers),
        now=worker.parts.clock.now,
        monotonic=worker.parts.clock.monotonic,
    )


async def _accept(worker: Worker, payloads: Sequence[Mapping[str, Any]]) -> JobResult:
    """Numbers handed over by a program that waits for no answer: refusals are for ops to see."""
    handed, refused = [], 0
    for payload in payloads:
        try:
            handed.append(read_number_intake(payload))
        except Problem:
            refused += 1
    results = await worker.service.accept(handed)
    if any(result.how is AcceptOutcome.ACCOUNT_LOCKED for result in results):
        raise RowLocked("an account stays locked")  # The job comes again; what is stored stays.
    wrong = [r.how.value for r in results if r.how not in {AcceptOutcome.NEW, AcceptOutcome.SAME}]
    for why in [*wrong, *["invalid"] * refused]:
        worker.parts.reporter.trouble("accept.refused", detail=why)
    return JobResult.REFUSED if wrong or refused else JobResult.DONE


@asynccontextmanager
async def open_job_handlers(settings: Settings) -> AsyncIterator[JobHandlers]:
    """For the `arq` command, which brings no daemon with it."""
    async with open_worker(settings) as worker:
        yield job_handlers_of(worker)
