"""When a process counts as dead because it is silent."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

BEAT_EVERY: Final = timedelta(seconds=1)
#: After so long without a beat a process is dead: its host is frozen, or cannot be reached.
SILENCE: Final = timedelta(seconds=8)
#: Who has not beaten for so long has no right to call others silent ...
GAP: Final = timedelta(seconds=3)
#: ... until they, too, had the time for a beat: the database may have been away from all.
GRACE: Final = timedelta(seconds=3)

assert BEAT_EVERY * 2 < GAP < SILENCE, "one late beat is no gap"
assert timedelta(seconds=10) > SILENCE + BEAT_EVERY, "promised to customers"


@dataclass(slots=True, kw_only=True)
class Liveness:
    """This process's own beats, by which it knows whether it may judge others."""

    monotonic: Callable[[], float]
    _beaten_at: float | None = None
    _judges_from: float = float("-inf")

    def beaten(self) -> None:
        now = self.monotonic()
        if self._beaten_at is not None and now - self._beaten_at > GAP.total_seconds():
            self._judges_from = now + GRACE.total_seconds()
        self._beaten_at = now

    @property
    def age(self) -> timedelta | None:
        """Since its last beat; None where there was none."""
        if self._beaten_at is None:
            return None
        return timedelta(seconds=self.monotonic() - self._beaten_at)

    @property
    def silence(self) -> timedelta | None:
        """From which silence on others are dead; None: this process may not judge now."""
        age = self.age
        if age is None or age > GAP or self.monotonic() < self._judges_from:
            return None
        return SILENCE
