"""A worker on a real queue whose job handlers a test steers."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.fakes.reporter import RecordingReporter
from worker.domain.backoff import Backoff
from worker.domain.ids import ProviderName
from worker.entrypoints.arq_worker import run_supervised
from worker.jobs import JobHandlers
from worker.ports.handover import EnqueuedJob, RefusedIntake
from worker.ports.reporter import JobResult

PHONE = "+4917012345678"
SHORT = timedelta(milliseconds=10)
BODY = {"provider": "p", "provider_ref": "1", "account": "a", "phone": PHONE, "price_minor": 10}


class Work:
    """JobHandlers whose `accept` and `sweep` the test steers; the rest is done at once."""

    def __init__(self, providers: int = 1) -> None:
        self.providers = [ProviderName(f"p{number}") for number in range(providers)]
        self.reporter = RecordingReporter()
        self.accepted: list[Any] = []
        self.refused: list[RefusedIntake] = []
        self.failures = 0  #: How many more times `accept` fails.
        self.accept_waits = False  #: Until `let_go`, as a sweep does.
        self.started = asyncio.Event()
        self.let_go = asyncio.Event()

    def handlers(self) -> JobHandlers:
        return JobHandlers(
            now=lambda: datetime.now(UTC),
            accept=self._accept,
            refuse=self._refuse,
            tick=self._tick,
            reporter=self.reporter,
            providers=self.providers,
        )

    async def _refuse(self, refused: Sequence[RefusedIntake]) -> None:
        if self.failures:
            self.failures -= 1
            raise ConnectionError(PHONE)
        self.refused += refused
        self.reporter.intake_refused(refused[0].reason, refused[0].job.id)

    async def _accept(self, _job: EnqueuedJob, payloads: Sequence[Any]) -> JobResult:
        if self.failures:
            self.failures -= 1
            raise ConnectionError(PHONE)
        self.accepted += payloads
        if self.accept_waits:
            await self.let_go.wait()
        return JobResult.DONE

    async def _tick(self, name: str, _: ProviderName | None) -> JobResult:
        if name == "sweep":
            self.started.set()
            await self.let_go.wait()
        return JobResult.DONE


@asynccontextmanager
async def working(work: Work, url: str, **options: Any) -> AsyncIterator[asyncio.Event]:
    """A supervised worker for the length of the block; set the event to stop it earlier."""
    stop = asyncio.Event()
    backoff = Backoff(first=SHORT, longest=SHORT)
    async with asyncio.TaskGroup() as group:
        group.create_task(run_supervised(work.handlers(), url, stop, backoff=backoff, **options))
        yield stop
        stop.set()
