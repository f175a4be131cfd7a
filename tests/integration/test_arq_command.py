"""The worker as the `arq` command starts it."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest
from arq.connections import RedisSettings
from arq.worker import async_check_health, create_worker, get_kwargs

from tests.fakes.reporter import RecordingReporter
from worker.adapters.redis.queue import open_queue
from worker.domain.ids import ProviderName
from worker.entrypoints import arq_worker
from worker.entrypoints.arq_worker import cli_settings
from worker.jobs import JobHandlers
from worker.ports.handover import QUEUE, EnqueuedJob
from worker.ports.reporter import JobResult
from worker.settings import Settings

# arq closes its pool by a name that redis has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:Call to deprecated close:DeprecationWarning")


class Opened:
    """Stands for bootstrap: says what it was asked for, and when it was closed."""

    def __init__(self) -> None:
        self.reporter = RecordingReporter()
        self.settings: list[Settings] = []
        self.closed = asyncio.Event()

    @asynccontextmanager
    async def __call__(self, settings: Settings) -> AsyncIterator[JobHandlers]:
        self.settings.append(settings)
        yield JobHandlers(
            now=lambda: datetime.now(UTC),
            accept=self._accept,
            refuse=self._refuse,
            tick=self._tick,
            reporter=self.reporter,
            providers=[ProviderName("p")],
        )
        self.closed.set()

    async def _refuse(self, _: object) -> None:
        return None

    async def _accept(self, _job: EnqueuedJob, _: object) -> JobResult:
        return JobResult.DONE

    async def _tick(self, _name: str, _provider: ProviderName | None) -> JobResult:
        return JobResult.DONE


@pytest.fixture
def settings(redis_url: str) -> Settings:
    return Settings.model_validate({"redis": {"url": redis_url}})


async def test_the_command_works_off_the_queue_and_ticks(
    settings: Settings, redis_url: str
) -> None:
    opened = Opened()
    queue = open_queue(redis_url)
    await queue.enqueue_job("accept", {"account": "a"})
    worker = create_worker(
        type("WorkerSettings", (), cli_settings(settings, opened)), handle_signals=False
    )
    logging.getLogger("arq").setLevel(logging.INFO)  # as the command does
    running = asyncio.create_task(worker.async_run())

    await opened.reporter.heard("job", "accept", "done")
    await opened.reporter.heard("job", "expire", "done")
    assert await async_check_health(worker_redis(settings, opened), worker.health_check_key) == 0
    worker.burst, worker.max_burst_jobs = True, 0
    await running
    await worker.close()

    assert opened.settings == [settings]
    assert opened.closed.is_set()
    assert logging.getLogger("arq").level == logging.WARNING
    assert worker.queue_name == QUEUE
    await queue.aclose(close_connection_pool=True)


def worker_redis(settings: Settings, opened: Opened) -> RedisSettings:
    found = cli_settings(settings, opened)["redis_settings"]
    assert isinstance(found, RedisSettings)
    return found


def test_arq_knows_every_option_it_is_given(settings: Settings) -> None:
    options = cli_settings(settings, Opened())

    assert get_kwargs(options) == options


def test_the_class_is_made_from_the_settings_when_it_is_asked_for(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AW_REDIS__URL", redis_url)

    options = vars(arq_worker.WorkerSettings)

    assert options["redis_settings"].unix_socket_path in redis_url
    assert "WorkerSettings" not in vars(arq_worker)


def test_the_module_has_no_other_surprises() -> None:
    with pytest.raises(AttributeError):
        _ = arq_worker.NoSuchThing
