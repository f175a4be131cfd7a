"""What Prometheus's own tools say about its configuration, rules and our metrics."""

import subprocess
from pathlib import Path

import pytest

from tests.ops.queries import ALERTS, DEPLOY, RULES
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
