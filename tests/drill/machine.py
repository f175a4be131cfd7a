"""How busy the machine was: a row that fails without a free core says little of the alerts."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

T = TypeVar("T")

PRESSURE: Final = Path("/proc/pressure/cpu")
BUSY: Final = 0.5  #: Above it scrapes time out, and endings are late by themselves.


def _waited() -> float | None:
    """Seconds in which some task waited for a core, since the start; None: not to be known."""
    try:
        some = PRESSURE.read_text().split("\n", 1)[0]
    except OSError:
        return None
    return int(some.rpartition("total=")[2]) / 1e6


@dataclass(frozen=True, slots=True)
class Machine:
    began: float = field(default_factory=time.monotonic)
    waited: float | None = field(default_factory=_waited)

    def pressure(self) -> float | None:
        """In what share of the time since then some task waited for a core."""
        now = _waited()
        if now is None or self.waited is None:
            return None
        return (now - self.waited) / max(time.monotonic() - self.began, 1e-9)


async def with_a_core(
    work: Callable[[], Awaitable[T]], holds: Callable[[T], bool], times: int = 3
) -> T:
    """What *work* finds; found again where it does not hold and no core was free meanwhile."""
    machine = Machine()
    found = await work()
    if holds(found) or times == 1 or (machine.pressure() or 0) <= BUSY:
        return found
    return await with_a_core(work, holds, times - 1)
