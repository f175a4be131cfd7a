"""Every metric. Label values come from enums and configured names, never from replies.

Gauges about the whole queue are read by every replica from the same database: take `max`, a `sum`
would count each number once per replica.
"""

from itertools import product

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)

from worker.adapters.telemetry.bounded_metric import BoundedMetric
from worker.adapters.telemetry.label_sets import (
    CREDIT_REASONS,
    DELIVERIES,
    JOB_RESULTS,
    OPERATIONS,
    OUTCOMES,
    PROVIDER_ENDINGS,
    RESULTS,
    LabelSets,
)
from worker.domain.activation import WINDOW

PREFIX = "activation_worker_"

CODE_WAIT = (5, 10, 20, 30, 45, 60, 90, 120, 180, 300, 600, 900, 1200, 1260, 1320)
REQUEST = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
# 60 is the grace and the objective; 90 is the grace with what its sweep and the commit need.
LATENESS = (0.25, 0.5, 1, 2, 5, 10, 30, 60, 90, 120, 300)
# The jobs for looks and endings go on for 5 s while there is work; any job is cut off at 18 s.
JOB = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20)

assert WINDOW.total_seconds() in CODE_WAIT


class Metrics:
    """Built once, in `bootstrap`; every test builds its own."""

    def __init__(self, registry: CollectorRegistry, known: LabelSets) -> None:
        # `_created` doubles the size of every counter and histogram, and nothing here reads it.
        disable_created_metrics()  # type: ignore[no-untyped-call] # the client's, without types
        self._registry = registry
        ProcessCollector(registry=registry)
        self._customers(known)
        self._queue(known)
        self._providers(known)
        self._work(known)
        self._books(known)
        self._build(known)

    def _customers(self, known: LabelSets) -> None:
        providers = [(name,) for name in known.provider_names]
        self.accepted = BoundedMetric(
            self._counter("accepted_total", "Numbers taken over or rented.", "provider"),
            providers,
        )
        self.settled = BoundedMetric(
            self._counter(
                "settled_total", "Activations that ended, by outcome.", "provider", "outcome"
            ),
            [*product(known.provider_names, OUTCOMES)],
        )
        self.credited_minor = self._counter(
            "credited_minor_total",
            "Money given back to customers, in minor units of the currency.",
            "currency",
            "reason",
        )
        for currency in known.currencies:
            for reason in CREDIT_REASONS:
                self.credited_minor.labels(currency, reason)
        self.code_wait_seconds = BoundedMetric(
            self._histogram(
                "code_wait_seconds", "Time from rental to the first code.", CODE_WAIT, "provider"
            ),
            providers,
        )
        self.credit_lateness_seconds = self._histogram(
            "credit_lateness_seconds",
            "Time from the deadline to the credit, of numbers credited at or after it.",
            LATENESS,
        )
        self.late_codes = BoundedMetric(
            self._counter(
                "late_codes_total", "Codes seen too late: neither shown nor charged.", "provider"
            ),
            providers,
        )

    def _queue(self, known: LabelSets) -> None:
        self.live = BoundedMetric(
            self._gauge("live", "Activations without an ending. Take max, not sum.", "provider"),
            [(name,) for name in known.provider_names],
        )
        self.overdue = self._gauge(
            "overdue", "Activations without an ending after deadline and grace. Take max, not sum."
        )
        self.oldest_overdue_seconds = self._gauge(
            "oldest_overdue_seconds",
            "Age past its deadline of the oldest activation without an ending. Take max, not sum.",
        )
        self.schedule_lag_seconds = self._gauge(
            "schedule_lag_seconds",
            "How long ago the oldest due look should have happened. Take max, not sum.",
        )
        self.timers_overdue = BoundedMetric(
            self._gauge("timers_overdue", "Case timers past due. Take max, not sum.", "kind"),
            [(kind,) for kind in known.timers],
        )
        self.stats_last_success = self._gauge(
            "stats_last_success_timestamp_seconds",
            "When this process last read the queue-wide gauges; they are as old as this.",
        )

    def _providers(self, known: LabelSets) -> None:
        providers = [(name,) for name in known.provider_names]
        self.looks = BoundedMetric(
            self._counter("looks_total", "Numbers looked at, in lists or singly.", "provider"),
            providers,
        )
        self.resolved = BoundedMetric(
            self._counter(
                "resolved_total",
                "Settled numbers whose end at the provider became certain.",
                "provider",
                "provider_state",
            ),
            [*product(known.provider_names, PROVIDER_ENDINGS)],
        )
        self.provider_requests = BoundedMetric(
            self._counter(
                "provider_requests_total",
                "Requests to providers, by how they ended.",
                "provider",
                "operation",
                "result",
            ),
            [*product(known.provider_names, OPERATIONS, RESULTS)],
        )
        self.provider_request_seconds = BoundedMetric(
            self._histogram(
                "provider_request_seconds",
                "Duration of requests to providers.",
                REQUEST,
                "provider",
                "operation",
            ),
            [*product(known.provider_names, OPERATIONS)],
        )
        self.provider_circuit_open = BoundedMetric(
            self._gauge(
                "provider_circuit_open",
                "1 while this process sends the provider nothing because it failed too often.",
                "provider",
            ),
            providers,
        )
        self._standing(known)

    def _standing(self, known: LabelSets) -> None:
        """What a provider may hold against us, or we against it."""
        pairs = [(provider.name, provider.currency) for provider in known.providers]
        self.provider_exposure_minor = BoundedMetric(
            self._gauge(
                "provider_exposure_minor",
                "Money credited while the provider may keep its price, in minor units. "
                "Take max, not sum.",
                "provider",
                "currency",
            ),
            pairs,
        )
        limits = self._gauge(
            "provider_exposure_limit_minor",
            "Exposure from which nothing more is rented there, in minor units. Take max, not sum.",
            "provider",
            "currency",
        )
        for provider in known.providers:
            limits.labels(provider.name, provider.currency).set(provider.exposure_limit_minor)
        self.provider_cancel_ratio = BoundedMetric(
            self._gauge(
                "provider_cancel_ratio",
                "Cancelled of all ended in the last hour, 0 to 1. Take max, not sum.",
                "provider",
            ),
            [(name,) for name in known.provider_names],
        )

    def _work(self, known: LabelSets) -> None:
        self.jobs = BoundedMetric(
            self._counter("jobs_total", "Jobs run by this process.", "job", "result"),
            [*product(known.jobs, JOB_RESULTS)],
        )
        self.job_seconds = BoundedMetric(
            self._histogram("job_seconds", "Duration of jobs.", JOB, "job"),
            [(job,) for job in known.jobs],
        )
        self.events_pending = self._gauge(
            "events_pending", "Outgoing events not delivered yet. Take max, not sum."
        )
        self.event_deliveries = BoundedMetric(
            self._counter(
                "event_deliveries_total", "Attempts to deliver an outgoing event.", "result"
            ),
            [(result,) for result in DELIVERIES],
        )

    def _books(self, known: LabelSets) -> None:
        self.audit_violations = BoundedMetric(
            self._gauge(
                "audit_violations",
                "Violations this process found in its last audit; the newest audit counts.",
                "invariant",
            ),
            [(invariant,) for invariant in known.invariants],
        )
        self.audit_last_success = self._gauge(
            "audit_last_success_timestamp_seconds",
            "When an audit last ran to its end, whatever it found. Take max, not sum.",
        )
        self.canary_last_success = self._gauge(
            "canary_last_success_timestamp_seconds",
            "When a canary activation last went all the way; 0 without one. Take max, not sum.",
        )
        self._gauge(
            "canary_every_seconds", "Time between two canaries; 0 where none is configured."
        ).set(known.canary_every_seconds)

    def _build(self, known: LabelSets) -> None:
        info = self._gauge("build_info", "Always 1; the version that runs.", "version")
        info.labels(known.version).set(1)

    def _counter(self, name: str, says: str, *labels: str) -> Counter:
        return Counter(PREFIX + name, says, labels, registry=self._registry)

    def _gauge(self, name: str, says: str, *labels: str) -> Gauge:
        return Gauge(PREFIX + name, says, labels, registry=self._registry)

    def _histogram(
        self, name: str, says: str, buckets: tuple[float, ...], *labels: str
    ) -> Histogram:
        return Histogram(PREFIX + name, says, labels, buckets=buckets, registry=self._registry)
