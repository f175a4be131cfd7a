"""The registry holds what the contract promises, from the first scrape on, and nothing open."""

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from worker.adapters.telemetry.label_sets import LabelledProvider, LabelSets
from worker.adapters.telemetry.metric_rows import CODE_WAIT_BUCKETS, LATENESS_BUCKETS, LOOK_BUCKETS
from worker.adapters.telemetry.metrics import Metrics, render
from worker.domain.activation import WINDOW
from worker.domain.ids import ProviderName
from worker.settings import Settings

# What dashboards and alerts may rely on: name, kind as exposed, labels.
PROMISED = {
    "accepted": ("counter", {"provider"}),
    "live": ("gauge", {"provider"}),
    "settled": ("counter", {"provider", "outcome"}),
    "credited_minor": ("counter", {"currency", "reason"}),
    "code_wait_seconds": ("histogram", {"provider"}),
    "credit_lateness_seconds": ("histogram", set()),
    "overdue": ("gauge", set()),
    "oldest_overdue_seconds": ("gauge", set()),
    "provider_requests": ("counter", {"provider", "operation", "result"}),
    "provider_request_seconds": ("histogram", {"provider", "operation"}),
    "provider_circuit_open": ("gauge", {"provider"}),
    "provider_answers_again_seconds": ("histogram", {"provider"}),
    "provider_exposure_minor": ("gauge", {"provider", "currency"}),
    "provider_halted": ("gauge", {"provider", "reason"}),
    "purchases_in_doubt": ("gauge", {"provider"}),
    "provider_cancel_ratio": ("gauge", {"provider"}),
    "purchases_refused": ("counter", {"provider", "reason"}),
    "late_codes": ("counter", {"provider"}),
    "jobs": ("counter", {"job_name", "result"}),
    "job_seconds": ("histogram", {"job_name"}),
    "looks": ("counter", {"provider"}),
    "look_lateness_seconds": ("histogram", {"provider"}),
    "resolved": ("counter", {"provider", "provider_state"}),
    "provider_exposure_limit_minor": ("gauge", {"provider", "currency"}),
    "dependency_up": ("gauge", {"dependency"}),
    "stats_last_success_timestamp_seconds": ("gauge", set()),
    "intake_refused": ("counter", {"reason"}),
    "event_oldest_seconds": ("gauge", set()),
    "code_told_seconds": ("histogram", set()),
    "reviews_waiting": ("gauge", {"kind"}),
    "oldest_review_seconds": ("gauge", set()),
    "reviews_late": ("gauge", set()),
    "loop_lag_seconds": ("histogram", set()),
    "db_connections": ("gauge", {"pool", "state"}),
    "db_transaction_seconds": ("histogram", set()),
    "events_pending": ("gauge", set()),
    "event_deliveries": ("counter", {"result"}),
    "timers_overdue": ("gauge", {"kind"}),
    "audit_violations": ("gauge", {"invariant"}),
    "audit_last_success_timestamp_seconds": ("gauge", set()),
    "canary_last_success_timestamp_seconds": ("gauge", set()),
    "canary_every_seconds": ("gauge", set()),
    "build_info": ("gauge", {"version"}),
}

QUEUE_WIDE = (
    "live",
    "overdue",
    "oldest_overdue_seconds",
    "provider_exposure_minor",
    "provider_halted",
    "purchases_in_doubt",
    "provider_cancel_ratio",
    "events_pending",
    "event_oldest_seconds",
    "reviews_waiting",
    "oldest_review_seconds",
    "reviews_late",
    "provider_balance_minor",
    "timers_overdue",
)

KNOWN = LabelSets(
    version="1.2.3",
    providers=[LabelledProvider(ProviderName("alpha"), "USD", 100_000)],
    jobs=["expire"],
    invariants=["balanced"],
    timers=["claim"],
)


@pytest.fixture
def registry() -> CollectorRegistry:
    registry = CollectorRegistry()
    Metrics(registry, KNOWN)
    return registry


@pytest.mark.parametrize("name", PROMISED)
def test_every_promised_metric_has_its_kind_and_labels(
    registry: CollectorRegistry, name: str
) -> None:
    found = {metric.name: metric for metric in registry.collect()}[f"activation_worker_{name}"]

    labels = {label for sample in found.samples for label in sample.labels} - {"le"}
    assert (found.type, labels) == PROMISED[name]


@pytest.mark.parametrize("name", QUEUE_WIDE)
def test_the_help_of_queue_wide_gauges_says_max_not_sum(
    registry: CollectorRegistry, name: str
) -> None:
    found = {metric.name: metric for metric in registry.collect()}[f"activation_worker_{name}"]

    assert "max, not sum" in found.documentation


