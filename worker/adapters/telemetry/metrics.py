"""Every metric, one row each. The reference page and the series at 0 derive from the rows.

Label values come from enums and configured names, never from replies. Gauges about the whole queue
are read by every replica from the same database: take `max`, a `sum` counts each number often.
"""

from collections.abc import Iterator
from itertools import product

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.exposition import choose_encoder

from worker.adapters.telemetry import label_sets, metric_rows
from worker.adapters.telemetry.metric_rows import Row, bounded, each, own_gauge, plain, read_into
from worker.ports.store.books import QueueStats


class Metrics:
    """Built once, in `bootstrap`; every test builds its own."""

    # Customers
    accepted = bounded(
        Counter, "accepted_total", "Numbers taken over or rented.", label_sets.PROVIDER
    )
    intake_refused = bounded(
        Counter, "intake_refused_total", "Numbers handed over, not watched.", label_sets.REFUSAL
    )
    settled = bounded(
        Counter,
        "settled_total",
        "Activations that ended, by outcome.",
        label_sets.PROVIDER,
        label_sets.OUTCOME,
    )
    credited_minor = plain(
        Counter,
        "credited_minor_total",
        "Money given back to customers, in minor units of the currency.",
        label_sets.CURRENCY,  # Also one that no provider has: the reporter bounds it.
        label_sets.CREDIT_REASON,
        at_start=lambda sets: dict.fromkeys(
            product(sets.currencies, label_sets.CREDIT_REASON.values(sets)), 0
        ),
    )
    code_wait_seconds = bounded(
        Histogram,
        "code_wait_seconds",
        "Time from rental to the first code.",
        label_sets.PROVIDER,
        buckets=metric_rows.CODE_WAIT_BUCKETS,
    )
    credit_lateness_seconds = plain(
        Histogram,
        "credit_lateness_seconds",
        "Time from the deadline to the credit, of numbers credited at or after it.",
        buckets=metric_rows.LATENESS_BUCKETS,
    )
    purchases_refused = bounded(
        Counter,
        "purchases_refused_total",
        "Attempts to rent at a provider with which certainly nothing was bought.",
        label_sets.PROVIDER,
        label_sets.PURCHASE_REFUSAL,
    )
    late_codes = bounded(
        Counter, "late_codes_total", "Codes too late to be shown or charged.", label_sets.PROVIDER
    )

    # The queue
    live = bounded(
        Gauge,
        "live",
        "Activations without an ending. Take max, not sum.",
        label_sets.PROVIDER,
        read=lambda stats, _: each(stats.live),
    )
    overdue = plain(
        Gauge,
        "overdue",
        "Activations without an ending after deadline and grace. Take max, not sum.",
        read=lambda stats, _: {(): stats.overdue},
    )
    oldest_overdue_seconds = plain(
        Gauge,
        "oldest_overdue_seconds",
        "Age past its deadline of the oldest activation without an ending. Take max, not sum.",
        read=lambda stats, _: {(): stats.oldest_overdue.total_seconds()},
    )
    schedule_lag_seconds = own_gauge(
        "schedule_lag_seconds",
        "How long ago the oldest due look should have happened; without Redis only who leads a"
        " provider knows. Take max, not sum.",
    )
    dependency_up = bounded(
        Gauge,
        "dependency_up",
        "1 while this process can use the server for what it is for, judged by effect.",
        label_sets.DEPENDENCY,
    )
    leader = plain(
        Gauge,
        "leader",
        "1 where this process leads the provider; only the one that leads it exports this.",
        label_sets.PROVIDER,
    )
    timers_overdue = bounded(
        Gauge,
        "timers_overdue",
        "Case timers past due. Take max, not sum.",
        label_sets.TIMER_KIND,
        read=lambda stats, _: each(stats.timers_overdue),
    )
    stats_last_success = plain(
        Gauge,
        "stats_last_success_timestamp_seconds",
        "When this process last read the queue-wide gauges; they are as old as this.",
    )

    # Providers
    look_lateness_seconds = bounded(
        Histogram,
        "look_lateness_seconds",
        "Time from when a look, or a reading of a list, was due until it began.",
        label_sets.PROVIDER,
        buckets=metric_rows.LOOK_BUCKETS,
    )
    looks = bounded(
        Counter, "looks_total", "Numbers looked at, in lists or singly.", label_sets.PROVIDER
    )
    resolved = bounded(
        Counter,
        "resolved_total",
        "Settled numbers whose end at the provider became certain.",
        label_sets.PROVIDER,
        label_sets.PROVIDER_ENDING,
    )
    provider_requests = bounded(
        Counter,
        "provider_requests_total",
        "Requests to providers, by how they ended.",
        label_sets.PROVIDER,
        label_sets.OPERATION,
        label_sets.REQUEST_RESULT,
    )
    provider_request_seconds = bounded(
        Histogram,
        "provider_request_seconds",
        "Duration of requests to providers.",
        label_sets.PROVIDER,
        label_sets.OPERATION,
        buckets=metric_rows.REQUEST_BUCKETS,
    )
    provider_circuit_open = bounded(
        Gauge,
        "provider_circuit_open",
        "1 while this process sends the provider nothing because it failed too often.",
        label_sets.PROVIDER,
    )
    provider_answers_again_seconds = bounded(
        Histogram,
        "provider_answers_again_seconds",
        "Time from a provider's first answer after an outage to the first look or ending.",
        label_sets.PROVIDER,
        buckets=metric_rows.RETURN_BUCKETS,
    )
    provider_exposure_minor = bounded(
        Gauge,
        "provider_exposure_minor",
        "Money credited while the provider may keep its price, in minor units. Take max, not sum.",
        label_sets.PROVIDER,
        label_sets.CURRENCY,
        series=lambda sets: sets.own_currencies,
        read=lambda stats, _: stats.exposure_minor,
    )
    provider_exposure_limit_minor = plain(
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
    provider_halted = bounded(
        Gauge,
        "provider_halted",
        "1 while nothing is rented there: too much of our money is at risk. Take max, not sum.",
        label_sets.PROVIDER,
        label_sets.HALT_REASON,
        read=metric_rows.halted,
    )
    provider_balance_minor = plain(
        Gauge,
        "provider_balance_minor",
        "What the provider said last that we have there, in minor units. Take max, not sum.",
        label_sets.PROVIDER,
        label_sets.CURRENCY,
        read=lambda stats, sets: metric_rows.configured(stats.balance_minor, sets),
    )
    purchases_in_doubt = bounded(
        Gauge,
        "purchases_in_doubt",
        "Purchases that nobody knows to be sold or unsold. Take max, not sum.",
        label_sets.PROVIDER,
        read=lambda stats, _: each(stats.purchases_in_doubt),
    )
    provider_cancel_ratio = bounded(
        Gauge,
        "provider_cancel_ratio",
        "Cancelled of all ended in the last hour, 0 to 1. Take max, not sum.",
        label_sets.PROVIDER,
        read=lambda stats, _: each(stats.cancel_ratio),
    )
    service_endings = plain(
        Gauge,
        "service_endings",
        "Numbers rented yesterday or today (UTC) that ended: of the 20 services with the most, and"
        " `other`. Take max, not sum.",
        label_sets.PROVIDER,
        label_sets.SERVICE,
        label_sets.OUTCOME,
        read=lambda stats, sets: metric_rows.configured(stats.service_endings, sets),
    )

    # Jobs and events
    jobs = bounded(
        Counter, "jobs_total", "Jobs run by this process.", label_sets.JOB, label_sets.JOB_RESULT
    )
    job_seconds = bounded(
        Histogram,
        "job_seconds",
        "Duration of jobs.",
        label_sets.JOB,
        buckets=metric_rows.JOB_BUCKETS,
    )
    retention_failures = bounded(
        Counter,
        "retention_failures_total",
        "Attempts of this process to forget what was kept long enough, which failed.",
        label_sets.KEPT,
    )
    events_pending = plain(
        Gauge,
        "events_pending",
        "Outgoing events not delivered yet. Take max, not sum.",
        read=lambda stats, _: {(): stats.events_pending},
    )
    event_oldest_seconds = plain(
        Gauge,
        "event_oldest_seconds",
        "How long the oldest outgoing event has waited for its delivery. Take max, not sum.",
        read=lambda stats, _: {(): stats.oldest_event.total_seconds()},
    )
    code_told_seconds = plain(
        Histogram,
        "code_told_seconds",
        "Time from when a code was recorded until its event was delivered.",
        buckets=metric_rows.TOLD_BUCKETS,
    )
    event_deliveries = bounded(
        Counter,
        "event_deliveries_total",
        "Attempts to deliver an outgoing event.",
        label_sets.SEND_RESULT,
    )

    # What waits for a human
    reviews_waiting = bounded(
        Gauge,
        "reviews_waiting",
        "Cases, numbers and rental orders that wait for a human's verdict. Take max, not sum.",
        label_sets.REVIEW_KIND,
        read=lambda stats, _: each(stats.reviews_waiting),
    )
    oldest_review_seconds = plain(
        Gauge,
        "oldest_review_seconds",
        "How long the oldest of them has waited. Take max, not sum.",
        read=lambda stats, _: {(): stats.oldest_review.total_seconds()},
    )
    reviews_late = plain(
        Gauge,
        "reviews_late",
        "Cases, numbers and rental orders past the date for a verdict. Take max, not sum.",
        read=lambda stats, _: {(): stats.reviews_late},
    )

    # This process
    http_requests = plain(
        Counter,
        "http_requests_total",
        "Calls of the API, by how they were answered; there once a call was made.",
        label_sets.ROUTE,
        label_sets.METHOD,
        label_sets.STATUS,
    )
    http_request_seconds = plain(
        Histogram,
        "http_request_seconds",
        "Time to answer a call of the API; one that waits for a change is a route of its own.",
        label_sets.ROUTE,
        buckets=metric_rows.CALL_BUCKETS,
    )
    loop_lag_seconds = plain(
        Histogram,
        "loop_lag_seconds",
        "How much later than asked for the event loop woke a task.",
        buckets=metric_rows.LOOP_BUCKETS,
    )
    db_connections = bounded(
        Gauge,
        "db_connections",
        "Connections of this process to the database.",
        label_sets.POOL,
        label_sets.CONNECTION_STATE,
    )
    db_transaction_seconds = plain(
        Histogram,
        "db_transaction_seconds",
        "Duration of transactions, with the wait for a connection.",
        buckets=metric_rows.TRANSACTION_BUCKETS,
    )

    # The books
    audit_violations = bounded(
        Gauge,
        "audit_violations",
        "Violations this process found when it last checked; the newest check counts.",
        label_sets.INVARIANT,
    )
    audit_checked = bounded(
        Gauge,
        "audit_checked_timestamp_seconds",
        "When this process last checked it, whether or not that audit ended; 0 before it did.",
        label_sets.INVARIANT,
    )
    audit_last_success = plain(
        Gauge,
        "audit_last_success_timestamp_seconds",
        "When an audit last ran to its end, whatever it found. Take max, not sum.",
    )
    canary_last_success = plain(
        Gauge,
        "canary_last_success_timestamp_seconds",
        "When a canary activation last went all the way; 0 without one. Take max, not sum.",
        read=metric_rows.canary_success,
    )
    canary_every_seconds = plain(
        Gauge,
        "canary_every_seconds",
        "Time between two canaries; 0 where none is configured.",
        at_start=lambda sets: {(): sets.canary_every_seconds},
    )
    build_info = plain(
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
            read_into(vars(self)[attribute], row, stats, self._sets)


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
