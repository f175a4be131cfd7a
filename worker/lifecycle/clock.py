"""Time and chance as the lifecycle gets them: injected, so that tests own them."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """`monotonic` measures how long we ran; `now` only says when, and decides nothing about money.

    Guards on money use the database's clock.
    """

    now: Callable[[], datetime]
    monotonic: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]]
    chance: Callable[[], float]  #: In [0, 1).
