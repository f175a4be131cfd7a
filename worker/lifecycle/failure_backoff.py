"""Failure backoff: what keeps failing is tried ever later, and reported when its failure changes.

One such number must not cost the others their batch, nor flood the log. This is the
memory of one process: after a restart everything is tried at once, and reported once more.
"""

from collections.abc import Hashable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, Generic, NamedTuple, TypeVar

from worker.domain.backoff import QUARANTINE, Backoff

Key = TypeVar("Key", bound=Hashable)

REMEMBERED: Final = 10_000  #: Beyond it the oldest is forgotten: it is tried and reported again.


class _Failure(NamedTuple):
    times: int
    until: float  #: On the clock that `now` is read from.
    why: str


@dataclass(slots=True)
class FailureBackoff(Generic[Key]):
    _kept: dict[Key, _Failure] = field(default_factory=dict)

    def over(self, key: Key, now: float) -> bool:
        """Whether it may be tried now."""
        kept = self._kept.get(key)
        return kept is None or now >= kept.until

    def add(self, key: Key, why: str, now: float, backoff: Backoff = QUARANTINE) -> bool:
        """Remember that it failed; whether this failure is a new one."""
        before = self._kept.pop(key, None)
        times = 0 if before is None else before.times
        wait = backoff.wait(times)
        self._kept[key] = _Failure(times + 1, now + wait.total_seconds(), why)
        if len(self._kept) > REMEMBERED:
            del self._kept[next(iter(self._kept))]
        return before is None or before.why != why

    def wait(self, key: Key, now: float) -> timedelta:
        """How long until it may be tried again."""
        kept = self._kept.get(key)
        return timedelta(seconds=0.0 if kept is None else max(0.0, kept.until - now))

    def clear(self, key: Key) -> None:
        """Forget its failures: it succeeded."""
        self._kept.pop(key, None)


def describe_safely(error: BaseException) -> str:
    """What went wrong and where; never the message, which may quote a phone or a code."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return type(error).__name__
    module = trace.tb_frame.f_globals.get("__name__", "?")
    return f"{type(error).__name__} at {module}:{trace.tb_lineno}"
