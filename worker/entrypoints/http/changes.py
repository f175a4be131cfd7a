"""Waiting for an activation to change: one question to the store for all who wait, not one each."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from worker.domain.ids import ActivationId
from worker.ports.errors import StoreError

EVERY_SECONDS = 0.2
WAITERS_MAX = 10_000

Versions = Callable[[Sequence[ActivationId]], Awaitable[Mapping[ActivationId, int]]]
Sleep = Callable[[float], Awaitable[None]]


class TooManyWait(Exception):
    """There is a limit on everything, also on those who wait."""


@dataclass(frozen=True, slots=True, eq=False)
class _Waiter:
    known: int
    gone: Callable[[], bool]
    woken: "asyncio.Future[None]"

    def wake(self) -> None:
        if not self.woken.done():
            self.woken.set_result(None)


Whom: TypeAlias = Callable[[ActivationId, _Waiter], bool]


def _newer_in(found: Mapping[ActivationId, int]) -> Whom:
    """One who began to wait meanwhile may know more than was found: only more counts."""
    return lambda id_, waiter: found.get(id_, 0) > waiter.known


class Changes:
    """Asks for versions only while somebody waits."""

    def __init__(self, versions: Versions, *, sleep: Sleep = asyncio.sleep) -> None:
        self._versions = versions
        self._sleep = sleep
        self._waiters: dict[ActivationId, set[_Waiter]] = {}
        self._count = 0
        self._poller: asyncio.Task[None] | None = None
        self._closed = False

    async def wait(
        self, id_: ActivationId, known: int, *, seconds: float, gone: Callable[[], bool]
    ) -> None:
        """Return when its version exceeds *known*, the time is over, or there is no use waiting.

        *gone* says whether the one who waits has hung up.
        """
        if self._closed:
            return
        if self._count >= WAITERS_MAX:
            raise TooManyWait
        waiter = _Waiter(known, gone, asyncio.get_running_loop().create_future())
        self._add(id_, waiter)
        try:
            async with asyncio.timeout(seconds):
                await waiter.woken
        except TimeoutError:
            pass  # Nothing changed: the caller shows what there is.
        finally:
            self._remove(id_, waiter)

    def close(self) -> None:
        """Let everybody go, now and from now on."""
        self._closed = True
        self._wake(lambda _id, _waiter: True)
        if self._poller is not None:
            self._poller.cancel()

    def _add(self, id_: ActivationId, waiter: _Waiter) -> None:
        self._waiters.setdefault(id_, set()).add(waiter)
        self._count += 1
        if self._poller is None or self._poller.done():
            self._poller = asyncio.create_task(self._poll())

    def _remove(self, id_: ActivationId, waiter: _Waiter) -> None:
        waiting = self._waiters[id_]
        waiting.remove(waiter)
        self._count -= 1
        if not waiting:
            del self._waiters[id_]

    async def _poll(self) -> None:
        while self._waiters:
            await self._sleep(EVERY_SECONDS)
            self._wake(lambda _id, waiter: waiter.gone())
            self._wake(_newer_in(await self._found()))

    async def _found(self) -> Mapping[ActivationId, int]:
        try:
            return await self._versions(list(self._waiters)) if self._waiters else {}
        except StoreError:
            return {}  # Nothing is known; those who wait are told when their time is over.

    def _wake(self, whom: Whom) -> None:
        for id_, waiting in self._waiters.items():
            for waiter in waiting:
                if whom(id_, waiter):
                    waiter.wake()
