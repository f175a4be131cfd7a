"""No panel, rule or alert reads a series or a label that the worker does not have."""

import re
from collections.abc import Sequence
from typing import Final

import pytest

from tests.ops.queries import (
    DEPLOY,
    Shipped,
    alert_queries,
    alerts,
    annotation_queries,
    boards,
    labels_grouped_by,
    panel_queries,
    panels_of,
    recording_queries,
    recordings,
    selectors,
)
from tests.ops.vocabulary import BY_PROMETHEUS, registry, scraped

RECORDED: Final = frozenset(rule["record"] for rule in recordings())
EVERY: Final[Sequence[Shipped]] = [
    *panel_queries(),
    *annotation_queries(),
    *alert_queries(),
    *recording_queries(),
]

#: Exported, and on no board; each with its reason.
NOT_DRAWN: Final = {
    "process_virtual_memory_bytes": "comes with the process collector",
}


def where(shipped: Shipped) -> str:
    return shipped.where


@pytest.mark.parametrize("shipped", EVERY, ids=where)
def test_every_series_a_query_reads_exists_with_these_labels(shipped: Shipped) -> None:
    series = {**scraped(), **BY_PROMETHEUS}
    for selector in selectors(shipped.expr):
        if selector.name in RECORDED:
            continue
        assert selector.name in series
        assert {label for label, _ in selector.matchers} <= series[selector.name] | {"le"}


@pytest.mark.parametrize("shipped", EVERY, ids=where)
def test_every_label_a_query_groups_by_exists_on_what_it_reads(shipped: Shipped) -> None:
    assert labels_grouped_by(shipped.expr) <= labels_read_by(shipped.expr)


def labels_read_by(expr: str) -> set[str]:
    """Of a series that a rule records: at most those of what the rule reads."""
    series = {**scraped(), **BY_PROMETHEUS}
    recorded = {shipped.where: shipped.expr for shipped in recording_queries()}
    there: set[str] = set()
    for selector in selectors(expr):
        if selector.name in recorded:
            there |= labels_read_by(recorded[selector.name])
        else:
            there |= series.get(selector.name, frozenset[str]())
    return there


def test_a_mistyped_series_would_be_found() -> None:
    assert selectors("sum(activation_worker_setled_total)")[0].name not in scraped()


def test_every_recording_is_read() -> None:
    read = {selector.name for shipped in EVERY for selector in selectors(shipped.expr)}

    assert read >= RECORDED


def test_every_metric_is_on_a_board_or_said_not_to_be() -> None:
    text = " ".join(shipped.expr for shipped in (*panel_queries(), *annotation_queries()))
    exported = {
        metric.name for metric in registry().collect() if not metric.name.startswith("python")
    }
    missing = {name for name in exported if not re.search(rf"\b{name}(?:_\w+)?\b", text)}

    assert missing == set(NOT_DRAWN)


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: str(alert["alert"]))
class TestAlert:
    def test_it_is_named_graded_and_explained(self, alert: dict[str, object]) -> None:
        assert re.fullmatch(r"ActivationWorker[A-Z][A-Za-z]+", str(alert["alert"]))
        labels, annotations = alert["labels"], alert["annotations"]
        assert isinstance(labels, dict)
        assert isinstance(annotations, dict)
        assert labels["severity"] in {"critical", "warning", "info"}
        assert set(annotations) == {"summary", "description", "runbook_url", "dashboard_url"}
        assert "{{" not in annotations["summary"]

    def test_its_runbook_exists_and_says_what_to_do(self, alert: dict[str, object]) -> None:
        runbook = (DEPLOY / f"runbooks/{alert['alert']}.md").read_text()
        annotations, labels = alert["annotations"], alert["labels"]
        assert isinstance(annotations, dict)
        assert isinstance(labels, dict)

        assert annotations["runbook_url"].endswith(f"/{alert['alert']}.md")
        assert runbook.startswith(f"# {alert['alert']} ({labels['severity']})\n")
        headings = re.findall(r"^## (\w+)$", runbook, re.MULTILINE)
        assert headings == ["Meaning", "Impact", "Diagnosis", "Mitigation"]
        commands = re.findall(r"^    (\S.*)$", runbook.partition("## Diagnosis")[2], re.MULTILINE)
        assert len(commands) >= 3

    def test_its_dashboard_exists(self, alert: dict[str, object]) -> None:
        annotations = alert["annotations"]
        assert isinstance(annotations, dict)

        uid = annotations["dashboard_url"].rpartition("/d/")[2].partition("?")[0]
        assert uid in {board["uid"] for board in boards()}

    def test_its_runbook_is_linked_from_a_panel(self, alert: dict[str, object]) -> None:
        links = [link for board in boards() for p in panels_of(board) for link in p["links"]]

        assert f"${{runbooks}}/{alert['alert']}.md" in {link["url"] for link in links}


def test_every_runbook_belongs_to_an_alert() -> None:
    named = {alert["alert"] for alert in alerts()}

    assert {path.stem for path in (DEPLOY / "runbooks").glob("ActivationWorker*.md")} == named


def test_every_alert_is_tested_firing() -> None:
    tests = " ".join(path.read_text() for path in (DEPLOY / "prometheus/tests").glob("*.yaml"))

    untested = [
        alert["alert"]
        for alert in alerts()
        if not re.search(rf"alertname: {alert['alert']}\n\s+exp_alerts:", tests)
        or not re.search(rf"alertname: {alert['alert']}}}", tests)
    ]
    assert untested == []
