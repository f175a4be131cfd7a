"""Writes the reference of metrics and log events: `python -m deploy.reference` from the root."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry

from worker.adapters.telemetry.label_sets import LabelledProvider, LabelSets
from worker.adapters.telemetry.log_events import LOG_EVENTS
from worker.adapters.telemetry.metrics import PREFIX, Metrics
from worker.domain.ids import ProviderName

REFERENCE: Final = Path(__file__).parent / "telemetry.md"

_EVERYTHING: Final = LabelSets(
    version="0",
    providers=[LabelledProvider(ProviderName("any"), "USD", 1)],
    jobs=["any"],
    invariants=["any"],
    timers=["any"],
)

_HEAD: Final = """\
# What the worker tells

Written by `python -m deploy.reference`; a test compares it with the code.

## Metrics

At `/metrics` of the admin listener, as Prometheus text or OpenMetrics. Labels come from closed
sets; what is in none of them is `other`. In Prometheus the label `job` of a metric is
`exported_job`. One process is one registry: gauges marked so are read from the database by every
process, take their `max`.

| metric | kind | labels | says |
|---|---|---|---|
"""

_LOGS: Final = """
## Log events

One JSON object per line on stderr (readable text on a terminal), with `event`, `level`, `logger`
and `timestamp`. The same trouble is written at most once in ten seconds, with `held_back` saying
how often it was not. Keys, phones and codes are in none of them.

| event | says |
|---|---|
"""


def reference() -> str:
    events = "".join(f"| `{name}` | {says} |\n" for name, says in sorted(LOG_EVENTS.items()))
    return _HEAD + "".join(_metrics()) + _LOGS + events


def _metrics() -> Iterator[str]:
    registry = CollectorRegistry()
    Metrics(registry, _EVERYTHING)
    for metric in sorted(registry.collect(), key=lambda each: each.name):
        if not metric.name.startswith(PREFIX):
            continue
        labels = sorted({label for sample in metric.samples for label in sample.labels} - {"le"})
        name = f"{metric.name}_total" if metric.type == "counter" else metric.name
        yield f"| `{name}` | {metric.type} | {', '.join(labels)} | {metric.documentation} |\n"


if __name__ == "__main__":
    REFERENCE.write_text(reference())
