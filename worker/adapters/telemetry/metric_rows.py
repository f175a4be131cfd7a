"""How a row of `Metrics` is written: its kind, name, meaning, labels, and how it is built."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Generic, TypeAlias, TypeVar, overload

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from worker.adapters.telemetry import label_sets
from worker.domain.activation import WINDOW
from worker.ports.store.books import QueueStats

PREFIX = "activation_worker_"

# Where something is promised, the buckets of its duration have an edge.
# The last look is half a second before the window's end; a code after it is not shown.
CODE_WAIT_BUCKETS = (
    *(5, 10, 20, 30, 45, 60, 90, 120, 180, 300, 600, 900, 1140, 1195, 1200, 1260, 1320),
)
REQUEST_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
# 1.5 is what is promised.
RETURN_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1, 1.5, 2.5, 5, 10, 30)
# Who is credited at the end of the grace is so within a second or two after 60; the objective is
# the grace and five seconds; later than 90 is an incident.
LATENESS_BUCKETS = (0.25, 0.5, 1, 2, 5, 10, 30, 58, 60, 61, 62, 65, 75, 90, 120, 300)
# The jobs for looks and endings go on for 5 s while there is work; any job is cut off at 18 s.
JOB_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20)
# Five seconds after it is due is the objective of a look.
LOOK_BUCKETS = (0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 120, 300)
TOLD_BUCKETS = (0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 300, 1800)
CALL_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
LOOP_BUCKETS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)
# The server ends a statement after 30 s.
TRANSACTION_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)

assert WINDOW.total_seconds() in CODE_WAIT_BUCKETS

M = TypeVar("M", Counter, Gauge, Histogram)
Built_co = TypeVar("Built_co", covariant=True)
Values: TypeAlias = tuple[str, ...]
#: The values of a gauge about the whole queue, by the labels of its series (of whatever texts).
Read: TypeAlias = Callable[[QueueStats, label_sets.LabelSets], Mapping[Any, float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row(Generic[Built_co]):
    """One metric before it is built. As an attribute of `Metrics` it is what it was built into."""

    kind: type[Counter | Gauge | Histogram]
    name: str
    says: str
    labels: Sequence[str]
    build: Callable[[CollectorRegistry, label_sets.LabelSets], Built_co]
    read: Read | None = None  #: Of a gauge about the whole queue.

    @overload
    def __get__(self, metrics: None, owner: type) -> "Row[Built_co]": ...

    @overload
    def __get__(self, metrics: object, owner: type) -> Built_co: ...

    def __get__(self, metrics: object, owner: type) -> "Row[Built_co] | Built_co":
        return self  # Reached on the class only: on an object, its own attribute goes first.


def plain(
    kind: type[M],
    name: str,
    says: str,
    *labels: label_sets.Label,
    buckets: Sequence[float] = (),
    at_start: Callable[[label_sets.LabelSets], Mapping[Values, float]] = lambda _: {},
    read: Read | None = None,
) -> Row[M]:
    """A metric of the client library; *at_start* are the values that some of its series get."""
    names = [label.name for label in labels]
    more: dict[str, Any] = {"buckets": buckets} if buckets else {}

    def build(registry: CollectorRegistry, sets: label_sets.LabelSets) -> M:
        metric = kind(PREFIX + name, says, names, registry=registry, **more)
        for values, value in at_start(sets).items():
            series = metric.labels(*values) if values else metric
            if isinstance(series, Gauge):
                series.set(value)
        return metric

    return Row(kind=kind, name=name, says=says, labels=names, build=build, read=read)


def bounded(
    kind: type[M],
    name: str,
    says: str,
    *labels: label_sets.Label,
    buckets: Sequence[float] = (),
    series: Callable[[label_sets.LabelSets], Collection[Values]] | None = None,
    read: Read | None = None,
) -> Row[label_sets.BoundedMetric[M]]:
    """A metric whose *series* exist from the start: all there can be, unless they are given."""
    unbounded = plain(kind, name, says, *labels, buckets=buckets)

    def build(
        registry: CollectorRegistry, sets: label_sets.LabelSets
    ) -> label_sets.BoundedMetric[M]:
        known = series(sets) if series else [*product(*(label.values(sets) for label in labels))]
        return label_sets.BoundedMetric(unbounded.build(registry, sets), known)

    return Row(kind=kind, name=name, says=says, labels=unbounded.labels, build=build, read=read)


class OwnGauge:
    """A gauge that only the process exports whom it concerns: no series until it is set."""

    def __init__(self, registry: CollectorRegistry, gauge: Gauge) -> None:
        self._registry = registry
        self._gauge = gauge
        self._exported = False

    def set(self, value: float) -> None:
        self._gauge.set(value)
        if not self._exported:
            self._registry.register(self._gauge)
            self._exported = True

    def clear(self) -> None:
        if self._exported:
            self._registry.unregister(self._gauge)
            self._exported = False


def own_gauge(name: str, says: str) -> Row[OwnGauge]:
    def build(registry: CollectorRegistry, _: label_sets.LabelSets) -> OwnGauge:
        return OwnGauge(registry, Gauge(PREFIX + name, says, registry=None))

    return Row(kind=Gauge, name=name, says=says, labels=[], build=build)


def read_into(
    gauge: Gauge | label_sets.BoundedMetric[Gauge],
    row: Row[object],
    stats: QueueStats,
    sets: label_sets.LabelSets,
) -> None:
    """Set the gauge that *row* was built into, if it is one about the whole queue."""
    if row.read is None:
        return
    values: Mapping[Values, float] = row.read(stats, sets)
    if isinstance(gauge, Gauge):
        if row.labels:
            gauge.clear()  # What is not named any more goes: a service, a currency.
        for labels, value in values.items():
            (gauge.labels(*labels) if labels else gauge).set(value)
        return
    for series in gauge.children():
        series.set(0)  # One that the statistics do not name any more is 0.
    for labels, value in values.items():
        gauge.of(*labels).inc(value)  # Several may be folded into one.


def each(values: Mapping[Any, float]) -> Mapping[Values, float]:
    """The values of a gauge with one label."""
    return {(label,): value for label, value in values.items()}


def configured(values: Mapping[Any, float], sets: label_sets.LabelSets) -> Mapping[Values, float]:
    """By provider and more, without providers that are gone from the settings."""
    known = sets.provider_names
    return {labels: value for labels, value in values.items() if labels[0] in known}


def canary_success(stats: QueueStats, _: label_sets.LabelSets) -> Mapping[Values, float]:
    return {} if stats.canary_success is None else {(): stats.canary_success.timestamp()}


def halted(stats: QueueStats, sets: label_sets.LabelSets) -> Mapping[Values, float]:
    """Where the exposure is at its limit, which nobody but the database knows."""
    return {
        (provider.name, label_sets.EXPOSURE_LIMIT): 0
        < provider.exposure_limit_minor
        <= stats.exposure_minor.get((provider.name, provider.currency), 0)
        for provider in sets.providers
    }
