"""The rate budget: bought in small chunks, waited for, and never kept until it is stale."""

import asyncio
from typing import Any, cast

import pytest

from tests.fakes.turns import at_rest, until
from tests.unit.lifecycle.scripted import SIM, OwnTime, Stub, terms
from worker.adapters.redis.local import LocalBudget
from worker.adapters.redis.rate import Rate
from worker.domain.ids import ProviderName
from worker.lifecycle.budget import CHUNK, CHUNK_MAX, PAUSE_MAX, Budget, pause_at
from worker.ports.errors import ScheduleUnavailable
from worker.ports.schedule import Need


class Spending:
    """A budget on a schedule that grants what it is told to grant."""

    def __init__(self, rate: float, **other: Any) -> None:
        self.schedule = Stub(spend=lambda _, wanted, _need: wanted)
        self.time = OwnTime()
        of = terms(requests_per_second=rate)
        self.budget = Budget(cast("Any", self.schedule), of, self.time.clock(), **other)

    def wanted(self) -> list[int]:
        return [wanted for _, wanted, _ in self.schedule.asked("spend")]


@pytest.mark.parametrize(
    ("rate", "chunk"), [(0.5, 1), (19.0, 1), (40.0, 2), (1000.0, 50), (1_000_000.0, CHUNK_MAX)]
)
async def test_a_chunk_is_a_moment_of_the_rate(rate: float, chunk: int) -> None:
    spending = Spending(rate)

    for _ in range(chunk + 1):
        await spending.budget.take()

    assert spending.wanted()[0] == chunk
    assert len(spending.wanted()) == 2
    assert spending.schedule.asked("spend")[0][0] == SIM


async def test_who_needs_one_request_buys_one() -> None:
    spending = Spending(1000.0, most=1)

    await spending.budget.take()

    assert spending.wanted() == [1]


@pytest.mark.parametrize("rate", [0.5, 1, 3, 10, 19, 20, 25, 30, 35, 45, 50, 60, 75, 100, 150])
async def test_while_much_is_owed_the_rate_is_used_up(rate: float) -> None:
    """What a provider grants while nobody asks for it is lost: it is asked for often enough."""
    spending = Spending(rate)
    granted = LocalBudget(Rate.per_second(rate))

    def spend(_name: ProviderName, wanted: int, need: Need) -> int:
        spending.time.elapsed += 0.0005  # One round trip.
        now = int(spending.time.elapsed * 1_000_000)
        paid = min(wanted, granted.allowed(now, need))
        granted.pay(paid, need, now, wants_more=paid < wanted)
        return paid

    spending.schedule.answers["spend"] = spend
    requests, seconds = 0, max(10, 40 / rate)
    while spending.time.elapsed < seconds:
        await spending.budget.take()
        requests += 1

    assert requests >= 0.9 * rate * seconds


@pytest.mark.parametrize("rate", [0.01, 0.5, 1, 20, 50, 1_000, 1_000_000])
def test_no_pause_is_longer_than_the_longest_or_so_short_that_it_is_asked_all_the_time(
    rate: float,
) -> None:
    assert 0.005 <= pause_at(rate) <= PAUSE_MAX.total_seconds()


async def test_without_budget_one_waits_and_asks_again() -> None:
    spending = Spending(1000.0)
    grants = [0, 0, 3]
    spending.schedule.answers["spend"] = lambda *_: grants.pop(0)

    await spending.budget.take()

    assert spending.time.naps == [pause_at(1000.0)] * 2


async def test_without_a_schedule_one_waits_until_there_is_one() -> None:
    spending = Spending(1000.0)
    tries: list[None] = []

    def leaving(*_: Any) -> int:
        tries.append(None)
        if len(tries) < 3:
            raise ScheduleUnavailable
        return 1

    spending.schedule.answers["spend"] = leaving

    await spending.budget.take()

    assert len(tries) == 3
    assert len(spending.time.naps) == 2


async def test_many_at_once_share_what_one_of_them_buys() -> None:
    spending = Spending(1000.0)

    await asyncio.gather(*(spending.budget.take() for _ in range(20)))

    assert spending.wanted() == [50]


async def test_nobody_gets_more_than_was_granted() -> None:
    spending = Spending(1000.0)
    granted: list[int] = []

    def few(_: Any, wanted: int, _need: object) -> int:
        granted.append(min(wanted, 3))
        return granted[-1]

    spending.schedule.answers["spend"] = few

    await asyncio.gather(*(spending.budget.take() for _ in range(20)))

    assert sum(granted) >= 20
    assert len(granted) == 7


async def test_what_was_bought_long_ago_is_lost_and_less_is_bought_from_then_on() -> None:
    spending = Spending(1000.0)
    for _ in range(3):
        await spending.budget.take()
        spending.time.pass_by(3 * CHUNK)

    await spending.budget.take()

    assert spending.wanted() == [50, 25, 12, 6]


async def test_who_needs_more_again_buys_more_again() -> None:
    spending = Spending(1000.0)
    for _ in range(6):
        await spending.budget.take()
        spending.time.pass_by(3 * CHUNK)
    assert spending.wanted() == [50, 25, 12, 6, 3, 1]

    for _ in range(1 + 2 + 4 + 8):
        await spending.budget.take()

    assert spending.wanted()[6:] == [2, 4, 8, 16]


async def test_the_next_chunk_is_bought_before_the_last_request_is_gone() -> None:
    spending = Spending(1000.0)

    for _ in range(25):
        await spending.budget.take()
    await at_rest()

    assert spending.wanted() == [50, 25]


async def test_no_more_is_bought_ahead_than_is_wanted() -> None:
    spending = Spending(1000.0, most=20)

    for _ in range(20):
        await spending.budget.take()
    await at_rest()

    assert spending.wanted() == [20]


async def test_few_requests_are_not_bought_ahead() -> None:
    spending = Spending(200.0)

    for _ in range(10):
        await spending.budget.take()
    await at_rest()

    assert spending.wanted() == [10]


async def test_who_gives_up_waiting_leaves_the_others_their_turn() -> None:
    spending = Spending(1000.0)
    grants = [0] * 5 + [10]
    spending.schedule.answers["spend"] = lambda *_: grants.pop(0)
    waiting = [asyncio.ensure_future(spending.budget.take()) for _ in range(3)]
    await until(lambda: spending.wanted() != [])
    waiting[0].cancel()

    await asyncio.wait_for(asyncio.gather(*waiting[1:]), 10)

    assert waiting[0].cancelled()
