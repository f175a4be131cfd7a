"""ForeignRow: tell of numbers that are left alone because their rows have words of newer code.

While versions run side by side, or after a rollback, a newer worker's numbers are its own to end:
no statement hands them out here, so they cost the others nothing. Where no such worker runs they
wait for one, or for a person, who must be told.
"""

from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from worker.domain.ids import ActivationId
from worker.ports.reporter import Reporter
from worker.ports.store.settlements import SettlementStore

EVERY: Final = timedelta(minutes=1)
NEWER_CODE_TAKES: Final = timedelta(minutes=1)  #: To end a number, where it runs.
TOLD_MAX: Final = 100  #: Of one look: it is a deploy gone wrong, and each line says the same.


@dataclass(slots=True)
class ForeignRows:
    _next: float = 0.0  #: On the process's clock.
    _told: set[ActivationId] = field(default_factory=set)

    async def tell(self, settlements: SettlementStore, reporter: Reporter, now: float) -> None:
        """Each number once, and how many there are as often as we look."""
        if now < self._next:
            return
        self._next = now + EVERY.total_seconds()
        found = await settlements.foreign_rows(NEWER_CODE_TAKES, TOLD_MAX)
        for one in found:
            if one.id not in self._told:
                reporter.quarantined(one.id, f"unread: {one.column}")
        self._told = {one.id for one in found}
        for provider, count in Counter(one.provider for one in found).items():
            reporter.trouble("activation.unread", provider=provider, detail=str(count))
