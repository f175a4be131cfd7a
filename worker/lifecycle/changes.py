"""Tells those in this process who wait for an activation that it has changed.

A waiter is woken without a query. What other processes change is not told here: whoever waits also
reads now and then, or waits for a limited time.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from worker.domain.ids import ActivationId

Subscriber: TypeAlias = Callable[[Sequence[ActivationId]], None]


@dataclass(frozen=True, slots=True)
class Changes:
    _subscribers: list[Subscriber] = field(default_factory=list)

    def subscribe(self, subscriber: Subscriber) -> None:
        """*subscriber* must neither wait nor raise: the step that changed something calls it."""
        self._subscribers.append(subscriber)

    def publish(self, ids: Sequence[ActivationId]) -> None:
        """These have changed, and it is committed."""
        if ids:
            for subscriber in self._subscribers:
                subscriber(ids)
