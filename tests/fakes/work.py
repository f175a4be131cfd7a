"""A worker on a real queue whose services a test steers."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from tests.fakes.reporter import RecordingReporter
from worker.domain.backoff import Backoff
from worker.domain.ids import ProviderName
from worker.entrypoints.arq_worker import run_supervised
from worker.jobs import JobHandlers

PHONE = "+4917012345678"
SHORT = timedelta(milliseconds=10)
BODY = {"provider": "p", "provider_ref": "1", "account": "a", "phone": PHONE, "price_minor": 10}


class Work:
    """JobHandlers whose `accept` and `sweep` the test steers; the rest is done at once."""

    def __init__(self) -> None:
        self.reporter = RecordingReporter()
        self.accepted: list[Any] = []
        self.failures = 0  #: How many more times `accept` fails.
        self.started = asyncio.Event()
        self.let_go = asyncio.Event()

    def services(self) -> JobHandlers:
        return JobHandlers(
            accept=self._accept,
            sweep=self._sweep,
            timers=self._done,
            canary=self._done,
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


@asynccontextmanager
async def working(work: Work, url: str, **options: Any) -> AsyncIterator[asyncio.Event]:
    """A supervised worker for the length of the block; set the event to stop it earlier."""
    stop = asyncio.Event()
    backoff = Backoff(first=SHORT, longest=SHORT)
    async with asyncio.TaskGroup() as group:
        group.create_task(run_supervised(work.services(), url, stop, backoff=backoff, **options))
        yield stop
        stop.set()
