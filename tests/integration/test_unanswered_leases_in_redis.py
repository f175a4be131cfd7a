"""Leases of looks that Redis never answered, or whose end it was not told: due again at once."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit
from uuid import UUID

import pytest

from worker.adapters.redis import schedule as module
from worker.adapters.redis.schedule import RedisSchedule
from worker.domain.ids import ActivationId, ProviderName, ProviderRef
from worker.ports.errors import ScheduleUnavailable
from worker.ports.instances import InstanceId
from worker.ports.schedule import Leased, NextLook
from worker.ports.store.activations import LiveNumber

P = ProviderName("p")
LEASE = timedelta(seconds=30)
HOUR = timedelta(hours=1)
HERE = InstanceId(UUID(int=1))
OTHER = InstanceId(UUID(int=2))


def utc_now() -> datetime:
    return datetime.now(UTC)


class Way:
    """The way to Redis: an answer may be lost on it, or a command be held up."""

    def __init__(self, socket: str) -> None:
        self._socket = socket
        self.loses_answers = False
        self.gate = asyncio.Event()  #: What comes here while it is cleared waits for it.
        self.gate.set()
        self.answered = asyncio.Event()  #: Something was, by Redis.
        self._ends: list[asyncio.StreamWriter] = []
        self._tasks: set[asyncio.Task[None]] = set()

    async def __call__(self, here: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        there, forth = await asyncio.open_unix_connection(self._socket)
        self._ends += [back, forth]
        for moving in (self._move(here, forth), self._answers(there, back)):
            task = asyncio.ensure_future(moving)
            self._tasks.add(task)

    async def _move(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await reader.read(65_536):
            await self.gate.wait()
            writer.write(chunk)

    async def _answers(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await reader.read(65_536):
            self.answered.set()
            if self.loses_answers:
                writer.close()
                return
            writer.write(chunk)

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for end in self._ends:
            end.close()


@pytest.fixture
async def way(redis_url: str) -> AsyncIterator[Way]:
    way = Way(urlsplit(redis_url).path)
    yield way
    await way.close()


@pytest.fixture
async def schedule(way: Way, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[RedisSchedule]:
    monkeypatch.setattr(module, "CALL_SECONDS", 0.3)
    async with await asyncio.start_server(way, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        url = f"redis://127.0.0.1:{port}/0"
        schedule = RedisSchedule(url, {P: 1e6}, clock=utc_now, holder=lambda: HERE)
        yield schedule
        await schedule.close()
        await way.close()


@pytest.fixture
async def another(redis_url: str) -> AsyncIterator[RedisSchedule]:
    schedule = RedisSchedule(redis_url, {P: 1e6}, clock=utc_now, holder=lambda: OTHER)
    yield schedule
    await schedule.close()


def number(index: int) -> LiveNumber:
    rented = utc_now()
    return LiveNumber(
        id=ActivationId(UUID(int=index)),
        ref=ProviderRef(str(index)),
        rented_at=rented,
        deadline_at=rented + timedelta(days=1),
    )


async def due(schedule: RedisSchedule, *indices: int) -> None:
    """The first of them is due for the longest."""
    began = utc_now() - HOUR
    looks = [(number(index), began + timedelta(seconds=index)) for index in indices]
    await schedule.add(P, looks)


def places(leased: Sequence[Leased]) -> list[str]:
    return [each.number.ref for each in leased]


async def test_what_an_unanswered_lease_took_is_leased_by_the_next(
    schedule: RedisSchedule, another: RedisSchedule, way: Way
) -> None:
    await due(schedule, 1, 2, 3, 4)
    (in_hand,) = (await schedule.lease(P, 1, LEASE)).numbers
    (elsewhere,) = (await another.lease(P, 1, LEASE)).numbers
    way.loses_answers = True
    with pytest.raises(ScheduleUnavailable):
        await schedule.lease(P, 1, LEASE)
    way.loses_answers = False

    leased = (await schedule.lease(P, 9, LEASE)).numbers

    assert sorted(places(leased)) == ["3", "4"]
    later = utc_now() + HOUR
    assert await schedule.release(P, [NextLook(each, later) for each in (in_hand, *leased)]) == 3
    assert await another.release(P, [NextLook(elsewhere, later)]) == 1


async def test_what_a_held_up_lease_takes_after_the_next_is_leased_by_a_later_one(
    schedule: RedisSchedule, way: Way
) -> None:
    """A server that froze runs what it was sent before, when nobody waits for the answer."""
    await due(schedule, 1, 2)
    gate, way.gate = way.gate, asyncio.Event()
    with pytest.raises(ScheduleUnavailable):
        await schedule.lease(P, 1, LEASE)
    way.gate, held_up = gate, way.gate
    first = (await schedule.lease(P, 1, LEASE)).numbers

    way.answered.clear()
    held_up.set()
    await way.answered.wait()

    assert places(first) == ["1"]
    assert places((await schedule.lease(P, 9, LEASE)).numbers) == ["2"]


async def test_what_a_process_frees_of_its_own_is_due_and_what_others_hold_is_not(
    schedule: RedisSchedule, another: RedisSchedule
) -> None:
    await due(schedule, 1, 2, 3)
    mine = (await schedule.lease(P, 2, LEASE)).numbers
    (elsewhere,) = (await another.lease(P, 1, LEASE)).numbers

    await schedule.free_own(P)

    assert places((await another.lease(P, 9, LEASE)).numbers) == places(mine)
    later = utc_now() + HOUR
    assert await schedule.release(P, [NextLook(each, later) for each in mine]) == 0
    assert await another.release(P, [NextLook(elsewhere, later)]) == 1


async def test_a_process_that_has_not_begun_frees_nothing(
    redis_url: str, another: RedisSchedule
) -> None:
    """Its leases name nobody: only time ends them."""
    unnamed = RedisSchedule(redis_url, {P: 1e6}, clock=utc_now)
    await due(another, 1, 2)
    await unnamed.lease(P, 1, LEASE)
    await another.lease(P, 1, LEASE)

    await unnamed.free_own(P)

    assert not (await another.lease(P, 9, LEASE)).numbers
    await unnamed.close()
