"""The page `operating` names what there is."""

import re
from typing import Final

import pytest

from tests.acceptance.guides import blocks_of
from tests.ops import shards
from tests.ops.queries import DEPLOY
from tests.ops.vocabulary import registry
from tests.pgbouncer import CONFIGURATION

PAGE: Final = shards.PAGE.read_text()


def test_the_statements_that_would_cross_shards_are_those_of_today() -> None:
    assert shards.written(PAGE) == PAGE, "they have changed: python -m tests.ops.shards"


def test_every_alert_that_is_named_exists() -> None:
    alerts = (DEPLOY / "prometheus/alerts.yaml").read_text()
    named = set(re.findall(r"\bActivationWorker[A-Z]\w+", PAGE))

    assert len(named) > 10
    assert {name for name in named if f"alert: {name}\n" not in alerts} == set()


def test_every_metric_that_is_named_exists() -> None:
    known = {metric.name.removeprefix("activation_worker_") for metric in registry().collect()}
    (_, table) = PAGE.split("| series (`activation_worker_` before each)")
    named = set(re.findall(r"`([a-z]+_[a-z_]+)`", table)) - {"max_connections", "pg_stat_archiver"}

    assert len(named) >= 4
    assert named - known == set()


def test_pgbouncer_is_set_up_as_the_tests_have_it() -> None:
    (lines,) = (b.text.splitlines() for b in blocks_of(shards.PAGE) if "[pgbouncer]" in b.text)
    ours = [line for line in lines if not line.startswith("default_pool_size")]

    assert [line for line in ours if line not in CONFIGURATION.splitlines()] == []


@pytest.mark.parametrize(
    ("sql", "how"),
    [
        ("SELECT 1 FROM balance WHERE account = :account", None),
        ("UPDATE instance SET beat_at = now() WHERE id = :id", None),
        ("SELECT 1 FROM activation WHERE id = CAST(:id AS uuid)", shards.Crossing.BY_ID),
        ("SELECT 1 FROM code WHERE activation_id = ANY(:ids)", shards.Crossing.READS),
        ("UPDATE activation SET settled = true WHERE id = ANY(:ids)", shards.Crossing.WRITES),
    ],
)
def test_a_statement_is_sorted_by_what_it_names(sql: str, how: shards.Crossing | None) -> None:
    assert shards.crossing(sql) is how


def test_what_an_ending_costs_at_most_follows_from_the_burst_that_was_measured() -> None:
    readme = (DEPLOY.parent / "README.md").read_text()
    burst = re.search(r"three runs \(([\d,]+) to ([\d,]+) a second", readme)
    assert burst is not None
    slowest = int(burst[1].replace(",", ""))

    assert f"ended {burst[1]} to {burst[2]} a second" in PAGE
    both_cores = f"at most {2_000 / slowest:.2f} ms per number: two cores ended {burst[1]} a second"
    assert both_cores in PAGE
