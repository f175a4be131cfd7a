"""Lanes: one pool for all who act on leased items, a limited number of them at once.

    queue ──► act, one item per lane ──► keep the result
      ▲            │ one item fails: it is quarantined, and the others go on
     feed          │ the run is cut off: what is left and what is in hand is handed back

A run is cut off when it is cancelled or when the store fails. A row that stays locked is a failure
of its item alone. What is handed back is due again at
once, and each item is handed back once, however often the run is cancelled.

A run that is fed leases more whenever there is room, so nothing waits for the slowest item.
"""

import asyncio
import math
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, Generic, TypeAlias, TypeVar

from worker.lifecycle.budget import Pay, unconditional
from worker.lifecycle.clock import wait_at_most
from worker.ports.errors import RowLocked, StoreError

Item = TypeVar("Item")
Batch = TypeVar("Batch")

#: A lane whose item takes longer is not counted on for the next ones.
HANGS: Final = timedelta(seconds=1)
AHEAD: Final = timedelta(milliseconds=250)  #: Lease what is begun in this time.
FADES: Final = 0.1  #: How much one item changes what is taken for usual.


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


@dataclass(slots=True)
class Places:
    """How many items may be in flight at once, of all runs that share them."""

    width: int
    taken: int = 0
    unpaid: int = 0  #: Of those, whose call waits for the provider's rate.
    #: Runs that may wait for a free place.
    sharers: list[asyncio.Event] = field(default_factory=list)

    @property
    def free(self) -> int:
        return max(0, self.width - self.taken)

    def take(self) -> bool:
        """Whether there was one."""
        is_free = self.taken < self.width
        self.taken += is_free
        return is_free

    def leave(self) -> None:
        self.taken -= 1
        for freed in self.sharers:
            freed.set()

    def paying(self, pay: Pay) -> Pay:
        """*pay*; who waits for it is `unpaid`."""

        async def counted(check: Callable[[], None] = unconditional, /) -> None:
            self.unpaid += 1
            try:
                await pay(check)
            finally:
                self.unpaid -= 1

        return counted


@dataclass(slots=True)
class Pace:
    """How fast items are done by those who share it: how many may be leased ahead.

    Leased further ahead, an item that is due later, and is more urgent, would wait for them.
    """

    _usual: float | None = None  #: Seconds that an item takes; `HANGS` at most.
    _begun: dict[int, float] = field(default_factory=dict)  #: Of those in flight, the oldest first.
    _last: int = 0

    def begin(self, now: float) -> int:
        """Count one in flight; what to `end` it by."""
        self._last += 1
        self._begun[self._last] = now
        return self._last

    def end(self, item: int, now: float) -> None:
        took = min(now - self._begun.pop(item), HANGS.total_seconds())
        self._usual = took if self._usual is None else self._usual + (took - self._usual) * FADES

    def room(self, free: int, now: float, most: int) -> int:
        """How many, of *most*, are begun within `AHEAD` where so many more may be in flight."""
        hanging = 0
        for began in self._begun.values():
            if now - began <= HANGS.total_seconds():
                break
            hanging += 1
        working = free + len(self._begun) - hanging
        if working == 0:
            return 0
        ahead = working * AHEAD.total_seconds()
        usual = self._usual or 0.0
        begun = most if most * usual <= ahead else math.ceil(ahead / usual)
        return min(most, max(free, begun))


