"""What arq's jobs may touch: the worker's service and its ticks."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Final

from worker.bootstrap import Worker, open_worker
from worker.entrypoints.http.number_intake import read_number_intake
from worker.entrypoints.http.problems import Problem
from worker.jobs import JobHandlers
from worker.ports.errors import RowLocked
from worker.ports.handover import IntakeRefusal, RefusedIntake
from worker.ports.reporter import JobResult
from worker.ports.store.activations import AcceptOutcome, NumberIntake
from worker.settings import Settings

STORED: Final = frozenset({AcceptOutcome.NEW, AcceptOutcome.SAME})

assert {how.value for how in AcceptOutcome} - {why.value for why in IntakeRefusal} == {
    AcceptOutcome.ACCOUNT_LOCKED.value,
    *(how.value for how in STORED),
}, "every outcome stores the number, is tried again, or is told as a refusal"


def job_handlers_of(worker: Worker) -> JobHandlers:
    async def accept(job: str, payloads: Sequence[Any]) -> JobResult:
        return await _accept(worker, job, payloads)

    return JobHandlers(
        accept=accept,
        refuse=worker.service.refuse_intake,
        tick=worker.ticks.run,
        reporter=worker.parts.reporter,
        providers=list(worker.parts.providers),
        now=worker.parts.clock.now,
        configured=worker.ticks.configured,
        monotonic=worker.parts.clock.monotonic,
    )


async def _accept(worker: Worker, job: str, payloads: Sequence[Any]) -> JobResult:
    """Numbers handed over by a program that waits for no answer: it is told by an event."""
    handed: dict[int, NumberIntake] = {}
    refused: list[RefusedIntake] = []
    for place, payload in enumerate(payloads):
        refusal = partial(RefusedIntake, job=job, place=place, payload=payload)
        try:
            handed[place] = read_number_intake(payload)
        except Problem as problem:
            errors = [each._asdict() for each in problem.details.errors]
            refused.append(refusal(reason=IntakeRefusal.INVALID, errors=errors))
    results = await worker.service.accept(list(handed.values()))
    if any(result.how is AcceptOutcome.ACCOUNT_LOCKED for result in results):
        raise RowLocked("an account stays locked")  # The job comes again; what is stored stays.
    refused += [
        RefusedIntake(
            job=job, place=place, payload=payloads[place], reason=IntakeRefusal(result.how.value)
        )
        for place, result in zip(handed, results, strict=True)
        if result.how not in STORED
    ]
    if refused:
        await worker.service.refuse_intake(refused)
    return JobResult.REFUSED if refused else JobResult.DONE


@asynccontextmanager
async def open_job_handlers(settings: Settings) -> AsyncIterator[JobHandlers]:
    """For the `arq` command, which brings no daemon with it."""
    async with open_worker(settings) as worker:
        yield job_handlers_of(worker)
