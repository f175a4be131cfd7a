"""Foreign rows: report numbers that are left alone because their rows have words of newer code.

While versions run side by side, or after a rollback, only the newer worker ends its numbers: no
statement leases them here, so they cost the others nothing. Where no such worker runs they wait for
one, or for a person, who must know of them.
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
REPORTED_MAX: Final = 100  #: At once: it is a deploy gone wrong, and each line says the same.


@dataclass(slots=True)
class ForeignRows:
    _next: float = 0.0  #: On the process's clock.
    _reported: set[ActivationId] = field(default_factory=set)

    async def report(self, settlements: SettlementStore, reporter: Reporter, now: float) -> None:
        """Report each number once, and how many there are at every check."""
        if now < self._next:
            return
        self._next = now + EVERY.total_seconds()
        rows = await settlements.foreign_rows(NEWER_CODE_TAKES, REPORTED_MAX)
        for row in rows:
            if row.id not in self._reported:
                reporter.quarantined(row.id, f"unread: {row.column}")
        self._reported = {row.id for row in rows}
        for provider, count in Counter(row.provider for row in rows).items():
            reporter.trouble("activation.unread", provider=provider, detail=str(count))
