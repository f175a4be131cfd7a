"""Every PromQL query that is shipped, where it stands, and what it reads."""

import functools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import promql_parser
import yaml

ROOT: Final = Path(__file__).parents[2]
DEPLOY: Final = ROOT / "deploy"
DASHBOARDS: Final = sorted((DEPLOY / "grafana/dashboards").glob("*.json"))
RULES: Final = DEPLOY / "prometheus/rules.yaml"
ALERTS: Final = DEPLOY / "prometheus/alerts.yaml"


class Selector(NamedTuple):
    """One reading of a series: `name{label op "value"}`."""

    name: str
    matchers: tuple[tuple[str, str], ...]  #: label, value
    ranged: bool


class Shipped(NamedTuple):
    """A query and the place it stands at, for the one who has to mend it."""

    where: str
    expr: str


def panels_of(board: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """All panels with data, those in collapsed rows too."""
    for panel in board["panels"]:
        if panel["type"] == "row":
            yield from panel["panels"]
        else:
            yield panel


@functools.cache
def boards() -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in DASHBOARDS]


def panel_queries() -> list[Shipped]:
    return [
        Shipped(f"{board['uid']}: {panel['title']} ({target['refId']})", target["expr"])
        for board in boards()
        for panel in panels_of(board)
        for target in panel["targets"]
    ]


def annotation_queries() -> list[Shipped]:
    return [
        Shipped(f"{board['uid']}: {annotation['name']}", annotation["expr"])
        for board in boards()
        for annotation in board["annotations"]["list"]
    ]


def quiet_queries() -> list[Shipped]:
    """Those that find something only while something is wrong."""
    quiet = {
        f"{board['uid']}: {panel['title']} ("
        for board in boards()
        for panel in panels_of(board)
        if panel["description"].startswith("Normal: empty.")
    }
    return [
        *(each for each in panel_queries() if each.where.rpartition("(")[0] + "(" in quiet),
        *(each for each in annotation_queries() if each.where.endswith(" outages")),
    ]


def _rules(path: Path) -> Iterator[dict[str, Any]]:
    for group in yaml.safe_load(path.read_text())["groups"]:
        yield from group["rules"]


def alerts() -> list[dict[str, Any]]:
    return list(_rules(ALERTS))


def recordings() -> list[dict[str, Any]]:
    return list(_rules(RULES))


def alert_queries() -> list[Shipped]:
    return [Shipped(alert["alert"], alert["expr"]) for alert in alerts()]


def recording_queries() -> list[Shipped]:
    return [Shipped(rule["record"], rule["expr"]) for rule in recordings()]


def plain(expr: str, *, rate_interval: str = "5m") -> str:
    """The query as Grafana sends it, with every variable at All."""
    expr = expr.replace("$__rate_interval", rate_interval).replace("$__range", "1h")
    return re.sub(r"\$[a-z]\w*", ".+", expr)


def parsed(expr: str) -> promql_parser.Expr:
    return promql_parser.parse(plain(expr))


def nodes(expr: promql_parser.Expr) -> list[promql_parser.Expr]:
    found: list[promql_parser.Expr] = []
    promql_parser.walk(expr, found.append)
    return found


def selectors(expr: str) -> list[Selector]:
    found: list[Selector] = []
    before: promql_parser.Expr | None = None
    for node in nodes(parsed(expr)):
        if isinstance(node, promql_parser.VectorSelector):
            assert node.name is not None
            matchers = tuple((each.name, each.value) for each in node.matchers.matchers)
            # A range is visited just before the selector in it.
            ranged = isinstance(before, promql_parser.MatrixSelector)
            found.append(Selector(node.name, matchers, ranged))
        before = node
    return found


def labels_grouped_by(expr: str) -> set[str]:
    """Labels that aggregations and matchings name."""
    named: set[str] = set()
    for node in nodes(parsed(expr)):
        if isinstance(node, promql_parser.AggregateExpr) and node.modifier is not None:
            named |= set(node.modifier.labels)
        if isinstance(node, promql_parser.BinaryExpr) and node.modifier is not None:
            matching = node.modifier.matching
            named |= set(matching.labels if matching else [])
    return named
