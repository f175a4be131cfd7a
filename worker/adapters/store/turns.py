"""Who waits for a locked account: of each account's calls in this process, one at a time.

Each would keep a connection while it waits. Somebody who keeps one account locked would take all of
them with a handful of calls, and every other account would wait, too.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, TypeAlias, TypeVar

from worker.ports.errors import RowLocked

TURN_MAX: Final = timedelta(seconds=2)  #: For the calls before this one.
#: The same for calls that take longer: a case is judged by dozens of statements. As long as the
#: server lets a statement wait for a row, which is what they then do.
LONG_TURN_MAX: Final = timedelta(seconds=10)
#: Then for the row itself. A transaction of ours holds one for less than half a second.
LOCK_WAIT: Final = timedelta(seconds=1)
WAITS_MAX: Final = 4  #: Of one call; each is over when one account stays locked.

Item = TypeVar("Item")
Result = TypeVar("Result")
#: Does what it is given, by its place, and says what became of each.
Round: TypeAlias = Callable[[dict[int, Item]], Awaitable[Mapping[int, Result]]]


@dataclass(frozen=True, slots=True)
class AccountTurns:
    _locks: dict[str, asyncio.Lock] = field(default_factory=dict)
    _users: Counter[str] = field(default_factory=Counter)

    @asynccontextmanager
    async def of(self, accounts: Iterable[str], within: timedelta) -> AsyncIterator[None]:
        """Raises `RowLocked` when they do not all come in time. Taken in order of their names."""
        names = sorted(set(accounts))
        self._users.update(names)
        taken: list[asyncio.Lock] = []
        try:
            locks = [self._locks.setdefault(name, asyncio.Lock()) for name in names]
            await _acquire(locks, taken, within)
            yield
        finally:
            for lock in taken:
                lock.release()
            self._forget(names)

    def _forget(self, names: Sequence[str]) -> None:
        self._users.subtract(names)
        for name in names:
            if not self._users[name]:
                del self._users[name], self._locks[name]


async def _acquire(
    locks: Sequence[asyncio.Lock], taken: list[asyncio.Lock], within: timedelta
) -> None:
    try:
        async with asyncio.timeout(within.total_seconds()):
            for lock in locks:
                await lock.acquire()
                taken.append(lock)
    except TimeoutError:
        raise RowLocked("database: an account stays locked") from None


async def wait_for_locked(
    items: dict[int, Item],
    *,
    free: Round[Item, Result],
    waiting: Round[Item, Result],
    is_locked: Callable[[Result], bool],
) -> dict[int, Result]:
    """What becomes of items whose accounts others have locked just now.

    *free* skips those; *waiting* takes all in order, or raises `RowLocked`. Most who hold an
    account are calls like this one, and done in a moment: they are waited for. One who keeps his
    account longer ends the wait, and what others have let go by then is taken. Where that is
    nothing, the call is over.
    """
    results: dict[int, Result] = {}
    left = items
    for _ in range(WAITS_MAX):
        try:
            results |= await waiting(left)
        except RowLocked:
            results |= await free(left)
        before = len(left)
        left = {at: item for at, item in left.items() if is_locked(results[at])}
        if len(left) in {0, before}:
            break
    return results
