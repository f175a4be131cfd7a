"""A metric and its label children: made once, from closed sets, and kept.

`.labels()` costs more than `inc()`, so children are looked up in a dict of our own. A value outside
its closed set folds into `other`: a label is never made from what a provider or a caller sent.
"""

from collections.abc import Collection, Iterable
from typing import Generic, TypeVar

from prometheus_client import Counter, Gauge, Histogram

M = TypeVar("M", Counter, Gauge, Histogram)

OTHER = "other"


class BoundedMetric(Generic[M]):
    """The *known* children exist from the start, at 0, so that a first increase is seen as one."""

    def __init__(self, metric: M, known: Collection[tuple[str, ...]]) -> None:
        self._metric: M = metric
        self._children: dict[tuple[str, ...], M] = {
            values: metric.labels(*values) for values in known
        }
        self._allowed = tuple(frozenset(column) for column in zip(*known, strict=True))

    def of(self, *values: str) -> M:
        child = self._children.get(values)
        return child if child is not None else self._folded(values)

    def children(self) -> Iterable[M]:
        return self._children.values()

    def _folded(self, values: tuple[str, ...]) -> M:
        allowed = self._allowed or (frozenset[str](),) * len(values)
        folded = tuple(
            value if value in column else OTHER
            for value, column in zip(values, allowed, strict=True)
        )
        child = self._children.get(folded)
        if child is None:
            child = self._children[folded] = self._metric.labels(*folded)
        return child
