"""What Prometheus's own tools say about its configuration, rules and our metrics."""

import functools
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from tests.drill.shipped import seconds_of
from tests.ops.queries import ALERTS, DEPLOY, RULES, alerts
from tests.ops.vocabulary import registry
from worker.adapters.telemetry.metrics import render

CONFIG = DEPLOY / "prometheus/prometheus.yaml"
TESTS = sorted((DEPLOY / "prometheus/tests").glob("*.yaml"))


def run(*command: str | Path, given: bytes = b"") -> str:
    done = subprocess.run(
        command,
        input=given,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=60,
        check=False,
    )
    said = done.stdout.decode()
    assert done.returncode == 0, said
    return said


def test_the_configuration_is_valid_and_finds_its_rules(promtool: Path) -> None:
    assert "2 rule files found" in run(promtool, "check", "config", CONFIG)


@pytest.mark.parametrize("rules", [RULES, ALERTS], ids=lambda path: path.name)
def test_rules_pass_the_strictest_lint(promtool: Path, rules: Path) -> None:
    run(promtool, "check", "rules", "--lint=all", "--lint-fatal", rules)


@pytest.mark.parametrize("tests", TESTS, ids=lambda path: path.name)
def test_alerts_fire_stay_silent_and_resolve_as_written(promtool: Path, tests: Path) -> None:
    assert "SUCCESS" in run(promtool, "test", "rules", tests)


@functools.cache
def _said_by_tests() -> Mapping[str, list[list[bool]]]:
    """By alert, whether it fires: of each test that asks for it, in the order of time."""
    said: dict[str, list[list[bool]]] = {}
    for file in TESTS:
        for test in yaml.safe_load(file.read_text())["tests"]:
            asked: dict[str, list[tuple[float, bool]]] = {}
            for case in test.get("alert_rule_test", ()):
                at = seconds_of(str(case["eval_time"])), bool(case.get("exp_alerts"))
                asked.setdefault(case["alertname"], []).append(at)
            for alert, times in asked.items():
                said.setdefault(alert, []).append([fires for _, fires in sorted(times)])
    return said


@pytest.mark.parametrize("alert", sorted({alert["alert"] for alert in alerts()}))
def test_every_alert_is_shown_silent_then_firing_then_over(alert: str) -> None:
    assert any(
        True in times and not times[0] and not times[-1] for times in _said_by_tests()[alert]
    )


def test_the_metrics_follow_the_conventions(promtool: Path) -> None:
    body, _ = render(registry(), "")

    assert run(promtool, "check", "metrics", given=body) == ""


def test_the_routes_of_the_alertmanager_are_valid_and_page_for_critical(amtool: Path) -> None:
    config = f"--config.file={DEPLOY / 'prometheus/alertmanager.yaml'}"

    assert "SUCCESS" in run(amtool, "check-config", DEPLOY / "prometheus/alertmanager.yaml")
    assert run(amtool, "config", "routes", "test", config, "severity=critical").endswith("\npage\n")
    assert run(amtool, "config", "routes", "test", config, "severity=warning").endswith(
        "\nticket\n"
    )
    assert run(amtool, "config", "routes", "test", config, "severity=info").endswith("\nnobody\n")
