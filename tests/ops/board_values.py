"""What queries of the boards find in series that a test writes down."""

import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import yaml

from tests.ops.queries import RULES, panels_of, plain

INTERVAL: Final = "15s"


def queries_of(board: Mapping[str, Any], title: str) -> dict[str, str]:
    """The queries of one panel, by what their series are called."""
    [panel] = [panel for panel in panels_of(dict(board)) if panel["title"] == title]
    return {
        target["legendFormat"]: plain(target["expr"], rate_interval="1m")
        for target in panel["targets"]
    }


def finds(expr: str, when: str, found: Mapping[str, float]) -> dict[str, Any]:
    """That *expr* finds this and nothing else; *found* by labels."""
    samples = [{"labels": f"{{{labels}}}", "value": value} for labels, value in found.items()]
    return {"expr": expr, "eval_time": when, "exp_samples": samples}


class SeriesCase(NamedTuple):
    """Series as `promtool` writes them, and what is found in them."""

    series: Mapping[str, str]
    expected: Sequence[Mapping[str, Any]]
    interval: str = INTERVAL


def check(promtool: Path, directory: Path, cases: Iterable[SeriesCase]) -> None:
    """By Prometheus itself, with the recording rules that are shipped."""
    file = directory / "values.yaml"
    tests = [
        {
            "interval": case.interval,
            "input_series": [{"series": k, "values": v} for k, v in case.series.items()],
            "promql_expr_test": list(case.expected),
        }
        for case in cases
    ]
    content = {"rule_files": [str(RULES)], "evaluation_interval": INTERVAL, "tests": tests}
    file.write_text(yaml.safe_dump(content))
    done = subprocess.run(
        [promtool, "test", "rules", file], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
