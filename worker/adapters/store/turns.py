"""Turns: of one account's calls in this process, one at a time waits for its row.

Each would keep a connection while it waits. Somebody who keeps one account locked would take all of
them with a handful of calls, and every other account would wait, too.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from worker.ports.errors import RowLocked

TURN_MAX: Final = timedelta(seconds=2)  #: For the calls before this one.
#: Then for the row itself. A transaction of ours holds one for less than half a second.
LOCK_WAIT: Final = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class AccountTurns:
    _locks: dict[str, asyncio.Lock] = field(default_factory=dict)
    _users: Counter[str] = field(default_factory=Counter)

    @asynccontextmanager
    async def of(self, accounts: Iterable[str]) -> AsyncIterator[None]:
        """Raises `RowLocked` when they do not all come in time. Taken in order of their names."""
        names = sorted(set(accounts))
        self._users.update(names)
        taken: list[asyncio.Lock] = []
        try:
            await _acquire([self._locks.setdefault(name, asyncio.Lock()) for name in names], taken)
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


async def _acquire(locks: Sequence[asyncio.Lock], taken: list[asyncio.Lock]) -> None:
    try:
        async with asyncio.timeout(TURN_MAX.total_seconds()):
            for lock in locks:
                await lock.acquire()
                taken.append(lock)
    except TimeoutError:
        raise RowLocked("database: an account stays locked") from None
