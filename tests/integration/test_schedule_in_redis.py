"""What only the real server shows: the budget under pressure, lost scripts, outages, many."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import TypeAlias
from uuid import UUID

import pytest
import redis.asyncio

from tests.conftest import Valkey
from tests.fakes.schedules import mark_rebuilt
from worker.adapters.redis import schedule as module
from worker.adapters.redis.members import encode
from worker.adapters.redis.schedule import RedisSchedule, turn_keys
from worker.domain.ids import ActivationId, ProviderName, ProviderRef
from worker.ports.errors import ScheduleUnavailable
from worker.ports.instances import InstanceId
from worker.ports.schedule import Leased, Need, NextLook, ProbeTurn, RebuildToken, Schedule
from worker.ports.store.activations import LiveNumber

P = ProviderName("p")
LEASE = timedelta(seconds=30)
DEAD = InstanceId(UUID(int=1))
ALIVE = InstanceId(UUID(int=2))
HOUR = timedelta(hours=1)
RENTED = datetime.now(UTC)  #: Redis has a clock of its own, and drops what is past its deadline.

Open: TypeAlias = Callable[..., RedisSchedule]


def utc_now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
async def open_schedule(redis_url: str) -> AsyncIterator[Open]:
    opened: list[RedisSchedule] = []

    def open_one(
        rate: float = 1e6, url: str = redis_url, holder: InstanceId | None = None
    ) -> RedisSchedule:
        opened.append(RedisSchedule(url, {P: rate}, clock=utc_now, holder=lambda: holder))
        return opened[-1]

    yield open_one
    for schedule in opened:
        await schedule.close()


def number(index: int) -> LiveNumber:
    return LiveNumber(
        id=ActivationId(UUID(int=index)),
        ref=ProviderRef(f"{100_000_000 + index}"),
        rented_at=RENTED,
        deadline_at=RENTED + timedelta(days=1),  # However long the tests before it took.
    )


@pytest.mark.parametrize("rate", [7, 50, 400])
async def test_no_second_sees_more_requests_than_the_rate(open_schedule: Open, rate: int) -> None:
    await open_schedule(rate).add(P, [(number(i), utc_now() - HOUR) for i in range(2_000)])
    asked: list[float] = []
    answered: list[float] = []
    wanted = 2 * rate + 2

    async def look(schedule: Schedule) -> int:
        return len((await schedule.lease(P, 100, LEASE)).numbers)

    async def cancel(schedule: Schedule) -> int:
        return await schedule.spend(P, 3)

    async def drive(ask: Callable[[Schedule], Awaitable[int]]) -> None:
        schedule = open_schedule(rate)
        while len(asked) < wanted:
            asked_at = time.monotonic()
            granted = await ask(schedule)
            asked.extend([asked_at] * granted)
            answered.extend([time.monotonic()] * granted)

    # At half of the rate it takes 4 s.
    async with asyncio.timeout(3.75):
        await asyncio.gather(drive(look), drive(cancel), drive(look), drive(cancel))

    # A request was granted after it was asked for and before its answer: this is the longest
    # that a rate's worth of requests and one more can have taken.
    spans = [last - first for first, last in zip(sorted(asked), sorted(answered)[rate:])]  # noqa: B905 - a rate shorter
    assert min(spans) >= 1


async def test_a_budget_survives_a_clock_that_is_set_back(open_schedule: Open) -> None:
    schedule = open_schedule(10)
    far_ahead = int((utc_now() + HOUR).timestamp()) * 1_000_000
    async with redis.asyncio.Redis(connection_pool=schedule._redis.connection_pool) as client:
        await client.set(module.budget_key(P), far_ahead)
    await schedule.add(P, [(number(1), utc_now() - HOUR)])

    claim = await schedule.lease(P, 1, LEASE)

    assert claim.wait < timedelta(seconds=0.2)


async def test_needs_noted_before_a_clock_is_set_back_stop_nobody(open_schedule: Open) -> None:
    schedule = open_schedule(100)
    ahead = int((utc_now() + HOUR).timestamp()) * 1_000_000
    async with redis.asyncio.Redis(connection_pool=schedule._redis.connection_pool) as client:
        noted = {"w0": ahead, "w1": ahead, "s1": ahead, "s2": ahead}
        await client.hset(module.need_key(P), mapping=noted)  # type: ignore[misc] # as redis types it
        unhindered = await schedule.spend(P, 3, Need.DUE)
        waits = int((utc_now() + timedelta(seconds=0.2)).timestamp() * 1_000_000)
        await client.hset(module.need_key(P), mapping={"w0": waits, "s1": ahead})  # type: ignore[misc] # as redis types it
        shared = await schedule.spend(P, 2, Need.DUE)

    assert (unhindered, shared) == (3, 1)


async def test_looks_of_a_dead_process_are_due_at_once(open_schedule: Open) -> None:
    dead, alive = open_schedule(holder=DEAD), open_schedule(holder=ALIVE)
    await dead.add(P, [(number(i), utc_now() - HOUR) for i in range(3)])
    (given_back, lost, *_) = (await dead.lease(P, 2, LEASE)).numbers
    (others,) = (await alive.lease(P, 1, LEASE)).numbers
    await dead.release(P, [NextLook(given_back, utc_now() + HOUR)])

    assert await alive.free(P, DEAD) == 1

    again = (await alive.lease(P, 10, LEASE)).numbers
    assert [leased.number for leased in again] == [lost.number]
    assert await dead.release(P, [NextLook(lost, None)]) == 0, "it is fenced"
    assert await alive.release(P, [NextLook(others, None)]) == 1
    assert await alive.free(P, DEAD) == 0


async def test_a_look_that_another_holds_since_is_not_freed(open_schedule: Open) -> None:
    dead, alive = open_schedule(holder=DEAD), open_schedule(holder=ALIVE)
    await dead.add(P, [(number(1), utc_now() - HOUR)])
    await dead.lease(P, 1, timedelta(0))
    (leased,) = (await alive.lease(P, 1, LEASE)).numbers

    assert await alive.free(P, DEAD) == 0

    assert await alive.release(P, [NextLook(leased, None)]) == 1


async def test_what_a_process_holds_is_forgotten_with_time(
    open_schedule: Open, redis_url: str
) -> None:
    schedule = open_schedule(holder=DEAD)
    await schedule.add(P, [(number(1), utc_now() - HOUR)])
    await schedule.lease(P, 1, LEASE)

    async with redis.asyncio.Redis.from_url(redis_url) as client:
        assert 0 < await client.pttl(module.held_key(P, DEAD)) <= 120_000


async def test_an_idle_budget_leaves_no_key(open_schedule: Open, redis_url: str) -> None:
    assert await open_schedule(10).spend(P, 1) == 1

    async with redis.asyncio.Redis.from_url(redis_url) as client:
        assert 0 < await client.pttl(module.budget_key(P)) <= 1_200


async def test_lost_scripts_are_loaded_again(open_schedule: Open, valkey: Valkey) -> None:
    schedule = open_schedule()
    await schedule.add(P, [(number(1), utc_now() - HOUR)])
    await schedule.lease(P, 1, LEASE)

    valkey.flush()

    assert await schedule.add(P, [(number(2), utc_now() - HOUR)]) == 1
    assert [c.number for c in (await schedule.lease(P, 1, LEASE)).numbers] == [number(2)]
    assert await schedule.spend(P, 1) == 1


async def test_a_flush_is_seen_as_not_intact(open_schedule: Open, valkey: Valkey) -> None:
    schedule = open_schedule()
    await mark_rebuilt(schedule, P)

    valkey.flush()

    assert not await schedule.intact(P)


async def test_another_run_of_the_server_is_not_intact(open_schedule: Open, redis_url: str) -> None:
    schedule = open_schedule()
    async with redis.asyncio.Redis.from_url(redis_url) as client:
        await client.set(module.rebuilt_key(P), "the run before")

    assert not await schedule.intact(P)


async def test_a_rebuild_that_spans_a_flush_leaves_no_mark(
    open_schedule: Open, valkey: Valkey
) -> None:
    schedule, another = open_schedule(), open_schedule()
    token = await schedule.begin_rebuild(P)
    assert await another.begin_rebuild(P) == token

    valkey.flush()

    assert not await schedule.rebuilt(P, token)
    new = await another.begin_rebuild(P)
    assert not await schedule.rebuilt(P, token)
    assert not await schedule.intact(P)
    assert await another.rebuilt(P, new)
    assert await schedule.intact(P)


async def test_a_rebuild_that_spans_two_runs_of_the_server_leaves_no_mark(
    open_schedule: Open, redis_url: str
) -> None:
    """The last numbers of the run before may be lost, though the token is kept."""
    schedule = open_schedule()
    before = RebuildToken("the run before:1")
    async with redis.asyncio.Redis.from_url(redis_url) as client:
        await client.set(module.rebuilding_key(P), before)

    assert not await schedule.rebuilt(P, before)
    token = await schedule.begin_rebuild(P)

    assert token != before
    assert await schedule.rebuilt(P, token)


async def test_a_worker_whose_clock_is_off_schedules_right(redis_url: str) -> None:
    skewed = RedisSchedule(redis_url, {P: 1e6}, clock=lambda: utc_now() - HOUR)
    await skewed.add(P, [(number(1), utc_now() - HOUR - timedelta(seconds=1))])
    claim = await skewed.lease(P, 1, LEASE)

    later = utc_now() - HOUR + timedelta(seconds=60)
    await skewed.release(P, [NextLook(claim.numbers[0], later)])

    wait = (await skewed.lease(P, 1, LEASE)).wait
    assert timedelta(seconds=55) < wait <= timedelta(seconds=60)
    await skewed.close()


async def test_a_stopped_server_is_one_error_and_comes_back(
    open_schedule: Open, valkey: Valkey
) -> None:
    schedule = open_schedule()
    await schedule.add(P, [(number(1), utc_now() - HOUR)])
    valkey.kill()

    for call in calls(schedule):
        with pytest.raises(ScheduleUnavailable):
            await call

    await valkey.start()
    assert await schedule.size(P) == 0
    assert not await schedule.intact(P)


async def test_a_black_hole_is_left_soon(
    open_schedule: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CALL_SECONDS", 0.2)
    asked = asyncio.Event()

    async def swallow(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.set()
        await finished.wait()
        writer.close()

    finished = asyncio.Event()
    server = await asyncio.start_server(swallow, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        schedule = open_schedule(url=f"redis://127.0.0.1:{port}/0")
        started = time.monotonic()
        with pytest.raises(ScheduleUnavailable):
            await schedule.lease(P, 1, LEASE)
        finished.set()

    assert asked.is_set()
    assert time.monotonic() - started < 2


def test_the_connections_of_the_pool_have_limits() -> None:
    schedule = RedisSchedule("redis://127.0.0.1:9/0", {P: 1}, clock=utc_now)

    kwargs = schedule._redis.connection_pool.connection_kwargs

    assert 0 < kwargs["socket_timeout"] < module.CALL_SECONDS
    assert 0 < kwargs["socket_connect_timeout"] < module.CALL_SECONDS
    assert kwargs["socket_keepalive"]
    assert kwargs["health_check_interval"] > 0


async def test_a_readable_key_holds_no_secret_and_one_slot(
    open_schedule: Open, redis_url: str
) -> None:
    schedule = open_schedule()
    await schedule.add(P, [(number(1), utc_now())])
    await schedule.spend(P, 1)
    await mark_rebuilt(schedule, P)

    async with redis.asyncio.Redis.from_url(redis_url) as client:
        keys = sorted(await client.keys("*"))
        kinds = ("budget", "due", "rebuilding", "rebuilt", "ring")
        assert keys == [f"aw:{{p}}:{kind}".encode() for kind in kinds]


async def test_of_many_numbers_those_due_longest_are_leased_first(open_schedule: Open) -> None:
    schedule = open_schedule()
    await fill(schedule, 20_000)

    for turn in range(3):
        claim = await schedule.lease(P, 500, LEASE)
        assert [leased.number for leased in claim.numbers] == [
            number(index) for index in range(500 * turn, 500 * (turn + 1))
        ]

    assert await schedule.size(P) == 20_000


FILL = """
for i = 0, ARGV[1] - 1 do
    local member = string.format('%032x|%d|', i, 100000000 + i) .. ARGV[3]
    redis.call('ZADD', KEYS[1], ARGV[2] + i, member)
