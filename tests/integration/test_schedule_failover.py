"""Going on without Redis, and coming back to it."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from tests.fakes.reporter import RecordingReporter
from tests.fakes.schedules import mark_rebuilt
from worker.adapters.redis.failover import (
    PATIENCE_SECONDS,
    PROBE_EVERY_SECONDS,
    FailoverSchedule,
)
from worker.adapters.redis.local import LocalSchedule
from worker.domain.ids import ActivationId, ProviderName, ProviderRef
from worker.ports.errors import ScheduleUnavailable
from worker.ports.schedule import LeaseBatch, Need, NextLook, RebuildToken
from worker.ports.store.activations import LiveNumber

P = ProviderName("p")
Q = ProviderName("q")
NOW = datetime(2026, 1, 1, tzinfo=UTC)
LEASE = timedelta(seconds=30)
POLL = timedelta(seconds=3)
A_MOMENT = timedelta(milliseconds=1)  #: In which the budget grants requests again.
NUMBER = LiveNumber(ActivationId(UUID(int=1)), ProviderRef("1"), NOW, NOW + timedelta(minutes=20))
SOON, SOON_TOO = (
    LiveNumber(ActivationId(UUID(int=n)), ProviderRef(str(n)), NOW, NOW + timedelta(seconds=3))
    for n in (2, 3)
)


class Enough(Exception):
    """Ends a loop that goes on for ever."""


class Flaky(LocalSchedule):
    """A schedule that can be out of reach, and counts who tried."""

    def __init__(
        self, clock: Callable[[], datetime], rates: Mapping[ProviderName, float] | None = None
    ) -> None:
        super().__init__(rates or {P: 1e6, Q: 1e6}, clock=clock)
        self.up = True
        self.takes_writes = True
        self.spends = self.adds = self.frees = True
        self.meanwhile: Callable[[], Awaitable[None]] | None = None  #: Before it spends.
        self.tries = 0

    def _try(self) -> None:
        self.tries += 1
        if not self.up:
            raise ScheduleUnavailable("ConnectionError")

    async def check_writes(self) -> None:
        self._try()
        if not self.takes_writes:
            raise ScheduleUnavailable("OutOfMemoryError")

    async def size(self, provider: ProviderName) -> int:
        self._try()
        return await super().size(provider)

    async def add(
        self, provider: ProviderName, looks: Sequence[tuple[LiveNumber, datetime]]
    ) -> int:
        self._try()
        if not self.adds:
            raise ScheduleUnavailable("TimeoutError")
        return await super().add(provider, looks)

    async def lease(self, provider: ProviderName, limit: int, lease: timedelta) -> LeaseBatch:
        self._try()
        return await super().lease(provider, limit, lease)

    async def release(self, provider: ProviderName, nexts: Sequence[NextLook]) -> int:
        self._try()
        return await super().release(provider, nexts)

    async def intact(self, provider: ProviderName) -> bool:
        self._try()
        return await super().intact(provider)

    async def begin_rebuild(self, provider: ProviderName) -> RebuildToken:
        self._try()
        return await super().begin_rebuild(provider)

    async def rebuilt(self, provider: ProviderName, token: RebuildToken) -> bool:
        self._try()
        return await super().rebuilt(provider, token)

    async def free_own(self, provider: ProviderName) -> None:
        """One process is all there is."""
        self._try()
        if not self.frees:
            raise ScheduleUnavailable("TimeoutError")
        scheduled = self._by_provider[provider]
        for member in list(scheduled.leased):
            scheduled.put(member, self._now())

    async def spend(self, provider: ProviderName, wanted: int, need: Need = Need.DUE) -> int:
        self._try()
        if self.meanwhile is not None:
            await self.meanwhile()
        if not self.spends:
            raise ScheduleUnavailable("TimeoutError")
        return await super().spend(provider, wanted, need)


class World:
    """A schedule whose Redis and whose time are ours."""

    def __init__(self) -> None:
        self.seconds = 100.0
        self.now = NOW
        self.redis = Flaky(lambda: self.now)
        self.reporter = RecordingReporter()
        local = LocalSchedule({P: 1e6, Q: 1e6}, clock=lambda: self.now)
        self.schedule = FailoverSchedule(
            self.redis, local, self.reporter, monotonic=lambda: self.seconds
        )

    async def probe(self, times: int = 1) -> None:
        """Let the loop that probes by writing run so many times."""
        left = [times]

        async def sleep(seconds: float) -> None:
            if not left[0]:
                raise Enough
            left[0] -= 1
            self.seconds += seconds

        with pytest.raises(Enough):
            await self.schedule.keep_probing(sleep)

    async def lose_redis(self) -> None:
        self.redis.up = False
        with pytest.raises(ScheduleUnavailable):
            await self.schedule.size(P)
        self.seconds += PATIENCE_SECONDS
        assert await self.schedule.size(P) == 0

    async def get_redis_back(self) -> None:
        self.redis.up = True
        await self.probe()


@pytest.fixture
def world() -> World:
    return World()


async def looking_without_redis(world: World) -> None:
    """Two numbers are looked at from memory; their windows end soon."""
    await world.lose_redis()
    await world.schedule.add(P, [(SOON, NOW), (SOON_TOO, NOW)])
    await mark_rebuilt(world.schedule, P)


async def test_a_last_look_that_is_due_when_redis_comes_back_is_leased_at_once_and_once(
    world: World,
) -> None:
    await looking_without_redis(world)

    await world.get_redis_back()

    assert not await world.schedule.intact(P), "the others come from the database"
    world.now += A_MOMENT
    leased = (await world.schedule.lease(P, 10, LEASE)).numbers
    assert sorted(each.number.ref for each in leased) == [SOON.ref, SOON_TOO.ref]


async def test_a_number_that_is_looked_at_as_redis_comes_back_goes_on_there_and_not_twice(
    world: World,
) -> None:
    await looking_without_redis(world)
    (mine,) = (await world.schedule.lease(P, 1, LEASE)).numbers

    await world.get_redis_back()

    world.now += A_MOMENT
    (other,) = (await world.schedule.lease(P, 10, LEASE)).numbers
    assert {mine.number, other.number} == {SOON, SOON_TOO}
    assert await world.schedule.release(P, [NextLook(mine, NOW)]) == 1
    assert [each.number for each in (await world.schedule.lease(P, 10, LEASE)).numbers] == [
        mine.number
    ]
    assert await world.schedule.release(P, [NextLook(other, None)]) == 1
    assert await world.schedule.size(P) == 1


async def test_a_number_that_comes_as_redis_takes_the_others_goes_there_too(world: World) -> None:
    await looking_without_redis(world)
    leased = (await world.schedule.lease(P, 2, LEASE)).numbers

    async def looked_at_meanwhile() -> None:
        world.redis.meanwhile = None
        await world.schedule.release(P, [NextLook(each, NOW) for each in leased])

    world.redis.meanwhile = looked_at_meanwhile
    await world.get_redis_back()

    world.now += A_MOMENT
    again = (await world.schedule.lease(P, 10, LEASE)).numbers
    assert sorted(each.number.ref for each in again) == [SOON.ref, SOON_TOO.ref]


async def test_a_redis_that_fails_at_the_last_numbers_has_them_from_the_database(
    world: World,
) -> None:
    await looking_without_redis(world)
    leased = (await world.schedule.lease(P, 2, LEASE)).numbers

    async def looked_at_meanwhile() -> None:
        world.redis.meanwhile = None
        await world.schedule.release(P, [NextLook(each, NOW) for each in leased])
        world.redis.adds = False

    world.redis.meanwhile = looked_at_meanwhile
    await world.get_redis_back()

    assert not world.schedule.away
    assert not await world.schedule.intact(P)


async def test_a_redis_that_fails_as_it_takes_the_numbers_leaves_them_here(world: World) -> None:
    await looking_without_redis(world)
    world.redis.spends = False

    await world.get_redis_back()

    assert world.schedule.away
    assert len((await world.schedule.lease(P, 10, LEASE)).numbers) == 2


async def test_a_bug_as_redis_takes_the_numbers_leaves_them_here(world: World) -> None:
    await looking_without_redis(world)

    async def bug() -> None:
        raise ZeroDivisionError

    world.redis.meanwhile = bug
    await world.get_redis_back()

    assert world.reporter.troubles == ["schedule.redis_lost", "schedule.probe_failed"]
    assert len((await world.schedule.lease(P, 10, LEASE)).numbers) == 2


async def test_a_next_look_that_redis_does_not_take_goes_there_with_the_next_try(
    world: World,
) -> None:
    await looking_without_redis(world)
    first, second = (await world.schedule.lease(P, 2, LEASE)).numbers
    await world.get_redis_back()
    world.redis.up = False
    with pytest.raises(ScheduleUnavailable):
        await world.schedule.release(P, [NextLook(first, NOW), NextLook(second, None)])
    world.redis.up = True

    await world.schedule.release(P, [NextLook(first, NOW), NextLook(second, None)])

    world.now += A_MOMENT
    assert [each.number for each in (await world.schedule.lease(P, 10, LEASE)).numbers] == [
        first.number
    ]


async def test_a_hiccup_does_not_lose_the_schedule(world: World) -> None:
    await world.schedule.add(P, [(NUMBER, NOW)])
    await mark_rebuilt(world.schedule, P)
    world.redis.up = False
    with pytest.raises(ScheduleUnavailable):
        await world.schedule.lease(P, 1, LEASE)

    world.redis.up = True
    world.seconds += 10 * PATIENCE_SECONDS

    assert await world.schedule.intact(P)
    assert (await world.schedule.lease(P, 1, LEASE)).numbers
    assert world.reporter.told == []


async def test_patience_begins_anew_after_an_answer(world: World) -> None:
    world.redis.up = False
    with pytest.raises(ScheduleUnavailable):
        await world.schedule.size(P)
    world.redis.up = True
    await world.schedule.size(P)
    world.seconds += PATIENCE_SECONDS
    world.redis.up = False

    with pytest.raises(ScheduleUnavailable):
        await world.schedule.size(P)


async def test_without_redis_numbers_are_claimed_from_memory(world: World) -> None:
    await mark_rebuilt(world.schedule, P)
    await world.lose_redis()

    assert not await world.schedule.intact(P)
    await world.schedule.add(P, [(NUMBER, NOW)])
    await mark_rebuilt(world.schedule, P)

    assert await world.schedule.intact(P)
    assert (await world.schedule.lease(P, 1, LEASE)).numbers
    assert world.schedule.away
    assert world.reporter.troubles == ["schedule.redis_lost"]


async def test_no_caller_asks_a_lost_redis(world: World) -> None:
    """A slow one would hold up the looks of whoever asks it."""
    await world.lose_redis()
    tries = world.redis.tries

    world.seconds += 60.0
    for _ in range(10):
        await world.schedule.lease(P, 1, LEASE)
    assert world.redis.tries == tries

    await world.probe()
    assert world.redis.tries == tries + 1


async def test_redis_is_found_back_and_has_to_be_rebuilt(world: World) -> None:
    await mark_rebuilt(world.schedule, P)
    await mark_rebuilt(world.schedule, Q)
    await world.lose_redis()

    await world.get_redis_back()

    assert not world.schedule.away
    assert [await world.schedule.intact(P), await world.schedule.intact(Q)] == [False, False]
    await mark_rebuilt(world.schedule, P)
    assert [await world.schedule.intact(P), await world.schedule.intact(Q)] == [True, False]
    assert world.reporter.troubles == ["schedule.redis_lost", "schedule.redis_back"]


async def test_what_was_leased_from_redis_and_looked_at_while_it_was_away_is_due_again(
    world: World,
) -> None:
    """Memory, which was told of its next look, knew no such lease."""
    await world.schedule.add(P, [(NUMBER, NOW)])
    (mine,) = (await world.schedule.lease(P, 1, LEASE)).numbers
    await world.lose_redis()
    await world.schedule.release(P, [NextLook(mine, world.now + POLL)])
    world.now += timedelta(seconds=2)
    await world.get_redis_back()
    await world.schedule.add(P, [(NUMBER, world.now + POLL)])  # As the rebuild does.

    world.now += POLL + A_MOMENT

    assert [each.number for each in (await world.schedule.lease(P, 10, LEASE)).numbers] == [NUMBER]


async def test_a_last_look_of_a_number_that_redis_still_holds_as_leased_is_made(
    world: World,
) -> None:
    last = SOON.deadline_at - timedelta(seconds=0.5)
    await world.schedule.add(P, [(SOON, NOW)])
    (mine,) = (await world.schedule.lease(P, 1, LEASE)).numbers
    await world.lose_redis()
    await world.schedule.release(P, [NextLook(mine, last)])
    await world.schedule.add(P, [(SOON, last)])
    await mark_rebuilt(world.schedule, P)
    world.now += timedelta(seconds=2)
    await world.get_redis_back()

    world.now = last + A_MOMENT

    assert [each.number for each in (await world.schedule.lease(P, 10, LEASE)).numbers] == [SOON]


async def test_a_look_that_hung_over_the_outage_is_made_once_more_and_no_oftener(
    world: World,
) -> None:
    """Redis cannot tell it from one whose end it was not told."""
    await world.schedule.add(P, [(NUMBER, NOW)])
    (hangs,) = (await world.schedule.lease(P, 1, LEASE)).numbers
    await world.lose_redis()
    await world.get_redis_back()
    world.now += A_MOMENT
    (again,) = (await world.schedule.lease(P, 10, LEASE)).numbers

    assert await world.schedule.release(P, [NextLook(hangs, NOW)]) == 0

    world.now += A_MOMENT
    assert not (await world.schedule.lease(P, 10, LEASE)).numbers
    assert await world.schedule.release(P, [NextLook(again, None)]) == 1
    assert await world.schedule.size(P) == 0


async def test_a_redis_that_fails_as_leases_are_freed_is_not_back(world: World) -> None:
    await looking_without_redis(world)
    world.redis.frees = False

    await world.get_redis_back()

    assert world.schedule.away
    assert len((await world.schedule.lease(P, 10, LEASE)).numbers) == 2


async def test_what_memory_knew_is_not_kept_for_the_next_outage(world: World) -> None:
    await world.lose_redis()
    await world.schedule.add(P, [(NUMBER, NOW)])
    await mark_rebuilt(world.schedule, P)
    await world.get_redis_back()

    await world.lose_redis()

    assert not await world.schedule.intact(P)
    assert await world.schedule.size(P) == 0


async def test_a_lease_from_memory_ends_none_of_redis(world: World) -> None:
    await world.schedule.add(P, [(NUMBER, NOW)])
    await world.lose_redis()
    await world.schedule.add(P, [(NUMBER, NOW)])
    claim = await world.schedule.lease(P, 1, LEASE)
    await world.get_redis_back()

    await world.schedule.release(P, [NextLook(claim.numbers[0], None)])
    assert await world.schedule.size(P) == 1


async def test_back_at_redis_nothing_is_granted_in_advance(world: World) -> None:
    """What memory granted in the last second, Redis does not know of."""
    await world.schedule.add(P, [(NUMBER, NOW)])
    await world.lose_redis()
    await world.get_redis_back()

    lease = await world.schedule.lease(P, 1, LEASE)

    assert lease.numbers == []
    assert timedelta(0) < lease.wait < timedelta(milliseconds=1)  # As the rate says.
    assert await world.schedule.spend(P, 1) == 0
    assert await world.schedule.spend(Q, 1) == 0


async def test_back_at_redis_the_budget_is_taken_whole_though_a_greater_need_waits(
    world: World,
) -> None:
    await LocalSchedule.spend(world.redis, P, 10**6, Need.PRESSED)  # Another process's press.
    world.now += 100 * A_MOMENT
    await world.lose_redis()
    await world.get_redis_back()

    assert await world.schedule.spend(P, 1000, Need.PRESSED) == 0


async def test_a_redis_that_takes_no_writes_is_given_up_though_every_read_succeeds(
    world: World,
) -> None:
    """Full, or a replica: it answers, and no number can be put on its schedule."""
    world.redis.takes_writes = False

    for _ in range(4):
        await world.probe()
        await world.schedule.size(P)

    assert world.schedule.away
    assert world.reporter.troubles == ["schedule.redis_lost"]


async def test_it_is_given_up_within_its_patience_and_two_probes(world: World) -> None:
    world.redis.takes_writes = False
    began = world.seconds

    while not world.schedule.away:
        await world.probe()

    assert world.seconds - began <= PATIENCE_SECONDS + 2 * PROBE_EVERY_SECONDS


async def test_one_probe_that_fails_is_a_hiccup(world: World) -> None:
    world.redis.takes_writes = False
    await world.probe()
    world.redis.takes_writes = True
    await world.probe(times=10)

    assert not world.schedule.away
    assert world.reporter.told == []


async def test_a_redis_that_takes_no_writes_yet_is_not_back(world: World) -> None:
    await world.lose_redis()
    world.redis.up = True
    world.redis.takes_writes = False

    await world.probe()

    assert world.schedule.away
