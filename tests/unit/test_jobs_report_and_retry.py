"""arq jobs hand their work on, report how it ended, and lose nothing that is nowhere else."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from arq.worker import Retry

from tests.fakes.reporter import RecordingReporter
from tests.fakes.turns import until
from worker import jobs
from worker.domain.ids import ProviderName
from worker.jobs import JOBS, JobHandlers
from worker.lifecycle.ticks import FOR_ALL, PER_PROVIDER
from worker.ports.handover import EnqueuedJob, RefusedIntake
from worker.ports.reporter import JobResult

SECRET = "+4917012345678"
ENQUEUED = datetime(2026, 1, 2, tzinfo=UTC)


class Work:
    """Job handlers that note what they were asked, and do what the test says."""

    def __init__(self, does: Callable[[], Awaitable[JobResult]]) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.jobs: list[EnqueuedJob] = []
        self.reporter = RecordingReporter()
        self._does = does

    async def job(
        self, name: str, *given: Any, job_try: int = 1, enqueued: datetime = ENQUEUED
    ) -> None:
        """Run it as arq would."""
        arq = {"job_id": "one", "job_try": job_try, "enqueue_time": enqueued}
        ctx = {"handlers": self.handlers(), **arq}
        await JOBS[name].coroutine(ctx, *given)

    def handlers(self) -> JobHandlers:
        return JobHandlers(
            now=lambda: datetime.now(UTC),
            accept=self._accept,
            refuse=self._refuse,
            tick=self._tick,
            reporter=self.reporter,
            providers=[ProviderName("p")],
            monotonic=lambda: 7.0,
        )

    async def _refuse(self, refused: Sequence[RefusedIntake]) -> None:
        self.calls.append(("refuse", refused))
        await self._does()

    async def _accept(self, job: EnqueuedJob, payloads: Sequence[Any]) -> JobResult:
        self.jobs.append(job)
        self.calls.append(("accept", payloads))
        return await self._does()

    async def _tick(self, name: str, provider: ProviderName | None) -> JobResult:
        self.calls.append((name, provider))
        return await self._does()


async def done() -> JobResult:
    return JobResult.DONE


async def broken() -> JobResult:
    raise ValueError(SECRET)


async def broken_in_a_group() -> JobResult:
    async with asyncio.TaskGroup() as group:
        group.create_task(broken())
    return JobResult.DONE


async def hang() -> JobResult:
    await asyncio.Event().wait()
    return JobResult.DONE


async def test_a_tick_for_a_process_that_reaches_the_provider_stays_in_the_queue() -> None:
    async def passed_on() -> JobResult:
        return JobResult.PASSED_ON

    work = Work(passed_on)
    with pytest.raises(Retry) as retry:
        await work.job("watch", "p")

    assert retry.value.defer_score is None, "at the head of the queue, for whoever is next"
    assert work.reporter.of("job") == [("watch", "passed_on", 0.0)]


@pytest.mark.parametrize("job", [tick.name for tick in PER_PROVIDER])
async def test_a_tick_of_a_provider_is_passed_on_and_reported(job: str) -> None:
    work = Work(done)

    await work.job(job, "p")

    assert work.calls == [(job, "p")]
    assert work.reporter.of("job") == [(job, "done", 0.0)]


@pytest.mark.parametrize("job", [tick.name for tick in FOR_ALL])
async def test_a_tick_for_all_is_passed_on_and_reported(job: str) -> None:
    work = Work(done)

    await work.job(job)

    assert work.calls == [(job, None)]
    assert work.reporter.of("job") == [(job, "done", 0.0)]


@pytest.mark.parametrize("given", [{"account": "a"}, [{"account": "a"}]])
async def test_numbers_are_accepted_one_by_one_or_in_lists(given: Any) -> None:
    work = Work(done)

    await work.job("accept", given)

    assert work.calls == [("accept", [{"account": "a"}])]


async def test_a_job_that_cannot_be_read_is_kept_whole() -> None:
    work = Work(done)

    await work.job("refuse", "unreadable", b"what it was")

    ((_, (refused,)),) = work.calls
    assert (refused.job.id, refused.reason, refused.body) == ("one", "unreadable", b"what it was")
    assert work.reporter.of("job") == [("accept", "refused", 0.0)]


async def test_a_job_that_comes_again_is_the_same_and_one_enqueued_anew_is_another() -> None:
    work = Work(done)

    await work.job("accept", {})
    await work.job("accept", {}, job_try=2)
    await work.job("accept", {}, enqueued=ENQUEUED + timedelta(milliseconds=1))
    for body in (b"one", b"one", b"another"):
        await work.job("refuse", "unreadable", body)

    first, again, anew = work.jobs
    assert first == again != anew
    first, again, anew = [refused.job for _, (refused,) in work.calls[3:]]
    assert first == again != anew


async def test_it_comes_again_until_it_is_kept() -> None:
    with pytest.raises(Retry):
        await Work(broken).job("refuse", "unreadable", b"what it was")


@pytest.mark.parametrize("does", [broken, broken_in_a_group])
async def test_a_tick_that_fails_is_reported_without_its_message(
    does: Callable[[], Awaitable[JobResult]],
) -> None:
    work = Work(does)

    await work.job("watch", "p")

    assert work.reporter.of("job") == [("watch", "failed", 0.0)]
    ((what, _, detail),) = work.reporter.of("trouble")
    assert what == "job.failed"
    assert detail.startswith("watch: ValueError at ")
    assert __name__.rsplit(".", maxsplit=1)[-1] in detail
    assert SECRET not in detail


async def test_a_tick_that_hangs_ends_before_arq_gives_it_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(jobs, "WORK_SECONDS", 0.01)
    work = Work(hang)

    await work.job("expire", "p")

    assert work.reporter.of("job") == [("expire", "failed", 0.0)]


@pytest.mark.parametrize(("job_try", "seconds"), [(1, 1), (2, 2), (3, 4), (6, 30), (999, 30)])
async def test_numbers_that_could_not_be_taken_are_tried_again(job_try: int, seconds: int) -> None:
    work = Work(broken)

    with pytest.raises(Retry) as retry:
        await work.job("accept", {}, job_try=job_try)

    assert retry.value.defer_score == seconds * 1_000
    assert work.reporter.of("job") == [("accept", "again", 0.0)]


async def test_numbers_whose_acceptance_hangs_are_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(jobs, "WORK_SECONDS", 0.01)

    with pytest.raises(Retry):
        await Work(hang).job("accept", {})


async def test_a_job_can_be_cancelled() -> None:
    work = Work(hang)
    running = asyncio.create_task(work.job("sweep"))
    await until(lambda: bool(work.calls))

    running.cancel()

    with pytest.raises(asyncio.CancelledError):
        await running


@pytest.mark.parametrize("job", JOBS.values(), ids=JOBS)
def test_every_job_is_short_keeps_no_result_and_may_be_tried_for_ever(job: Any) -> None:
    assert job.timeout_s == jobs.ARQ_SECONDS <= 30
    assert job.keep_result_s == 0
    assert job.max_tries >= 1_000_000
