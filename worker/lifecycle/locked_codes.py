"""Codes that were seen while somebody had their number's row locked: they are recorded later.

As what they are, codes that were seen then: whoever holds a lock across a deadline makes no code
late. Only this process remembers when: after a crash a look sees them again while the window runs.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from worker.ports.store.activations import LockedCode, SeenSms

LOCKED_MAX: Final = 10_000  #: A list shows what is beyond again.
#: No transaction of ours keeps a row for so long, and the grace ends a customer's wait by then.
LOCKED_FOR: Final = timedelta(minutes=1)


def code_key(sms: SeenSms) -> int:
    """What is remembered in place of the code itself."""
    return hash((sms.provider, sms.ref, sms.code))


@dataclass(slots=True)
class LockedCodes:
    #: With the end of its time, on the process's clock.
    _waiting: dict[int, tuple[LockedCode, float]] = field(default_factory=dict)

    def __contains__(self, sms: SeenSms) -> bool:
        return code_key(sms) in self._waiting

    def add(self, codes: Sequence[LockedCode], now: float) -> None:
        for code in codes[: max(0, LOCKED_MAX - len(self._waiting))]:
            until = now + LOCKED_FOR.total_seconds()
            self._waiting.setdefault(code_key(code.sms), (code, until))

    def remove(self, seen: Sequence[SeenSms]) -> None:
        for sms in seen:
            self._waiting.pop(code_key(sms), None)

    def all(self, now: float) -> list[SeenSms]:
        """Those whose time is not over; the others are forgotten."""
        for key in [key for key, (_, until) in self._waiting.items() if until <= now]:
            del self._waiting[key]
        return [code.sms for code, _ in self._waiting.values()]

    def by_time(self, seen: Sequence[SeenSms]) -> Mapping[datetime | None, list[SeenSms]]:
        """What was seen, by when it was seen first; None: it is seen now."""
        groups: dict[datetime | None, list[SeenSms]] = defaultdict(list)
        for sms in seen:
            code, _ = self._waiting.get(code_key(sms), (None, 0.0))
            if code is None:
                groups[None].append(sms)
            else:
                groups[code.seen_at].append(code.sms)
        return groups
