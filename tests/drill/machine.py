"""How busy the machine was: a row that fails without a free core says little of the alerts."""

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

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
