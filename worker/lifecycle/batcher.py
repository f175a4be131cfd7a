"""Batcher: callers that come together are answered by one question to the store."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, Generic, TypeAlias, TypeVar

from worker.ports.errors import StoreError

GATHER: Final = timedelta(milliseconds=5)  #: How long the first caller waits for others.
#: Of one question. More would keep its first caller waiting for the last; fewer cost more round
#: trips, and on a busy process each of them is a turn of everybody's loop.
MOST: Final = 2_000

Key = TypeVar("Key", bound=Hashable)
Answer = TypeVar("Answer")
_Callers: TypeAlias = "list[asyncio.Future[Answer | None]]"


@dataclass(slots=True, kw_only=True, weakref_slot=True)
class Batcher(Generic[Key, Answer]):
    """One question runs at a time: those who come meanwhile are the next one's.

    A key that `together` leaves out, or that makes it fail, is asked for alone, so that it costs
    nobody else anything. A `StoreError` is everybody's: the database is away.
    """

    together: Callable[[Sequence[Key]], Awaitable[Mapping[Key, Answer]]]
    alone: Callable[[Key], Awaitable[Answer | None]]
    sleep: Callable[[float], Awaitable[None]]
    _waiting: "dict[Key, _Callers[Answer]]" = field(default_factory=dict)
    _runner: "asyncio.Task[None] | None" = None
    _alone: "set[asyncio.Task[None]]" = field(default_factory=set)

    async def __call__(self, key: Key) -> Answer | None:
        # A future for each caller: one that hangs up must not cut off others with the same key.
        answer: asyncio.Future[Answer | None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(key, []).append(answer)
        if self._runner is None or self._runner.done():
            self._runner = asyncio.ensure_future(self._run())
        return await answer

    async def _run(self) -> None:
        while self._waiting:
            if len(self._waiting) < MOST:
                await self.sleep(GATHER.total_seconds())
            keys = list(self._waiting)[:MOST]
            await self._ask({key: self._waiting.pop(key) for key in keys})

    async def _ask(self, asking: "Mapping[Key, _Callers[Answer]]") -> None:
        answers: Mapping[Key, Answer] = {}
        try:
            answers = await self.together(list(asking))
        except StoreError as error:
            for callers in asking.values():
                _fail(callers, error)
            return
        except Exception:  # noqa: BLE001, S110 - each is asked for alone, and raises what is its own
            pass
        for key, callers in asking.items():
            if key in answers:
                _tell(callers, answers[key])
            else:
                task = asyncio.ensure_future(self._ask_alone(key, callers))
                self._alone.add(task)
                task.add_done_callback(self._alone.discard)

    async def _ask_alone(self, key: Key, callers: "_Callers[Answer]") -> None:
        try:
            _tell(callers, await self.alone(key))
        except Exception as error:  # noqa: BLE001 - its callers'
            _fail(callers, error)


def _tell(callers: "_Callers[Answer]", answer: Answer | None) -> None:
    for caller in callers:
        if not caller.done():
            caller.set_result(answer)


def _fail(callers: "_Callers[Answer]", error: Exception) -> None:
    for caller in callers:
        if not caller.done():
            caller.set_exception(error)