@dataclass(slots=True, kw_only=True)
class Lanes(Generic[Item]):
    """One run over leased items.

    `act` may be cut off while it awaits. It keeps its result without awaiting, so that an item has
    a result or is handed back, never both. Only the task that runs `run`, and with it `feed`, opens
    lanes: it is the first to be told that the run is cut off.
    """

    places: Places
    act: Callable[[Item], Awaitable[None]]
    hand_back: Callable[[Item], None]  #: This item is due again at once.
    quarantine: Callable[[Item, Exception], None]
    finish: Callable[[], Awaitable[None]]  #: Commit the results and what was handed back.
    queue: deque[Item] = field(default_factory=deque)
    useful: Callable[[], bool] = lambda: True  #: Whether another item may be acted on.
    feed: "LaneFeed[Item] | None" = None  #: Adds what it leases; the run goes on until it returns.
    _lanes: asyncio.TaskGroup = field(default_factory=asyncio.TaskGroup)
    _opening: int = 0  #: Lanes that have not begun.
    _begun: int = 0  #: Lanes that have, and have not ended.
    _done: int = 0  #: Items.
    _idle: asyncio.Event = field(default_factory=asyncio.Event)  #: No lane is left.
    _low: int = 0  #: The length of the queue that whoever feeds waits for.
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _cancelled: bool = False

    async def run(self) -> None:
        self.places.sharers.append(self._changed)
        try:
            async with self._lanes:
                self.open()
                if self.feed is not None:
                    await self.feed(self)
                await self.low(0)
        finally:
            self.places.sharers.remove(self._changed)
            # A task of its own: a second cancellation ends our waiting, not the handing back.
            await asyncio.shield(asyncio.ensure_future(self._end()))
        if self._cancelled:
            raise asyncio.CancelledError  # `act` was cancelled from within: the group ignores that.

    @property
    def goes_on(self) -> bool:
        """Whether another item is acted on."""
        return not self._cancelled and self.useful()

    def add(self, items: Iterable[Item]) -> None:
        """Act on these, too; for `feed`."""
        self.queue.extend(items)
        self.open()

    def hand_back_queue(self) -> None:
        while self.queue:
            self.hand_back(self.queue.popleft())

    def open(self) -> None:
        """One lane per item, where there are places: a run over few items begins with few lanes."""
        if self._cancelled:
            raise asyncio.CancelledError
        self._changed.clear()
        if self.useful():
            for _ in range(min(self.places.free, len(self.queue)) - self._opening):
                self._opening += 1
                self._lanes.create_task(self._lane())

    async def low(self, at_most: int) -> bool:
        """Wait until the queue has *at_most* so many; whether more is acted on.

        Where it is not, all of it is handed back at once: a lane that hangs for now would be the
        only one to act on it, once that is of use again.
        """
        self._low = at_most
        self.open()
        while self.goes_on and len(self.queue) > at_most:
            await self._changed.wait()
            self.open()
        if not self.goes_on:
            self.hand_back_queue()
            return False
        return True

    async def hang(self, sleep: Callable[[float], Awaitable[None]]) -> bool:
        """Wait for the last item, while some still end; whether what is left hangs."""
        while True:
            await self.low(0)
            if self._opening + self._begun == 0:
                return False
            done = self._done
            self._idle.clear()
            if not await wait_at_most(AHEAD, self._idle.wait(), sleep) and self._done == done:
                return True

    async def changed(self) -> None:
        """Wait until a place is free or the queue is low, since lanes were last opened."""
        await self._changed.wait()

    async def _lane(self) -> None:
        self._opening -= 1
        if not self.places.take():
            return
        self._begun += 1
        try:
            while self.queue and self.goes_on:
                item = self.queue.popleft()
                if len(self.queue) == self._low:
                    self._changed.set()
                await self._act_on(item)
                self._done += 1
        finally:
            self._begun -= 1
            if self._begun == 0:
                self._idle.set()
            self.places.leave()

    async def _act_on(self, item: Item) -> None:
        try:
            await self.act(item)
        except asyncio.CancelledError:
            self._cancelled = True
            self.hand_back(item)
            raise
        except RowLocked as error:
            self.quarantine(item, error)  # Of this item alone: the database works.
        except StoreError:
            self.hand_back(item)
            raise  # Nothing can be kept: the others' calls would be requests wasted.
        except Exception as error:  # noqa: BLE001 - one item's bug must not be everybody's
            self.quarantine(item, error)

    async def _end(self) -> None:
        """Hand back what no lane took, and commit."""
        self.hand_back_queue()
        await self.finish()


#: Leases for a run and adds it.
LaneFeed: TypeAlias = Callable[[Lanes[Item]], Awaitable[None]]


def until_all_leased(lease: Callable[[], Awaitable[Sequence[Item]]], size: int) -> LaneFeed[Item]:
    """Lease *size* while the queue is low; fewer that come mean that nothing more is due."""

    async def feed(lanes: Lanes[Item]) -> None:
        while await lanes.low(size // 2):
            leased = await lease()
            lanes.add(leased)
            if len(leased) < size:
                return

    return feed


def then_pass_on(
    feed: LaneFeed[Item] | None,
    pass_on: Callable[[], None],
    sleep: Callable[[float], Awaitable[None]],
) -> LaneFeed[Item]:
    """The same; then *pass_on* is called where what is left hangs."""

    async def feed_and_pass_on(lanes: Lanes[Item]) -> None:
        if feed is not None:
            await feed(lanes)
        if await lanes.hang(sleep):
            pass_on()

    return feed_and_pass_on


async def until_passed_on(
    work: Callable[[Callable[[], None]], Awaitable[int]],
    parts: asyncio.TaskGroup,
    failed: list[Exception],
) -> int:
    """Do *work* until it ends or passes on: then it goes on among *parts*; how much was done.

    What it fails with goes to *failed*: the other parts go on to their own end.
    """
    passed_on = asyncio.Event()

    async def do() -> int:
        try:
            return await work(passed_on.set)
        except Exception as error:  # noqa: BLE001 - whoever has the list raises it
            failed.append(error)
            return 0

    part = parts.create_task(do())
    passing = asyncio.ensure_future(passed_on.wait())
    try:
        await asyncio.wait((part, passing), return_when=asyncio.FIRST_COMPLETED)
    finally:
        passing.cancel()
    return part.result() if part.done() else 1
