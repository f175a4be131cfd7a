"""What arq's jobs may touch: the worker's service and its ticks."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from worker.bootstrap import Worker, open_worker
from worker.bootstrap.assemble import WorkerService
from worker.entrypoints.http.number_intake import read_number_intake
from worker.entrypoints.http.problems import Problem
from worker.jobs import JOBS_AT_ONCE, JobHandlers
from worker.ports.errors import RowLocked
from worker.ports.handover import EnqueuedJob, IntakeRefusal, RefusedIntake
from worker.ports.reporter import JobResult
from worker.ports.store.activations import AcceptOutcome, NumberIntake
from worker.settings import Settings

#: Jobs that may wait for an account that somebody keeps locked. Those beyond come again later: the
#: places that are left take in what is handed over for all others.
PATIENT_MOST: Final = JOBS_AT_ONCE // 2
STORED: Final = frozenset({AcceptOutcome.NEW, AcceptOutcome.SAME})

assert {how.value for how in AcceptOutcome} - {why.value for why in IntakeRefusal} == {
    AcceptOutcome.ACCOUNT_LOCKED.value,
    *(how.value for how in STORED),
}, "every outcome stores the number, is tried again, or is told as a refusal"


def job_handlers_of(worker: Worker) -> JobHandlers:
    return JobHandlers(
        accept=TakeHandedOver(worker.service),
        refuse=worker.service.refuse_intake,
        tick=worker.ticks.run,
        reporter=worker.parts.reporter,
        providers=list(worker.parts.providers),
        now=worker.parts.clock.now,
        configured=worker.ticks.configured,
        monotonic=worker.parts.clock.monotonic,
    )


@dataclass(slots=True)
class TakeHandedOver:
    """Numbers handed over by a program that waits for no answer: it is told by an event."""

    service: WorkerService
    _running: int = 0

    async def __call__(self, job: EnqueuedJob, payloads: Sequence[Any]) -> JobResult:
        """Raises `RowLocked` where an account stays locked: the job comes again."""
        self._running += 1
        try:
            return await self._take(job, payloads, patient=self._running <= PATIENT_MOST)
        finally:
            self._running -= 1

    async def _take(self, job: EnqueuedJob, payloads: Sequence[Any], *, patient: bool) -> JobResult:
        handed: dict[int, NumberIntake] = {}
        refused: list[RefusedIntake] = []
        for place, payload in enumerate(payloads):
            refusal = partial(RefusedIntake, job=job, place=place, payload=payload)
            try:
                handed[place] = read_number_intake(payload)
            except Problem as problem:
                errors = [each._asdict() for each in problem.details.errors]
                refused.append(refusal(reason=IntakeRefusal.INVALID, errors=errors))
        results = await self.service.accept(list(handed.values()), patient=patient)
        if any(result.how is AcceptOutcome.ACCOUNT_LOCKED for result in results):
            raise RowLocked("an account stays locked")  # What is stored stays.
        refused += [
            RefusedIntake(
                job=job,
                place=place,
                payload=payloads[place],
                reason=IntakeRefusal(result.how.value),
            )
            for place, result in zip(handed, results, strict=True)
            if result.how not in STORED
        ]
        if refused:
            await self.service.refuse_intake(refused)
        return JobResult.REFUSED if refused else JobResult.DONE


@asynccontextmanager
async def open_job_handlers(settings: Settings) -> AsyncIterator[JobHandlers]:
    """For the `arq` command, which brings no daemon with it."""
    async with open_worker(settings) as worker:
        yield job_handlers_of(worker)
