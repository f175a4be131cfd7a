"""Every shipped query, asked of a real Prometheus that scrapes a real worker, finds something."""

import html
import math
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from deploy.grafana import pictures
from deploy.grafana.build import boards
from deploy.grafana.selectors import NO_DATA
from tests.ops.conftest import STATE
from tests.ops.prometheus_server import Prometheus, scraping
from tests.ops.queries import (
    ROOT,
    Shipped,
    alert_queries,
    alerts,
    annotation_queries,
    panel_queries,
    panels_of,
    plain,
    quiet_queries,
    recording_queries,
    selectors,
)
from tests.ops.running_worker import running_worker

pytestmark = pytest.mark.acceptance

RATE_INTERVAL: Final = "30s"
ENOUGH_SCRAPES: Final = 8
RENTALS: Final = 10
FAILED_CALL: Final = ("status", "500")  #: There once a call failed, and none does.


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


@contextmanager
def exported(prometheus: Path, directory: Path) -> Iterator[Prometheus]:
    """Prometheus after a dozen scrapes of the registry."""
    with exporter() as target, scraping(prometheus, target, directory) as server:
        scrapes = 'count_over_time(up{job="activation-worker"}[10m])'
        server.wait_until(lambda: server.values(scrapes) >= [ENOUGH_SCRAPES], 60)
        yield server


@contextmanager
def running(prometheus: Path, directory: Path) -> Iterator[Prometheus]:
    """Prometheus after it has watched customers rent from the daemon."""
    with (
        running_worker(directory) as worker,
        scraping(prometheus, worker.admin, directory) as server,
    ):
        for _ in range(RENTALS):
            worker.rent_one_of_each()
            server.pause(1.0)
        refunds = 'activation_worker_settled_total{outcome="refunded"} > 0'
        server.wait_until(lambda: bool(server.values(refunds)), 60)
        canary = "activation_worker_canary_last_success_timestamp_seconds > 0"
        server.wait_until(lambda: bool(server.values(canary)), 60)
        # An alert that waited for its first turn is taken back by the next evaluation.
        alerts = "/api/v1/alerts"
        server.wait_until(lambda: not server.get(alerts)["alerts"], 10)
        yield server


@pytest.fixture(scope="module", params=[exported, running], ids=lambda made: made.__name__)
def live(prometheus: Path, request: pytest.FixtureRequest) -> Iterator[Prometheus]:
    # Below the checkout: PostgreSQL's own user cannot enter the directories pytest makes.
    directory = STATE / f"live-{os.getpid()}"
    directory.mkdir(parents=True)
    try:
        with request.param(prometheus, directory) as server:
            yield server
    finally:
        shutil.rmtree(directory)


def where(shipped: Shipped) -> str:
    return shipped.where


QUIET: Final = quiet_queries()
DOTTED: Final = [
    pytest.param(panel, id=f"{name}: {panel['title']}")
    for name, board in boards().items()
    for panel in panels_of(board)
    if any(target["exemplar"] for target in panel["targets"])
]
DRAWN: Final = [each for each in (*panel_queries(), *annotation_queries()) if each not in QUIET]


@pytest.mark.parametrize("shipped", DRAWN, ids=where)
def test_a_panel_has_something_to_show(live: Prometheus, shipped: Shipped) -> None:
    values = live.values(plain(shipped.expr, rate_interval=RATE_INTERVAL))

    assert [value for value in values if not math.isnan(value) and value != NO_DATA]


@pytest.mark.parametrize("board", boards().values(), ids=boards())
def test_every_panel_of_a_board_is_drawn(live: Prometheus, board: dict[str, Any]) -> None:
    now = time.time()
    shown = pictures.Prometheus(url=live.url, begins=now - 60, ends=now, scrape_seconds=1)

    [seen] = pictures.chosen(board, shown, "").values()
    drawn = pictures.page_of(board, seen).text

    for panel in board["panels"]:
        assert html.escape(panel["title"]) in drawn
    assert "no fresh data" not in drawn


@pytest.mark.parametrize("panel", DOTTED)
def test_a_dot_on_a_panel_names_its_number(live: Prometheus, panel: dict[str, Any]) -> None:
    expr = plain(panel["targets"][0]["expr"], rate_interval=RATE_INTERVAL)

    found = live.exemplars(expr)

    assert all(set(labels) == {"activation"} for labels in found)
    # No look is late while all is well, and only late ones are kept.
    assert bool(found) is not ("look_lateness" in expr)


@pytest.mark.parametrize("shipped", QUIET, ids=where)
def test_a_panel_of_troubles_is_empty_while_all_is_well(live: Prometheus, shipped: Shipped) -> None:
    assert live.values(plain(shipped.expr, rate_interval=RATE_INTERVAL)) == []


@pytest.mark.parametrize("shipped", recording_queries(), ids=where)
def test_a_recording_records(live: Prometheus, shipped: Shipped) -> None:
    live.wait_until(lambda: bool(live.values(shipped.where)), 10)

    assert not all(math.isnan(value) for value in live.values(shipped.where))


@pytest.mark.parametrize("shipped", [*alert_queries(), *QUIET], ids=where)
def test_what_is_silent_reads_series_that_exist(live: Prometheus, shipped: Shipped) -> None:
    for selector in selectors(shipped.expr):
        if selector.name == "ALERTS":
            continue  # There while one fires, and none does.
        named = [each for each in selector.matchers if each != FAILED_CALL]
        matchers = ",".join(f'{label}=~"{value}"' for label, value in named)
        there = bool(live.values(f"{selector.name}{{{matchers}}}"))

        assert there


def test_a_series_that_does_not_exist_is_found_out(live: Prometheus) -> None:
    assert live.values("activation_worker_setled_total") == []


def test_prometheus_loaded_every_rule_and_can_evaluate_it(live: Prometheus) -> None:
    def rules() -> list[dict[str, str]]:
        groups = live.get("/api/v1/rules")["groups"]
        return [rule for group in groups for rule in group["rules"]]

    live.wait_until(lambda: "unknown" not in {rule["health"] for rule in rules()}, 10)

    assert {rule["health"] for rule in rules()} == {"ok"}
    loaded = {rule["name"] for rule in rules() if rule["type"] == "alerting"}
    assert loaded == {alert["alert"] for alert in alerts()}


def test_a_healthy_worker_fires_no_alert(live: Prometheus) -> None:
    assert live.get("/api/v1/alerts")["alerts"] == []


def test_the_runbook_is_where_the_alert_says(live: Prometheus) -> None:
    for alert in alerts():
        url = alert["annotations"]["runbook_url"].replace("{{ $externalURL }}", live.url)
        with urllib.request.urlopen(url, timeout=5) as reply:
            assert reply.read().startswith(f"# {alert['alert']} ".encode())
