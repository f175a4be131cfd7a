"""Writes the reference of metrics and log events: `python -m deploy.reference` from the root."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from worker.adapters.telemetry.logs import LOG_EVENTS, LOG_IDS
from worker.adapters.telemetry.metric_rows import PREFIX
from worker.adapters.telemetry.metrics import rows

REFERENCE: Final = Path(__file__).parent / "telemetry.md"

_HEAD: Final = """\
# What the worker tells

Written by `python -m deploy.reference`; a test compares it with the code.

## Metrics

At `/metrics` of the admin listener, as Prometheus text or OpenMetrics. Labels come from closed
sets (of services the 20 that a provider has most of); what is in none of them is `other`. One
process is one registry: gauges marked so are read from the database by every process, take their
`max`. In OpenMetrics some counters and buckets have an exemplar: the `activation` that was counted
there last.

| metric | kind | labels | says |
|---|---|---|---|
"""

_LOGS: Final = """
## Log events

One JSON object per line on stderr (readable text on a terminal), with `event`, `level`, `logger`
and `timestamp`. The same trouble is written at most once in ten seconds, with `held_back` saying
how often it was not. Keys, phones and codes are in none of them. An event about one thing has its
id: `activation-worker show ID` tells of an activation all there is.

| event | id | says |
|---|---|---|
"""


def reference() -> str:
    events = "".join(
        f"| `{name}` | {LOG_IDS.get(name, '')} | {says} |\n"
        for name, says in sorted(LOG_EVENTS.items())
    )
    return _HEAD + "".join(_metrics()) + _LOGS + events


def _metrics() -> Iterator[str]:
    for _, row in sorted(rows(), key=lambda named: named[1].name):
        labels = ", ".join(sorted(row.labels))
        yield f"| `{PREFIX}{row.name}` | {row.kind.__name__.lower()} | {labels} | {row.says} |\n"


if __name__ == "__main__":
    REFERENCE.write_text(reference())
