"""Batcher: callers that come together are answered by one question to the store."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, Generic, TypeVar

from worker.ports.errors import StoreError

GATHER: Final = timedelta(milliseconds=5)  #: How long the first caller waits for others.
#: Of one question. More would keep its first caller waiting for the last; fewer cost more round
#: trips, and on a busy process each of them is a turn of everybody's loop.
MOST: Final = 2_000

Key = TypeVar("Key", bound=Hashable)
Answer = TypeVar("Answer")


@dataclass(slots=True, kw_only=True)
class Batcher(Generic[Key, Answer]):
    """One question runs at a time: those who come meanwhile are the next one's.

    A key that `together` leaves out, or that makes it fail, is asked for alone, so that it costs
    nobody else anything. A `StoreError` is everybody's: the database is away.
    """

    together: Callable[[Sequence[Key]], Awaitable[Mapping[Key, Answer]]]
    alone: Callable[[Key], Awaitable[Answer | None]]
    sleep: Callable[[float], Awaitable[None]]
    _waiting: "dict[Key, asyncio.Future[Answer | None]]" = field(default_factory=dict)
    _runner: "asyncio.Task[None] | None" = None
    _alone: "set[asyncio.Task[None]]" = field(default_factory=set)

    async def __call__(self, key: Key) -> Answer | None:
        if key not in self._waiting:
            self._waiting[key] = asyncio.get_running_loop().create_future()
        answer = self._waiting[key]
        if self._runner is None or self._runner.done():
            self._runner = asyncio.ensure_future(self._run())
        # Shielded: a caller that hangs up must not cut off others with the same key.
        return await asyncio.shield(answer)

    async def _run(self) -> None:
        while self._waiting:
            if len(self._waiting) < MOST:
                await self.sleep(GATHER.total_seconds())
            keys = list(self._waiting)[:MOST]
            await self._ask({key: self._waiting.pop(key) for key in keys})

    async def _ask(self, callers: "Mapping[Key, asyncio.Future[Answer | None]]") -> None:
        answers: Mapping[Key, Answer] = {}
        try:
            answers = await self.together(list(callers))
        except StoreError as error:
            for answer in callers.values():
                _fail(answer, error)
            return
        except Exception:  # noqa: BLE001, S110 - each is asked for alone, and raises what is its own
            pass
        for key, answer in callers.items():
            if key in answers:
                answer.set_result(answers[key])
            else:
                task = asyncio.ensure_future(self._ask_alone(key, answer))
                self._alone.add(task)
                task.add_done_callback(self._alone.discard)

    async def _ask_alone(self, key: Key, answer: "asyncio.Future[Answer | None]") -> None:
        try:
            answer.set_result(await self.alone(key))
        except Exception as error:  # noqa: BLE001 - its caller's
            _fail(answer, error)


def _fail(answer: "asyncio.Future[Answer | None]", error: Exception) -> None:
    answer.set_exception(error)
    answer.exception()  # Whoever waits gets it; where nobody does any more, nothing is logged.
