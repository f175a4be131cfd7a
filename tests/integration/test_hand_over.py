"""Numbers handed over by `worker.client`, read by a real worker from a real Redis."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from arq.connections import ArqRedis, create_pool
from arq.connections import RedisSettings as ArqSettings
from arq.constants import job_key_prefix

from tests.fakes.work import BODY, Work, working
from worker.adapters.redis.queue import open_queue
from worker.client import hand_over
from worker.ports.handover import QUEUE


@pytest.fixture
def work() -> Work:
    return Work()


async def _taken(work: Work, redis_url: str) -> list[Any]:
    async with working(work, redis_url):
        await work.reporter.heard("job", "accept", "done")
    return work.accepted


async def test_a_number_is_handed_over_by_a_url(work: Work, redis_url: str) -> None:
    job = await hand_over(redis_url, BODY)

    assert job
    assert await _taken(work, redis_url) == [BODY]


async def test_an_applications_own_pool_may_pickle_and_have_another_queue(
    work: Work, redis_url: str
) -> None:
    pool = await create_pool(ArqSettings.from_dsn(redis_url), default_queue_name="the-shops-own")

    await hand_over(pool, [BODY, {**BODY, "provider_ref": "2"}])
    await pool.enqueue_job("something_else")

    assert await pool.zcard("the-shops-own") == 1
    await pool.aclose(close_connection_pool=True)
    taken = await _taken(work, redis_url)
    assert [each["provider_ref"] for each in taken] == ["1", "2"]


async def test_an_instant_of_python_arrives_as_one(work: Work, redis_url: str) -> None:
    rented_at = datetime(2026, 1, 1, 12, tzinfo=UTC)

    await hand_over(redis_url, {**BODY, "rented_at": rented_at})

    (taken,) = await _taken(work, redis_url)
    assert taken["rented_at"] == "2026-01-01T12:00:00+00:00"


@pytest.mark.parametrize(
    ("number", "says"),
    [
        ({**BODY, "rented_at": datetime(2026, 1, 1)}, "offset"),  # noqa: DTZ001 - what is refused
        ({**BODY, "policy": object()}, "object"),
        ([], "1 to 1000"),
        ([BODY] * 1_001, "1 to 1000"),
    ],
    ids=["an instant without an offset", "no plain value", "nothing", "too many"],
)
async def test_what_cannot_be_handed_over_is_refused_before_it_is_sent(
    redis_url: str, number: Any, says: str
) -> None:
    with pytest.raises((TypeError, ValueError), match=says):
        await hand_over(redis_url, number)

    queue = open_queue(redis_url)
    assert await queue.zcard(QUEUE) == 0
    await queue.aclose(close_connection_pool=True)


async def test_a_number_waits_for_weeks_for_a_worker(redis_url: str) -> None:
    job = await hand_over(redis_url, BODY)

    queue: ArqRedis = open_queue(redis_url)
    left = timedelta(milliseconds=await queue.pttl(job_key_prefix + job))
    await queue.aclose(close_connection_pool=True)
    assert left > timedelta(days=29)
