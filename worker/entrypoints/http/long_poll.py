"""Long polling: one query for the versions of all things that callers wait for.

What this process changes is told to it, and asked about at once; what others change is noticed by
asking about all now and then.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

from worker.ports.errors import StoreError

EVERY_SECONDS = 1.0
WAITERS_MAX = 10_000

Key = TypeVar("Key", bound=Hashable)
Versions: TypeAlias = Callable[[Sequence[Key]], Awaitable[Mapping[Key, int]]]
Sleep = Callable[[float], Awaitable[None]]


class TooManyWaiters(Exception):
    """WAITERS_MAX calls wait already."""


@dataclass(frozen=True, slots=True, eq=False)
class _Waiter:
    version: int  #: The newest version its caller knows.
    disconnected: Callable[[], bool]
    woken: "asyncio.Future[None]"

    def wake(self) -> None:
        if not self.woken.done():
            self.woken.set_result(None)


Condition: TypeAlias = Callable[[Key, _Waiter], bool]


def _is_newer(versions: Mapping[Key, int]) -> Condition[Key]:
    """Only a higher version wakes: a caller that came during the query can know a newer one."""
    return lambda id_, waiter: versions.get(id_, 0) > waiter.version


class LongPoll(Generic[Key]):
    """Queries the store only while a caller waits."""

    def __init__(
        self,
        versions: Versions[Key],
        *,
        sleep: Sleep = asyncio.sleep,
        every_seconds: float = EVERY_SECONDS,
    ) -> None:
        self._versions = versions
        self._every_seconds = every_seconds
        self._sleep = sleep
        self._waiters: dict[Key, set[_Waiter]] = {}
        self._count = 0
        self._poller: asyncio.Task[None] | None = None
        self._changed: set[Key] = set()
        self._asker: asyncio.Task[None] | None = None
        self._closed = False

    async def wait(
        self,
        id_: Key,
        version: int,
        *,
        seconds: float,
        disconnected: Callable[[], bool],
    ) -> bool:
        """Return when the thing is newer than *version*, or, with False, when *seconds* are over.

        Returns early when the caller has disconnected and when the process stops.
        """
        if self._closed:
            return False
        if self._count >= WAITERS_MAX:
            raise TooManyWaiters
        waiter = _Waiter(version, disconnected, asyncio.get_running_loop().create_future())
        self._add(id_, waiter)
        try:
            async with asyncio.timeout(seconds):
                await waiter.woken
        except TimeoutError:
            return False  # Nothing changed; the caller answers with the thing as it is.
        finally:
            self._remove(id_, waiter)
        return True

    def changed(self, ids: Sequence[Key]) -> None:
        """These have changed: who waits for them is woken without waiting for the next round."""
        self._changed |= self._waiters.keys() & set(ids)
        if self._changed and (self._asker is None or self._asker.done()):
            self._asker = asyncio.create_task(self._ask_changed())

    def close(self) -> None:
        """Wake every waiter; from now on nobody waits."""
        self._closed = True
        self._wake(lambda _id, _waiter: True)
        for task in (self._poller, self._asker):
            if task is not None:
                task.cancel()

    def _add(self, id_: Key, waiter: _Waiter) -> None:
        self._waiters.setdefault(id_, set()).add(waiter)
        self._count += 1
        if self._poller is None or self._poller.done():
            self._poller = asyncio.create_task(self._poll())

    def _remove(self, id_: Key, waiter: _Waiter) -> None:
        waiting = self._waiters[id_]
        waiting.remove(waiter)
        self._count -= 1
        if not waiting:
            del self._waiters[id_]

    async def _poll(self) -> None:
        while self._waiters:
            await self._sleep(self._every_seconds)
            self._wake(lambda _id, waiter: waiter.disconnected())
            self._wake(_is_newer(await self._current(list(self._waiters))))

    async def _ask_changed(self) -> None:
        """Those that change during a query are the next one's."""
        while self._changed:
            ids, self._changed = list(self._changed), set()
            self._wake(_is_newer(await self._current(ids)))

    async def _current(self, ids: Sequence[Key]) -> Mapping[Key, int]:
        try:
            return await self._versions(ids) if ids else {}
        except StoreError:
            return {}  # Nobody is woken; each wait still ends with its own time.

    def _wake(self, condition: Condition[Key]) -> None:
        for id_, waiting in self._waiters.items():
            for waiter in waiting:
                if condition(id_, waiter):
                    waiter.wake()
