"""arq jobs hand their work on, report how it ended, and lose nothing that is nowhere else."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeAlias

import pytest
from arq.worker import Retry

from tests.fakes.reporter import RecordingReporter
from tests.fakes.turns import until
from worker import jobs
from worker.domain.ids import ProviderName
from worker.jobs import JOBS, Ctx, JobHandlers

Job: TypeAlias = Callable[..., Coroutine[Any, Any, None]]

PER_PROVIDER = [jobs.watch, jobs.expire, jobs.repair, jobs.reconcile]
FOR_ALL = [jobs.sweep, jobs.deliver_events, jobs.audit, jobs.timers, jobs.canary]
SECRET = "+4917012345678"


class Work:
    """JobHandlers that note who called them, and do what the test says."""

    def __init__(self, does: Callable[[], Awaitable[str]]) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.reporter = RecordingReporter()
        self._does = does

    def ctx(self, job_try: int = 1) -> Ctx:
        named = {job.name: self._service(job.name) for job in JOBS}
        services = JobHandlers(
            **named,
            reporter=self.reporter,
            providers=[ProviderName("p")],
            monotonic=lambda: 7.0,
        )
        return {"services": services, "job_try": job_try}

    def _service(self, name: str) -> jobs.Service:
        async def serve(*arguments: object) -> str:
            self.calls.append((name, *arguments))
            return await self._does()

        return serve


async def done() -> str:
    return "done"


async def broken() -> str:
    raise ValueError(SECRET)


async def broken_in_a_group() -> str:
    async with asyncio.TaskGroup() as group:
        group.create_task(broken())
    return "never"


async def hang() -> str:
    await asyncio.Event().wait()
    return "never"


@pytest.mark.parametrize("job", PER_PROVIDER)
async def test_a_tick_of_a_provider_is_passed_on_and_reported(job: Job) -> None:
    work = Work(done)

    await job(work.ctx(), "p")

    assert work.calls == [(job.__name__, "p")]
    assert work.reporter.of("job") == [(job.__name__, "done", 0.0)]


@pytest.mark.parametrize("job", FOR_ALL)
async def test_a_tick_for_all_is_passed_on_and_reported(job: Job) -> None:
    work = Work(done)

    await job(work.ctx())

    assert work.calls == [(job.__name__,)]
    assert work.reporter.of("job") == [(job.__name__, "done", 0.0)]


@pytest.mark.parametrize("given", [{"account": "a"}, [{"account": "a"}]])
async def test_numbers_are_accepted_one_by_one_or_in_lists(given: Any) -> None:
    work = Work(done)

    await jobs.accept(work.ctx(), given)

    assert work.calls == [("accept", [{"account": "a"}])]


async def test_too_many_numbers_in_one_job_are_refused() -> None:
    work = Work(done)

    await jobs.accept(work.ctx(), [{}] * (jobs.ACCEPT_MAX + 1))

    assert work.calls == []
    assert work.reporter.of("job") == [("accept", "refused", 0.0)]


@pytest.mark.parametrize("does", [broken, broken_in_a_group])
async def test_a_tick_that_fails_is_reported_without_its_message(
    does: Callable[[], Awaitable[str]],
) -> None:
    work = Work(does)

    await jobs.watch(work.ctx(), "p")

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

    await jobs.expire(work.ctx(), "p")

    assert work.reporter.of("job") == [("expire", "failed", 0.0)]


@pytest.mark.parametrize(("job_try", "seconds"), [(1, 1), (2, 2), (3, 4), (6, 30), (999, 30)])
async def test_numbers_that_could_not_be_taken_are_tried_again(job_try: int, seconds: int) -> None:
    work = Work(broken)

    with pytest.raises(Retry) as retry:
        await jobs.accept(work.ctx(job_try), {})

    assert retry.value.defer_score == seconds * 1_000
    assert work.reporter.of("job") == [("accept", "again", 0.0)]


async def test_numbers_whose_acceptance_hangs_are_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(jobs, "WORK_SECONDS", 0.01)

    with pytest.raises(Retry):
        await jobs.accept(Work(hang).ctx(), {})


async def test_a_job_can_be_cancelled() -> None:
    work = Work(hang)
    running = asyncio.create_task(jobs.sweep(work.ctx()))
    await until(lambda: bool(work.calls))

    running.cancel()

    with pytest.raises(asyncio.CancelledError):
        await running


@pytest.mark.parametrize("job", JOBS, ids=lambda job: job.name)
def test_every_job_is_short_keeps_no_result_and_may_be_tried_for_ever(job: Any) -> None:
    assert job.timeout_s == jobs.ARQ_SECONDS <= 30
    assert job.keep_result_s == 0
    assert job.max_tries >= 1_000_000
