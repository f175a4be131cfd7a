"""The schedule in Redis: one sorted set and one request budget per provider.

Keys: `aw:{provider}:due` (member: the number, score: when it is due or its lease ends, in µs of
the server's clock), `aw:{provider}:held:{instance}` (the same for what one process has leased, so
that it is due as soon as that one is dead), `aw:{provider}:budget`, `aw:{provider}:need` (who waits
for more of it, while it is not enough for all), `aw:{provider}:rebuilt` (which run of the server
has all that the database knows), `aw:{provider}:rebuilding` (the token of a rebuild, which a flush
takes away with the numbers), `aw:{provider}:list` (somebody reads its list), `aw:{provider}:ring`
(something was put there that is due before whoever naps wakes by itself), and
while the provider is away `aw:{provider}:probe` (somebody has just asked whether it is back),
`aw:{provider}:back` (it is).
"""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from importlib.resources import files
from itertools import islice
from typing import Any, Final, TypeVar
from uuid import uuid4

import redis.asyncio
from redis.exceptions import RedisError

from worker.adapters.redis.connect import ANSWER_SECONDS, open_pool
from worker.adapters.redis.members import decode, encode, micros_in, micros_of
from worker.adapters.redis.rate import Rate
from worker.domain.ids import ProviderName
from worker.ports.errors import ScheduleUnavailable
from worker.ports.instances import Holder, InstanceId, nobody
from worker.ports.schedule import (
    ENDS_SOON,
    LeaseBatch,
    Leased,
    Need,
    NextLook,
    ProbeTurn,
    RebuildToken,
    SleepFor,
)
from worker.ports.store.activations import LiveNumber

T = TypeVar("T")

#: For one round trip with everything that can precede it (connect, check). A Redis that is slower
#: is of no use: looks would come after their deadlines.
CALL_SECONDS = 1.0
WRITABLE = "aw:writable"  #: Written to see whether writes work; means nothing.
BATCH = 1_000  #: Numbers per script: Lua unpacks some 8,000 values, and the server waits.
NOTHING_SCHEDULED = timedelta(minutes=1)  #: The wait where no number is on the schedule.
#: What falls due sooner rings for whoever naps; so nobody naps for longer.
RING = timedelta(milliseconds=500)
TURN_MS = 950  #: Less than the second between two probes: their turn must be over by then.
BACK_MS = 5_000  #: Longer than any process takes to ask.

assert 3 * BATCH < 8_000
RING_US = micros_in(RING)
#: A server that froze runs what it was sent before, also where nobody waits for the answer.
RUN_LATE: Final = 5.0
ANSWERED_MAX: Final = 4_000  #: More leases than end by time: a look's lease lasts half a minute.


