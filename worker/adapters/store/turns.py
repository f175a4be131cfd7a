"""Turns: of one account's calls in this process, one at a time waits for its row.

Each would keep a connection while it waits. Somebody who keeps one account locked would take all of
them with a handful of calls, and every other account would wait, too.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
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
    async def of(self, account: str) -> AsyncIterator[None]:
        """Raises `RowLocked` when it does not come in time."""
        lock = self._locks.setdefault(account, asyncio.Lock())
        self._users[account] += 1
        try:
            await _acquire(lock)
            try:
                yield
            finally:
                lock.release()
        finally:
            self._users[account] -= 1
            if not self._users[account]:
                del self._users[account], self._locks[account]


async def _acquire(lock: asyncio.Lock) -> None:
    if not lock.locked():  # The usual case, without a timer.
        await lock.acquire()
        return
    try:
        async with asyncio.timeout(TURN_MAX.total_seconds()):
            await lock.acquire()
    except TimeoutError:
        raise RowLocked("database: an account stays locked") from None
