"""The access log: a line for each call, in a rush after the answers.

A line costs a third of what a short call costs. When thousands call at once, each answer would wait
for the lines of all that were answered before it.
"""

import asyncio
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

EVENT: Final = "http.request"
TURN_SECONDS: Final = 0.05
LINES_PER_TURN: Final = 25  #: Written at once; what is beyond waits for the next turn.
WAITING_MAX: Final = 10_000  #: Then the oldest is written, whoever waits.


class Log(Protocol):
    """A structlog logger, or anything that takes an event name and plain fields."""

    def info(self, event: str, **fields: object) -> object: ...

    def error(self, event: str, **fields: object) -> object: ...


@dataclass(slots=True)
class AccessSwitch:
    """Whether calls are logged; it is turned while the daemon runs."""

    on: bool = True


class AccessLog:
    def __init__(self, log: Log, switch: AccessSwitch | None = None) -> None:
        self._log = log
        self._switch = switch or AccessSwitch()
        self._waiting: deque[Mapping[str, object]] = deque()
        self._left = LINES_PER_TURN  #: Of this turn.
        self._turn: asyncio.TimerHandle | None = None

    def add(self, fields: Mapping[str, object]) -> None:
        if not self._switch.on:
            return
        self._waiting.append(fields)
        if self._left > 0 or len(self._waiting) > WAITING_MAX:
            self._left -= 1
            self._write()
        if self._turn is None:
            self._turn = asyncio.get_running_loop().call_later(TURN_SECONDS, self._next_turn)

    def flush(self) -> None:
        """Write what waits, before the process ends."""
        while self._waiting:
            self._write()

    def _write(self) -> None:
        self._log.info(EVENT, **self._waiting.popleft())

    def _next_turn(self) -> None:
        self._left = LINES_PER_TURN
        while self._waiting and self._left:
            self._left -= 1
            self._write()
        idle = self._left == LINES_PER_TURN
        loop = asyncio.get_running_loop()
        self._turn = None if idle else loop.call_later(TURN_SECONDS, self._next_turn)
