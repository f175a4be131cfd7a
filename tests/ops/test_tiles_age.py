"""What the first row of Overview shows while the database is paused and gauges keep values."""

from pathlib import Path
from typing import Final

from deploy.grafana.overview import overview
from deploy.grafana.selectors import FRESH_SECONDS, NO_DATA
from tests.ops.board_values import SeriesCase, check, finds
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
#: Looks succeed, and events are delivered.
COUNTERS: Final = {
    f'{A}_provider_requests_total{{result="ok", operation="look"': "0+1x90",
    f'{A}_event_deliveries_total{{result="sent"': "0+1x90",
    f'{A}_event_deliveries_total{{result="retry"': "0x90",
}
BOTH_COUNT, ONE_COUNTS, NOBODY_COUNTS = "4m", "9m", "11m"
DATA_AGE: Final = "Data age"
#: They say what callers and Prometheus know, whoever can read the database.
NOT_OF_THE_DATABASE: Final = ("API calls failing", "Which alerts")


def tiles() -> dict[str, str]:
    panels = [panel for panel in overview()["panels"] if panel["type"] == "stat"]
    return {panel["title"]: plain(panel["targets"][0]["expr"]) for panel in panels}


def test_what_is_not_known_is_not_shown_as_well(promtool: Path, tmp_path: Path) -> None:
    expected = tiles()
    for title in NOT_OF_THE_DATABASE:
        del expected[title]
    age = expected.pop(DATA_AGE)
    whens = {BOTH_COUNT: 0, ONE_COUNTS: 0, NOBODY_COUNTS: NO_DATA}
    old = 2 * FRESH_SECONDS
    tests = [
        *(
            finds(expr, when, {"": value})
            for expr in expected.values()
            for when, value in whens.items()
        ),
        finds(age, BOTH_COUNT, {"": 0}),
        finds(age, NOBODY_COUNTS, {"": old}),
    ]
    series = {
        f'{name}{{job="x", instance="{instance}"}}': values
        for name, of_workers in GAUGES.items()
        for instance, values in of_workers.items()
    } | {f'{name}, job="x", instance="a"}}': values for name, values in COUNTERS.items()}

    check(promtool, tmp_path, [SeriesCase(series, tests, interval="10s")])

    assert len(expected) == 8