def test_known_label_pairs_exist_at_zero_before_anything_happened(
    registry: CollectorRegistry,
) -> None:
    for result in ("ok", "unavailable", "refused", "unknown", "timeout", "rate_limited"):
        labels = {"provider": "alpha", "operation": "cancel", "result": result}
        assert registry.get_sample_value("activation_worker_provider_requests_total", labels) == 0

    labels = {"currency": "USD", "reason": "timeout"}
    assert registry.get_sample_value("activation_worker_credited_minor_total", labels) == 0


def test_no_provider_is_invented_where_none_is_configured() -> None:
    registry = CollectorRegistry()
    Metrics(registry, LabelSets(version="1"))

    providers = {
        sample.labels["provider"]
        for metric in registry.collect()
        for sample in metric.samples
        if "provider" in sample.labels
    }
    assert providers == set()


def test_a_provider_that_is_not_configured_folds_into_other() -> None:
    registry = CollectorRegistry()
    metrics = Metrics(registry, KNOWN)

    for name in ("omega", "psi"):
        metrics.accepted.of(name).inc()

    values = {
        sample.labels["provider"]: sample.value
        for metric in registry.collect()
        if metric.name == "activation_worker_accepted"
        for sample in metric.samples
    }
    assert values == {"alpha": 0, "other": 2}


def test_a_label_with_no_known_value_folds_too() -> None:
    registry = CollectorRegistry()
    Metrics(registry, LabelSets(version="1")).timers_overdue.of("surprise").set(3)

    value = registry.get_sample_value("activation_worker_timers_overdue", {"kind": "other"})
    assert value == 3


def test_the_exposure_limit_is_told_for_each_provider(registry: CollectorRegistry) -> None:
    labels = {"provider": "alpha", "currency": "USD"}
    value = registry.get_sample_value("activation_worker_provider_exposure_limit_minor", labels)
    assert value == 100_000


def test_what_is_promised_has_an_edge_of_its_own_and_one_close_behind_it() -> None:
    """A credit at the end of the grace is then told from one that is late."""
    grace = Settings().defaults.credit_grace_seconds

    assert {grace, grace + 1, grace + 2, grace + 5, 90} <= set(LATENESS_BUCKETS)
    assert {WINDOW.total_seconds() - 5, WINDOW.total_seconds()} <= set(CODE_WAIT_BUCKETS)
    assert 5 in LOOK_BUCKETS


def series(registry: CollectorRegistry, name: str) -> list[dict[str, str]]:
    return [
        sample.labels
        for metric in registry.collect()
        for sample in metric.samples
        if metric.name == f"activation_worker_{name}"
    ]


def test_the_lag_is_exported_by_those_alone_who_know_it() -> None:
    registry = CollectorRegistry()
    metrics = Metrics(registry, KNOWN)
    assert series(registry, "schedule_lag_seconds") == []

    for lag in (3, 0):
        metrics.schedule_lag_seconds.set(lag)
        assert registry.get_sample_value("activation_worker_schedule_lag_seconds") == lag
    metrics.schedule_lag_seconds.clear()
    metrics.schedule_lag_seconds.clear()

    assert series(registry, "schedule_lag_seconds") == []


@pytest.mark.parametrize(
    "name", ["http_requests", "http_request_seconds", "provider_balance_minor"]
)
def test_what_is_only_known_later_has_no_series_before(
    registry: CollectorRegistry, name: str
) -> None:
    assert series(registry, name) == []


def test_no_label_of_ours_is_one_that_the_scraper_sets(registry: CollectorRegistry) -> None:
    """It would arrive as `exported_…`."""
    ours = {
        label
        for metric in registry.collect()
        for sample in metric.samples
        for label in sample.labels
    }

    assert not ours & {"job", "instance"}


def test_two_registries_live_side_by_side() -> None:
    first, second = CollectorRegistry(), CollectorRegistry()
    Metrics(first, KNOWN).overdue.set(7)
    Metrics(second, KNOWN)

    assert second.get_sample_value("activation_worker_overdue") == 0


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("", "text/plain; version=0.0.4; charset=utf-8"),
        ("text/plain;version=0.0.4;q=0.5", "text/plain; version=0.0.4; charset=utf-8"),
        ("application/openmetrics-text;version=1.0.0;q=0.8", "application/openmetrics-text"),
        ("application/openmetrics-text;version=none", "text/plain; version=0.0.4"),
    ],
)
def test_the_scraper_gets_the_format_it_asks_for(
    registry: CollectorRegistry, accept: str, content_type: str
) -> None:
    body, said = render(registry, accept)

    assert said.startswith(content_type)
    assert body.rstrip().endswith(b"# EOF") == said.startswith("application/openmetrics-text")


def test_the_text_can_be_parsed_and_has_no_created_series(registry: CollectorRegistry) -> None:
    body, _ = render(registry, "")

    families = list(text_string_to_metric_families(body.decode()))
    assert len(families) > len(PROMISED)
    assert b"_created" not in body
