"""Whether the loops that must not stop still move: the word behind `/livez`.

A worker whose watch loop hangs looks healthy from the outside; a restart cures it, so liveness asks
the loop, and nothing it depends on.
"""

from collections.abc import Callable, Mapping
from datetime import timedelta


class Progress:
    """Knows loops by name; each must move at least once in its limit, from the start on."""

    def __init__(self, monotonic: Callable[[], float], limits: Mapping[str, timedelta]) -> None:
        self._monotonic = monotonic
        self._limits = {loop: limit.total_seconds() for loop, limit in limits.items()}
        self._moved = dict.fromkeys(limits, monotonic())

    def moved(self, loop: str) -> None:
        assert loop in self._limits
        self._moved[loop] = self._monotonic()

    def stuck(self) -> Mapping[str, timedelta]:
        """The loops that have been silent beyond their limit, and for how long."""
        now = self._monotonic()
        return {
            loop: timedelta(seconds=now - moved)
            for loop, moved in self._moved.items()
            if now - moved > self._limits[loop]
        }
