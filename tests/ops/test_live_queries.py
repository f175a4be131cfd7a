"""Every shipped query, asked of a real Prometheus that scrapes a real worker, finds something."""

import math
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from tests.ops.prometheus_server import Prometheus, scraping
from tests.ops.queries import (
    ROOT,
    Shipped,
    alert_queries,
    alerts,
    annotation_queries,
    panel_queries,
    plain,
    recording_queries,
    selectors,
)

pytestmark = pytest.mark.acceptance

RATE_INTERVAL: Final = "10s"
ENOUGH_SCRAPES: Final = 12


@contextmanager
def exporter() -> Iterator[str]:
    """The address of a process with our registry and a healthy worker's values in it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.ops.exporter"], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait(timeout=10)
        process.stdout.close()


@pytest.fixture(scope="module")
def live(prometheus: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """Prometheus after a dozen scrapes."""
    directory = tmp_path_factory.mktemp("prometheus")
    with exporter() as target, scraping(prometheus, target, directory) as server:
        scrapes = 'count_over_time(up{job="activation-worker"}[10m])'
        server.wait_until(lambda: server.values(scrapes) >= [ENOUGH_SCRAPES], 60)
        yield server


def where(shipped: Shipped) -> str:
    return shipped.where


@pytest.mark.parametrize("shipped", [*panel_queries(), *annotation_queries()], ids=where)
def test_a_panel_has_something_to_show(live: Prometheus, shipped: Shipped) -> None:
    values = live.values(plain(shipped.expr, rate_interval=RATE_INTERVAL))

    assert [value for value in values if not math.isnan(value)]


@pytest.mark.parametrize("shipped", recording_queries(), ids=where)
def test_a_recording_records(live: Prometheus, shipped: Shipped) -> None:
    live.wait_until(lambda: bool(live.values(shipped.where)), 10)

    assert not all(math.isnan(value) for value in live.values(shipped.where))


@pytest.mark.parametrize("shipped", alert_queries(), ids=where)
def test_an_alert_reads_series_that_exist(live: Prometheus, shipped: Shipped) -> None:
    for selector in selectors(shipped.expr):
        matchers = ",".join(f'{label}=~"{value}"' for label, value in selector.matchers)
        assert live.values(f"{selector.name}{{{matchers}}}")


def test_prometheus_loaded_every_alert_and_can_evaluate_it(live: Prometheus) -> None:
    loaded = [
        rule
        for group in live.get("/api/v1/rules")["groups"]
        for rule in group["rules"]
        if rule["type"] == "alerting"
    ]

    assert {rule["name"] for rule in loaded} == {alert["alert"] for alert in alerts()}
    assert {rule["health"] for rule in loaded} <= {"ok", "unknown"}


def test_a_healthy_worker_fires_no_alert(live: Prometheus) -> None:
    assert live.get("/api/v1/alerts")["alerts"] == []


def test_the_runbook_is_where_the_alert_says(live: Prometheus) -> None:
    for alert in alerts():
        url = alert["annotations"]["runbook_url"].replace("{{ $externalURL }}", live.url)
        with urllib.request.urlopen(url, timeout=5) as reply:  # noqa: S310 - our own URL
            assert reply.read().startswith(f"# {alert['alert']} ".encode())
