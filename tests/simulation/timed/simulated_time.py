"""Time that passes only when everybody waits: minutes of it take a second.

The database's clock is simulated too: its roles here find `simulated.now()` before PostgreSQL's
own `now()`. The guards of the worker's statements run unchanged, on this clock.
"""

import asyncio
import heapq
import itertools
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Final

#: Who sleeps wakes on a multiple of it, as on a busy host: fewer instants are fewer statements.
GRAIN_US: Final = 100_000
START: Final = datetime(2031, 5, 4, 12, tzinfo=UTC)
QUIET_TURNS: Final = 30  #: Of the loop in which nothing happens, before all of them wait.
ANSWER_S: Final = 0.1  #: Real seconds, until it is asked why a call has no answer yet.
ANSWER_TRIES: Final = 600  #: A machine may be busy; then time stands still.
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND: Final = timedelta(microseconds=1)

INSTALL: Final = """
CREATE SCHEMA simulated;
GRANT USAGE ON SCHEMA simulated TO PUBLIC;
CREATE SEQUENCE simulated.clock AS bigint;
GRANT SELECT ON simulated.clock TO PUBLIC;
CREATE FUNCTION simulated.now() RETURNS timestamptz LANGUAGE sql STABLE AS
    $$ SELECT timestamptz 'epoch' + last_value * interval '1 microsecond' FROM simulated.clock $$;
CREATE FUNCTION simulated.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE AS
    $$ SELECT timestamptz 'epoch' + last_value * interval '1 microsecond' FROM simulated.clock $$;
DO $$
DECLARE found record;
BEGIN
    FOR found IN SELECT table_name, column_name FROM information_schema.columns
                  WHERE table_schema = 'public' AND column_default = 'now()'
    LOOP
        EXECUTE format('ALTER TABLE public.%I ALTER COLUMN %I SET DEFAULT simulated.now()',
                       found.table_name, found.column_name);
    END LOOP;
END $$
"""


class SimulatedTime:
    """One time for all processes, their provider, Redis and the database."""

    def __init__(
        self, tell: Callable[[int], Awaitable[None]], blocked: Callable[[], Awaitable[int]]
    ) -> None:
        self._tell = tell  #: Sets the database's clock, in microseconds since the epoch.
        self._blocked = blocked  #: How many statements wait for a lock: they wait for time to pass.
        self._elapsed_us = 0
        self._sleepers: list[tuple[int, int, asyncio.Future[None]]] = []
        self._order = itertools.count()
        self._busy = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._moves = 0
        self._blocked_at: int | None = None  #: The move after which only time can help.

    def now(self) -> datetime:
        return START + self._elapsed_us * MICROSECOND

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return self._elapsed_us / 1_000_000

    def monotonic(self) -> float:
        return self.elapsed

    async def sleep(self, seconds: float) -> None:
        self._moves += 1
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        # However little is left to wait, time passes: who slept for no time would ask for ever.
        wake_us = self._elapsed_us + max(1, int(seconds * 1_000_000))
        wake_us += -wake_us % GRAIN_US
        waiting = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (wake_us, next(self._order), waiting))
        await waiting

    @contextmanager
    def outside(self) -> Iterator[None]:
        """A call to a real server is under way: time waits for its answer."""
        self._busy += 1
        self._moves += 1
        self._idle.clear()
        try:
            yield
        finally:
            self._busy -= 1
            self._moves += 1
            if not self._busy:
                self._idle.set()

    async def passes_until(self, seconds: float) -> None:
        """Let time pass until so long after the start."""
        end_us = int(seconds * 1_000_000)
        while True:
            await self._all_wait()
            while self._sleepers and self._sleepers[0][2].done():
                heapq.heappop(self._sleepers)
            if not self._sleepers or self._sleepers[0][0] > end_us:
                break
            await self._becomes(self._sleepers[0][0])
            while self._sleepers and self._sleepers[0][0] <= self._elapsed_us:
                waiting = heapq.heappop(self._sleepers)[2]
                if not waiting.done():
                    waiting.set_result(None)
        await self._becomes(end_us)

    async def tell(self) -> None:
        """Tell the database once more: it may be another one."""
        await self._tell((self.now() - EPOCH) // MICROSECOND)

    async def _becomes(self, elapsed_us: int) -> None:
        if elapsed_us > self._elapsed_us:
            self._elapsed_us = elapsed_us
            await self.tell()

    async def _all_wait(self) -> None:
        """Until nobody does anything without time passing."""
        quiet = 0
        while quiet < QUIET_TURNS:
            if self._busy:
                quiet = 0
                if not await self._answered():
                    return
                continue
            before = self._moves
            await asyncio.sleep(0)
            quiet = quiet + 1 if self._moves == before else 0

    async def _answered(self) -> bool:
        """Whether all calls to the outside were answered; False: the rest wait for a lock."""
        for _ in range(ANSWER_TRIES):
            try:
                async with asyncio.timeout(0.0 if self._blocked_at == self._moves else ANSWER_S):
                    await self._idle.wait()
            except TimeoutError:
                if await self._blocked() >= self._busy:
                    self._blocked_at = self._moves
                    return False
            else:
                return True
        raise AssertionError("a call to the outside has no answer, and waits for no lock")
