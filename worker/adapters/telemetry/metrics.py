"""Every metric, one row each. The reference page and the series at 0 derive from the rows.

Label values come from enums and configured names, never from replies. Gauges about the whole queue
are read by every replica from the same database: take `max`, a `sum` counts each number often.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Generic, TypeAlias, TypeVar, overload

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.exposition import choose_encoder

from worker.adapters.telemetry import label_sets
from worker.ports.store.books import QueueStats

PREFIX = "activation_worker_"

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


def _plain(
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


def _bounded(
    kind: type[M],
    name: str,
    says: str,
    *labels: label_sets.Label,
    buckets: Sequence[float] = (),
    series: Callable[[label_sets.LabelSets], Collection[Values]] | None = None,
    read: Read | None = None,
) -> Row[label_sets.BoundedMetric[M]]:
    """A metric whose *series* exist from the start: all there can be, unless they are given."""
    plain = _plain(kind, name, says, *labels, buckets=buckets)

    def build(
        registry: CollectorRegistry, sets: label_sets.LabelSets
    ) -> label_sets.BoundedMetric[M]:
        known = series(sets) if series else [*product(*(label.values(sets) for label in labels))]
        return label_sets.BoundedMetric(plain.build(registry, sets), known)

    return Row(kind=kind, name=name, says=says, labels=plain.labels, build=build, read=read)


def _each(values: Mapping[Any, float]) -> Mapping[Values, float]:
    """The values of a gauge with one label."""
    return {(label,): value for label, value in values.items()}


def _halted(stats: QueueStats, sets: label_sets.LabelSets) -> Mapping[Values, float]:
    return {
        (provider.name, label_sets.EXPOSURE_LIMIT): 0
        < provider.exposure_limit_minor
        <= stats.exposure_minor.get((provider.name, provider.currency), 0)
        for provider in sets.providers
    }


class Metrics:
    """Built once, in `bootstrap`; every test builds its own."""

    # Customers
    accepted = _bounded(
        Counter, "accepted_total", "Numbers taken over or rented.", label_sets.PROVIDER
    )
    intake_refused = _bounded(
        Counter, "intake_refused_total", "Numbers handed over, not watched.", label_sets.REFUSAL
    )
    settled = _bounded(
        Counter,
        "settled_total",
        "Activations that ended, by outcome.",
        label_sets.PROVIDER,
        label_sets.OUTCOME,
    )
    credited_minor = _plain(
        Counter,
        "credited_minor_total",
        "Money given back to customers, in minor units of the currency.",
        label_sets.CURRENCY,  # Also one that no provider has: the reporter bounds it.
        label_sets.CREDIT_REASON,
        at_start=lambda sets: dict.fromkeys(
            product(sets.currencies, label_sets.CREDIT_REASON.values(sets)), 0
        ),
    )
    code_wait_seconds = _bounded(
        Histogram,
        "code_wait_seconds",
        "Time from rental to the first code.",
        label_sets.PROVIDER,
        buckets=label_sets.CODE_WAIT_BUCKETS,
    )
    credit_lateness_seconds = _plain(
        Histogram,
        "credit_lateness_seconds",
        "Time from the deadline to the credit, of numbers credited at or after it.",
        buckets=label_sets.LATENESS_BUCKETS,
    )
    purchases_refused = _bounded(
        Counter,
        "purchases_refused_total",
        "Attempts to rent at a provider with which certainly nothing was bought.",
        label_sets.PROVIDER,
        label_sets.PURCHASE_REFUSAL,
    )
    late_codes = _bounded(
        Counter, "late_codes_total", "Codes too late to be shown or charged.", label_sets.PROVIDER
    )

    # The queue
    live = _bounded(
        Gauge,
        "live",
        "Activations without an ending. Take max, not sum.",
        label_sets.PROVIDER,
        read=lambda stats, _: _each(stats.live),
    )
    overdue = _plain(
        Gauge,
        "overdue",
        "Activations without an ending after deadline and grace. Take max, not sum.",
        read=lambda stats, _: {(): stats.overdue},
    )
    oldest_overdue_seconds = _plain(
        Gauge,
        "oldest_overdue_seconds",
        "Age past its deadline of the oldest activation without an ending. Take max, not sum.",
        read=lambda stats, _: {(): stats.oldest_overdue.total_seconds()},
    )
    schedule_lag_seconds = _plain(
        Gauge,
        "schedule_lag_seconds",
        "How long ago the oldest due look should have happened. Take max, not sum.",
    )
    dependency_up = _bounded(
        Gauge,
        "dependency_up",
        "1 while this process can use the server for what it is for, judged by effect.",
        label_sets.DEPENDENCY,
    )
    leader = _plain(
        Gauge,
        "leader",
        "1 where this process leads the provider; only the one that leads it exports this.",
        label_sets.PROVIDER,
    )
    timers_overdue = _bounded(
        Gauge,
        "timers_overdue",
        "Case timers past due. Take max, not sum.",
        label_sets.TIMER_KIND,
        read=lambda stats, _: _each(stats.timers_overdue),
    )
    stats_last_success = _plain(
        Gauge,
        "stats_last_success_timestamp_seconds",
        "When this process last read the queue-wide gauges; they are as old as this.",
    )

    # Providers
    looks = _bounded(
        Counter, "looks_total", "Numbers looked at, in lists or singly.", label_sets.PROVIDER
    )
    resolved = _bounded(
        Counter,
        "resolved_total",
        "Settled numbers whose end at the provider became certain.",
        label_sets.PROVIDER,
        label_sets.PROVIDER_ENDING,
    )
    provider_requests = _bounded(
        Counter,
        "provider_requests_total",
        "Requests to providers, by how they ended.",
        label_sets.PROVIDER,
        label_sets.OPERATION,
        label_sets.REQUEST_RESULT,
    )
    provider_request_seconds = _bounded(
        Histogram,
        "provider_request_seconds",
        "Duration of requests to providers.",
        label_sets.PROVIDER,
        label_sets.OPERATION,
        buckets=label_sets.REQUEST_BUCKETS,
    )
    provider_circuit_open = _bounded(
        Gauge,
        "provider_circuit_open",
        "1 while this process sends the provider nothing because it failed too often.",
        label_sets.PROVIDER,
    )
    provider_answers_again_seconds = _bounded(
        Histogram,
        "provider_answers_again_seconds",
        "Time from a provider's first answer after an outage to the first look or ending.",
        label_sets.PROVIDER,
        buckets=label_sets.RETURN_BUCKETS,
    )
    provider_exposure_minor = _bounded(
        Gauge,
        "provider_exposure_minor",
        "Money credited while the provider may keep its price, in minor units. Take max, not sum.",
        label_sets.PROVIDER,
        label_sets.CURRENCY,
        series=lambda sets: sets.own_currencies,
        read=lambda stats, _: stats.exposure_minor,
    )
    provider_exposure_limit_minor = _plain(
        Gauge,
        "provider_exposure_limit_minor",
        "Exposure from which nothing more is rented there, in minor units. Take max, not sum.",
        label_sets.PROVIDER,
        label_sets.CURRENCY,
        at_start=lambda sets: {
            (provider.name, provider.currency): provider.exposure_limit_minor
            for provider in sets.providers
        },
    )
    provider_halted = _bounded(
        Gauge,
        "provider_halted",
        "1 while nothing is rented there: too much of our money is at risk. Take max, not sum.",
        label_sets.PROVIDER,
        label_sets.HALT_REASON,
        read=_halted,
    )
    purchases_in_doubt = _bounded(
        Gauge,
        "purchases_in_doubt",
        "Purchases that nobody knows to be sold or unsold. Take max, not sum.",
        label_sets.PROVIDER,
        read=lambda stats, _: _each(stats.purchases_in_doubt),
    )
    provider_balance_minor = _bounded(
        Gauge,
        "provider_balance_minor",
        "What it last said it has of our money, in minor units. Take max, not sum.",
        label_sets.PROVIDER,
        label_sets.CURRENCY,
        series=lambda sets: sets.own_currencies,
        read=lambda stats, _: stats.balance_minor,
    )
    provider_cancel_ratio = _bounded(
        Gauge,
        "provider_cancel_ratio",
        "Cancelled of all ended in the last hour, 0 to 1. Take max, not sum.",
        label_sets.PROVIDER,
        read=lambda stats, _: _each(stats.cancel_ratio),
    )

    # Jobs and events
    jobs = _bounded(
        Counter, "jobs_total", "Jobs run by this process.", label_sets.JOB, label_sets.JOB_RESULT
    )
    job_seconds = _bounded(
        Histogram,
        "job_seconds",
        "Duration of jobs.",
        label_sets.JOB,
        buckets=label_sets.JOB_BUCKETS,
    )
    events_pending = _plain(
        Gauge,
        "events_pending",
        "Outgoing events not delivered yet. Take max, not sum.",
        read=lambda stats, _: {(): stats.events_pending},
    )
    event_deliveries = _bounded(
        Counter,
        "event_deliveries_total",
        "Attempts to deliver an outgoing event.",
        label_sets.SEND_RESULT,
    )

    # The books
    audit_violations = _bounded(
        Gauge,
        "audit_violations",
        "Violations this process found in its last audit; the newest audit counts.",
        label_sets.INVARIANT,
    )
    audit_last_success = _plain(
        Gauge,
        "audit_last_success_timestamp_seconds",
        "When an audit last ran to its end, whatever it found. Take max, not sum.",
    )
    canary_last_success = _plain(
        Gauge,
        "canary_last_success_timestamp_seconds",
        "When a canary activation last went all the way; 0 without one. Take max, not sum.",
        read=lambda stats, _: (
            {} if stats.canary_success is None else {(): stats.canary_success.timestamp()}
        ),
    )
    canary_every_seconds = _plain(
        Gauge,
        "canary_every_seconds",
        "Time between two canaries; 0 where none is configured.",
        at_start=lambda sets: {(): sets.canary_every_seconds},
    )
    build_info = _plain(
        Gauge,
        "build_info",
        "Always 1; the version that runs.",
        label_sets.VERSION,
        at_start=lambda sets: {(sets.version,): 1},
    )

    def __init__(self, registry: CollectorRegistry, sets: label_sets.LabelSets) -> None:
        # `_created` doubles the size of every counter and histogram, and nothing here reads it.
        disable_created_metrics()  # type: ignore[no-untyped-call] # the client's, without types
        ProcessCollector(registry=registry)
        self._sets = sets
        for attribute, row in rows():
            vars(self)[attribute] = row.build(registry, sets)

    def read(self, stats: QueueStats) -> None:
        """Set the gauges about the whole queue."""
        for attribute, row in rows():
            if row.read is not None:
                label_sets.set_all(vars(self)[attribute], row.read(stats, self._sets))


def rows() -> Iterator[tuple[str, Row[object]]]:
    """The rows of `Metrics`, by attribute."""
    for attribute, row in vars(Metrics).items():
        if isinstance(row, Row):
            yield attribute, row


def render(registry: CollectorRegistry, accept: str) -> tuple[bytes, str]:
    """The body of `/metrics` and its content type: as the scraper's Accept header asks."""
    try:
        encode, content_type = choose_encoder(accept)
    except (TypeError, ValueError):
        # The Accept header asks for a version that is none: say it the plain way.
        encode, content_type = choose_encoder("")
    return encode(registry), content_type