class RedisSchedule:
    """`Schedule` for all workers together. *clock* only turns instants into delays."""

    def __init__(
        self,
        url: str,
        rates: Mapping[ProviderName, float],
        *,
        clock: Callable[[], datetime],
        holder: Holder = nobody,
    ) -> None:
        self._redis = redis.asyncio.Redis(connection_pool=open_pool(url))
        # Who naps keeps a connection: none of those that others wait for.
        napping = open_pool(url, max(1, len(rates)), ANSWER_SECONDS + RING.total_seconds())
        # Untyped, as the client's type of a timeout knows no fractions of a second.
        self._napping: Any = redis.asyncio.Redis(connection_pool=napping)
        self._rates = {name: Rate.per_second(rate) for name, rate in rates.items()}
        self._clock = clock
        self._holder = holder
        self._unanswered: dict[ProviderName, float] = {}  #: Until when such leases may be run.
        self._answered = {name: deque[int](maxlen=ANSWERED_MAX) for name in rates}
        self._add = self._script("add")
        self._lease = self._script("lease")
        self._release = self._script("release")
        self._spend = self._script("spend")
        self._free = self._script("free")
        self._turn = self._script("turn")
        self._ring = self._script("ring")
        self._open_size = self._script("open_size")
        self._rebuilt = self._script("rebuilt")

    def _script(self, name: str) -> Any:  # noqa: ANN401 - the client does not type scripts
        here = files("worker.adapters.redis")
        source = (here / "budget.lua").read_text() + (here / f"{name}.lua").read_text()
        return self._redis.register_script(source)

    async def close(self) -> None:
        for client in (self._redis, self._napping):
            await client.aclose()
            await client.connection_pool.disconnect()

    async def add(
        self, provider: ProviderName, looks: Sequence[tuple[LiveNumber, datetime]]
    ) -> int:
        now = self._clock()
        new = 0
        for batch in batches(looks):
            parts = [part for n, at in batch for part in (micros_in(at - now), encode(n))]
            async with calling_redis():
                new += await self._add(keys=self._rung(provider), args=["NX", RING_US, *parts])
        return new

    async def hint(self, provider: ProviderName, *numbers: LiveNumber) -> None:
        for batch in batches(numbers):
            parts = [part for number in batch for part in (0, encode(number))]
            async with calling_redis():
                await self._add(keys=self._rung(provider), args=["LT", RING_US, *parts])

    async def nap(self, provider: ProviderName, longest: timedelta, _sleep: SleepFor) -> None:
        seconds = max(0.01, min(longest, RING).total_seconds())  # Zero would be for ever.
        async with calling_redis(seconds + CALL_SECONDS):
            await self._napping.blpop([ring_key(provider)], timeout=seconds)

    async def ring(self, provider: ProviderName) -> None:
        async with calling_redis():
            await self._ring(keys=[ring_key(provider)], args=[RING_US])

    async def lease(self, provider: ProviderName, limit: int, lease: timedelta) -> LeaseBatch:
        assert 0 < limit <= BATCH
        rate = self._rates[provider]
        await self._free_unanswered(provider)
        try:
            async with calling_redis():
                token, wait, *leased = await self._lease(
                    keys=[
                        due_key(provider),
                        budget_key(provider),
                        need_key(provider),
                        *self._held(provider),
                    ],
                    args=[
                        limit,
                        micros_in(lease),
                        rate.interval_us,
                        rate.ahead_us,
                        micros_of(self._clock()),
                        micros_in(ENDS_SOON),
                    ],
                )
        except ScheduleUnavailable:
            self._unanswered[provider] = time.monotonic() + RUN_LATE
            raise
        if leased:
            self._answered[provider].append(token)
        return LeaseBatch(
            numbers=[
                Leased(decode(member), token, timedelta(microseconds=late))
                for late, member in zip(leased[::2], leased[1::2], strict=True)
            ],
            wait=NOTHING_SCHEDULED if wait < 0 else timedelta(microseconds=wait),
        )

    async def release(self, provider: ProviderName, nexts: Sequence[NextLook]) -> int:
        now = self._clock()
        released = 0
        for batch in batches(nexts):
            parts = [part for look in batch for part in release_arguments(look, now)]
            async with calling_redis():
                keys = [*self._rung(provider), *self._held(provider)]
                released += await self._release(keys=keys, args=[RING_US, *parts])
        return released

    async def free(self, provider: ProviderName, instance: InstanceId) -> int:
        """Make due what a dead process holds; see `worker.ports.instances.LeasedLooks`."""
        return await self._free_but(provider, instance, ())

    async def free_own(self, provider: ProviderName) -> None:
        """Make due what this process has leased: Redis was not told how those looks ended."""
        if (holder := self._holder()) is not None:
            await self._free_but(provider, holder, ())

    async def _free_but(
        self, provider: ProviderName, instance: InstanceId, answered: Iterable[int]
    ) -> int:
        async with calling_redis():
            keys = [*self._rung(provider), held_key(provider, instance)]
            return int(await self._free(keys=keys, args=[RING_US, *answered]))

    async def _free_unanswered(self, provider: ProviderName) -> None:
        """Nobody looks at what a lease took that was not answered: make that due."""
        until, holder = self._unanswered.get(provider), self._holder()
        if until is None or holder is None:
            return
        begun = time.monotonic()
        await self._free_but(provider, holder, self._answered[provider])
        if begun > until and self._unanswered.get(provider) == until:
            del self._unanswered[provider]

    async def spend(self, provider: ProviderName, wanted: int, need: Need = Need.DUE) -> int:
        rate = self._rates[provider]
        async with calling_redis():
            return int(
                await self._spend(
                    keys=[budget_key(provider), need_key(provider)],
                    args=[wanted, rate.interval_us, rate.ahead_us, int(need)],
                )
            )

    async def probe_turn(self, provider: ProviderName, open_for: timedelta) -> ProbeTurn:
        waited_ms = max(0, micros_in(open_for) // 1000)
        async with calling_redis():
            turn = await self._turn(
                keys=turn_keys(provider), args=[TURN_MS, BACK_MS, waited_ms, str(self._holder())]
            )
        return ProbeTurn(turn.decode())

    async def answers_again(self, provider: ProviderName) -> None:
        async with calling_redis():
            await self._redis.set(back_key(provider), "1", px=BACK_MS)

    async def check_writes(self) -> None:
        """Raises `ScheduleUnavailable` where Redis is full, read-only, too slow or away."""
        async with calling_redis():
            await self._redis.set(WRITABLE, 1, px=1_000)

    async def size(self, provider: ProviderName) -> int:
        async with calling_redis():
            return int(await self._redis.zcard(due_key(provider)))

    async def open_size(self, provider: ProviderName) -> int:
        async with calling_redis():
            now = micros_of(self._clock())
            return int(await self._open_size(keys=[due_key(provider)], args=[now]))

    async def mark_list_read(self, provider: ProviderName, lasts: timedelta) -> None:
        key, milliseconds = list_key(provider), micros_in(lasts) // 1000
        async with calling_redis():
            if milliseconds > 0:
                await self._redis.set(key, "1", px=milliseconds)
            else:
                await self._redis.delete(key)

    async def list_unread(self, provider: ProviderName) -> bool:
        async with calling_redis():
            if await self._redis.exists(list_key(provider)):
                return False
        return await self.open_size(provider) > 0

    async def lag(self, provider: ProviderName) -> timedelta:
        async with calling_redis(), self._redis.pipeline(transaction=False) as pipe:
            pipe.zrange(due_key(provider), 0, 0, withscores=True)
            pipe.time()
            first, (seconds, micros) = await pipe.execute()
        if not first:
            return timedelta(0)
        now = seconds * 1_000_000 + micros
        return timedelta(microseconds=max(0, now - int(first[0][1])))

    async def begin_rebuild(self, provider: ProviderName) -> RebuildToken:
        """It names the server's run, as the marker does: another run may have lost numbers."""
        key = rebuilding_key(provider)
        async with calling_redis():
            run = await self._run_id()
            new = run + b":" + uuid4().hex.encode()
            if not await self._redis.set(key, new, nx=True):
                kept = await self._redis.get(key)
                if kept is not None and kept.startswith(run):
                    return RebuildToken(kept.decode())
                # Of two who do this at once one begins again: the mark is refused him.
                await self._redis.set(key, new)
            return RebuildToken(new.decode())

    async def rebuilt(self, provider: ProviderName, token: RebuildToken) -> bool:
        async with calling_redis():
            run = await self._run_id()
            if not token.encode().startswith(run):
                return False
            keys = [rebuilding_key(provider), rebuilt_key(provider)]
            return bool(await self._rebuilt(keys=keys, args=[token, run]))

    async def intact(self, provider: ProviderName) -> bool:
        """The marker names the server's run: a restart or a failover may have lost the last."""
        async with calling_redis():
            marker = await self._redis.get(rebuilt_key(provider))
            return marker is not None and marker == await self._run_id()

    @staticmethod
    def _rung(provider: ProviderName) -> list[str]:
        return [due_key(provider), ring_key(provider)]

    def _held(self, provider: ProviderName) -> list[str]:
        holder = self._holder()
        return [] if holder is None else [held_key(provider, holder)]

    async def _run_id(self) -> bytes:
        return str((await self._redis.info("server"))["run_id"]).encode()


@contextlib.asynccontextmanager
async def calling_redis(seconds: float = CALL_SECONDS) -> AsyncIterator[None]:
    """Whatever Redis or the way to it does wrong is one error, and soon."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except (RedisError, OSError, TimeoutError) as error:
        raise ScheduleUnavailable(type(error).__name__) from error


def release_arguments(look: NextLook, now: datetime) -> tuple[bytes, int, int | str]:
    delay = "" if look.at is None else micros_in(look.at - now)
    return encode(look.leased.number), look.leased.token, delay


def batches(items: Iterable[T]) -> Iterator[list[T]]:
    rest = iter(items)
    while batch := list(islice(rest, BATCH)):
        yield batch


def due_key(provider: ProviderName) -> str:
    return f"aw:{{{provider}}}:due"


def held_key(provider: ProviderName, instance: InstanceId) -> str:
    return f"aw:{{{provider}}}:held:{instance}"


def budget_key(provider: ProviderName) -> str:
    return f"aw:{{{provider}}}:budget"


def need_key(provider: ProviderName) -> str:
    return f"aw:{{{provider}}}:need"


def ring_key(provider: ProviderName) -> str:
    return f"aw:{{{provider}}}:ring"


def rebuilt_key(provider: ProviderName) -> str:
    return f"aw:{{{provider}}}:rebuilt"


def rebuilding_key(provider: ProviderName) -> str:
    return f"aw:{{{provider}}}:rebuilding"


def list_key(provider: ProviderName) -> str:
    return f"aw:{{{provider}}}:list"


def turn_keys(provider: ProviderName) -> list[str]:
    probe = f"aw:{{{provider}}}:probe"
    return [probe, back_key(provider), f"{probe}:last", f"{probe}:waits"]


def back_key(provider: ProviderName) -> str:
    return f"aw:{{{provider}}}:back"
