"""What the first row of Overview shows while the database is paused and gauges keep values."""

import subprocess
from pathlib import Path
from typing import Any, Final

import yaml

from deploy.grafana.overview import overview
from deploy.grafana.selectors import FRESH_SECONDS, NO_DATA
from tests.ops.queries import plain

A: Final = "activation_worker"
#: Both workers read the database every ten seconds; `b` until the 5th minute, `a` until the 10th.
COUNTED: Final = {"a": "0+10x60 600x30", "b": "0+10x30 300x60"}
#: What `a` and `b` say all along; `b` is wrong from when it cannot read any more.
GAUGES: Final = {
    f"{A}_overdue": {"a": "0x90", "b": "0x29 7x61"},
    f"{A}_event_oldest_seconds": {"a": "0x90", "b": "0x29 7x61"},
    f"{A}_reviews_late": {"a": "0x90", "b": "0x29 7x61"},
    f"{A}_schedule_lag_seconds": {"a": "0x90"},
    f"{A}_late_credits:increase5m": {"": "0x90"},
    f"invariant:{A}_audit_violations:newest": {"": "0x90"},
    f"{A}_stats_last_success_timestamp_seconds": COUNTED,
}
BOTH_COUNT, ONE_COUNTS, NOBODY_COUNTS = "4m", "9m", "11m"
DATA_AGE: Final = "Data age"


def tiles() -> dict[str, str]:
    panels = [panel for panel in overview()["panels"] if panel["type"] == "stat"]
    return {panel["title"]: plain(panel["targets"][0]["expr"]) for panel in panels}


def value_at(when: str, expr: str, value: float) -> dict[str, Any]:
    samples = [{"labels": "{}", "value": value}]
    return {"expr": expr, "eval_time": when, "exp_samples": samples}


def test_what_is_not_known_is_not_shown_as_well(promtool: Path, tmp_path: Path) -> None:
    expected = tiles()
    age = expected.pop(DATA_AGE)
    whens = {BOTH_COUNT: 0, ONE_COUNTS: 0, NOBODY_COUNTS: NO_DATA}
    tests = [
        value_at(when, expr, value) for expr in expected.values() for when, value in whens.items()
    ]
    old = 2 * FRESH_SECONDS
    tests += [value_at(BOTH_COUNT, age, 0), value_at(NOBODY_COUNTS, age, old)]
    series = [
        {"series": f'{name}{{job="x", instance="{instance}"}}', "values": values}
        for name, of_workers in GAUGES.items()
        for instance, values in of_workers.items()
    ]
    file = tmp_path / "tiles.yaml"
    file.write_text(
        yaml.safe_dump(
            {"tests": [{"interval": "10s", "input_series": series, "promql_expr_test": tests}]}
        )
    )

    done = subprocess.run(
        [promtool, "test", "rules", file], capture_output=True, text=True, timeout=60, check=False
    )

    assert len(expected) == 7
    assert done.returncode == 0, done.stdout + done.stderr
