"""The series a scraped worker has: every sample name with its labels, from the real registry."""

import functools
from collections.abc import Mapping
from typing import Final

from prometheus_client import CollectorRegistry

from worker.adapters.telemetry.label_sets import LabelledProvider, LabelSets
from worker.adapters.telemetry.metrics import Metrics
from worker.domain.ids import ProviderName

KNOWN: Final = LabelSets(
    version="0.0.0",
    providers=[
        LabelledProvider(ProviderName("alpha"), "USD", 100_000),
        LabelledProvider(ProviderName("beta"), "EUR", 50_000),
    ],
    jobs=["accept", "expire", "reconcile", "sweep", "watch"],
    invariants=["balanced", "settled_once"],
    timers=["claim"],
    canary_every_seconds=300,
)

#: What the scraper adds; a label of ours with one of these names arrives as `exported_…`.
SCRAPED: Final = frozenset({"job", "instance"})

#: Series Prometheus makes itself.
BY_PROMETHEUS: Final[Mapping[str, frozenset[str]]] = {
    "up": SCRAPED,
    "ALERTS": frozenset({"alertname", "alertstate", "severity"}) | SCRAPED,
}


def registry() -> CollectorRegistry:
    made = CollectorRegistry()
    metrics = Metrics(made, KNOWN)
    # There only once there is something to tell.
    metrics.leader.labels("alpha").set(1)
    metrics.schedule_lag_seconds.set(0)
    metrics.service_endings.labels("alpha", "tg", "delivered").set(1)
    metrics.provider_balance_minor.labels("alpha", "USD").set(1)
    metrics.http_requests.labels("/v1/activations", "POST", "201").inc()
    metrics.http_request_seconds.labels("/v1/activations").observe(0.01)
    return made


@functools.cache
def scraped() -> dict[str, frozenset[str]]:
    """Sample names, as they are in Prometheus, with the labels they have there."""
    series: dict[str, set[str]] = {}
    for metric in registry().collect():
        for sample in metric.samples:
            labels = {f"exported_{name}" if name in SCRAPED else name for name in sample.labels}
            series.setdefault(sample.name, set()).update(labels, SCRAPED)
    return {name: frozenset(labels) for name, labels in series.items()}
