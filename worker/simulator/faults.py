"""Which fault a call meets: at most one, the first that was set.

Being slow comes on top: a provider in a brown-out answers late, and half of that with a 503.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from worker.simulator.config import FaultKind, FaultRule
from worker.simulator.exchange import FaceOperation


@dataclass(frozen=True, slots=True)
class PlannedFault:
    rule: FaultRule
    begins: datetime
    ends: datetime


class PlannedFaults:
    def __init__(self, rules: tuple[FaultRule, ...], seed: int, started: datetime) -> None:
        self._rng = Random(f"{seed}:faults")  # noqa: S311 - seeded on purpose: a run can be repeated
        self._planned: list[PlannedFault] = []
        for rule in rules:
            self.add(rule, started)

    def add(self, rule: FaultRule, now: datetime) -> PlannedFault:
        begins = now + timedelta(seconds=rule.start)
        fault = PlannedFault(rule, begins, begins + timedelta(seconds=rule.seconds))
        self._planned.append(fault)
        return fault

    def clear(self) -> None:
        self._planned.clear()

    def pick(self, operation: FaceOperation, now: datetime) -> PlannedFault | None:
        if not self._planned:
            return None
        for fault in self.holding(now):
            rule = fault.rule
            if rule.kind in {FaultKind.REFUSE, FaultKind.SLOW}:
                continue  # The server closes its listener, and `delay` makes calls slow.
            if rule.kind is FaultKind.EMPTY_LIST and operation is not FaceOperation.LIST:
                continue
            if self._falls_on(rule, operation):
                return fault
        return None

    def delay(self, operation: FaceOperation, now: datetime) -> float:
        """How many seconds late the effect and the reply of the call are."""
        if not self._planned:
            return 0
        slow = (each.rule for each in self.holding(now) if each.rule.kind is FaultKind.SLOW)
        return max((r.delay_seconds for r in slow if self._falls_on(r, operation)), default=0)

    def _falls_on(self, rule: FaultRule, operation: FaceOperation) -> bool:
        if rule.operations and operation not in rule.operations:
            return False
        return rule.probability == 1 or self._rng.random() < rule.probability

    def holding(self, now: datetime) -> list[PlannedFault]:
        self._planned = [fault for fault in self._planned if now < fault.ends]
        return [fault for fault in self._planned if fault.begins <= now]

    def refusing(self, now: datetime) -> bool:
        return any(fault.rule.kind is FaultKind.REFUSE for fault in self.holding(now))

    def next_edge(self, now: datetime) -> datetime | None:
        """When the listener next has to open or close."""
        edges = [
            edge
            for fault in self._planned
            if fault.rule.kind is FaultKind.REFUSE
            for edge in (fault.begins, fault.ends)
            if edge > now
        ]
        return min(edges, default=None)

    def all(self) -> list[PlannedFault]:
        return list(self._planned)
