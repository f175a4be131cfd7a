"""Time and chance as the lifecycle gets them; `now` is the database's time, never a host's.

The database says what time it is; from then on the process counts by itself, until the next
reading. A host whose clock is hours wrong, or is set while it runs, is only reported.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from worker.lifecycle.failure_backoff import describe_safely
from worker.ports.errors import StoreError
from worker.ports.reporter import Reporter


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """`monotonic` measures how long we ran; `now` only says when, and decides nothing about money.

    Guards on money use the database's clock.
    """

    now: Callable[[], datetime]
    monotonic: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]]
    chance: Callable[[], float]  #: In [0, 1).


async def wait_at_most(
    longest: timedelta, come: Awaitable[object], sleep: Callable[[float], Awaitable[None]]
) -> bool:
    """Wait for *come*, and give it up after so long; whether it came."""
    waits = (asyncio.ensure_future(come), asyncio.ensure_future(sleep(longest.total_seconds())))
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        return waits[0].done()
    finally:
        for wait in waits:
            wait.cancel()


FREE_YET: Final = timedelta(milliseconds=200)  #: Between two questions whether a lock is free.


async def free_while(
    lock: asyncio.Lock, keep_going: Callable[[], bool], sleep: Callable[[float], Awaitable[None]]
) -> bool:
    """Wait for a free lock while *keep_going* says so; whether it is free now."""
    while lock.locked():
        if not keep_going():
            return False
        await sleep(FREE_YET.total_seconds())
    return True


EVERY: Final = timedelta(seconds=5)  #: Between two readings.
#: A slower answer says too little about the instant: it may have waited for a connection, and a
#: last look has half a second.
ROUND_TRIP_MAX: Final = timedelta(milliseconds=200)
#: Between what this process counted and what the database says: readings are this exact, not more.
STEP_MIN: Final = timedelta(seconds=1)
#: A host's clock that differs by less is good enough for logs and certificates.
DIFFERENCE_MIN: Final = timedelta(seconds=2)

assert ROUND_TRIP_MAX <= STEP_MIN <= DIFFERENCE_MIN


@dataclass(slots=True, kw_only=True)
class DatabaseTime:
    """`now` may be asked as soon as `read` has returned once."""

    ask: Callable[[], Awaitable[datetime]]  #: The database's time; raises `StoreError`.
    monotonic: Callable[[], float]
    host_now: Callable[[], datetime]
    _at: datetime | None = None  #: The database's time at `_counted_from`.
    _counted_from: float = 0.0
    _took: timedelta = timedelta.max  #: The round trip of that reading.
    _reported: timedelta = timedelta(0)  #: The host's difference, when last reported.

    def now(self) -> datetime:
        assert self._at is not None, "the database was not asked yet"
        return self._at + timedelta(seconds=self.monotonic() - self._counted_from)

    @property
    def host_ahead(self) -> timedelta:
        """By how much the host's clock is ahead of the database's; below zero: behind."""
        return self.host_now() - self.now()

    async def read(self, reporter: Reporter) -> None:
        """Ask the database once, and report what is wrong with a clock. Raises `StoreError`.

        The answer is taken for the middle of the round trip. One that took too long is not used,
        except where the one in use took longer, or there is none yet.
        """
        asked = self.monotonic()
        answer = await self.ask()
        answered = self.monotonic()
        took = timedelta(seconds=answered - asked)
        if took > max(ROUND_TRIP_MAX, self._took):
            return
        self._took = took
        self._take(answer + took / 2, answered, reporter)
        self._compare_host(reporter)

    async def keep(self, sleep: Callable[[float], Awaitable[None]], reporter: Reporter) -> None:
        """Read again and again, until cancelled; while the database is away, count on."""
        while True:
            await sleep(EVERY.total_seconds())
            try:
                await self.read(reporter)
            except StoreError:
                continue  # Whoever needs the database reports that it is away.
            except Exception as error:  # noqa: BLE001 - without it the time would drift in silence
                reporter.trouble("clock.read_failed", detail=describe_safely(error))

    def _take(self, at: datetime, counted_from: float, reporter: Reporter) -> None:
        if self._at is not None:
            counted = self._at + timedelta(seconds=counted_from - self._counted_from)
            if abs(at - counted) > STEP_MIN:
                reporter.trouble("clock.database_stepped", detail=_seconds(at - counted))
        self._at, self._counted_from = at, counted_from

    def _compare_host(self, reporter: Reporter) -> None:
        """Report a host whose clock differs, and again when the difference has changed."""
        ahead = self.host_ahead
        if abs(ahead) < DIFFERENCE_MIN:
            ahead = timedelta(0)
        if abs(ahead - self._reported) < DIFFERENCE_MIN:
            return
        self._reported = ahead
        reporter.trouble("clock.host_differs", detail=_seconds(ahead))


def _seconds(difference: timedelta) -> str:
    return f"{difference.total_seconds():+.1f} s"