end
"""


async def fill(schedule: RedisSchedule, count: int) -> None:
    """By the server itself: what is tested is the lease."""
    past = int((utc_now() - HOUR).timestamp()) * 1_000_000
    times = encode(number(0)).decode().split("|", maxsplit=2)[2]
    script = schedule._redis.register_script(FILL)
    await script(keys=[module.due_key(P)], args=[count, past, times])


def calls(schedule: RedisSchedule) -> list[Awaitable[object]]:
    return [
        schedule.add(P, [(number(1), utc_now())]),
        schedule.hint(P, number(1)),
        schedule.nap(P, timedelta(seconds=1), asyncio.sleep),
        schedule.lease(P, 1, LEASE),
        schedule.release(P, [NextLook(Leased(number(1), 1), None)]),
        schedule.spend(P, 1),
        schedule.size(P),
        schedule.open_size(P),
        schedule.lag(P),
        schedule.begin_rebuild(P),
        schedule.mark_list_read(P, LEASE),
        schedule.list_unread(P),
        schedule.rebuilt(P, RebuildToken("")),
        schedule.intact(P),
    ]


async def test_of_all_processes_one_asks_whether_a_provider_is_back(open_schedule: Open) -> None:
    processes = [open_schedule() for _ in range(4)]

    turns = [await each.probe_turn(P, LEASE) for each in processes]

    assert turns == [ProbeTurn.ASK, ProbeTurn.WAIT, ProbeTurn.WAIT, ProbeTurn.WAIT]


async def test_the_answer_one_process_had_is_heard_by_all(open_schedule: Open) -> None:
    asking, waiting = open_schedule(), open_schedule()
    assert await asking.probe_turn(P, LEASE) is ProbeTurn.ASK

    await asking.answers_again(P)

    assert await waiting.probe_turn(P, LEASE) is ProbeTurn.BACK


async def test_an_answer_from_before_the_outage_ends_no_outage(open_schedule: Open) -> None:
    asking, waiting = open_schedule(), open_schedule()
    await asking.answers_again(P)
    await asyncio.sleep(0.05)

    assert await waiting.probe_turn(P, timedelta(milliseconds=10)) is ProbeTurn.ASK


async def test_who_asked_last_gives_way_to_another_that_waits(
    open_schedule: Open, redis_url: str
) -> None:
    """One whose own way to the provider is cut would else ask each time, and the others never."""
    cut, other = (open_schedule(holder=holder) for holder in (DEAD, ALIVE))
    assert await cut.probe_turn(P, LEASE) is ProbeTurn.ASK
    assert await other.probe_turn(P, LEASE) is ProbeTurn.WAIT

    asked = []
    for _ in range(4):
        await end_turn(redis_url)  # Who is cut off comes first each time.
        asked.append([await each.probe_turn(P, LEASE) for each in (cut, other, cut)])

    assert (
        asked
        == [
            [ProbeTurn.WAIT, ProbeTurn.ASK, ProbeTurn.WAIT],
            [ProbeTurn.ASK, ProbeTurn.WAIT, ProbeTurn.WAIT],
        ]
        * 2
    )


async def test_a_process_alone_asks_at_every_turn(open_schedule: Open, redis_url: str) -> None:
    alone = open_schedule(holder=ALIVE)
    for _ in range(3):
        assert await alone.probe_turn(P, LEASE) is ProbeTurn.ASK
        assert await alone.probe_turn(P, LEASE) is ProbeTurn.WAIT
        await end_turn(redis_url)


async def end_turn(redis_url: str) -> None:
    async with redis.asyncio.Redis.from_url(redis_url) as server:
        await server.delete(turn_keys(P)[0])
