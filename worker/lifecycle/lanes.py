"""Lanes: one pool for all who act on leased items, a limited number of them at once.

    queue ──► act, one item per lane ──► keep the result
      ▲            │ one item fails: it is quarantined, and the others go on
    refill         │ the run is cut off: what is left and what is in hand is handed back

A run is cut off when it is cancelled or when the store fails. What is handed back is due again at
once, and each item is handed back once, however often the run is cancelled.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from worker.ports.errors import StoreError

Item = TypeVar("Item")
Batch = TypeVar("Batch")


async def lease_safely(
    lease: Callable[[], Awaitable[Batch]],
    hand_back: Callable[[Batch], Awaitable[object]],
    prepare: Callable[[Batch], Awaitable[None]] | None = None,
) -> Batch:
    """Lease and prepare a batch; whatever ends that early, what was leased is handed back."""
    leasing = asyncio.ensure_future(lease())
    try:
        # Shielded: a lease that is committed must not be lost with its answer.
        batch = await asyncio.shield(leasing)
        if prepare is not None:
            await prepare(batch)
    except BaseException:
        await asyncio.shield(asyncio.ensure_future(_undo(leasing, hand_back)))
        raise
    return batch


async def _undo(
    leasing: "asyncio.Future[Batch]", hand_back: Callable[[Batch], Awaitable[object]]
) -> None:
    (batch,) = await asyncio.gather(leasing, return_exceptions=True)
    if not isinstance(batch, BaseException):
        await hand_back(batch)


@dataclass(frozen=True, slots=True)
class Refill(Generic[Item]):
    """How a run leases more while its queue is low, so that no lane waits for work."""

    lease: Callable[[], Awaitable[Sequence[Item]]]
    size: int  #: What one lease brings; fewer mean that nothing more is due.

    @property
    def low(self) -> int:
        return self.size // 2


@dataclass(slots=True, kw_only=True)
class Lanes(Generic[Item]):
    """One run over leased items.

    `act` may be cut off while it awaits. It keeps its result without awaiting, so that an item has
    a result or is handed back, never both.
    """

    queue: deque[Item]
    width: int  #: Items in flight at most.
    act: Callable[[Item], Awaitable[None]]
    hand_back: Callable[[Item], None]  #: This item is due again at once.
    quarantine: Callable[[Item, Exception], None]
    finish: Callable[[], Awaitable[None]]  #: Commit the results and what was handed back.
    useful: Callable[[], bool] = lambda: True  #: Whether another item may be acted on.
    refill: Refill[Item] | None = None
    _lanes: asyncio.TaskGroup = field(default_factory=asyncio.TaskGroup)
    _open: int = 0
    _refilling: "asyncio.Task[None] | None" = None
    _all_leased: bool = False
    _cancelled: bool = False

    async def run(self) -> None:
        try:
            async with self._lanes:
                self._open_lanes()
        finally:
            # A task of its own: a second cancellation ends our waiting, not the handing back.
            await asyncio.shield(asyncio.ensure_future(self._end()))
        if self._cancelled:
            raise asyncio.CancelledError  # `act` was cancelled from within: the group ignores that.

    def _open_lanes(self) -> None:
        """One lane per item and `width` at most: a run over few items begins with few lanes."""
        for _ in range(min(self.width - self._open, len(self.queue))):
            self._open += 1
            self._lanes.create_task(self._lane())

    async def _lane(self) -> None:
        while self.useful():
            if self._is_low():
                await self._refilled()
                self._open_lanes()
                if not self.useful():
                    break
            if not self.queue:
                break
            item = self.queue.popleft()
            try:
                await self.act(item)
            except asyncio.CancelledError:
                self._cancelled = True
                self.hand_back(item)
                raise
            except StoreError:
                self.hand_back(item)
                raise  # Nothing can be kept: the others' calls would be requests wasted.
            except Exception as error:  # noqa: BLE001 - one item's bug must not be everybody's
                self.quarantine(item, error)
        self._open -= 1

    def _is_low(self) -> bool:
        if self.refill is None or self._all_leased or len(self.queue) > self.refill.low:
            return False
        # While another lane is at it, the others work off what is left.
        return self._refilling is None or not self.queue

    async def _refilled(self) -> None:
        """Wait for the one refill that is under way, or for a new one."""
        if self._refilling is None:
            self._refilling = asyncio.ensure_future(self._lease_more())
        # Shielded: what it leases is committed, and must be in the queue to be handed back.
        await asyncio.shield(self._refilling)

    async def _lease_more(self) -> None:
        assert self.refill is not None
        try:
            leased = await self.refill.lease()
            self.queue.extend(leased)
            self._all_leased = len(leased) < self.refill.size
        finally:
            self._refilling = None

    async def _end(self) -> None:
        """Hand back what no lane took, and commit."""
        if self._refilling is not None:
            await asyncio.gather(self._refilling, return_exceptions=True)
        while self.queue:
            self.hand_back(self.queue.popleft())
        await self.finish()
