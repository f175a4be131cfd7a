"""How `make drill` shortens the shipped files: times only, and all of them by the same factor."""

import re
from pathlib import Path

import pytest
import yaml

from tests.drill.shipped import (
    seconds_of,
    shorter_query,
    shorter_rules,
    write_alertmanager,
    write_prometheus,
)
from tests.ops.queries import ALERTS, RULES
from tests.ops.test_promtool_checks import run


@pytest.mark.parametrize(
    ("shipped", "shorter"),
    [
        ("increase(a_total[5m]) > 300", "increase(a_total[30000ms]) > 300"),
        ("a offset 5m", "a offset 30000ms"),
        (
            "predict_linear((a)[12h:15m], 2 * 86400)",
            "predict_linear((a)[4320000ms:90000ms], 2 * 86400)",
        ),
        ("a:ratio_rate5m > 0.5", "a:ratio_rate5m > 0.5"),
        ('b{le="65.0"}[30m]', 'b{le="65.0"}[180000ms]'),
    ],
)
def test_ranges_and_offsets_become_shorter_and_nothing_else(shipped: str, shorter: str) -> None:
    assert shorter_query(shipped) == shorter


@pytest.mark.parametrize("rules", [RULES, ALERTS], ids=lambda path: path.name)
def test_no_time_of_the_rules_is_left_as_it_was(rules: Path) -> None:
    text = yaml.safe_dump(shorter_rules(rules))

    assert re.findall(r"\[\d+[smhd][\]:]|offset \d+[smhd]\b|for: \d+[smhd]\b", text) == []


def test_a_time_of_several_units_is_read_whole() -> None:
    assert seconds_of("1m30s") == 90


def test_what_is_written_is_valid(promtool: Path, amtool: Path, tmp_path: Path) -> None:
    (tmp_path / "targets.json").write_text("[]")
    rules = write_prometheus(tmp_path, "127.0.0.1:1")
    routes = write_alertmanager(tmp_path, "http://127.0.0.1:2")

    assert "2 rule files found" in run(promtool, "check", "config", rules)
    assert "SUCCESS" in run(amtool, "check-config", routes)
