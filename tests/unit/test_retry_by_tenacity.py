"""What is repeated follows its named backoff: which errors, how often, and after which waits."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from tests.unit.lifecycle.scripted import OwnTime
from worker.adapters.store.database import Database
from worker.adapters.tenacity_retry import TenacityRetry
from worker.domain.backoff import BACKOFFS, SAME_ORDER, STORE_WRITE, Backoff
from worker.ports.errors import StoreUnavailable

DOUBLING = {
    name: backoff
    for name, backoff in BACKOFFS.items()
    if isinstance(backoff, Backoff) and backoff.attempts is not None
}


class Away(Exception):
    """What is worth another attempt."""


@dataclass
class Failing:
    """Fails so many times, then answers."""

    times: int
    error: type[BaseException] = Away
    attempts: int = field(default=0)

    async def __call__(self) -> str:
        self.attempts += 1
        if self.attempts <= self.times:
            raise self.error
        return "done"


def retry_in(time: OwnTime) -> TenacityRetry:
    clock = time.clock()
    return TenacityRetry(sleep=clock.sleep, monotonic=clock.monotonic, chance=clock.chance)


async def test_what_succeeds_at_once_waits_for_nothing() -> None:
    time = OwnTime()

    assert await retry_in(time)(STORE_WRITE, Failing(0), on=Away) == "done"
    assert time.naps == []


async def test_an_attempt_may_be_a_function_that_returns_an_awaitable() -> None:
    failing = Failing(1)

    def attempt() -> Coroutine[Any, Any, str]:
        return failing()

    assert await retry_in(OwnTime())(STORE_WRITE, attempt, on=Away) == "done"


async def test_a_cancelled_attempt_stays_cancelled() -> None:
    failing = Failing(1, error=asyncio.CancelledError)

    with pytest.raises(asyncio.CancelledError):
        await retry_in(OwnTime())(STORE_WRITE, failing, on=Exception)

    assert failing.attempts == 1


@pytest.mark.parametrize("name", DOUBLING)
@pytest.mark.parametrize("chance", [0.0, 0.75])
async def test_it_waits_as_its_backoff_says_and_ends_with_the_last_error(
    name: str, chance: float
) -> None:
    backoff, time = DOUBLING[name], OwnTime(chance=chance)
    failing = Failing(1_000)

    with pytest.raises(Away):
        await retry_in(time)(backoff, failing, on=Away)

    waits = [backoff.wait(failed, chance).total_seconds() for failed in range(len(time.naps))]
    assert failing.attempts == backoff.attempts
    assert time.naps == waits
    assert len(waits) == failing.attempts - 1


async def test_it_goes_on_while_its_time_lasts() -> None:
    time = OwnTime()
    failing = Failing(1_000_000)

    with pytest.raises(Away):
        await retry_in(time)(SAME_ORDER, failing, on=Away)

    assert SAME_ORDER.within is not None
    within = SAME_ORDER.within.total_seconds()
    assert within <= time.elapsed <= within + SAME_ORDER.longest.total_seconds() + 1e-6


async def test_another_error_is_no_reason_to_attempt_again() -> None:
    failing = Failing(1, error=KeyError)

    with pytest.raises(KeyError):
        await retry_in(OwnTime())(STORE_WRITE, failing, on=Away)

    assert failing.attempts == 1


async def test_an_attempt_after_the_failures_is_the_answer() -> None:
    time = OwnTime(chance=0.5)

    assert await retry_in(time)(STORE_WRITE, Failing(2), on=(Away, KeyError)) == "done"
    assert time.naps == [STORE_WRITE.wait(failed, 0.5) / timedelta(seconds=1) for failed in (0, 1)]


async def test_a_transaction_without_a_database_is_tried_as_its_backoff_says() -> None:
    time = OwnTime(chance=0.5)
    database = Database("postgresql://127.0.0.1:1/nobody", pool_size=1, retry=retry_in(time))

    async def work(connection: AsyncConnection) -> None:
        raise AssertionError(connection)

    with pytest.raises(StoreUnavailable):
        await database.write(work)
    await database.close()

    assert time.naps == [
        STORE_WRITE.wait(failed, 0.5) / timedelta(seconds=1) for failed in range(3)
    ]
